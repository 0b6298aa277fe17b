"""What autograd records, what it keeps in memory for backward, and what the contexts that switch it off change.

Each computed tensor points at the node that made it (`grad_fn`), each node at the nodes of its inputs, down to
`AccumulateGrad` nodes that add into a leaf's .grad. A node keeps the tensors that its derivative needs. Under no_grad
no node is made and nothing is kept.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

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


# ---- what is saved for backward --------------------------------------------------------------------------------


@dataclass(frozen=True)
class SavedTensors:
    """What autograd put aside for backward while something was computed, whether or not a graph still holds it."""

    count: int  # how often it put something aside
    nbytes: int  # bytes of the storages behind it, each counted once: a storage is kept as a whole


def saved_by(compute: Callable[[], Any]) -> SavedTensors:
    """Run `compute` and count what autograd saves on the way, leaves included."""
    kept: list[Tensor] = []  # held until counted, so that no address is used twice

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor)
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        result = compute()
    del result
    storages = [tensor.untyped_storage() for tensor in kept]
    return SavedTensors(len(kept), sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values()))


# ---- a small expression under chosen contexts ------------------------------------------------------------------

CONTEXTS: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "none": nullcontext,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "enable_grad": torch.enable_grad,
    "set_grad_enabled": lambda: torch.set_grad_enabled(False),
}
CALLS = {name: f"{name}({False if name == 'set_grad_enabled' else ''})" for name in CONTEXTS if name != "none"}
DETACH = "detach"  # in place of a context: recorded as usual, and then taken out of the graph
FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "h.exp()": lambda h: h.exp(),
    "h.sin()": lambda h: h.sin(),
    "h.relu()": lambda h: h.relu(),
    "h ** 2": lambda h: h**2,
    "h + 1": lambda h: h + 1,
}
X, W = torch.tensor([0.5, 1.0, 1.5]), torch.tensor([1.0, -1.0, 2.0])


@dataclass(frozen=True)
class TensorFacts:
    """What autograd knows of one tensor, and its numbers."""

    name: str
    requires_grad: bool
    grad_fn: str | None
    is_leaf: bool
    is_inference: bool
    values: Tensor


@dataclass(frozen=True)
class Expression:
    """h = x·w, a = f(h), y = Σ a·h as they came out, and what backward from y does."""

    x: Tensor
    w: Tensor
    tensors: tuple[TensorFacts, ...]  # h, a and y, as far as it got
    graph: Graph  # before backward; of what was recorded so far where y was refused
    graph_after: Graph  # after backward; the same graph where there was none
    saved: SavedTensors  # while h, a and y were computed
    x_grad: Tensor | None
    w_grad: Tensor | None
    error: str | None  # in torch's words
    refused: str  # what raised it: "x", "w" (as a leaf), "h", "a", "y", "y.backward()", or ""


def build_expression(
    contexts: tuple[str, str, str] = ("none", "none", "none"),
    outer: str = "none",
    x: Tensor = X,
    w: Tensor = W,
    function: str = "h.exp()",
    leaves: Collection[str] = ("x", "w"),
) -> Expression:
    """Compute h, a and y, each under one of `CONTEXTS` (or detached), inside `outer`; then go backward, outside.

    x and w are vectors of any dtype; those named in `leaves` are to require gradients. `function` is one of
    `FUNCTIONS`.
    """
    made: dict[str, Tensor] = {name: given.detach().clone() for name, given in (("x", x), ("w", w))}
    steps: Mapping[str, Callable[[], Tensor]] = {
        "h": lambda: made["x"] * made["w"],
        "a": lambda: FUNCTIONS[function](made["h"]),
        "y": lambda: (made["a"] * made["h"]).sum(),
    }
    at, error, saved = "", None, SavedTensors(0, 0)

    def compute() -> None:
        nonlocal at
        with CONTEXTS[outer]():
            for (at, step), context in zip(steps.items(), contexts, strict=True):
                with nullcontext() if context == DETACH else CONTEXTS[context]():
                    made[at] = step().detach() if context == DETACH else step()

    graph = after = Graph((), ())
    try:
        for at in ("x", "w"):
            made[at].requires_grad_(at in leaves)
        saved = saved_by(compute)
        graph, at = graph_of(made["y"], made), "y.backward()"
        made["y"].backward()
        after, at = graph_of(made["y"], made), ""
    except RuntimeError as refusal:
        error = str(refusal)
        graph = after = graph if graph.nodes else _so_far(made)
    tensors = tuple(_tensor_facts(name, made[name]) for name in steps if name in made)
    x_grad, w_grad = (None if made[name].grad is None else made[name].grad for name in ("x", "w"))
    return Expression(x, w, tensors, graph, after, saved, x_grad, w_grad, error, at)


def _so_far(made: Mapping[str, Tensor]) -> Graph:
    """The graph of y; where it was never made, of the last tensor before it that has one."""
    recorded = [tensor for name, tensor in made.items() if name not in ("x", "w") and tensor.grad_fn is not None]
    return graph_of(made["y"] if "y" in made else recorded[-1], made) if recorded else Graph((), ())


def _tensor_facts(name: str, tensor: Tensor) -> TensorFacts:
    grad_fn = tensor.grad_fn.name() if tensor.grad_fn is not None else None
    return TensorFacts(
        name, tensor.requires_grad, grad_fn, tensor.is_leaf, tensor.is_inference(), tensor.detach().clone()
    )


def same_gradients(run: Expression, other: Expression) -> bool:
    """Whether x and w get the same gradients from both, NaN being the same as NaN."""
    pairs = ((run.x_grad, other.x_grad), (run.w_grad, other.w_grad))
    return all(
        ours is not None and theirs is not None and bool(((ours == theirs) | (ours.isnan() & theirs.isnan())).all())
        for ours, theirs in pairs
    )


def nearest(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """x and w as an expression takes them with both as leaves: floating-point, and of lengths that broadcast."""
    x, w = (given if given.is_floating_point() else given.float() for given in (x, w))
    shorter = min(len(x), len(w))
    return (x, w) if shorter in (1, max(len(x), len(w))) else (x[:shorter], w[:shorter])


def code_of(contexts: tuple[str, str, str], outer: str, function: str) -> str:
    """The lines of Python that an expression runs."""
    lines = []
    for name, expression, context in zip("hay", ("x * w", function, "(a * h).sum()"), contexts, strict=True):
        if context == DETACH:
            bracketed = expression if expression.endswith(")") else f"({expression})"
            lines.append(f"{name} = {bracketed}.detach()")
        elif context == "none":
            lines.append(f"{name} = {expression}")
        else:
            lines += [f"with torch.{CALLS[context]}:", f"    {name} = {expression}"]
    if outer != "none":
        lines = [f"with torch.{CALLS[outer]}:", *(f"    {line}" for line in lines)]
    return "\n".join([*lines, "y.backward()"])
