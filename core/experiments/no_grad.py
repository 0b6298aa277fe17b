"""What no_grad and its neighbours do and leave undone: the runs behind the page's pitfalls, questions and tabs."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.experiments.autograd import (
    CONTEXTS,
    DETACH,
    FUNCTIONS,
    Expression,
    SavedTensors,
    build_expression,
    graph_of,
    saved_by,
)

# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MadeInside:
    """requires_grad of tensors made under no_grad: leaves that ask for it, and a result that does not get it."""

    factory: bool
    parameter: bool
    switched_on: bool
    result: bool


def made_inside(x: Tensor) -> MadeInside:
    """Make a leaf, a parameter and a result under no_grad, and switch one result on."""
    x = x.clone().requires_grad_()
    with torch.no_grad():
        factory = torch.ones(3, requires_grad=True)
        parameter = nn.Parameter(torch.ones(3))
        switched_on = (x * 2).requires_grad_()
        result = x * 2
    return MadeInside(*(made.requires_grad for made in (factory, parameter, switched_on, result)))


@dataclass(frozen=True)
class ShapesInside:
    """Results under no_grad of a scalar's, a vector's and a matrix's shape, and whether any requires a gradient."""

    scalar: tuple[int, ...]
    vector: tuple[int, ...]
    matrix: tuple[int, ...]
    recorded: int  # of the three


def shapes_inside(x: Tensor) -> ShapesInside:
    """Compute a scalar, a vector and a matrix of x under no_grad."""
    x = x.clone().requires_grad_()
    with torch.no_grad():
        made = x.sum(), x * 2, torch.outer(x, x)
    scalar, vector, matrix = (tuple(result.shape) for result in made)
    return ShapesInside(scalar, vector, matrix, sum(result.requires_grad for result in made))


@dataclass(frozen=True)
class EvalOrNoGrad:
    """What each of the two leaves undone: dropout under no_grad, recording in eval."""

    dropped: int  # numbers of 1000 that dropout zeroes under no_grad
    eval_grad_fn: str  # of what a network in eval gives
    eval_bytes: int  # that such a network saves for backward
    off_bytes: int  # that it saves under no_grad


def eval_or_no_grad() -> EvalOrNoGrad:
    """Dropout in training under no_grad, and a network in eval without it."""
    with torch.random.fork_rng(devices=()):
        dropout, linear = nn.Dropout(0.5), nn.Linear(4, 2).eval()
        with torch.no_grad():
            dropped = int((dropout(torch.ones(1000)) == 0).sum())
        recorded = linear(torch.ones(1, 4)).grad_fn
    assert recorded is not None
    kept, off = (saved_by_network(context, training=False).nbytes for context in ("none", "no_grad"))
    return EvalOrNoGrad(dropped, recorded.name(), kept, off)


@dataclass(frozen=True)
class Update:
    """w -= 0.5 of a leaf that requires a gradient, outside no_grad and inside."""

    before: Tensor
    refusal: str
    after: Tensor
    requires_grad: bool


def update_in_place(w: Tensor) -> Update:
    """Change a leaf in place, outside no_grad and inside."""
    w, refusal = w.clone().requires_grad_(), ""
    before = w.detach().clone()
    try:
        w -= 0.5
    except RuntimeError as error:
        refusal = str(error)
    with torch.no_grad():
        w -= 0.5
    return Update(before, refusal, w.detach(), w.requires_grad)


@dataclass(frozen=True)
class Detached:
    """a detached after it was computed, and a computed under no_grad: what was saved on the way, and x.grad."""

    detached: int
    unrecorded: int
    whole: int  # saved with everything recorded
    gradient: Tensor
    same: bool  # whether both give that gradient


def detach_records_first(x: Tensor, w: Tensor, function: str) -> Detached:
    """Count what autograd saves where a is computed and then detached, and where it is computed under no_grad."""
    x, w, f = x.clone().requires_grad_(), w.clone().requires_grad_(), FUNCTIONS[function]

    def whole() -> Tensor:
        h = x * w
        return (f(h) * h).sum()

    def detached() -> Tensor:
        h = x * w
        return (f(h).detach() * h).sum()

    def unrecorded() -> Tensor:
        h = x * w
        with torch.no_grad():
            a = f(h)
        return (a * h).sum()

    gradient, other = (torch.autograd.grad(run(), x)[0] for run in (detached, unrecorded))
    same = torch.equal(gradient.nan_to_num(), other.nan_to_num())
    return Detached(saved_by(detached).count, saved_by(unrecorded).count, saved_by(whole).count, gradient, same)


@dataclass(frozen=True)
class Inference:
    """a under no_grad and under inference_mode, and what the expression makes of it."""

    gradient: Tensor  # of x, with a under no_grad
    refusal: str  # with a under inference_mode
    version: str  # what an inference tensor says when it is asked for its version counter


def inference_tensors_stay_out(x: Tensor, w: Tensor, function: str) -> Inference:
    """Compute a under each, and use it in an expression that is recorded."""
    x, w, f = x.clone().requires_grad_(), w.clone().requires_grad_(), FUNCTIONS[function]
    h = x * w
    with torch.no_grad():
        a = f(h)
    (gradient,) = torch.autograd.grad((a * h).sum(), x)
    with torch.inference_mode():
        a = f(x * w)
    refusals = []
    for use in (lambda: a * (x * w), lambda: a._version):
        try:
            use()
            refusals.append("")
        except RuntimeError as error:
            refusals.append(str(error))
    return Inference(gradient, *refusals)


@dataclass(frozen=True)
class Frozen:
    """The expression with w frozen, beside the one with both as leaves."""

    nodes: int
    all_nodes: int
    nbytes: int  # that the graph behind y holds
    all_nbytes: int
    x_grad: Tensor
    w_grad: Tensor | None


def freezing_is_not_no_grad(x: Tensor, w: Tensor, function: str) -> Frozen:
    """Let x require a gradient and w none, and look at the graph."""

    def forward(x: Tensor, w: Tensor) -> Tensor:
        h = x * w
        return (FUNCTIONS[function](h) * h).sum()

    whole = graph_of(forward(x.clone().requires_grad_(), w.clone().requires_grad_()))
    x, w = x.clone().requires_grad_(), w.clone()
    y = forward(x, w)
    graph = graph_of(y)
    y.backward()
    assert x.grad is not None
    return Frozen(len(graph.nodes), len(whole.nodes), graph.saved_bytes, whole.saved_bytes, x.grad, w.grad)


@dataclass(frozen=True)
class Switch:
    """torch.is_grad_enabled() after each call of set_grad_enabled, and after the block in which it was called."""

    after_off: bool
    after_on: bool
    off_in_block: bool
    after_block: bool


def switch_stays() -> Switch:
    """Call set_grad_enabled as a plain function, and inside a `with` that says something else."""
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    after_off = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    after_on = torch.is_grad_enabled()
    with torch.enable_grad():
        torch.set_grad_enabled(False)
        off_in_block = torch.is_grad_enabled()
    after_block = torch.is_grad_enabled()
    torch.set_grad_enabled(before)
    return Switch(after_off, after_on, off_in_block, after_block)


@dataclass(frozen=True)
class BackwardInside:
    """x.grad of Σ x·x, recorded outside no_grad, with backward called inside."""

    gradient: Tensor


def backward_inside(x: Tensor) -> BackwardInside:
    """Record outside no_grad, go backward inside."""
    x = x.clone().requires_grad_()
    y = (x * x).sum()
    with torch.no_grad():
        y.backward()
    assert x.grad is not None
    return BackwardInside(x.grad)


# ---- what is asked ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """An expression over small whole numbers whose gradient can be found by head."""

    contexts: tuple[str, str, str]
    function: str
    run: Expression
    place: int  # in x

    @property
    def answer(self) -> str:
        """x.grad at the place: a whole number, `None`, or `error`."""
        gradient = self.run.x_grad
        return "error" if self.run.error else "None" if gradient is None else str(int(gradient[self.place].item()))


def ask_gradient(draw: random.Random) -> Asked:
    """Draw an expression: each step recorded, under no_grad or detached."""
    x, w = (torch.tensor([float(draw.choice((-2, -1, 1, 2, 3))) for _ in range(3)]) for _ in "xw")
    h, a, y = (draw.choice(("none", "no_grad", DETACH, "none")) for _ in "hay")
    function = draw.choice(("h ** 2", "h + 1", "h.relu()"))
    return Asked((h, a, y), function, build_expression((h, a, y), x=x, w=w, function=function), draw.randrange(3))


@dataclass(frozen=True)
class AskedBytes:
    """How many bytes the graph behind y holds with everything recorded, and which node keeps what."""

    function: str
    length: int
    dtype: torch.dtype
    nbytes: int
    kept: tuple[tuple[str, tuple[str, ...]], ...]  # (node, tensors)


def ask_bytes(draw: random.Random) -> AskedBytes:
    """Draw a function, a length and a dtype."""
    function, length = draw.choice(list(FUNCTIONS)), draw.randint(5, 9)
    x = torch.ones(length, dtype=draw.choice((torch.float16, torch.float32, torch.float64)))
    graph = build_expression(x=x, w=x, function=function).graph
    kept = tuple((node.name, tuple(saved.tensor for saved in node.saved)) for node in graph.nodes if node.saved)
    return AskedBytes(function, length, x.dtype, graph.saved_bytes, kept)


def recorded_inside(contexts: Sequence[str]) -> bool:
    """Whether an operation is recorded inside these `CONTEXTS`, the first being the outermost.

    The innermost decides, except that nothing is recorded anywhere inside inference_mode.
    """
    x = torch.ones(1, requires_grad=True)
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(CONTEXTS[context]())
        return (x * 2).requires_grad


MAKERS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "x * 2": lambda x: x * 2,
    "x": lambda x: x,
    "x.detach()": lambda x: x.detach(),
    "torch.ones(3, requires_grad=True)": lambda _: torch.ones(3, requires_grad=True),
    "nn.Parameter(torch.ones(3))": lambda _: nn.Parameter(torch.ones(3)),
}


def requires_grad_inside(made: str) -> bool:
    """requires_grad of what one of `MAKERS` gives under no_grad, for an x that requires a gradient."""
    with torch.no_grad():
        return MAKERS[made](torch.ones(3, requires_grad=True)).requires_grad


# ---- what a network saves --------------------------------------------------------------------------------------


def saved_by_network(
    context: str, depth: int = 4, width: int = 64, batch: int = 32, training: bool = True
) -> SavedTensors:
    """What a forward pass through `depth` layers of Linear, ReLU and Dropout saves, in training or in eval."""
    with torch.random.fork_rng(devices=()):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.5))]
        network, x = nn.Sequential(*layers).train(training), torch.randn(batch, width)

        def compute() -> Tensor:
            with CONTEXTS[context]():
                return network(x)

        return saved_by(compute)


@dataclass(frozen=True)
class NetworkMemory:
    """Bytes that a forward pass saves for backward, under each of `CONTEXTS`, in training and in eval."""

    train: Mapping[str, int]
    eval: Mapping[str, int]
    depth: int
    width: int
    batch: int
    recorded: int  # without a context, in training
    evaluated: int  # without a context, in eval
    off: int  # under no_grad, in training


def network_memory(depth: int, width: int, batch: int) -> NetworkMemory:
    """Run the network under each context in both modes."""
    train, evaluated = (
        {context: saved_by_network(context, depth, width, batch, mode).nbytes for context in CONTEXTS}
        for mode in (True, False)
    )
    return NetworkMemory(
        train, evaluated, depth, width, batch, train["none"], evaluated["none"], train["no_grad"]
    )  # fmt: skip


# ---- how `with` works, and who uses no_grad --------------------------------------------------------------------


class NoGrad:
    """torch.no_grad in two methods: `with` calls the first on the way in and the second on every way out."""

    def __enter__(self) -> None:
        self.before = torch.is_grad_enabled()
        torch.set_grad_enabled(False)

    def __exit__(self, *error: object) -> None:
        torch.set_grad_enabled(self.before)


@contextmanager
def no_grad_by_yield() -> Iterator[None]:
    """The same as a generator: what stands before `yield` is the way in, what stands in `finally` the way out."""
    before = torch.is_grad_enabled()
    torch.set_grad_enabled(False)
    try:
        yield
    finally:
        torch.set_grad_enabled(before)


def how_with_works(fail: bool = False) -> tuple[tuple[str, bool], ...]:
    """(moment, is_grad_enabled) before, inside and after `with NoGrad()`, whose body raises where `fail` is set."""
    moments = [("before", torch.is_grad_enabled())]
    try:
        with NoGrad():
            moments.append(("inside", torch.is_grad_enabled()))
            if fail:
                raise ValueError("the body fails")
    except ValueError:
        moments.append(("caught outside", torch.is_grad_enabled()))
    return (*moments, ("after", torch.is_grad_enabled()))


def descend(w: Tensor, x: Tensor, lr: float) -> Tensor:
    """Two steps of gradient descent on Σ (w·x)², by hand: the update in place, under no_grad."""
    w = w.clone().requires_grad_()
    for _ in range(2):
        loss = ((w * x) ** 2).sum()
        (gradient,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= lr * gradient
    return w
