"""Copies and aliases: what b shares with a, for each way to make b from a.

Three things can be shared, and each way shares its own selection: the storage (write to one, the other changes), the
version counter (autograd notices the write), and the graph (a gradient at b reaches a). All facts here come from
running the code; nothing is a table of expectations.
"""

import copy
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from core.experiments.claim import Claim


@dataclass(frozen=True)
class Way:
    """One way to make b from a, where a is a tensor of dimension 1 on the CPU with 2 numbers or more."""

    code: str  # an expression in a
    make: Callable[[Tensor], Any]


_WAYS = (
    Way("a", lambda a: a),
    Way("a.view(-1)", lambda a: a.view(-1)),
    Way("a[1:]", lambda a: a[1:]),
    Way("a[[0, 1]]", lambda a: a[[0, 1]]),
    Way("a.reshape(-1)", lambda a: a.reshape(-1)),
    Way("a.contiguous()", lambda a: a.contiguous()),
    Way("a.to(a.dtype)", lambda a: a.to(a.dtype)),
    Way("a.double()", lambda a: a.double()),
    Way("a.detach()", lambda a: a.detach()),
    Way("a.data", lambda a: a.data),
    Way("a.clone()", lambda a: a.clone()),
    Way("a.detach().clone()", lambda a: a.detach().clone()),
    Way("copy.deepcopy(a)", lambda a: copy.deepcopy(a)),
    Way("torch.tensor(a)", lambda a: torch.tensor(a)),
    Way("torch.as_tensor(a)", lambda a: torch.as_tensor(a)),
    Way("a.numpy()", lambda a: a.numpy()),
    Way("a.detach().numpy()", lambda a: a.detach().numpy()),
    Way("np.asarray(a.detach())", lambda a: np.asarray(a.detach())),
    Way("np.array(a.detach())", lambda a: np.array(a.detach())),
    Way("a.detach().numpy().copy()", lambda a: a.detach().numpy().copy()),
    Way("torch.from_numpy(a.detach().numpy())", lambda a: torch.from_numpy(a.detach().numpy())),
    Way("torch.tensor(a.detach().numpy())", lambda a: torch.tensor(a.detach().numpy())),
)
WAYS: Mapping[str, Way] = {way.code: way for way in _WAYS}


def _make(way: Way, a: Tensor) -> Any:
    with warnings.catch_warnings():  # torch.tensor(a) advises a.detach().clone()
        warnings.simplefilter("ignore")
        return way.make(a)


Numbers = tuple[float, ...]  # of a: two or more
EXAMPLE: Numbers = (1.0, 2.0, 3.0)


def _leaf(requires_grad: bool, values: Numbers = EXAMPLE) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, requires_grad=requires_grad)


# ---- what is shared --------------------------------------------------------------------------------------------


def span(x: Tensor | np.ndarray) -> tuple[int, int]:
    """First byte of the numbers, and the byte after the last, of a contiguous tensor or array."""
    if isinstance(x, Tensor):
        return x.data_ptr(), x.data_ptr() + x.numel() * x.element_size()
    start = x.__array_interface__["data"][0]
    return start, start + x.nbytes


def shares_memory(a: Tensor | np.ndarray, b: Tensor | np.ndarray) -> bool:
    """Whether the two, each contiguous, have bytes in common."""
    (a_start, a_end), (b_start, b_end) = span(a), span(b)
    return max(a_start, b_start) < min(a_end, b_end)


def shares_version(a: Tensor, b: Any) -> bool:
    """Whether a write to a counts as a write to b for autograd."""
    if not isinstance(b, Tensor):
        return False
    before = b._version
    with torch.no_grad():
        a.add_(0)
    return b._version > before


@dataclass(frozen=True)
class Facts:
    """What b, made from a leaf a, is and shares. Where making it raises, `error` says so and the rest is None."""

    code: str
    error: str | None = None
    kind: str | None = None  # "Tensor" or "ndarray"
    same_object: bool | None = None  # b is a
    shares_memory: bool | None = None
    address_offset: int | None = None  # bytes from a's first number to b's, where memory is shared
    shares_version: bool | None = None
    requires_grad: bool | None = None
    grad_fn: str | None = None  # its name, None for none
    is_leaf: bool | None = None


def facts(way: Way, requires_grad: bool = True) -> Facts:
    """Make b from a leaf a of three numbers and look at it."""
    a = _leaf(requires_grad)
    try:
        b = _make(way, a)
    except RuntimeError as error:
        return Facts(way.code, error=str(error))
    shared = shares_memory(a, b)
    grad_fn = getattr(b, "grad_fn", None)
    return Facts(
        code=way.code,
        kind=type(b).__name__,
        same_object=b is a,
        shares_memory=shared,
        address_offset=span(b)[0] - span(a)[0] if shared else None,
        shares_version=shares_version(a, b),
        requires_grad=getattr(b, "requires_grad", False),
        grad_fn=grad_fn.name() if grad_fn is not None else None,
        is_leaf=getattr(b, "is_leaf", None),
    )


# ---- write to one ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Write:
    """The numbers before and after a write to one place of one of the two."""

    code: str
    a_before: Numbers
    b_before: Numbers
    a_after: Numbers
    b_after: Numbers

    @property
    def both_changed(self) -> bool:
        """Whether the other one changed as well."""
        return self.a_before != self.a_after and self.b_before != self.b_after


def write_and_see(way: Way, to: str = "b", values: Numbers = EXAMPLE, place: int = -1, value: float = -1.0) -> Write:
    """Make b from a (without gradients), write to a place of "a" or "b", and read both."""
    a = _leaf(False, values)
    b = _make(way, a)
    before = tuple(a.tolist()), tuple(b.tolist())
    {"a": a, "b": b}[to][place] = value
    return Write(way.code, *before, tuple(a.tolist()), tuple(b.tolist()))


@dataclass(frozen=True)
class Seen:
    """One of the two: what it is after the write, and its numbers before and after."""

    kind: str  # "Tensor" or "ndarray"
    requires_grad: bool | None  # None for an array, and so on down
    is_leaf: bool | None
    grad_fn: str | None  # its name when b was made, before any write
    versions: tuple[int, int] | None  # the version counter before and after the write
    before: Numbers
    after: Numbers


@dataclass(frozen=True)
class Trial:
    """One run: b made from a, then a number written to one of them."""

    code: str
    a: Seen
    b: Seen | None  # None where making it raises
    same_object: bool
    first: int | None  # where b's first number lies among a's; None if b has memory of its own
    making_error: str | None
    writing_error: str | None


def try_out(
    way: Way,
    values: Numbers = EXAMPLE,
    requires_grad: bool = True,
    to: str | None = "b",
    place: int = 0,
    value: float = -1.0,
) -> Trial:
    """Make b from a leaf a, write `value` to a place of "a" or "b" (None: to neither), and look at both."""
    a = _leaf(requires_grad, values)
    before = _look(a)
    try:
        b = _make(way, a)
    except RuntimeError as error:
        return Trial(way.code, _seen(before, before), None, False, None, str(error), None)
    first = (span(b)[0] - span(a)[0]) // a.element_size() if shares_memory(a, b) else None
    befores = _look(a), _look(b)
    refusal = _write({"a": a, "b": b}[to], place, value) if to else None
    a_seen, b_seen = _seen(befores[0], _look(a)), _seen(befores[1], _look(b))
    return Trial(way.code, a_seen, b_seen, b is a, first, None, refusal)


def _write(x: Any, place: int, value: float) -> str | None:
    """Write to one place; the refusal, if there is one."""
    try:
        x[place] = value
    except (RuntimeError, ValueError) as error:  # ValueError: an array may be read-only
        return str(error)
    return None


def _look(x: Tensor | np.ndarray) -> Seen:
    numbers = tuple(x.tolist())
    if not isinstance(x, Tensor):
        return Seen("ndarray", None, None, None, None, numbers, numbers)
    made_by = x.grad_fn.name() if x.grad_fn is not None else None
    return Seen("Tensor", x.requires_grad, x.is_leaf, made_by, (x._version, x._version), numbers, numbers)


def _seen(before: Seen, after: Seen) -> Seen:
    versions = (before.versions[0], after.versions[0]) if before.versions and after.versions else None
    return replace(before, versions=versions, after=after.after)


def write_to_each(a: Tensor) -> Tensor:
    """A name, a view and a copy of a, and a write to each: which of them reach a."""
    name = a
    view = a[1:]
    clone = a.clone()
    name[0] = 10
    view[0] = 20
    clone[0] = 30
    return a


# ---- backward through it ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Gradient:
    """What a.grad is after (b**2).sum().backward(), a being a leaf; None where no gradient arrived."""

    code: str
    a_grad: tuple[float, ...] | None
    error: str | None  # of making b or of backward


def backward_through(way: Way, values: Numbers = EXAMPLE, requires_grad: bool = True) -> Gradient:
    """Make b from a leaf a, which may ask for a gradient, and go backward from a sum over b."""
    a = _leaf(requires_grad, values)
    try:
        (_make(way, a) ** 2).sum().backward()
    except (RuntimeError, AttributeError) as error:  # AttributeError: an array has no backward
        return Gradient(way.code, None, str(error))
    return Gradient(way.code, None if a.grad is None else tuple(a.grad.tolist()), None)


@dataclass(frozen=True)
class Spoiled:
    """What autograd makes of a write to b after a was saved for backward."""

    code: str
    outcome: str  # "right", "wrong" (silently), "refused" by backward, or "not made": there is no such b
    gradient: tuple[float, ...] | None
    expected: tuple[float, ...]
    error: str | None


def write_to_a_saved_tensor(way: Way, values: Numbers = (0.0, 1.0, 2.0)) -> Spoiled:
    """a = exp(x) keeps a itself for backward (its derivative is a); b is made from a and overwritten with zeros.

    Then a.sum().backward(). A shared version counter lets autograd notice and refuse; shared memory without it (a.data,
    numpy) gives a wrong gradient without a word; a copy does no harm.
    """
    x = _leaf(True, values)
    a = x.exp()
    kept, expected = a.sum(), tuple(a.tolist())
    try:
        b = _make(way, a)
    except RuntimeError as error:
        return Spoiled(way.code, "not made", None, expected, str(error))
    b *= 0
    try:
        kept.backward()
    except RuntimeError as error:
        return Spoiled(way.code, "refused", None, expected, str(error))
    gradient = tuple(x.grad.tolist()) if x.grad is not None else None
    return Spoiled(way.code, "right" if gradient == expected else "wrong", gradient, expected, None)


# ---- what is said about copies ---------------------------------------------------------------------------------


def numpy_copy_has_its_own_memory() -> Claim:
    """The tutorial's 6 (1)."""
    a = np.arange(3.0)
    b = a.copy()
    b[0] = -1
    return Claim(
        says="numpy's copy() gives an array with memory of its own.",
        holds=not shares_memory(a, b) and a.tolist() == [0, 1, 2],
        facts={"shares memory": shares_memory(a, b), "a after writing to b": a.tolist()},
        rather="It does. b = a and a slice a[1:] do not copy.",
    )


def clone_copies_and_passes_gradients() -> Claim:
    """The tutorial's 6 (2)."""
    found, gradient = facts(WAYS["a.clone()"]), backward_through(WAYS["a.clone()"])
    return Claim(
        says="clone() takes new memory, like numpy's copy(), and also deals with gradients.",
        holds=found.shares_memory is False and gradient.a_grad is not None,
        facts={"shares memory": found.shares_memory, "grad_fn": found.grad_fn, "a.grad": gradient.a_grad},
        rather="It does: the copy is a step of the graph, and a gradient at the copy arrives at the original. "
        "The copy itself is no leaf and keeps no .grad.",
    )


def detach_writes_through() -> Claim:
    """The tutorial's 6 (3)."""
    way = WAYS["a.detach()"]
    write, spoiled = write_and_see(way), write_to_a_saved_tensor(way)
    return Claim(
        says="detach() only takes the data out; what is done to it is done to the original memory.",
        holds=write.both_changed,
        facts={"a after writing to a.detach()": write.a_after, "backward after such a write": spoiled.error},
        rather="It does write through, and autograd notices: where backward needs the old numbers it refuses. "
        "(.data writes through unnoticed.) detach().clone() is a copy without a graph.",
    )


def views_share_storage_but_not_the_address() -> Claim:
    """The tutorial's 5: «shares the storage, note: not the memory address»."""
    a = torch.arange(6.0)
    b, c = a.view(2, 3), a[2:]
    return Claim(
        says="A view shares the storage but not the memory address.",
        holds=a.data_ptr() != b.data_ptr(),
        facts={
            "a.data_ptr() == a.view(2, 3).data_ptr()": a.data_ptr() == b.data_ptr(),
            "bytes from a to a[2:]": c.data_ptr() - a.data_ptr(),
            "same storage": a.untyped_storage().data_ptr() == c.untyped_storage().data_ptr(),
            "a is a.view(2, 3)": a is b,
        },
        rather="view(2, 3) starts at the very same address; a[2:] starts further on in the same storage. "
        "What differs is the Python object, so that id() is no test of sharing.",
    )


CLAIMS: tuple[Callable[[], Claim], ...] = (
    numpy_copy_has_its_own_memory,
    clone_copies_and_passes_gradients,
    detach_writes_through,
    views_share_storage_but_not_the_address,
)
