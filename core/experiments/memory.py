"""Copies and aliases: what b shares with a, for each way to make b from a.

Three things can be shared, and each way shares its own selection: the storage (write to one, the other changes), the
version counter (autograd notices the write), and the graph (a gradient at b reaches a). All facts here come from
running the code; nothing is a table of expectations.
"""

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Way:
    """One way to make b from a, where a is a vector on the CPU."""

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


EXAMPLE = torch.tensor([1.0, 2.0, 3.0, 4.0])
REFUSALS = (RuntimeError, TypeError, IndexError)  # of making b: in a graph, of no numpy dtype, an index too large


def _leaf(a: Tensor, requires_grad: bool) -> Tensor:
    return a.detach().clone().requires_grad_(requires_grad)


def _numbers(x: Any) -> Tensor:
    """The numbers of a tensor or array, copied."""
    return torch.as_tensor(x).detach().clone()


def equal(a: Tensor, b: Tensor) -> bool:
    """Whether the numbers are the same, NaN being the same as NaN."""
    return bool(((a == b) | ((a != a) & (b != b))).all())


def leaf_refusal(a: Tensor) -> str:
    """What torch says where a cannot require a gradient; nothing where it can."""
    try:
        _leaf(a, True)
    except RuntimeError as error:
        return str(error)
    return ""


def as_floats(a: Tensor) -> Tensor:
    """The same numbers in a dtype that requires gradients and that numpy has."""
    return a if a.is_floating_point() and a.dtype != torch.bfloat16 else a.float()


# ---- what is shared --------------------------------------------------------------------------------------------


def span(x: Tensor | np.ndarray) -> tuple[int, int]:
    """First byte of the numbers, and the byte after the last, of a contiguous tensor or array."""
    if isinstance(x, Tensor):
        start = x.untyped_storage().data_ptr() + int(x.storage_offset()) * x.element_size()
        return start, start + x.numel() * x.element_size()
    start = x.__array_interface__["data"][0]
    return start, start + x.nbytes


def shares_memory(a: Tensor, b: Tensor | np.ndarray) -> bool:
    """Whether b, a tensor or a contiguous array, lies in the storage of a."""
    if isinstance(b, Tensor):
        return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()
    (a_start, a_end), (b_start, b_end) = span(a), span(b)
    return max(a_start, b_start) < min(a_end, b_end)


def shares_version(a: Tensor, b: Any) -> bool:
    """Whether a write to a counts as a write to b for autograd."""
    if not isinstance(b, Tensor):
        return False
    before = b._version
    with torch.no_grad():
        a.copy_(a.clone())
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


def facts(way: Way, a: Tensor = EXAMPLE, requires_grad: bool = True) -> Facts:
    """Make b from a leaf with a's numbers and look at it."""
    a = _leaf(a, requires_grad)
    try:
        b = _make(way, a)
    except REFUSALS as error:
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
class Seen:
    """One of the two: what it is after the write, and its numbers before and after."""

    kind: str  # "Tensor" or "ndarray"
    requires_grad: bool | None  # None for an array, and so on down
    is_leaf: bool | None
    grad_fn: str | None  # its name when b was made, before any write
    versions: tuple[int, int] | None  # the version counter before and after the write
    before: Tensor
    after: Tensor

    @property
    def changed(self) -> bool:
        """Whether the write has changed its numbers."""
        return not equal(self.before, self.after)


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
    way: Way, a: Tensor = EXAMPLE, requires_grad: bool = True, to: str | None = "b", place: int = 0, value: float = -1
) -> Trial:
    """Make b from a leaf with a's numbers, write `value` to a place of "a" or "b" (None: to neither), look at both."""
    a = _leaf(a, requires_grad)
    before = _look(a)
    try:
        b = _make(way, a)
    except REFUSALS as error:
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
    except (RuntimeError, ValueError, OverflowError) as error:  # a leaf, a read-only array, a number beyond the dtype
        return str(error)
    return None


def _look(x: Tensor | np.ndarray) -> Seen:
    numbers = _numbers(x)
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


# ---- backward through it, and a write to what backward keeps ---------------------------------------------------


@dataclass(frozen=True)
class Gradient:
    """What a.grad is after (b ** 2).sum().backward(), a being a leaf; None where no gradient arrived."""

    code: str
    a_grad: Tensor | None
    error: str | None  # of making b or of backward


def backward_through(way: Way, a: Tensor = EXAMPLE, requires_grad: bool = True) -> Gradient:
    """Make b from a leaf with a's numbers, which may ask for a gradient, and go backward from a sum over b."""
    a = _leaf(a, requires_grad)
    try:
        (_make(way, a) ** 2).sum().backward()
    except (*REFUSALS, AttributeError) as error:  # AttributeError: an array has no backward
        return Gradient(way.code, None, str(error))
    return Gradient(way.code, a.grad, None)


@dataclass(frozen=True)
class Overwritten:
    """What autograd makes of zeros written to b after it has saved a for backward."""

    code: str
    outcome: str  # "right", "wrong" (silently), "refused" by backward, or "not made": there is no such b
    reached: bool  # whether the write has changed a
    gradient: Tensor | None
    expected: Tensor
    error: str | None


def overwrite_saved(way: Way, x: Tensor = EXAMPLE) -> Overwritten:
    """a = exp(x) is saved for backward (its derivative is a); b is made from a and overwritten with zeros.

    Then a.sum().backward(). A shared version counter lets autograd notice and refuse; shared memory without it (a.data,
    numpy) gives a wrong gradient without a word; a copy does no harm.
    """
    x = _leaf(x, True)
    a = x.exp()
    total, expected = a.sum(), _numbers(a)
    try:
        b = _make(way, a)
    except REFUSALS as error:
        return Overwritten(way.code, "not made", False, None, expected, str(error))
    b[:] = 0
    reached = not equal(_numbers(a), expected)
    try:
        total.backward()
    except RuntimeError as error:
        said = str(error).partition(" Hint: ")[0]  # how to search for it, which is known here
        return Overwritten(way.code, "refused", reached, None, expected, said)
    assert x.grad is not None
    return Overwritten(
        way.code, "right" if equal(x.grad, expected) else "wrong", reached, x.grad, expected, None
    )  # fmt: skip


def every_way(a: Tensor, requires_grad: bool) -> dict[str, tuple[Facts, Gradient, Overwritten]]:
    """All ways to make b from a: what each shares, what comes back through it, and what a write to it does."""
    x = a if a.is_floating_point() else a.float()
    return {
        code: (facts(way, a, requires_grad), backward_through(way, a, requires_grad), overwrite_saved(way, x))
        for code, way in WAYS.items()
    }


def pieces_of_memory(ways: Sequence[Way]) -> int:
    """In how many pieces of memory a and what these ways make of it lie."""
    return 1 + sum(not facts(way, requires_grad=False).shares_memory for way in ways)


# ---- what people believe ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Assigned:
    """b = a, and a view of a: whether they are a, and a after a write to b."""

    same: bool
    view_same: bool
    view_shares: bool
    after: Tensor


def assign_and_write(a: Tensor, value: float) -> Assigned:
    """Write to b = a."""
    a = a.clone()
    b = a
    view = a.view(-1)
    b[0] = value
    return Assigned(b is a, view is a, shares_memory(a, view), a)


@dataclass(frozen=True)
class DetachOrData:
    """The gradient of exp after its result was overwritten by way of each."""

    detach: Overwritten
    data: Overwritten
    error: str  # by way of detach
    gradient: Tensor | None  # by way of data
    expected: Tensor


def detach_or_data(x: Tensor) -> DetachOrData:
    """Overwrite what backward has saved, by way of a.detach() and of a.data."""
    detach, data = (overwrite_saved(WAYS[code], x) for code in ("a.detach()", "a.data"))
    return DetachOrData(detach, data, detach.error or "", data.gradient, data.expected)


@dataclass(frozen=True)
class FromNumpy:
    """An array after a write to the tensor that each function made of it."""

    tensor: Tensor
    as_tensor: Tensor
    from_numpy: Tensor


def write_through_numpy(a: Tensor, value: float) -> FromNumpy:
    """Write to a tensor made from an array, by each of the three functions."""
    arrays = [a.numpy().copy() for _ in range(3)]
    torch.tensor(arrays[0])[0] = value
    torch.as_tensor(arrays[1])[0] = value
    torch.from_numpy(arrays[2])[0] = value
    return FromNumpy(*map(_numbers, arrays))


@dataclass(frozen=True)
class Pieces:
    """a after a write to a slice of it, and to what a list of indices gives."""

    by_slice: Tensor
    by_list: Tensor


def write_to_pieces(a: Tensor, value: float) -> Pieces:
    """Write to a[:1] and to a[[0]], each of another copy of a."""
    sliced, listed = a.clone(), a.clone()
    by_slice, by_list = sliced[:1], listed[[0]]
    by_slice[0] = value
    by_list[0] = value
    return Pieces(sliced, listed)


@dataclass(frozen=True)
class Cloned:
    """Backward through a clone, and through a clone of a detached tensor."""

    grad_fn: str
    gradient: Tensor
    error: str


def clone_or_detach(a: Tensor) -> Cloned:
    """Go backward through a.clone() and through a.detach().clone()."""
    a, error = a.clone().requires_grad_(), ""
    b = a.clone()
    (b**2).sum().backward()
    try:
        (a.detach().clone() ** 2).sum().backward()
    except RuntimeError as refusal:
        error = str(refusal)
    assert a.grad is not None
    assert b.grad_fn is not None
    return Cloned(b.grad_fn.name(), a.grad, error)


@dataclass(frozen=True)
class Addresses:
    """Where the views of a tensor of six numbers begin."""

    same_address: bool  # a and a.view(2, 3)
    offset: int  # bytes from a to a[2:]
    same_storage: bool  # a and a[2:]
    same_object: bool  # a.view(2, 3) is a


def addresses_of_views() -> Addresses:
    """Ask a, a view and a slice where their numbers begin."""
    a = torch.arange(6.0)
    view, part = a.view(2, 3), a[2:]
    return Addresses(
        a.data_ptr() == view.data_ptr(),
        part.data_ptr() - a.data_ptr(),
        a.untyped_storage().data_ptr() == part.untyped_storage().data_ptr(),
        view is a,
    )
