"""What the broadcasting page finds out: how two shapes become one, which cells are read again, what comes back."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core.experiments.refusals import words_of
from core.ops.broadcasting import broadcast_to, broadcast_to_backward
from core.ops.operator import Call
from core.tensors.limits import Limits

LIMITS = Limits(ranks=(0, 1, 2, 3), max_side=8, max_elements=64, allow_nonfinite=True)
PAIRS = {
    "row": ((3, 4), (4,)), "column": ((3, 4), (3, 1)), "outer": ((3, 1), (1, 4)), "surprise": ((3, 1), (3,)),
    "batch": ((2, 3, 4), (3, 1)), "number": ((3, 4), ()), "refused": ((3, 4), (3,)),
}  # fmt: skip
OPERATIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "maximum": torch.maximum,
}  # fmt: skip

Shape = tuple[int, ...]


def example(pair: str, which: int) -> Tensor:
    """1, 2, 3, … for the first tensor of the pair, 10, 20, 30, … for the second."""
    shape = PAIRS[pair][which]
    return torch.arange(1.0, 1 + torch.Size(shape).numel()).reshape(shape) * (1, 10)[which]


# ---- the run on screen -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dimension:
    """One column of the aligned shapes; sizes and strides are None where a tensor lacks the dimension."""

    a: int | None
    b: int | None
    result: int | None  # None where the two do not fit
    a_stride: int | None  # of the broadcast view: 0 where a is read again
    b_stride: int | None


@dataclass(frozen=True)
class Run:
    """Two tensors, the two as they are read, and what is made of them."""

    a: Tensor
    b: Tensor
    a_read: Tensor  # of the result's shape
    b_read: Tensor
    output: Tensor
    a_grad: Tensor | None  # of output.sum(); None unless the numbers are floating-point
    b_grad: Tensor | None
    dimensions: tuple[Dimension, ...]

    @property
    def held(self) -> int:
        """Bytes that the two hold."""
        return self.a.numel() * self.a.element_size() + self.b.numel() * self.b.element_size()

    @property
    def seen(self) -> int:
        """Bytes that they would hold as they are read."""
        return self.output.numel() * (self.a.element_size() + self.b.element_size())

    @property
    def call(self) -> Call:
        """The broadcasting that does most: of the tensor that is read more often."""
        first = self.a.numel() <= self.b.numel()
        return Call((self.a if first else self.b, tuple(self.output.shape)))

    @property
    def again(self) -> int:
        """Cells of the result that read a cell of a or b which another cell reads too."""
        return 2 * self.output.numel() - self.a.numel() - self.b.numel()


def refusal(operation: str, a: Tensor, b: Tensor) -> str:
    """What torch says to these two; empty where it takes them."""
    return words_of(lambda: OPERATIONS[operation](a, b))


def run(operation: str, a: Tensor, b: Tensor) -> Run:
    """The operation on the two, broadcast by hand. ValueError unless they fit."""
    shape = result_shape(a.shape, b.shape)
    if shape is None:
        raise ValueError(f"{tuple(a.shape)} and {tuple(b.shape)} do not fit")
    a_read, b_read = broadcast_to(a, shape), broadcast_to(b, shape)
    output = OPERATIONS[operation](a_read, b_read)
    return Run(a, b, a_read, b_read, output, *gradients(operation, a_read, b_read, a, b), aligned(a_read, b_read, a, b))


def gradients(
    operation: str, a_read: Tensor, b_read: Tensor, a: Tensor, b: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of output.sum(): those of the two as they are read, summed over the readings."""
    if not (a.is_floating_point() and b.is_floating_point()):
        return None, None
    leaves = [read.detach().clone().requires_grad_() for read in (a_read, b_read)]
    came = torch.autograd.grad(OPERATIONS[operation](*leaves).sum(), leaves)
    shape = tuple(a_read.shape)
    return broadcast_to_backward(came[0], a, shape), broadcast_to_backward(came[1], b, shape)


def result_shape(a: Sequence[int], b: Sequence[int]) -> Shape | None:
    """The shape of both; None where a pair of sizes differs and neither is 1."""
    columns = padded(a, b)
    if any(m != n and 1 not in (m, n) for m, n in columns):
        return None
    return tuple(n if m == 1 else m for m, n in columns)


def padded(a: Sequence[int], b: Sequence[int]) -> list[tuple[int, int]]:
    """The sizes in pairs, from the first dimension on, 1 where one has none."""
    rank = max(len(a), len(b))
    return list(zip((1,) * (rank - len(a)) + tuple(a), (1,) * (rank - len(b)) + tuple(b), strict=True))


def aligned(a_read: Tensor, b_read: Tensor, a: Tensor, b: Tensor) -> tuple[Dimension, ...]:
    """A column for each dimension of the result."""
    rank = a_read.ndim

    def size(tensor: Tensor, d: int) -> int | None:
        place = d - rank + tensor.ndim
        return tensor.shape[place] if place >= 0 else None

    return tuple(
        Dimension(size(a, d), size(b, d), a_read.shape[d], a_read.stride(d), b_read.stride(d)) for d in range(rank)
    )


@dataclass(frozen=True)
class Clash:
    """The pair of dimensions that does not fit, counted from the end, and what mends it."""

    a_size: int
    b_size: int
    from_end: int  # 1 is the last dimension
    mends: tuple[tuple[str, str, Tensor], ...]  # (code, "a" or "b", the tensor that fits)


def clash(a: Tensor, b: Tensor) -> Clash | None:
    """Where the two do not fit; None where they do."""
    columns = padded(a.shape, b.shape)
    wrong = [i for i, (m, n) in enumerate(reversed(columns), 1) if m != n and 1 not in (m, n)]
    if not wrong:
        return None
    m, n = columns[-wrong[0]]
    return Clash(m, n, wrong[0], tuple(mends(a, b)))


def mends(a: Tensor, b: Tensor) -> list[tuple[str, str, Tensor]]:
    """A dimension of size 1 put somewhere into one of the two, so that they fit; the smallest results first."""
    found = []
    for name, tensor, other in (("b", b, a), ("a", a, b)):
        for d in range(1, tensor.ndim + 1):
            longer = tensor.unsqueeze(d)
            shape = result_shape(longer.shape, other.shape)
            if shape is not None and len(shape) <= LIMITS.ranks[-1]:
                found.append((torch.Size(shape).numel(), f"{name}.unsqueeze({d})", name, longer))
    return [(code, name, longer) for _, code, name, longer in sorted(found, key=lambda mend: mend[:2])[:2]]


# ---- pitfalls --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """(3, 4) with (3,), and what was meant."""

    says: str
    shape: Shape


def aligned_at_the_right() -> Left:
    """A vector of as many numbers as there are rows is no column."""
    x, rows = torch.ones(3, 4), torch.arange(3.0)
    return Left(words_of(lambda: x + rows), tuple((x + rows[:, None]).shape))


@dataclass(frozen=True)
class Squares:
    """The error of predictions (N, 1) against targets (N,)."""

    count: int
    shape: Shape
    wrong: float
    right: float
    warning: str


def prediction_and_target(count: int = 4) -> Squares:
    """Each prediction is compared with every target."""
    target = torch.arange(float(count))
    prediction = target[:, None].clone()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        wrong = F.mse_loss(prediction, target)
    words = str(said[0].message).split(". ")[0] if said else ""
    right = F.mse_loss(prediction.squeeze(1), target)
    return Squares(count, tuple((prediction - target).shape), float(wrong), float(right), words)


@dataclass(frozen=True)
class Bytes:
    """A row of 1,000 numbers as 1,000 rows."""

    held: int
    expanded: int
    stride: Shape
    repeated: int
    contiguous: int


def no_copy() -> Bytes:
    """expand reads again, repeat and contiguous copy."""
    row = torch.ones(1, 1000)
    wide = row.expand(1000, 1000)
    held, seen, copied, again = (
        x.untyped_storage().nbytes() for x in (row, wide, row.repeat(1000, 1), wide.contiguous())
    )
    return Bytes(held, seen, wide.stride(), copied, again)


@dataclass(frozen=True)
class InPlace:
    """x += y where the result does not fit into x."""

    shape: Shape
    smaller: str
    expanded: str


def in_place() -> InPlace:
    """x + y makes a new tensor, of its own shape; x += y must put the result where x is."""
    x, y = torch.ones(4), torch.ones(3, 4)
    return InPlace(
        tuple((x + y).shape), words_of(lambda: x.clone().add_(y)), words_of(lambda: torch.ones(4).expand(3, 4).add_(y))
    )


@dataclass(frozen=True)
class Nothing:
    """A dimension of size 0 against one of size 1, and against one of size 3."""

    shape: Shape
    numbers: int
    says: str


def size_zero() -> Nothing:
    """1 becomes 0; nothing else does."""
    made = torch.ones(3, 1) + torch.ones(0)
    return Nothing(tuple(made.shape), made.numel(), words_of(lambda: torch.ones(3) + torch.ones(0)))


# ---- questions -------------------------------------------------------------------------------------------------


def asked_shape(a: Shape, b: Shape) -> Shape | None:
    """What torch makes of two shapes; None where it refuses."""
    said = words_of(lambda: torch.empty(a) + torch.empty(b))
    return None if said else tuple((torch.empty(a) + torch.empty(b)).shape)


def read_cell(shape: Sequence[int], place: Sequence[int]) -> Shape:
    """The cell of a tensor of this shape that a cell of the result reads."""
    behind = place[len(place) - len(shape) :]
    return tuple(0 if n == 1 else i for i, n in zip(behind, shape, strict=True))


def times_read(of: Sequence[int], size: Sequence[int]) -> int:
    """How many cells of the larger shape read one cell of the smaller one: its gradient for the sum of them."""
    leaf = torch.zeros(tuple(of), requires_grad=True)
    (grad,) = torch.autograd.grad((leaf + torch.zeros(tuple(size))).sum(), leaf)
    return int(grad.flatten()[0])
