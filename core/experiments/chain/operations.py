"""The operations of a chain: how torch is called, what integers predict, which arguments there are.

Nothing here can grow beyond `MAX_ELEMENTS`, whatever is asked for; beyond `WHOLE` nothing is allocated.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import torch

from core.experiments.layout import operations as predicted
from core.experiments.layout import rule
from core.experiments.layout.rule import Copy, Ints, Layout
from core.words import say

MAX_RANK, MAX_ELEMENTS = 8, 2**40  # of every tensor; no storage gets more cells either


WHOLE = 4096  # elements and cells up to which tensors are real and drawn whole; larger ones are torch's meta tensors


MAX_STEPS, MAX_TEXT, MAX_DIGITS = 12, 2000, 13


Fill = Literal["arange", "rows"]


Value = int | None | Ints  # of one argument


@dataclass(frozen=True)
class Parameter:
    """One argument of an operation, by torch's name.

    Kinds: "dim" and "int" are one number; "dims", "sizes" and "ints" a tuple of them. An optional one may be None.
    """

    name: str
    kind: Literal["dim", "int", "dims", "sizes", "ints"]
    meaning: str
    optional: bool = False

    @property
    def is_tuple(self) -> bool:
        """True for the kinds whose value is a tuple."""
        return self.kind in ("dims", "sizes", "ints")


@dataclass(frozen=True)
class Operation:
    """One operation: how torch is called, what we predict, what its arguments are and how it is written."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]
    call: Callable[..., torch.Tensor]  # (tensor, *args)
    predict: Callable[..., Layout | Copy]  # (layout, *args)
    default: Callable[[Layout], tuple[Value, ...]]  # arguments to begin with, for a tensor of this layout
    written: Callable[..., str] | None = None  # (x, *args) -> Python, where it is not simply x.name(args)

    @property
    def variadic(self) -> bool:
        """True where the only argument is a tuple, so that its numbers stand in the call directly."""
        return len(self.parameters) == 1 and self.parameters[0].is_tuple


def _slice_index(dim: int, what: Any) -> tuple[Any, ...]:
    """The index x[:, :, what] for dim 2, and x[..., what, :] for dim -2."""
    return (*[slice(None)] * dim, what) if dim >= 0 else (..., what, *[slice(None)] * (-dim - 1))


def _slice_written(x: str, dim: int, start: int | None, stop: int | None, step: int | None) -> str:
    first, last = ("" if n is None else str(n) for n in (start, stop))
    what = f"{first}:{last}" + ("" if step is None else f":{step}")
    parts = [":"] * dim + [what] if dim >= 0 else ["...", what] + [":"] * (-dim - 1)
    return f"{x}[{', '.join(parts)}]"


def _as_strided_written(x: str, size: Ints, stride: Ints, storage_offset: int | None) -> str:
    offset = "" if storage_offset is None else f", {storage_offset}"
    return f"{x}.as_strided({size}, {stride}{offset})"


def _last(layout: Layout) -> int:
    return max(layout.ndim - 1, 0)


def _longest(layout: Layout) -> int:
    """The first of the longest dimensions, where a cut shows most."""
    return max(range(layout.ndim), key=lambda d: layout.shape[d], default=0)


def _two_factors(n: int) -> Ints:
    """n as a product of two sizes, as close to each other as can be, or a small one and its counterpart."""
    middle = math.isqrt(n)
    candidates = chain(range(middle, max(middle - 4096, 1), -1), range(min(4096, middle), 1, -1))
    return next(((d, n // d) for d in candidates if n % d == 0), (1, n))


def _half(n: int) -> int:
    return (n + 1) // 2


def _other_shape(layout: Layout) -> Ints:
    """Another shape that can be viewed: two neighbours merged where their strides allow it, else one cut in two."""
    for d in reversed(range(layout.ndim - 1)):
        merged = (*layout.shape[:d], layout.shape[d] * layout.shape[d + 1], *layout.shape[d + 2 :])
        if rule.view_stride(layout, merged) is not None:
            return merged
    d = _longest(layout)
    cut = _two_factors(layout.shape[d]) if layout.ndim else (1,)
    return (*layout.shape[:d], *cut, *layout.shape[d + 1 :])


def _narrow_default(layout: Layout) -> tuple[Value, ...]:
    d = _longest(layout)
    length = _half(layout.shape[d]) if layout.ndim else 1
    return (d, length // 2, length)


def _diagonal(layout: Layout) -> tuple[Value, ...]:
    """The diagonal of the last two dimensions as as_strided reads it; of fewer dimensions, every second element."""
    offset = min(layout.storage_offset, max(layout.storage_size - 1, 0))
    if layout.ndim >= 2:
        length, step = min(layout.shape[-2:]), sum(layout.stride[-2:])
    else:
        length, step = _half(layout.numel), 2 * sum(layout.stride)
    return ((length,), (step,), offset)


_DIM = Parameter("dim", "dim", "the dimension, counted from 0; -1 is the last")


_SHAPE = Parameter("shape", "sizes", "the new shape; one size may be -1 and is then worked out")


_ALL = (
    Operation(
        "view",
        "the same cells in another shape, or a refusal",
        (_SHAPE,),
        lambda x, shape: x.view(shape),
        predicted.view,
        lambda s: (_other_shape(s),),
    ),
    Operation(
        "reshape",
        "a view where one exists, otherwise a copy",
        (_SHAPE,),
        lambda x, shape: x.reshape(shape),
        predicted.reshape,
        lambda s: (_other_shape(s),),
    ),
    Operation(
        "permute",
        "all dimensions in another order",
        (Parameter("dims", "dims", "for each new dimension, which old one it is"),),
        lambda x, dims: x.permute(dims),
        predicted.permute,
        lambda s: (tuple(reversed(range(s.ndim))),),
    ),
    Operation(
        "transpose",
        "two dimensions change places",
        (Parameter("dim0", "dim", "the first of the two"), Parameter("dim1", "dim", "the other")),
        lambda x, dim0, dim1: x.transpose(dim0, dim1),
        predicted.transpose,
        lambda s: (max(s.ndim - 2, 0), _last(s)),
    ),
    Operation(
        "T",
        "a matrix transposed",
        (),
        lambda x: x.T,
        predicted.T,
        lambda _: (),
        lambda x: f"{x}.T",
    ),
    Operation(
        "mT",
        "the last two dimensions change places",
        (),
        lambda x: x.mT,
        predicted.mT,
        lambda _: (),
        lambda x: f"{x}.mT",
    ),
    Operation(
        "movedim",
        "dimensions move to other places, the rest keep their order",
        (
            Parameter("source", "dims", "which dimensions move"),
            Parameter("destination", "dims", "the place of each of them afterwards"),
        ),
        lambda x, source, destination: x.movedim(source, destination),
        predicted.movedim,
        lambda s: ((0,), (_last(s),)),
    ),
    Operation(
        "slice",
        "every step-th element from start to stop",
        (
            _DIM,
            Parameter("start", "int", "the first index; None: from the beginning", optional=True),
            Parameter("stop", "int", "the index to stop before; None: to the end", optional=True),
            Parameter("step", "int", "how far apart, at least 1; None: 1", optional=True),
        ),
        lambda x, dim, start, stop, step: x[_slice_index(dim, slice(start, stop, step))],
        predicted.slice_,
        lambda s: (_longest(s), None, None, 2),
        _slice_written,
    ),
    Operation(
        "select",
        "one element along a dimension, which goes",
        (_DIM, Parameter("index", "int", "which element; -1 is the last")),
        lambda x, dim, index: x.select(dim, index),
        predicted.select,
        lambda s: (_longest(s), s.shape[_longest(s)] // 2 if s.ndim else 0),
    ),
    Operation(
        "narrow",
        "length elements from start along a dimension",
        (
            _DIM,
            Parameter("start", "int", "the first index"),
            Parameter("length", "int", "how many elements"),
        ),
        lambda x, dim, start, length: x.narrow(dim, start, length),
        predicted.narrow,
        _narrow_default,
    ),
    Operation(
        "expand",
        "dimensions of size 1 repeated without a copy",
        (Parameter("size", "sizes", "the new sizes, more dimensions in front if wished; -1 keeps one"),),
        lambda x, size: x.expand(size),
        predicted.expand,
        lambda s: (
            tuple(3 if n == 1 else n for n in s.shape) if 1 in s.shape or s.ndim == MAX_RANK else (2, *s.shape),
        ),
    ),
    Operation(
        "unsqueeze",
        "a new dimension of size 1",
        (Parameter("dim", "dim", "its place afterwards"),),
        lambda x, dim: x.unsqueeze(dim),
        predicted.unsqueeze,
        lambda _: (0,),
    ),
    Operation(
        "squeeze",
        "dimensions of size 1 go (all, or those named)",
        (Parameter("dim", "dims", "which ones; none named: all of size 1", optional=True),),
        lambda x, dim: x.squeeze(dim) if dim else x.squeeze(),
        predicted.squeeze,
        lambda _: ((),),
        lambda x, dim: f"{x}.squeeze({_one_or_tuple(dim) if dim else ''})",
    ),
    Operation(
        "flatten",
        "dimensions from start to end become one: a view or a copy",
        (Parameter("start_dim", "dim", "the first of them"), Parameter("end_dim", "dim", "the last of them")),
        lambda x, start_dim, end_dim: x.flatten(start_dim, end_dim),
        predicted.flatten,
        lambda _: (0, -1),
    ),
    Operation(
        "unflatten",
        "one dimension becomes several",
        (_DIM, Parameter("sizes", "sizes", "the sizes it becomes; one may be -1")),
        lambda x, dim, sizes: x.unflatten(dim, sizes),
        predicted.unflatten,
        lambda s: (_longest(s), _two_factors(s.shape[_longest(s)]) if s.ndim else (1,)),
        lambda x, dim, sizes: f"{x}.unflatten({dim}, {sizes})",
    ),
    Operation(
        "diagonal",
        "the elements on a diagonal: one stride, the sum of two, walks them",
        (
            Parameter("offset", "int", "0: the main diagonal; above it, or below it if negative"),
            Parameter("dim1", "dim", "the dimension of the rows"),
            Parameter("dim2", "dim", "the dimension of the columns"),
        ),
        lambda x, offset, dim1, dim2: x.diagonal(offset, dim1, dim2),
        predicted.diagonal,
        lambda s: (0, max(s.ndim - 2, 0), _last(s)),
    ),
    Operation(
        "repeat",
        "whole dimensions one after the other, always a copy; expand makes none",
        (Parameter("repeats", "ints", "how often each dimension, more in front if wished"),),
        lambda x, repeats: x.repeat(repeats),
        predicted.repeat,
        lambda s: ((*(1,) * (s.ndim - 1), 2),),
    ),
    Operation(
        "tile",
        "as repeat, the numbers for the last dimensions",
        (Parameter("dims", "ints", "how often each of the last dimensions"),),
        lambda x, dims: x.tile(dims),
        predicted.tile,
        lambda _: ((2,),),
    ),
    Operation(
        "index_select",
        "the elements at a list of places along a dimension; always a copy",
        (_DIM, Parameter("index", "ints", "the places, in any order, each as often as wished")),
        lambda x, dim, index: x.index_select(dim, torch.tensor(index, dtype=torch.int64, device=x.device)),
        predicted.index_select,
        lambda s: (_longest(s), (max(s.shape[_longest(s)] - 1, 0), 0) if s.ndim else (0,)),
        lambda x, dim, index: f"{x}.index_select({dim}, torch.tensor({list(index)}, dtype=torch.int64))",
    ),
    Operation(
        "flip",
        "reversed along dimensions; always a copy",
        (Parameter("dims", "dims", "which dimensions run backwards"),),
        lambda x, dims: x.flip(dims),
        predicted.flip,
        lambda s: ((_last(s),) if s.ndim else (),),
    ),
    Operation(
        "tril",
        "the lower triangle of each matrix, 0 above it; always a copy",
        (Parameter("diagonal", "int", "0: up to the main diagonal; more of it, or less if negative"),),
        lambda x, diagonal: x.clone(memory_format=torch.contiguous_format).tril(diagonal),  # see triu
        predicted.triangle,
        lambda _: (0,),
    ),
    Operation(
        "triu",
        "the upper triangle of each matrix, 0 below it; always a copy",
        (Parameter("diagonal", "int", "0: from the main diagonal on; less of it, or more if negative"),),
        # A meta tensor's result would keep the strides of dimensions of size 1, which real ones do not: hence the clone.
        lambda x, diagonal: x.clone(memory_format=torch.contiguous_format).triu(diagonal),
        predicted.triangle,
        lambda _: (0,),
    ),
    Operation(
        "unfold",
        "sliding windows as a new last dimension",
        (
            Parameter("dimension", "dim", "along which dimension the window slides"),
            Parameter("size", "int", "the length of a window"),
            Parameter("step", "int", "from one window to the next, at least 1"),
        ),
        lambda x, dimension, size, step: x.unfold(dimension, size, step),
        predicted.unfold,
        lambda s: (_last(s), min(3, s.shape[-1]) if s.ndim else 1, 1),
    ),
    Operation(
        "as_strided",
        "any shape, strides and offset over the storage",
        (
            Parameter("size", "sizes", "the shape"),
            Parameter("stride", "ints", "for each dimension, how many cells one step goes"),
            Parameter("storage_offset", "int", "the cell of the first element; None: as it is", optional=True),
        ),
        lambda x, size, stride, storage_offset: x.as_strided(size, stride, storage_offset),
        predicted.as_strided,
        _diagonal,
        _as_strided_written,
    ),
    Operation(
        "contiguous",
        "itself where contiguous, otherwise a contiguous copy",
        (),
        lambda x: x.contiguous(),
        predicted.contiguous,
        lambda _: (),
    ),
    Operation(
        "clone",
        "always a copy, which keeps the order of the dimensions in memory",
        (),
        lambda x: x.clone(),
        predicted.clone,
        lambda _: (),
    ),
    Operation(
        "channels_last",
        "shape (N, C, H, W), kept in memory as N, H, W, C",
        (),
        lambda x: x.to(memory_format=torch.channels_last),
        predicted.channels_last,
        lambda _: (),
        lambda x: f"{x}.to(memory_format=torch.channels_last)",
    ),
    Operation(
        "resize_",
        "in place: another shape over the storage, cropped or grown",
        (Parameter("size", "sizes", "the new shape, with any number of elements"),),
        lambda x, size: x.resize_(size),
        predicted.resize_,
        lambda s: ((_half(s.shape[0]), *s.shape[1:]) if s.ndim else (1,),),
    ),
)


OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _ALL}


@dataclass(frozen=True)
class Step:
    """One operation with its arguments, in the order of `Operation.parameters`."""

    op: str
    args: tuple[Value, ...] = ()

    @property
    def operation(self) -> Operation:
        """What is known about the operation."""
        return OPERATIONS[self.op]

    def code(self, x: str = "x") -> str:
        """The step in Python: "x.permute(1, 0)"."""
        operation = self.operation
        if operation.written is not None:
            return operation.written(x, *self.args)
        values: Any = self.args[0] if operation.variadic and self.args[0] else self.args
        inside = ", ".join(_one_or_tuple(v) if isinstance(v, tuple) else str(v) for v in values)
        return f"{x}.{self.op}({inside})"


def _one_or_tuple(numbers: Ints) -> str:
    return str(numbers[0]) if len(numbers) == 1 else str(numbers)


def make_step(op: str, *values: Value) -> Step:
    """A step whose arguments have the right number and kinds. ValueError says what to mend.

    Numbers of a single tuple argument may be given one by one, as torch takes them; optional ones may be left out.
    """
    operation = operation_named(op)
    given: tuple[Value, ...] = values
    if operation.variadic and not (len(values) == 1 and isinstance(values[0], tuple)):
        given = (tuple(_whole_number(v, f"{op}: {operation.parameters[0].name}") for v in values),)
    needed = sum(not p.optional for p in operation.parameters)
    if not needed <= len(given) <= len(operation.parameters):
        names = ", ".join(p.name + "=None" * p.optional for p in operation.parameters)
        raise ValueError(
            say("{op}: takes {op}({names}), but {given} arguments were given", op=op, names=names, given=len(given))
        )
    given += (None,) * (len(operation.parameters) - len(given))
    return Step(op, tuple(_checked(v, p, op) for v, p in zip(given, operation.parameters, strict=True)))


def operation_named(op: str) -> Operation:
    """The operation of this name. ValueError names those that there are."""
    if op not in OPERATIONS:
        raise ValueError(
            say("there is no operation {op}; there are {known}", op=quoted(op), known=", ".join(OPERATIONS))
        )
    return OPERATIONS[op]


def _checked(value: Value, parameter: Parameter, op: str) -> Value:
    what = f"{op}: {parameter.name}"
    if value is None and parameter.optional:
        return () if parameter.is_tuple else None
    if not parameter.is_tuple:
        return _whole_number(value, what)
    numbers = value if isinstance(value, tuple) else (value,)
    if len(numbers) > MAX_RANK:
        raise ValueError(
            say(
                "{what} has {numbers} numbers; at most {most} are allowed",
                what=what,
                numbers=len(numbers),
                most=MAX_RANK,
            )
        )
    return tuple(_whole_number(n, what) for n in numbers)


def _whole_number(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(say("{what} must be a whole number, not {value}", what=what, value=value))
    if abs(value) >= 10**MAX_DIGITS:
        raise ValueError(say("{what} is too large; at most {most} digits are allowed", what=what, most=MAX_DIGITS))
    return value


def default_step(op: str, layout: Layout) -> Step:
    """A step that torch accepts for this layout, where the operation accepts any (see `usable`)."""
    return make_step(op, *OPERATIONS[op].default(layout))


def usable(layout: Layout) -> tuple[str, ...]:
    """The operations whose default step works on this layout, within the limits here."""
    return tuple(op for op in OPERATIONS if _works(op, layout))


def _works(op: str, layout: Layout) -> bool:
    try:
        predicted, _ = predict(default_step(op, layout), layout)
    except ValueError:  # of a tensor of the most dimensions the step would make one more
        return False
    return predicted is not None and not too_large(predicted)


def quoted(text: str) -> str:
    """A reader's text as code, short and without signs that could end the code."""
    text = "".join(c if c.isprintable() and c not in "`$[]\\" else "·" for c in text.strip())
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`"


def predict(step: Step, before: Layout) -> tuple[Layout | Copy | None, Exception | None]:
    """What integers alone say of a step: the layout that it gives, or the error."""
    try:
        return step.operation.predict(before, *step.args), None
    except (RuntimeError, IndexError, ValueError) as error:
        return None, error.with_traceback(None)  # its frames would keep the tensors of the caller alive


def too_large(result: Layout | Copy) -> str:
    """What is too large about a result for this place; empty where nothing is."""
    layout = rule.laid_out(result)
    if layout.ndim > MAX_RANK:
        return say(
            "there would be {ndim} dimensions; {most} are the most here (torch itself takes more)",
            layout,
            most=MAX_RANK,
        )
    if max(layout.stride, default=0) >= 2**63:
        return say("a stride of {stride} does not fit into 64 bits", stride=max(layout.stride))
    if (size := max(layout.numel, layout.storage_size)) > MAX_ELEMENTS:
        return say("there would be {size:,} elements; {most:,} are the most here", size=size, most=MAX_ELEMENTS)
    return ""


def is_whole(result: Layout | Copy) -> bool:
    """Whether a tensor of this layout is made for real and drawn whole."""
    layout = rule.laid_out(result)
    places = math.prod(max(n, 1) for n in layout.shape)  # beside a size of 0 the others may be large
    return max(places, layout.storage_size) <= WHOLE
