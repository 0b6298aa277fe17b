"""What the page on activations finds out: one of them on a tensor, its slope at 0, and what people believe of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.experiments.depth import dead_units
from core.ops import activations as ops
from core.ops import softmax
from core.ops.operator import Call, Operator
from core.tensors.dtypes import as_floats
from core.tensors.limits import Limits

LIMITS = Limits(ranks=(1, 2), max_side=28, max_elements=784, allow_nonfinite=True)
OPERATORS = (*ops.OPERATORS, *(operator for operator in softmax.OPERATORS if "softmax" not in operator.name))
ACTIVATIONS: Mapping[str, Operator] = {operator.name: operator for operator in OPERATORS}

Function = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Activation:
    """An activation with its settings, by torch's names."""

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def operator(self) -> Operator:
        """What the app knows about it."""
        return ACTIVATIONS[self.name]

    def __call__(self, x: Tensor) -> Tensor:
        """The manual version."""
        return self.operator.manual(x, **self.settings)

    def by_torch(self, x: Tensor) -> Tensor:
        """torch's own."""
        return self.operator.torch(x, **self.settings)

    def at(self, x: float) -> float:
        """Its value at one number."""
        return self(torch.tensor([x], dtype=torch.float64)).item()

    def slope_at(self, x: float) -> float:
        """Its slope at one number."""
        return slope(self, torch.tensor([x], dtype=torch.float64)).item()


def example(size: int, seed: int) -> Tensor:
    """Numbers about 0, and one that is exactly 0: float32 (size, size)."""
    x = (torch.randn(size, size, generator=torch.Generator().manual_seed(seed)) * 1.5).round(decimals=1)
    x[0, 1] = 0.0
    return x


def slope(f: Function, x: Tensor) -> Tensor:
    """f'(x), element by element, by autograd."""
    leaf = as_floats(x).detach().clone().requires_grad_()
    f(leaf).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


# ---- an activation on a tensor ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """An activation on a tensor."""

    activation: Activation
    x: Tensor
    y: Tensor | None  # None where torch does not take x's dtype
    slope: Tensor  # f'(x); of the same numbers in float32 where x's dtype has no gradient
    refusal: str  # torch's own words for what it does not take
    theirs: Tensor | None = None  # what torch itself gives

    @property
    def call(self) -> Call:
        """The call that is on screen."""
        return Call((self.x,), self.activation.settings)

    @property
    def cells(self) -> int:
        """How many numbers there are."""
        return self.x.numel()

    @property
    def zeros(self) -> int:
        """How many outputs are 0."""
        return 0 if self.y is None else int((self.y == 0).sum())

    @property
    def flat(self) -> int:
        """How many inputs have a slope of 0, so that they get no gradient."""
        return int((self.slope == 0).sum())

    @property
    def new_nans(self) -> int:
        """How many outputs are NaN where the input is a number."""
        return 0 if self.y is None else int((self.y.isnan() & ~self.x.isnan()).sum())

    @property
    def nans_of_torch(self) -> int:
        """How many of torch's outputs are NaN where the formula's are not."""
        return 0 if self.y is None or self.theirs is None else int((self.theirs.isnan() & ~self.y.isnan()).sum())


def run(activation: Activation, x: Tensor) -> Run:
    """The activation on x in x's own dtype, and its slopes."""
    try:
        theirs = activation.by_torch(x)
    except (RuntimeError, NotImplementedError) as error:
        return Run(activation, x, None, slope(activation, x), f"{type(error).__name__}: {error}")
    return Run(activation, x, activation(x), slope(activation, x), "", theirs)


def flat_of_relu(numbers: Sequence[float]) -> int:
    """At how many of these numbers relu's slope is 0."""
    return int((slope(ops.relu, torch.tensor(numbers)) == 0).sum())


# ---- at 0 ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AtZero:
    """A function at exactly 0, and its slope right before and right after it."""

    name: str
    value: float
    slope: float
    by_torch: float
    left: float
    right: float

    @property
    def corner(self) -> bool:
        """Whether its curve has a corner at 0."""
        return self.left != self.right


def at_zero(chosen: Activation) -> tuple[AtZero, ...]:
    """Every activation at 0, the chosen one with its settings; and at the end the tutorial's relu."""
    found = [chosen if name == chosen.name else Activation(name) for name in ACTIVATIONS]
    rows = [_at_zero(each.name, each, each.by_torch) for each in found]
    return (*rows, _at_zero("relu_textbook", ops.relu_textbook, F.relu))


def _at_zero(name: str, f: Function, by_torch: Function) -> AtZero:
    zero = torch.zeros(1)
    nearest = torch.finfo(torch.float64).tiny  # so near that a smooth slope is the same on both sides, to the last bit
    left, right = slope(f, torch.tensor([-nearest, nearest], dtype=torch.float64)).tolist()
    return AtZero(name, f(zero).item(), slope(f, zero).item(), slope(by_torch, zero).item(), left, right)


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ties:
    """The tutorial's relu beside torch's."""

    same: bool  # whether the values are the same
    zeros: int  # numbers of the reader's that are exactly 0
    halves: int  # slopes of ½ there: the tutorial's
    halves_of_torch: int
    at_zero: float  # the tutorial's slope at a 0
    torch_at_zero: float
    dtype: torch.dtype  # of the result for int64: the tutorial's
    dtype_of_torch: torch.dtype


def tutorial_relu(x: Tensor) -> Ties:
    """`torch.max(input=X, other=torch.tensor(0.0))` against F.relu: values, slopes at ties, dtype of int64."""
    x, zero, whole = as_floats(x), torch.zeros(1), torch.tensor([-1, 0, 1])
    return Ties(
        same=torch.equal(ops.relu_textbook(x).nan_to_num(7), F.relu(x).nan_to_num(7)),
        zeros=int((x == 0).sum()),
        halves=int((slope(ops.relu_textbook, x) == 0.5).sum()),
        halves_of_torch=int((slope(F.relu, x) == 0.5).sum()),
        at_zero=slope(ops.relu_textbook, zero).item(),
        torch_at_zero=slope(F.relu, zero).item(),
        dtype=ops.relu_textbook(whole).dtype,
        dtype_of_torch=F.relu(whole).dtype,
    )


@dataclass(frozen=True)
class Revival:
    """Dead units of a network in training by plain SGD: in its first layer, and in its second."""

    steps: int
    first: int  # dead before the first step
    first_back: int  # of those, the ones that some sample makes positive after the last
    second: int
    second_back: int
    own_gradient: float  # size of the first gradient at the weights of the dead units


def revival(seed: int, steps: int = 200, lr: float = 0.03) -> Revival:
    """Train X → relu → relu → y on 64 samples, from biases so low that many units of both layers are dead."""
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(64, 8, generator=generator)
    y = 5 * X[:, :1]
    W = [torch.randn(n, m, generator=generator) * (2 / n) ** 0.5 for n, m in ((8, 32), (32, 32), (32, 1))]
    b = [torch.full((32,), -2.5), torch.full((32,), -1.0), torch.zeros(1)]
    parameters = [p.requires_grad_() for p in (*W, *b)]

    def layers() -> tuple[Tensor, Tensor]:
        h = F.relu(X @ W[0] + b[0])  # (64, 32)
        return h, F.relu(h @ W[1] + b[1])

    dead = [dead_units(h) for h in layers()]
    own: list[float] = []
    for _ in range(steps):
        loss = ((layers()[1] @ W[2] + b[2] - y) ** 2).mean()
        gradients = torch.autograd.grad(loss, parameters)
        own = own or [gradients[i][:, dead[i]].abs().sum().item() for i in (0, 1)]  # before the first step
        with torch.no_grad():
            for p, gradient in zip(parameters, gradients, strict=True):
                p -= lr * gradient
    back = [before & ~dead_units(h) for before, h in zip(dead, layers(), strict=True)]
    return Revival(steps, int(dead[0].sum()), int(back[0].sum()), int(dead[1].sum()), int(back[1].sum()), max(own))


@dataclass(frozen=True)
class Collapse:
    """Three layers without an activation beside the one matrix that they are."""

    weights: int
    one: int
    difference: float  # relative to the largest output
    between: float  # the same with an activation between the layers


def collapse(activation: Activation) -> Collapse:
    """x·A·B·C against x·(A·B·C), and against the same three layers with the activation between them."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((16, 5), (5, 8), (8, 8), (8, 3))
    x, A, B, C = (torch.randn(n, m, generator=generator, dtype=torch.float64) / n**0.5 for n, m in sizes)
    one = x @ (A @ B @ C)
    off = lambda y: ((y - one).abs().max() / one.abs().max()).item()  # noqa: E731
    deep = activation(activation(x @ A) @ B) @ C
    return Collapse(A.numel() + B.numel() + C.numel(), A.shape[0] * C.shape[1], off(x @ A @ B @ C), off(deep))


@dataclass(frozen=True)
class InPlace:
    """What `inplace=True` does besides saving memory."""

    after_exp: str  # torch's words where backward needs what was overwritten
    on_leaf: str  # torch's words on a tensor that requires grad itself
    overwritten: int  # numbers of the reader's that are gone
    cells: int


def in_place(x: Tensor) -> InPlace:
    """relu in place: on the output of exp, whose backward needs it; on a leaf; and on the reader's tensor."""

    def refusal(make: Function) -> str:
        try:
            F.relu(make(as_floats(x).clone().requires_grad_()), inplace=True).sum().backward()
        except RuntimeError as error:
            return str(error).split(":")[0].split(".")[0]
        return ""

    kept = F.relu(as_floats(x).clone(), inplace=True)
    gone = (kept != as_floats(x)) & ~as_floats(x).isnan()
    return InPlace(refusal(torch.exp), refusal(lambda leaf: leaf), int(gone.sum()), x.numel())


@dataclass(frozen=True)
class Saturation:
    """How much of a gradient passes through sigmoids."""

    largest: float  # its slope at 0, where it is largest
    numbers: int  # finite ones of the reader's
    here: float  # mean slope at them
    layers: int
    bound: float  # largest ** layers
    most: float  # what really arrives at most through so many in a row, with weights of 1
    tanh: float  # the same through tanhs
    relu: float


def saturation(x: Tensor, layers: int = 10) -> Saturation:
    """The sigmoid's slope at its largest, on the reader's numbers, and through many sigmoids in a row."""
    largest = slope(torch.sigmoid, torch.zeros(1, dtype=torch.float64)).item()
    finite = as_floats(x)[as_floats(x).isfinite()]
    here = slope(torch.sigmoid, finite).double().mean().item() if finite.numel() else 0.0
    through = {f: most_through(f, layers) for f in (torch.sigmoid, torch.tanh, torch.relu)}
    return Saturation(largest, finite.numel(), here, layers, largest**layers, *through.values())


def most_through(f: Function, layers: int) -> float:
    """The largest slope of f(f(…f(x))), over x from −20 to 20: so much of a gradient arrives at most."""

    def deep(x: Tensor) -> Tensor:
        for _ in range(layers):
            x = f(x)
        return x

    return slope(deep, torch.linspace(-20, 20, 16_001, dtype=torch.float64)).max().item()


@dataclass(frozen=True)
class Falling:
    """Which activations fall somewhere."""

    gelu_at: float  # where it is lowest
    gelu: float
    silu_at: float
    silu: float
    below: int  # numbers of the reader's at which gelu falls
    cells: int
    never: list[str]  # the activations whose slope is below 0 nowhere


def falling(x: Tensor) -> Falling:
    """Where gelu and silu are lowest, and which of the reader's numbers lie to the left of gelu's lowest point."""
    xs = torch.linspace(-8, 8, 64_001, dtype=torch.float64)
    lowest = {}
    for name in ("gelu", "silu"):
        y = Activation(name).by_torch(xs)
        lowest[name] = (xs[y.argmin()].item(), y.min().item())
    never = [name for name in ACTIVATIONS if not (slope(Activation(name).by_torch, xs) < 0).any()]
    return Falling(*lowest["gelu"], *lowest["silu"], int((slope(F.gelu, x) < 0).sum()), x.numel(), never)


@dataclass(frozen=True)
class Masked:
    """relu, and two formulas that look like it, on numbers that are not finite."""

    x: Tensor
    relu: Tensor
    product: Tensor
    where: Tensor
    differ: int  # numbers of the reader's at which one of the formulas gives another result


def masked(x: Tensor) -> Masked:
    """`x * (x > 0)` and `torch.where(x > 0, x, 0)` against relu."""
    product = lambda x: x * (x > 0)  # noqa: E731
    where = lambda x: torch.where(x > 0, x, 0)  # noqa: E731
    odd, given = torch.tensor([-torch.inf, -1.0, 1.0, torch.inf, torch.nan]), as_floats(x)
    differ = torch.zeros_like(given, dtype=torch.bool)
    for f in (product, where):
        differ |= ~torch.isclose(f(given), F.relu(given), rtol=0, atol=0, equal_nan=True)
    return Masked(odd, F.relu(odd), product(odd), where(odd), int(differ.sum()))
