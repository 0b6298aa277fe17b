"""What autograd records, what it keeps in memory for backward, and what the contexts that switch it off change.

Each computed tensor points at the node that made it (`grad_fn`), each node at the nodes of its inputs, down to
`AccumulateGrad` nodes that add into a leaf's .grad. A node keeps the tensors that its derivative needs. Under no_grad
no node is made and nothing is kept.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from core.experiments.claim import Claim

# ---- the graph -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saved:
    """A tensor that a node keeps for backward."""

    name: str  # torch's name for it: "self", "other", "result", ...
    shape: tuple[int, ...]
    nbytes: int
    address: int  # of its first number: two nodes may keep the same memory
    storage: tuple[int, int]  # address and bytes of the storage behind it, which is kept as a whole
    tensor: str = ""  # the name of the tensor at that address, where one was given


@dataclass(frozen=True)
class Node:
    """A node of the graph. Of a leaf, `shape` is the leaf's; of a computation it is that of its first output."""

    id: int  # its place in the graph's `nodes`
    name: str  # "MulBackward0", "AccumulateGrad", ...
    shape: tuple[int, ...] | None
    saved: tuple[Saved, ...]
    is_leaf: bool
    freed: bool  # a backward has been through and let go of what was saved
    tensor: str = ""  # the name of the leaf, or of the tensor that it made, where one was given


@dataclass(frozen=True)
class Graph:
    """Nodes in the order a breadth-first walk from the output meets them; edges (from, to), output towards leaves."""

    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def saved_bytes(self) -> int:
        """Bytes of the storages kept for backward, those that several nodes keep counted once."""
        return sum(dict(saved.storage for node in self.nodes for saved in node.saved).values())


def graph_of(tensor: Tensor, names: Mapping[str, Tensor] | None = None) -> Graph:
    """The graph behind a tensor, read from the real grad_fn chain; empty where it has none.

    `names` are tensors by name, to call nodes and saved tensors by.
    """
    if tensor.grad_fn is None:
        return Graph((), ())
    functions: list[Any] = [tensor.grad_fn]
    edges = []
    for i, function in enumerate(functions):  # grows while it is walked
        for parent, _ in function.next_functions:
            if parent is None:  # an input that needs no gradient
                continue
            if parent not in functions:
                functions.append(parent)
            edges.append((i, functions.index(parent)))
    return Graph(tuple(_node(i, function, names or {}) for i, function in enumerate(functions)), tuple(edges))


def _node(id: int, function: Any, names: Mapping[str, Tensor]) -> Node:
    leaf = getattr(function, "variable", None)
    try:
        saved, freed = tuple(_saved(function, {_place(tensor): name for name, tensor in names.items()})), False
    except RuntimeError:  # torch refuses to show what it has let go
        saved, freed = (), True
    shape = tuple(leaf.shape) if leaf is not None else _output_shape(function)
    name = function.name().rpartition("::")[2]  # "torch::autograd::AccumulateGrad"
    of = (known for known, tensor in names.items() if tensor is leaf or tensor.grad_fn is function)
    return Node(id, name, shape, saved, leaf is not None, freed, next(of, ""))


def _output_shape(function: Any) -> tuple[int, ...] | None:
    metadata = getattr(function, "_input_metadata", None)  # of the gradient coming in, which has the output's shape
    return tuple(metadata[0].shape) if metadata else None


Place = tuple[int, tuple[int, ...]]  # of a tensor in memory: its first element's address, and its shape


def _place(tensor: Tensor) -> Place:
    return tensor.data_ptr(), tuple(tensor.shape)


def _saved(function: Any, names: Mapping[Place, str]) -> Iterator[Saved]:
    for attribute in sorted(dir(function)):
        if attribute.startswith("_saved_") or attribute == "saved_tensors":  # the latter of a Python Function
            value = getattr(function, attribute)
            for tensor in value if isinstance(value, (tuple, list)) else (value,):
                if isinstance(tensor, Tensor):
                    name = attribute.removeprefix("_saved_")
                    kept, known = tensor.untyped_storage(), names.get(_place(tensor), "")
                    storage = kept.data_ptr(), kept.nbytes()
                    yield Saved(name, tuple(tensor.shape), tensor.nbytes, tensor.data_ptr(), storage, known)


# ---- memory held for backward ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What a computation put aside for backward."""

    tensors: int  # how often something was put aside
    nbytes: int  # bytes of the storages behind it, each counted once: a storage is kept as a whole


def held_by(compute: Callable[[], Any]) -> Held:
    """Run `compute` and count what autograd saves on the way, leaves included."""
    kept: list[Tensor] = []  # held until counted, so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        result = compute()
    del result
    storages = [tensor.untyped_storage() for tensor in kept]
    return Held(len(kept), sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values()))


# ---- a small expression under chosen contexts ------------------------------------------------------------------

CONTEXTS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "none": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "enable_grad": torch.enable_grad,
    "set_grad_enabled(False)": lambda: torch.set_grad_enabled(False),
}
DETACH = "detach"  # in place of a context: recorded as usual, and then taken out of the graph
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "h.exp()": lambda h: h.exp(),
    "h.sin()": lambda h: h.sin(),
    "h.relu()": lambda h: h.relu(),
    "h ** 2": lambda h: h**2,
    "h + 1": lambda h: h + 1,
}
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class TensorFacts:
    """What autograd knows of one tensor, and its numbers."""

    name: str
    code: str
    requires_grad: bool
    grad_fn: str | None
    is_leaf: bool
    is_inference: bool
    values: Numbers


@dataclass(frozen=True)
class Expression:
    """h = x·w, a = f(h), y = Σ a·h as they came out, and what backward from y does."""

    tensors: tuple[TensorFacts, ...]  # as far as it got
    graph: Graph  # before backward; of what was recorded so far where y was refused
    graph_after: Graph
    held: Held
    gradients: Mapping[str, Numbers | None]  # of the leaves x and w
    error: str | None  # of the computation or of backward


def build_expression(
    contexts: tuple[str, str, str] = ("none", "none", "none"),
    outer: str = "none",
    x: Numbers = (0.5, 1.0, 1.5),
    w: Numbers = (1.0, -1.0, 2.0),
    function: str = "h.exp()",
    leaves: Collection[str] = ("x", "w"),
) -> Expression:
    """Compute h, a and y, each under one of `CONTEXTS` (or detached), inside `outer`; then go backward, outside.

    x and w are as long as each other; those named in `leaves` require gradients. `function` is one of `FUNCTIONS`.
    """
    made = {name: torch.tensor(values, requires_grad=name in leaves) for name, values in (("x", x), ("w", w))}
    codes = {"h": "x * w", "a": function, "y": "(a * h).sum()"}
    computed: dict[str, Tensor] = {}
    steps: Mapping[str, Callable[[], Tensor]] = {
        "h": lambda: made["x"] * made["w"],
        "a": lambda: FUNCTIONS[function](computed["h"]),
        "y": lambda: (computed["a"] * computed["h"]).sum(),
    }

    def compute() -> None:
        with CONTEXTS[outer]():
            for (name, step), context in zip(steps.items(), contexts, strict=True):
                with nullcontext() if context == DETACH else CONTEXTS[context]():
                    computed[name] = step().detach() if context == DETACH else step()

    graph, after, held, error = Graph((), ()), Graph((), ()), Held(0, 0), None
    try:
        held = held_by(compute)
    except RuntimeError as refusal:
        error = str(refusal)
    end, names = _end(computed), {**made, **computed}
    if end is not None:
        graph = graph_of(end, names)
    if error is None:
        try:
            computed["y"].backward()
        except RuntimeError as refusal:
            error = str(refusal)
        after = graph_of(computed["y"], names)
    tensors = tuple(_tensor_facts(name, codes[name], tensor) for name, tensor in computed.items())
    gradients = {name: None if leaf.grad is None else tuple(leaf.grad.tolist()) for name, leaf in made.items()}
    return Expression(tensors, graph, after, held, gradients, error)


def _end(computed: Mapping[str, Tensor]) -> Tensor | None:
    """y; where it was never made, the last tensor before it that has a graph."""
    recorded = [tensor for tensor in computed.values() if tensor.grad_fn is not None]
    return computed.get("y", recorded[-1] if recorded else None)


def _tensor_facts(name: str, code: str, tensor: Tensor) -> TensorFacts:
    grad_fn = tensor.grad_fn.name() if tensor.grad_fn is not None else None
    values = tuple(tensor.flatten().tolist())
    return TensorFacts(name, code, tensor.requires_grad, grad_fn, tensor.is_leaf, tensor.is_inference(), values)


def held_by_network(context: str, depth: int = 4, width: int = 64, batch: int = 32, training: bool = True) -> Held:
    """What a forward pass through `depth` layers of Linear, ReLU and Dropout holds, in training or in eval."""
    with torch.random.fork_rng(devices=()):
        layers = [layer for _ in range(depth) for layer in (nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.5))]
        network, x = nn.Sequential(*layers).train(training), torch.randn(batch, width)

        def compute() -> Tensor:
            with CONTEXTS[context]():
                return network(x)

        return held_by(compute)


# ---- how `with` works ------------------------------------------------------------------------------------------


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


def recorded_inside(contexts: Sequence[str]) -> bool:
    """Whether an operation is recorded inside these `CONTEXTS`, the first being the outermost.

    The innermost decides, except that nothing is recorded anywhere inside inference_mode.
    """
    x = torch.ones(1, requires_grad=True)
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(CONTEXTS[context]())
        return (x * 2).requires_grad


def descend(w: Tensor, x: Tensor, lr: float) -> Tensor:
    """Two steps of gradient descent on Σ (w·x)², by hand: the update in place, under no_grad."""
    w = w.clone().requires_grad_()
    for _ in range(2):
        loss = ((w * x) ** 2).sum()
        (gradient,) = torch.autograd.grad(loss, w)
        with torch.no_grad():
            w -= lr * gradient
    return w


# ---- what is said about no_grad --------------------------------------------------------------------------------


def results_need_no_gradient() -> Claim:
    """The tutorial's 3: whatever is computed inside has requires_grad False and no grad_fn, even from x with True."""
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        w = x * 2
    return Claim(
        says="What is computed under no_grad has requires_grad=False and grad_fn=None, even from an x that requires "
        "a gradient.",
        holds=not w.requires_grad and w.grad_fn is None and x.requires_grad,
        facts={"w.requires_grad": w.requires_grad, "w.grad_fn": w.grad_fn, "x.requires_grad": x.requires_grad},
        rather="It holds for what is computed. x itself stays as it was.",
    )


def every_tensor_inside_needs_no_gradient() -> Claim:
    """The tutorial's 3: «the tensors in this block have no grad_fn … all set to False»: leaves made inside do not."""
    with torch.no_grad():
        by_factory = torch.ones(3, requires_grad=True)
        parameter = nn.Parameter(torch.ones(3))
        switched_on = (parameter * 2).requires_grad_()
    facts = {
        "torch.ones(3, requires_grad=True)": by_factory.requires_grad,
        "nn.Parameter(torch.ones(3))": parameter.requires_grad,
        "(parameter * 2).requires_grad_()": switched_on.requires_grad,
    }
    return Claim(
        says="Every tensor made under no_grad has requires_grad=False.",
        holds=not any(facts.values()),
        facts=facts,
        rather="Leaves made inside keep the flag they ask for: a model can be built under no_grad and trained after. "
        "Only the results of computations lose it.",
    )


def only_scalars_are_meant() -> Claim:
    """The tutorial's 3 calls the result w «a scalar»."""
    x = torch.ones(2, 3, requires_grad=True)
    with torch.no_grad():
        shapes = {"x.sum()": x.sum(), "x * 2": x * 2, "x @ x.T": x @ x.T}
    return Claim(
        says="It is about a scalar w.",
        holds=all(w.ndim == 0 for w in shapes.values() if not w.requires_grad),
        facts={code: f"{tuple(w.shape)}, requires_grad {w.requires_grad}" for code, w in shapes.items()},
        rather="The shape plays no part. A scalar is only what backward() takes without an argument.",
    )


def no_grad_is_eval() -> Claim:
    """Dropout under no_grad, and a graph in eval."""
    dropout, x = nn.Dropout(0.5), torch.ones(1000, requires_grad=True)
    with torch.random.fork_rng(devices=()), torch.no_grad():
        zeros_under_no_grad = int((dropout(x) == 0).sum())
    in_eval = nn.Dropout(0.5).eval()(x * 1)
    return Claim(
        says="no_grad and eval() do the same.",
        holds=zeros_under_no_grad == 0 and not in_eval.requires_grad,
        facts={"zeros by dropout under no_grad": zeros_under_no_grad, "requires_grad in eval": in_eval.requires_grad},
        rather="no_grad stops recording; eval() changes what dropout and batch norm compute. Testing wants both.",
    )


def leaves_cannot_be_changed_in_place() -> Claim:
    """An update of a parameter, outside and inside no_grad."""
    w = torch.ones(3, requires_grad=True)
    try:
        w -= 0.5
        refusal = None
    except RuntimeError as error:
        refusal = str(error)
    with torch.no_grad():
        w -= 0.5
    return Claim(
        says="A leaf that requires a gradient can never be changed in place.",
        holds=w.tolist() == [1.0, 1.0, 1.0],
        facts={"outside": refusal, "w after w -= 0.5 under no_grad": w.tolist(), "w.requires_grad": w.requires_grad},
        rather="Under no_grad it can: that is how every optimiser updates its parameters.",
    )


CLAIMS: tuple[Callable[[], Claim], ...] = (
    results_need_no_gradient,
    every_tensor_inside_needs_no_gradient,
    only_scalars_are_meant,
    no_grad_is_eval,
    leaves_cannot_be_changed_in_place,
)
