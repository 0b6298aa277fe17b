"""A chain of torch operations on a real tensor, and what is true after each step.

A `Step` is one operation with its arguments; `parse_chain` reads "permute(1,0)>view(5,6)" and `format_chain` writes it.
`run_chain` applies the steps with torch itself and measures each `Stage` on the real tensors: what is a view is told
from the storages, not from what the operation is called. Beside it stands what `core.experiments.layout` predicts from
integers alone. Nothing here can grow beyond `MAX_ELEMENTS`, whatever the text asks for.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch

from core.experiments import layout as lay
from core.experiments.layout import Copy, Extent, Ints, Layout, ViewRefusal, ViewRefused

MAX_RANK, MAX_ELEMENTS = 6, 4096  # of every tensor; no storage gets more cells either
MAX_STEPS, MAX_TEXT, MAX_DIGITS = 12, 2000, 6

Fill = Literal["arange", "rows"]
Value = int | None | Ints  # of one argument
Verdict = Literal["start", "view", "copy", "itself", "in place"]


# ---- the operations --------------------------------------------------------------------------------------------


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


# ---- arguments to begin with: small, and accepted wherever the operation can be --------------------------------


def _last(layout: Layout) -> int:
    return max(layout.ndim - 1, 0)


def _longest(layout: Layout) -> int:
    """The first of the longest dimensions, where a cut shows most."""
    return max(range(layout.ndim), key=lambda d: layout.shape[d], default=0)


def _two_factors(n: int) -> Ints:
    """n as a product of two sizes, as close to each other as can be."""
    return next(((d, n // d) for d in range(math.isqrt(n), 1, -1) if n % d == 0), (1, n))


def _half(n: int) -> int:
    return (n + 1) // 2


def _other_shape(layout: Layout) -> Ints:
    """Another shape that can be viewed: two neighbours merged where their strides allow it, else one cut in two."""
    for d in reversed(range(layout.ndim - 1)):
        merged = (*layout.shape[:d], layout.shape[d] * layout.shape[d + 1], *layout.shape[d + 2 :])
        if lay.view_stride(layout, merged) is not None:
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
        lay.view,
        lambda s: (_other_shape(s),),
    ),
    Operation(
        "reshape",
        "a view where one exists, otherwise a copy",
        (_SHAPE,),
        lambda x, shape: x.reshape(shape),
        lay.reshape,
        lambda s: (_other_shape(s),),
    ),
    Operation(
        "permute",
        "all dimensions in another order",
        (Parameter("dims", "dims", "for each new dimension, which old one it is"),),
        lambda x, dims: x.permute(dims),
        lay.permute,
        lambda s: (tuple(reversed(range(s.ndim))),),
    ),
    Operation(
        "transpose",
        "two dimensions change places",
        (Parameter("dim0", "dim", "the first of the two"), Parameter("dim1", "dim", "the other")),
        lambda x, dim0, dim1: x.transpose(dim0, dim1),
        lay.transpose,
        lambda s: (max(s.ndim - 2, 0), _last(s)),
    ),
    Operation(
        "T",
        "a matrix transposed",
        (),
        lambda x: x.T,
        lay.T,
        lambda _: (),
        lambda x: f"{x}.T",
    ),
    Operation(
        "mT",
        "the last two dimensions change places",
        (),
        lambda x: x.mT,
        lay.mT,
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
        lay.movedim,
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
        lay.slice_,
        lambda s: (_longest(s), None, None, 2),
        _slice_written,
    ),
    Operation(
        "select",
        "one element along a dimension, which goes",
        (_DIM, Parameter("index", "int", "which element; -1 is the last")),
        lambda x, dim, index: x.select(dim, index),
        lay.select,
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
        lay.narrow,
        _narrow_default,
    ),
    Operation(
        "expand",
        "dimensions of size 1 repeated without a copy",
        (Parameter("size", "sizes", "the new sizes, more dimensions in front if wished; -1 keeps one"),),
        lambda x, size: x.expand(size),
        lay.expand,
        lambda s: (
            tuple(3 if n == 1 else n for n in s.shape) if 1 in s.shape or s.ndim == MAX_RANK else (2, *s.shape),
        ),
    ),
    Operation(
        "unsqueeze",
        "a new dimension of size 1",
        (Parameter("dim", "dim", "its place afterwards"),),
        lambda x, dim: x.unsqueeze(dim),
        lay.unsqueeze,
        lambda _: (0,),
    ),
    Operation(
        "squeeze",
        "dimensions of size 1 go (all, or those named)",
        (Parameter("dim", "dims", "which ones; none named: all of size 1", optional=True),),
        lambda x, dim: x.squeeze(dim) if dim else x.squeeze(),
        lay.squeeze,
        lambda _: ((),),
        lambda x, dim: f"{x}.squeeze({_one_or_tuple(dim) if dim else ''})",
    ),
    Operation(
        "flatten",
        "dimensions from start to end become one: a view or a copy",
        (Parameter("start_dim", "dim", "the first of them"), Parameter("end_dim", "dim", "the last of them")),
        lambda x, start_dim, end_dim: x.flatten(start_dim, end_dim),
        lay.flatten,
        lambda _: (0, -1),
    ),
    Operation(
        "unflatten",
        "one dimension becomes several",
        (_DIM, Parameter("sizes", "sizes", "the sizes it becomes; one may be -1")),
        lambda x, dim, sizes: x.unflatten(dim, sizes),
        lay.unflatten,
        lambda s: (_longest(s), _two_factors(s.shape[_longest(s)]) if s.ndim else (1,)),
        lambda x, dim, sizes: f"{x}.unflatten({dim}, {sizes})",
    ),
    Operation(
        "flip",
        "reversed along dimensions; always a copy",
        (Parameter("dims", "dims", "which dimensions run backwards"),),
        lambda x, dims: x.flip(dims),
        lay.flip,
        lambda s: ((_last(s),) if s.ndim else (),),
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
        lay.unfold,
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
        lay.as_strided,
        _diagonal,
        _as_strided_written,
    ),
    Operation(
        "contiguous",
        "itself where contiguous, otherwise a contiguous copy",
        (),
        lambda x: x.contiguous(),
        lay.contiguous,
        lambda _: (),
    ),
    Operation(
        "clone",
        "always a copy, which keeps the order of the dimensions in memory",
        (),
        lambda x: x.clone(),
        lay.clone,
        lambda _: (),
    ),
    Operation(
        "channels_last",
        "shape (N, C, H, W), kept in memory as N, H, W, C",
        (),
        lambda x: x.to(memory_format=torch.channels_last),
        lay.channels_last,
        lambda _: (),
        lambda x: f"{x}.to(memory_format=torch.channels_last)",
    ),
    Operation(
        "resize_",
        "in place: another shape over the storage, cropped or grown",
        (Parameter("size", "sizes", "the new shape, with any number of elements"),),
        lambda x, size: x.resize_(size),
        lay.resize_,
        lambda s: ((_half(s.shape[0]), *s.shape[1:]) if s.ndim else (1,),),
    ),
)
OPERATIONS: Mapping[str, Operation] = {operation.name: operation for operation in _ALL}


# ---- a step, and its texts -------------------------------------------------------------------------------------


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
    operation = _operation(op)
    given: tuple[Value, ...] = values
    if operation.variadic and not (len(values) == 1 and isinstance(values[0], tuple)):
        given = (tuple(_whole_number(v, f"{op}: {operation.parameters[0].name}") for v in values),)
    needed = sum(not p.optional for p in operation.parameters)
    if not needed <= len(given) <= len(operation.parameters):
        names = ", ".join(p.name + "=None" * p.optional for p in operation.parameters)
        raise ValueError(f"{op}: takes {op}({names}), but {len(given)} arguments were given")
    given += (None,) * (len(operation.parameters) - len(given))
    return Step(op, tuple(_checked(v, p, op) for v, p in zip(given, operation.parameters, strict=True)))


def _operation(op: str) -> Operation:
    if op not in OPERATIONS:
        raise ValueError(f"there is no operation {_quoted(op)}; there are {', '.join(OPERATIONS)}")
    return OPERATIONS[op]


def _checked(value: Value, parameter: Parameter, op: str) -> Value:
    what = f"{op}: {parameter.name}"
    if value is None and parameter.optional:
        return () if parameter.is_tuple else None
    if not parameter.is_tuple:
        return _whole_number(value, what)
    numbers = value if isinstance(value, tuple) else (value,)
    if len(numbers) > MAX_RANK:
        raise ValueError(f"{what} has {len(numbers)} numbers; at most {MAX_RANK} are allowed")
    return tuple(_whole_number(n, what) for n in numbers)


def _whole_number(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{what} must be a whole number, not {value}")
    if abs(value) >= 10**MAX_DIGITS:
        raise ValueError(f"{what} is too large; at most {MAX_DIGITS} digits are allowed")
    return value


def default_step(op: str, layout: Layout) -> Step:
    """A step that torch accepts for this layout, where the operation accepts any (see `usable`)."""
    return make_step(op, *OPERATIONS[op].default(layout))


def usable(layout: Layout) -> tuple[str, ...]:
    """The operations whose default step works on this layout, within the limits here."""
    return tuple(op for op in OPERATIONS if _works(default_step(op, layout), layout))


def _works(step: Step, layout: Layout) -> bool:
    predicted, _ = _predict(step, layout)
    return predicted is not None and not _too_large(predicted)


def format_step(step: Step) -> str:
    """The compact form, for a URL: "permute(1,0)", "slice(0,None,None,2)", "unflatten(2,(2,3))", "T"."""
    operation = step.operation
    values: Any = step.args[0] if operation.variadic else step.args
    return f"{step.op}({','.join(map(_compact, values))})" if operation.parameters else step.op


def _compact(value: Value) -> str:
    if isinstance(value, tuple) and len(value) != 1:
        return f"({','.join(map(str, value))})"
    return str(value[0] if isinstance(value, tuple) else value)


def format_chain(steps: Sequence[Step]) -> str:
    """The chain in compact form, steps joined by ">"; `parse_chain` reads it back."""
    return ">".join(map(format_step, steps))


_NUMBER = rf"-?[0-9]{{1,{MAX_DIGITS}}}"
_ARGUMENT = re.compile(rf"(?P<tuple>\((?:{_NUMBER}(?:,{_NUMBER})*,?)?\))|(?P<int>{_NUMBER})|(?P<none>None)")


def parse_step(text: str) -> Step:
    """Read one step: a name, and arguments in brackets: whole numbers, None, or bracketed numbers for a tuple.

    ValueError says in a sentence what is wrong and how to mend it.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"the step has {len(text)} characters; at most {MAX_TEXT} are read")
    match = re.fullmatch(r"([A-Za-z_]{1,20})(?:\((.*)\))?", re.sub(r"[ \t\n]+", "", text))
    if match is None:
        raise ValueError(f"{_quoted(text)} is not of the form name(1,2,3)")
    op = _operation(match[1]).name
    return make_step(op, *_parse_values(match[2] or "", text))


def _parse_values(inside: str, text: str) -> list[Value]:
    values: list[Value] = []
    at = 0
    while at < len(inside):
        match = _ARGUMENT.match(inside, at)
        if match is None or inside[match.end() : match.end() + 1] not in ("", ","):
            raise ValueError(
                f"{_quoted(text)}: can't read {_quoted(inside[at:])}; arguments are whole numbers of at most "
                f"{MAX_DIGITS} digits, None, or such numbers in brackets, separated by commas"
            )
        if match["tuple"]:
            values.append(tuple(int(n) for n in match["tuple"][1:-1].split(",") if n))
        else:
            values.append(int(match["int"]) if match["int"] else None)
        at = match.end() + 1
    if inside.endswith(","):
        raise ValueError(f"{_quoted(text)}: a number is missing after the last comma")
    return values


def parse_chain(text: str) -> tuple[Step, ...]:
    """Read "permute(1,0)>view(5,6)"; empty text is no step. ValueError names the step and says how to mend it."""
    if len(text) > MAX_TEXT:
        raise ValueError(f"the chain has {len(text)} characters; at most {MAX_TEXT} are read")
    parts = text.split(">") if text.strip() else []
    if len(parts) > MAX_STEPS:
        raise ValueError(f"the chain has {len(parts)} steps; at most {MAX_STEPS} are run")
    steps = []
    for number, part in enumerate(parts, start=1):
        try:
            steps.append(parse_step(part))
        except ValueError as error:
            raise ValueError(f"step {number}: {error}") from None
    return tuple(steps)


def _quoted(text: str) -> str:
    """A reader's text as code, short and without signs that could end the code."""
    text = "".join(c if c.isprintable() and c not in "`$[]\\" else "·" for c in text.strip())
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`"


# ---- the tensor that a chain starts from -----------------------------------------------------------------------


def start_tensor(shape: Sequence[int], dtype: torch.dtype = torch.float32, fill: Fill = "arange") -> torch.Tensor:
    """A contiguous tensor of 0, 1, 2, … ("arange") or with 0 … columns-1 in every row ("rows").

    Numbers too large for an integer dtype wrap around, float16 and bfloat16 round them; bool holds whether they are
    odd. ValueError where the shape is beyond the limits.
    """
    shape = check_shape(shape)
    if fill == "rows" and shape:
        numbers = torch.arange(shape[-1]).repeat((*shape[:-1], 1))
    else:
        numbers = torch.arange(math.prod(shape)).reshape(shape)
    return numbers.remainder(2).bool() if dtype is torch.bool else numbers.to(dtype)


def check_shape(shape: Sequence[int]) -> Ints:
    """The shape as a tuple. ValueError where a tensor of it is beyond the limits here."""
    shape = tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"shape {shape}: sizes can't be negative")
    if problem := _too_large(lay.fresh(shape)):
        raise ValueError(f"shape {shape}: {problem}")
    return shape


def parse_shape(text: str) -> Ints:
    """Read "2,3,4", "(2, 3, 4)" or "2x3x4" as a shape. ValueError says what to mend."""
    tight = re.sub(r"[ \t\n()\[\]]+", "", text[:MAX_TEXT]).replace("×", ",").replace("x", ",").strip(",")
    if tight and not re.fullmatch(rf"[0-9]{{1,{MAX_DIGITS}}}(,[0-9]{{1,{MAX_DIGITS}}})*", tight):
        raise ValueError(f"shape: can't read {_quoted(text)}; write whole numbers separated by commas, like 2,3,4")
    return check_shape([int(n) for n in tight.split(",") if n])


# ---- running a chain -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What is true of the real tensor of one stage, measured when its step had run."""

    layout: Layout
    dtype: torch.dtype
    itemsize: int
    verdict: Verdict  # told from the storages: a view has the storage of the stage before, a copy has not
    storage: int  # which storage of the chain, counted from 0: stages with the same number share it
    storage_pointer: int  # where it began in the machine's memory at that time
    is_contiguous: bool
    is_channels_last: bool
    extent: Extent  # bytes viewed and held, first and last address
    uninitialised: frozenset[int]  # addresses that torch left unwritten, or copied from such; 0 stands there here

    @property
    def overlaps(self) -> bool:
        """True where elements share cells, so that a write to one changes others."""
        return self.extent.distinct < self.layout.numel


@dataclass(frozen=True, eq=False)
class Stage:
    """One step of a chain after the run. Stage 0 is the tensor that the chain starts from, and has no step."""

    number: int
    step: Step | None
    code: str  # "x1 = x0.permute(1, 0)"
    status: Literal["ok", "refused", "not run"]
    tensor: torch.Tensor | None = None  # the real one; None unless ok
    facts: Facts | None = None
    predicted: Layout | Copy | None = None  # by core.experiments.layout alone
    error_type: str = ""  # of torch's refusal: "RuntimeError"
    message: str = ""  # torch's own words, where it refused
    explanation: str = ""  # ours: why it was refused or not run, or what is worth knowing about the step
    refusals: tuple[ViewRefusal, ...] = ()  # of a refused view: the pairs of dimensions that do not merge
    instead: Layout | None = None  # of a refused view: the copy that reshape makes

    @property
    def agrees(self) -> bool:
        """True where the prediction from integers is what torch did, a refusal included."""
        if self.facts is None:
            return self.predicted is None
        if isinstance(self.predicted, Copy):
            return self.facts.verdict == "copy" and self.predicted.layout == self.facts.layout
        return self.facts.verdict != "copy" and self.predicted == self.facts.layout

    @property
    def cells(self) -> torch.Tensor:
        """The whole storage as a row that shares it, as long as it was when the step had run. ValueError unless ok."""
        if self.tensor is None or self.facts is None:
            raise ValueError(f"stage {self.number} has no tensor: {self.status}")
        return whole_storage(self.tensor)[: self.facts.layout.storage_size]


def whole_storage(tensor: torch.Tensor) -> torch.Tensor:
    """All cells of a tensor's storage as a row that shares them."""
    storage = tensor.untyped_storage()
    row = torch.empty(0, dtype=tensor.dtype, device=tensor.device)
    return row.set_(storage, 0, (storage.nbytes() // tensor.element_size(),), (1,))


def shares_storage(a: torch.Tensor, b: torch.Tensor) -> bool:
    """True where both tensors read the same storage, told from the storages themselves.

    Their data pointers say so, except for storages of 0 bytes, whose pointers are all null.
    """
    ours, theirs = a.untyped_storage(), b.untyped_storage()
    if ours.nbytes() == 0 or theirs.nbytes() == 0:
        return ours._cdata == theirs._cdata
    return ours.data_ptr() == theirs.data_ptr()


def run_chain(tensor: torch.Tensor, steps: Sequence[Step]) -> tuple[Stage, ...]:
    """Apply the steps with torch, one after the other, and measure each stage on its real tensor.

    The chain works on a copy of the storage, laid out as the given tensor is, which stays as it was. A step that
    torch refuses, or that would pass the limits here, is a stage of status "refused"; those after it are "not run".
    ValueError where the tensor or the number of steps is beyond the limits.
    """
    layout = Layout.of(tensor)
    if problem := _too_large(layout):
        raise ValueError(f"the tensor to start from: {problem}")
    if len(steps) > MAX_STEPS:
        raise ValueError(f"the chain has {len(steps)} steps; at most {MAX_STEPS} are run")
    return _run(_rebuilt(whole_storage(tensor.detach()), layout), steps)


def _rebuilt(cells: torch.Tensor, layout: Layout) -> torch.Tensor:
    return cells.clone().as_strided(layout.shape, layout.stride, layout.storage_offset)


def _alias(x: torch.Tensor) -> torch.Tensor:
    """Another tensor with the same storage and layout, whose layout can change on its own."""
    return x.as_strided(x.shape, x.stride(), x.storage_offset())


def _run(x: torch.Tensor, steps: Sequence[Step]) -> tuple[Stage, ...]:
    unwritten = _rebuilt(torch.zeros(Layout.of(x).storage_size, dtype=torch.bool), Layout.of(x))
    stages = [Stage(0, None, "x0", "ok", x, _measure(x, unwritten, "start", []), Layout.of(x))]
    for number, step in enumerate(steps, start=1):
        todo = Stage(number, step, f"x{number} = {step.code(f'x{number - 1}')}", "not run")
        last = stages[-1]
        if last.tensor is None:
            stopped = next(s.number for s in stages if s.status == "refused")
            stages.append(replace(todo, explanation=f"Not run, because step {stopped} was refused."))
            continue
        stage, unwritten = _run_step(todo, step, last.tensor, unwritten, stages)
        stages.append(stage)
    return tuple(stages)


def _run_step(
    todo: Stage, step: Step, x: torch.Tensor, unwritten: torch.Tensor, earlier: list[Stage]
) -> tuple[Stage, torch.Tensor]:
    """Run one step on x and, so as to follow unwritten cells through views and copies, on their marks as well."""
    predicted, why = _predict(step, Layout.of(x))
    if predicted is not None and (problem := _too_large(predicted)):
        return replace(todo, status="refused", explanation=f"{step.op}: {problem}."), unwritten
    try:
        y, verdict = _apply(step, x, grown=0)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        return _refused(todo, step, error, why), unwritten
    if predicted is None:  # torch even makes tensors with a size of -1, beside a size of 0
        remark = f"{_explained(step, why)} torch lets it pass, but the result is no tensor to go on with."
        return replace(todo, status="refused", explanation=remark), unwritten
    unwritten, _ = _apply(step, unwritten, grown=1)
    facts = _measure(y, unwritten, verdict, earlier)
    remark = _remark(step, Layout.of(x), facts)
    return replace(todo, status="ok", tensor=y, facts=facts, predicted=predicted, explanation=remark), unwritten


def _apply(step: Step, x: torch.Tensor, grown: int) -> tuple[torch.Tensor, Verdict]:
    """Call torch. Cells by which resize_ lets the storage grow are set to `grown`: whatever lay there is no number."""
    if step.op != "resize_":
        y = step.operation.call(x, *step.args)
        if y is x:
            return y, "itself"
        return y, "view" if shares_storage(x, y) else "copy"
    before = Layout.of(x).storage_size
    y = step.operation.call(_alias(x), *step.args)  # the earlier stage keeps showing how it looked
    whole_storage(y)[before:] = grown
    return y, "in place"


def _refused(todo: Stage, step: Step, error: Exception, why: Exception | None) -> Stage:
    message = str(error).partition("\nException raised from")[0]
    refused = replace(todo, status="refused", error_type=type(error).__name__, message=message)
    refused = replace(refused, explanation=_explained(step, why))
    if isinstance(why, ViewRefused):
        return replace(refused, refusals=why.refusals, instead=lay.fresh(why.shape))
    return refused


def _explained(step: Step, why: Exception | None) -> str:
    return "" if why is None else f"{step.op}: {str(why).removeprefix(f'{step.op}: ')}."


def _predict(step: Step, before: Layout) -> tuple[Layout | Copy | None, Exception | None]:
    try:
        return step.operation.predict(before, *step.args), None
    except (RuntimeError, IndexError, ValueError) as error:
        return None, error


def _too_large(result: Layout | Copy) -> str:
    layout = result.layout if isinstance(result, Copy) else result
    if layout.ndim > MAX_RANK:
        return f"there would be {layout.ndim} dimensions; {MAX_RANK} are the most here (torch itself takes more)"
    if (size := max(layout.numel, layout.storage_size)) > MAX_ELEMENTS:
        return f"there would be {size} elements; {MAX_ELEMENTS} are the most here (torch itself takes more)"
    return ""


def _measure(x: torch.Tensor, unwritten: torch.Tensor, verdict: Verdict, earlier: list[Stage]) -> Facts:
    layout = Layout.of(x)
    return Facts(
        layout=layout,
        dtype=x.dtype,
        itemsize=x.element_size(),
        verdict=verdict,
        storage=_storage_number(x, earlier),
        storage_pointer=x.untyped_storage().data_ptr(),
        is_contiguous=x.is_contiguous(),
        is_channels_last=x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last),
        extent=lay.extent(layout, x.element_size()),
        uninitialised=frozenset(whole_storage(unwritten).nonzero().flatten().tolist()),
    )


def _storage_number(x: torch.Tensor, earlier: list[Stage]) -> int:
    """The number of x's storage: that of an earlier stage which has the same one, or the next free number."""
    known = [(s.tensor, s.facts.storage) for s in earlier if s.tensor is not None and s.facts is not None]
    fresh = max((number for _, number in known), default=-1) + 1
    return next((number for tensor, number in known if shares_storage(tensor, x)), fresh)


def _remark(step: Step, before: Layout, facts: Facts) -> str:
    """What is worth saying about a step that ran."""
    after = facts.layout
    if step.op == "resize_":
        return _resize_remark(before, facts)
    if step.op == "T" and after.ndim != 2:
        return "torch deprecates .T unless the tensor has 2 dimensions; .mT or permute say what is meant."
    if facts.verdict == "itself":
        return "Nothing to do: torch returned the very same tensor."
    return ""


def _resize_remark(before: Layout, facts: Facts) -> str:
    earlier = "The tensor itself was changed; the stage before shows how it looked until now."
    if grown := facts.layout.storage_size - before.storage_size:
        return f"{earlier} Its storage grew by {grown} cells that torch leaves unwritten: no number is known there."
    unread = facts.layout.storage_size - facts.extent.distinct
    return f"{earlier} No number moved; {unread} cells of the storage are not read."


# ---- where a copy's numbers came from --------------------------------------------------------------------------


def sources(stages: Sequence[Stage]) -> dict[int, np.ndarray]:
    """For each storage that a copy filled, the address in the storage before it that each cell came from; -1: none."""
    return {
        after.facts.storage: copied_from(before, after)
        for before, after in pairwise(stages)
        if after.facts is not None and after.facts.verdict == "copy"
    }


def copied_from(before: Stage, after: Stage) -> np.ndarray:
    """The sources of one copying step: the step itself, run once more on the addresses in place of the numbers."""
    assert before.facts is not None
    assert after.facts is not None
    assert after.step is not None
    where = before.facts.layout
    numbered = torch.arange(where.storage_size).as_strided(where.shape, where.stride, where.storage_offset)
    copied = after.step.operation.call(numbered, *after.step.args)
    found = np.full(after.facts.layout.storage_size, -1, dtype=np.int64)
    found[lay.addresses(after.facts.layout)] = copied.numpy()
    return found


def origins(copies: Mapping[int, np.ndarray], earlier: int, later: int) -> np.ndarray:
    """The address in an earlier storage that each cell of a later one came from, over all copies between; -1: none."""
    found = copies[later]
    for storage in range(later - 1, earlier, -1):
        found = np.where(found >= 0, copies[storage][found], -1)
    return found


def followed(copies: Mapping[int, np.ndarray], storage: int, address: int, to: int) -> list[int]:
    """The addresses in storage `to` of the number at `address` of `storage`: itself, where it came from, its copies."""
    if to == storage:
        return [address]
    if to > storage:
        return np.flatnonzero(origins(copies, storage, to) == address).tolist()
    back = origins(copies, to, storage)[address : address + 1]  # nothing where resize_ has added the cell
    return back[back >= 0].tolist()


# ---- writing through -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Written:
    """One stage's tensor after a write through some stage, and which of its elements changed."""

    number: int
    tensor: torch.Tensor
    changed: torch.Tensor  # bool, of the tensor's shape


def write_through(stages: Sequence[Stage], stage_index: int, index: Sequence[int], value: Any) -> tuple[Written, ...]:
    """Run the chain afresh, write one value at `index` of one stage, and compare every stage before and after.

    What changed is told from the bits, so that NaN over NaN is no change, and neither is a number over itself.
    The given stages stay as they are; those without a tensor are left out. torch rounds the value to the dtype.
    ValueError where the stage has no tensor, the index is outside it, or the dtype can't hold the value.
    """
    start = stages[0]
    assert start.facts is not None  # stage 0 always ran
    steps = [stage.step for stage in stages if stage.step is not None]
    again = _run(_rebuilt(start.cells, start.facts.layout), steps)
    tensors = {stage.number: stage.tensor for stage in again if stage.tensor is not None}
    if stage_index not in tensors:
        raise ValueError(f"stage {stage_index} has no tensor to write through; it was refused, not run or not there")
    before = {number: _bits(tensor) for number, tensor in tensors.items()}
    _write(tensors[stage_index], tuple(index), value)
    return tuple(Written(n, tensor, (_bits(tensor) != before[n]).any(-1)) for n, tensor in tensors.items())


def _write(tensor: torch.Tensor, index: Ints, value: Any) -> None:
    try:
        lay.address(Layout.of(tensor), index)
        tensor[index] = value
    except (IndexError, RuntimeError, OverflowError, TypeError, ValueError) as error:
        raise ValueError(f"can't write {value} at {index}: {error}") from error


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    """A copy of every element as its bytes, along a new last dimension."""
    return tensor.clone(memory_format=torch.contiguous_format).unsqueeze(-1).view(torch.uint8)


# ---- larger tensors of the same pattern, to time ---------------------------------------------------------------


def enlarged(layout: Layout, factor: int) -> Layout:
    """The same pattern, every dimension above 1 `factor` times as long: permuted stays permuted, stride 0 stays 0.

    A stride grows by one factor for each shorter stride, so that dimensions nest as they did.
    """
    nested = sorted({s for n, s in zip(layout.shape, layout.stride, strict=True) if n > 1 and s > 0})
    stride = tuple(s * factor ** nested.index(s) if s in nested else s for s in layout.stride)
    larger = Layout(tuple(n * factor if n > 1 else n for n in layout.shape), stride)
    return replace(larger, storage_size=lay.needed_cells(larger))


def make_large(layout: Layout, dtype: torch.dtype, elements: int = 1 << 20) -> torch.Tensor:
    """A tensor of zeros with the pattern of `layout`, as large as `elements` cells and elements allow."""
    factor, steps = 1, any(n > 1 for n in layout.shape) and layout.numel > 0
    while steps and max((larger := enlarged(layout, factor + 1)).storage_size, larger.numel) <= elements:
        factor += 1
    large = enlarged(layout, factor)
    return torch.zeros(large.storage_size, dtype=dtype).as_strided(large.shape, large.stride)


# ---- presets ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preset:
    """A start and a chain worth seeing, and one line that says why."""

    title: str
    why: str
    shape: Ints
    chain: str
    dtype: torch.dtype = torch.float32
    fill: Fill = "arange"

    @property
    def steps(self) -> tuple[Step, ...]:
        """The chain as steps."""
        return parse_chain(self.chain)

    def start(self) -> torch.Tensor:
        """The tensor to start from."""
        return start_tensor(self.shape, self.dtype, self.fill)


PRESETS: Mapping[str, Preset] = {
    "view": Preset(
        "6×5 viewed as 5×6",
        "view deals the same row of cells out into other rows; no number moves.",
        (6, 5),
        "view(5,6)",
        torch.int64,
        "rows",
    ),
    "permute": Preset(
        "6×5 permuted to 5×6",
        "permute moves no number either, but the shape it gives is read across memory, column by column.",
        (6, 5),
        "permute(1,0)",
        torch.int64,
        "rows",
    ),
    "refused": Preset(
        "transpose, then view: refused",
        "Rows and columns would have to merge into one dimension, and no single stride walks both.",
        (3, 4),
        "transpose(0,1)>view(12)",
    ),
    "reshape": Preset(
        "reshape: once a view, once a copy",
        "The same reshape is a view of the fresh tensor and a copy of the transposed one; the strides tell beforehand.",
        (3, 4),
        "reshape(12)>reshape(3,4)>transpose(0,1)>reshape(12)",
    ),
    "clone": Preset(
        "clone does not help view",
        "clone keeps the order of the dimensions in memory: the copy of a transposed tensor is transposed again.",
        (3, 4),
        "transpose(0,1)>clone>view(12)",
    ),
    "nhwc": Preset(
        "NCHW → NHWC",
        "permute only changes the strides; contiguous() then moves every number.",
        (2, 3, 4, 4),
        "permute(0,2,3,1)>contiguous",
    ),
    "channels_last": Preset(
        "channels_last",
        "The shape stays NCHW while memory is NHWC: permuted to NHWC it is contiguous.",
        (2, 3, 4, 4),
        "channels_last>permute(0,2,3,1)",
    ),
    "heads": Preset(
        "attention: split the heads and join them",
        "(B, T, C) → (B, heads, T, head size) and back: four steps, all of them views of one storage.",
        (2, 4, 6),
        "view(2,4,2,3)>transpose(1,2)>transpose(1,2)>view(2,4,6)",
    ),
    "heads_refused": Preset(
        "attention: heads joined too early",
        "Without transposing back, view can't join the heads. reshape would, and mix time steps with heads.",
        (2, 4, 6),
        "view(2,4,2,3)>transpose(1,2)>view(2,4,6)",
    ),
    "windows": Preset(
        "sliding windows without a copy",
        "Windows overlap: 16 elements over 10 cells, every step of the window two cells on.",
        (10,),
        "unfold(0,4,2)",
    ),
    "conv_windows": Preset(
        "all 3×3 windows of an image",
        "as_strided reads 108 elements from 30 cells: what a convolution multiplies by its kernel.",
        (5, 6),
        "as_strided((3,4,3,3),(6,1,6,1),0)",
    ),
    "expand": Preset(
        "expand a row",
        "Broadcasting repeats by standing still: stride 0, 20 elements, 5 cells.",
        (1, 5),
        "expand(4,5)",
    ),
    "diagonal": Preset(
        "the diagonal by as_strided",
        "One stride of 5 + 1 cells walks down the diagonal.",
        (5, 5),
        "as_strided((5,),(6,),0)",
    ),
    "flip": Preset(
        "flip copies",
        "numpy flips by a negative stride; torch has none, so every number moves.",
        (3, 4),
        "flip(1)",
    ),
    "slice": Preset(
        "slice with a step",
        "A step multiplies the stride, a start moves the offset.",
        (6, 8),
        "slice(0,1,None,2)>slice(1,None,None,3)",
    ),
    "noncontiguous": Preset(
        "view of a tensor that is not contiguous",
        "view needs strides that fit, not contiguity: every second number of all rows lies two cells after the last.",
        (4, 8),
        "slice(1,None,None,2)>view(16)",
    ),
    "resize": Preset(
        "resize_: crop and grow",
        "In place: the cropped numbers are still there, and beyond the old storage no number is known.",
        (3, 4),
        "resize_(2,3)>resize_(3,4)>resize_(4,4)",
    ),
}
