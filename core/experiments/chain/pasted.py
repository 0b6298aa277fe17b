"""What a reader has at hand, read as a tensor and a chain: print-outs of torch and numpy, lines of Python, and errors.

Text is matched against patterns and against Python's grammar; nothing of it is run.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from core.experiments.chain.operation import MAX_ELEMENTS, MAX_RANK, MAX_STEPS
from core.experiments.chain.operations import Step, make_step, quoted
from core.experiments.chain.python import is_python, read_python
from core.experiments.chain.text import check_shape, parse_chain
from core.experiments.layout.addresses import needed_cells
from core.experiments.layout.rule import Ints, Layout, dense_stride, fresh
from core.tensors.dtypes import DTYPES
from core.words import N_, say

LONGEST = 2000  # characters that are read
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class Pasted:
    """What a text was understood as."""

    shape: Ints | None  # of the tensor that the chain starts from; None: the one on the page
    dtype: torch.dtype | None  # None: the one on the page
    steps: tuple[Step, ...]
    says: str  # the sentence, a template over the facts
    facts: Mapping[str, Any]


def read(text: str, shape: Ints | None = None) -> Pasted:
    """Understand a text. ValueError says what can't be read in it, and how to mend it.

    `shape` is that of the tensor on the page, for lines of Python that ask for its sizes.
    """
    text = re.sub(r"^(tensor\()", r"torch.\1", text.strip())  # a tensor's own print-out
    if len(text) > LONGEST:
        raise ValueError(say("the text has {n} characters; at most {most} are read", n=len(text), most=LONGEST))
    found = read_error(text) or read_print_out(text) or read_lines(text, shape)
    if len(found.steps) > MAX_STEPS:
        raise ValueError(
            say("there would be {n} steps; at most {most} are run: paste a part", n=len(found.steps), most=MAX_STEPS)
        )
    if found.shape is not None:
        check_shape(found.shape)
    return found


# ---- lines of Python -------------------------------------------------------------------------------------------

LINES = N_("{n:|step|steps} of Python on the tensor `{start}`, which is x0 here with the shape on the page.")
LINES_MADE = N_("{n:|step|steps} of Python on a new tensor of shape {shape}, which is x0.")
STEPS = N_("{n:|step|steps} in the compact form, on the tensor on the page.")


def read_lines(text: str, shape: Ints | None) -> Pasted:
    """Lines of Python, or steps joined by ">"."""
    if re.fullmatch(r"[\w(),\s-]+(>[\w(),\s-]+)+", text):
        steps = parse_chain(text)
        return Pasted(None, None, steps, STEPS, {"n": len(steps)})
    if not is_python(text) and not re.match(r"(import|from)\s", text):
        raise ValueError(
            say(
                "{text} is none of what is read here. Paste what `print(x.shape, x.stride(), x.storage_offset(), x.dtype)` "
                "prints, lines of Python such as `y = x.transpose(0, 1).view(-1)`, or an error message of torch's",
                text=quoted(text),
            )
        )
    chain = read_python(text, shape)
    facts = {"n": len(chain.steps), "start": chain.start, "shape": chain.shape}
    return Pasted(chain.shape, chain.dtype, chain.steps, LINES if chain.shape is None else LINES_MADE, facts)


# ---- print-outs ------------------------------------------------------------------------------------------------

_GROUP = r"[\[(]\s*(?:-?\d+\s*(?:,\s*-?\d+\s*)*,?\s*)?[\])]"
_DTYPE = r"\b(torch\.)?(bool|u?int(?:8|16|32|64)|float(?:16|32|64)|bfloat16|complex(?:64|128)|float8_\w+)\b|'?([<>|=][a-z]\d+)\b'?"
_FLAG = r"\b([A-Z_]+)\s*:\s*(True|False)"
_DEVICE = r"\bdevice\b\W*'?(?:type=)?\w*'?(?::\d+)?|\b(?:cpu|cuda|mps)(?::\d+)?\b"
_WORD = r"(?:\b\w+\.)?\b(torch\.Size|shape|sizes?|strides?|storage_offset|offset|dtype|flags|np|numpy|torch)\b(?:\(\))?"

TENSOR = N_("A tensor of shape {shape} with strides {stride} and offset {offset}. x0 is its storage, a row of {cells:|cell|cells} up to the last that it reads; x1 is the tensor.")  # fmt: skip
CONTIGUOUS = N_("A contiguous tensor of shape {shape}: it is x0, and its strides are {stride}.")
ARRAY = N_("A numpy array of shape {shape}. Its strides of {bytes} bytes are {stride} elements of {itemsize:|byte|bytes}; torch counts in elements. x0 is its memory, a row of {cells:|cell|cells}; x1 is the array as `torch.from_numpy` would have it.")  # fmt: skip
ARRAY_CONTIGUOUS = N_("A numpy array of shape {shape}, contiguous in C's order: it is x0, and its strides are {stride} elements of {itemsize:|byte|bytes}.")  # fmt: skip


def read_print_out(text: str) -> Pasted | None:
    """Shape, strides, offset and dtype in any order and dress; None where the text holds other words."""
    torchs = bool(re.search(r"torch\.|\bstride\b|offset|bfloat16|float8", text))
    text = re.sub(r"\b(stride|storage_offset|size|dim)\(\)", r"\1", text)  # of a printed name, and no empty shape
    groups = _labelled(text)
    rest = re.sub("|".join((_DEVICE, _GROUP, _DTYPE, _FLAG, r"\bdtype\b", _WORD)), " ", text)
    numbers = [int(n) for n in re.findall(r"(?<![\w.])-?\d+(?![\w.])", rest)]
    if re.search(r"[^\W\d]", rest) or len(numbers) > 1 or not (groups or re.search(_WORD, text)):
        return None
    if not groups:
        raise ValueError(say("{text} has no shape in it: paste what such a line prints", text=quoted(text)))
    dtype = re.search(_DTYPE, text)
    flags = dict(re.findall(_FLAG, text))
    shape, stride = groups.get("shape", ()), groups.get("stride")
    if len(shape) > MAX_RANK:
        raise ValueError(say("there are {n} dimensions; {most} are the most here", n=len(shape), most=MAX_RANK))
    if any(n < 0 for n in shape):
        raise ValueError(say("the shape {shape} has a negative size: no tensor prints one", shape=shape))
    if stride is not None and len(stride) != len(shape):
        raise ValueError(
            say("the shape {shape} and the strides {stride} differ in length: paste both", shape=shape, stride=stride)
        )
    if not torchs and (flags or dtype or re.search(r"\bstrides\b", text)):
        return _array(shape, stride, dtype, flags)
    offset = numbers[0] if numbers else 0
    layout = Layout(shape, fresh(shape).stride if stride is None else stride, offset)
    if min(offset, *layout.stride, 0) < 0:
        raise ValueError(
            say(
                "the strides {stride} or the offset {offset} are negative, and torch has none",
                stride=stride,
                offset=offset,
            )
        )
    named = dtype[2] if dtype else ""
    return _laid_out(layout, DTYPES.get(named or ""), TENSOR, CONTIGUOUS, {})


def _labelled(text: str) -> dict[str, Ints]:
    """The bracketed numbers, by the word before them, or else in the order shape, strides."""
    found: dict[str, Ints] = {}
    for match in re.finditer(_GROUP, text):
        before = re.search(rf"{_WORD}\W*$", text[: match.start()])
        word = before[1] if before else ""
        name = (
            "stride"
            if word.startswith("stride")
            else "shape"
            if word in ("shape", "size", "sizes", "torch.Size")
            else ""
        )
        if not name or name in found:
            name = "stride" if "shape" in found else "shape"
        found[name] = tuple(int(n) for n in re.findall(r"-?\d+", match[0]))
    return found


def _array(shape: Ints, stride: Ints | None, dtype: re.Match[str] | None, flags: dict[str, str]) -> Pasted:
    """A numpy array, whose strides count bytes."""
    itemsize = np.dtype(dtype[3] or dtype[2]).itemsize if dtype and (dtype[3] or hasattr(np, dtype[2])) else None
    if itemsize is None:
        raise ValueError(say("numpy's strides count bytes: paste the dtype too, as in `(2, 3) (24, 8) float64`"))
    if stride is None:
        fortran = flags.get("F_CONTIGUOUS") == "True" and flags.get("C_CONTIGUOUS") != "True"
        if not fortran and flags.get("C_CONTIGUOUS") == "False":
            raise ValueError(say("the flags say that it is not contiguous: paste its `strides` too"))
        order = range(len(shape)) if fortran else reversed(range(len(shape)))
        stride = tuple(itemsize * n for n in dense_stride(shape, order))
    if any(n < 0 for n in stride):
        raise ValueError(
            say(
                "the strides {stride} are negative, and torch has none: `torch.from_numpy` refuses the array; `a.copy()` mends it",
                stride=stride,
            )
        )
    if any(n % itemsize for n in stride):
        raise ValueError(
            say(
                "the strides {stride} are no multiples of the {itemsize} bytes of an element: `torch.from_numpy` refuses such an array",
                stride=stride, itemsize=itemsize,
            )
        )  # fmt: skip
    assert dtype is not None
    layout = Layout(shape, tuple(n // itemsize for n in stride), 0)
    name = dtype[2] or np.dtype(dtype[3]).name
    return _laid_out(layout, DTYPES.get(name), ARRAY, ARRAY_CONTIGUOUS, {"bytes": stride, "itemsize": itemsize})


def _laid_out(layout: Layout, dtype: torch.dtype | None, says: str, contiguous: str, more: dict[str, Any]) -> Pasted:
    """The tensor of this layout: as it is where it is contiguous, else read from a row of cells."""
    cells = needed_cells(layout)
    facts = {"shape": layout.shape, "stride": layout.stride, "offset": layout.storage_offset, "cells": cells, **more}
    if layout.stride == fresh(layout.shape).stride and layout.storage_offset == 0:
        return Pasted(layout.shape, dtype, (), contiguous, facts)
    if cells > MAX_ELEMENTS:
        raise ValueError(
            say("its storage would have {cells:,} cells; {most:,} are the most here", cells=cells, most=MAX_ELEMENTS)
        )
    step = make_step("as_strided", layout.shape, layout.stride, layout.storage_offset)
    return Pasted((cells,), dtype, (step,), says, facts)


# ---- torch's errors --------------------------------------------------------------------------------------------

NO_VIEW = N_("torch's refusal of `view`. Its message names no shape, so the chain shows the smallest such case: paste the tensor's shape and strides, or the lines, to see yours.")  # fmt: skip
NO_SHAPE = N_("torch's refusal of another shape: {numel:|element|elements} can't be laid out as {sizes}. x0 has as many elements, in a row: the message does not say their shape.")  # fmt: skip
NO_EXPAND = N_("torch's refusal to expand {shape} to {sizes}: only a dimension of size 1 can be repeated.")
NO_BROADCAST = N_("torch's refusal to broadcast: in dimension {dim} one tensor has {a} and the other {b}, and neither is 1. The chain expands a tensor to the other's size, as broadcasting does.")  # fmt: skip
NO_INDEX = N_("torch's refusal of an index: dimension {dim} has {size:|element|elements}, and {index} is none of them. The other dimensions are not in the message; here they have size 1.")  # fmt: skip
NO_SELECT = N_(
    "torch's refusal of an index: dimension {dim} of {shape} has {size:|element|elements}, and {index} is none of them."
)
NO_DIM = N_("torch's refusal of a dimension: the tensor has {ndim:|dimension|dimensions}, and {dim} is none of them. Its sizes and the operation are not in the message; the chain shows such a case.")  # fmt: skip
NO_ORDER = N_("torch's refusal to permute: the tensor has {ndim:|dimension|dimensions}, and {dims} were named. Its sizes are not in the message; the chain shows such a case.")  # fmt: skip
NO_NARROW = N_("torch's refusal to narrow: {length} elements from {start} on reach beyond the {size} of the dimension.")
NO_WINDOW = N_("torch's refusal to unfold: a window of {window} does not fit into {size:|element|elements}.")
NO_STORAGE = N_("torch's refusal of `as_strided`: shape {shape} with strides {stride} from {offset} reaches beyond the {cells:|cell|cells} of the storage.")  # fmt: skip
NO_CHANNELS = N_("torch's refusal of channels_last: it orders four dimensions, and the tensor has others. The chain shows such a case.")  # fmt: skip
NO_WRITE = N_("torch's refusal to write: several elements of the tensor are one cell in memory, as after `expand`. The chain shows such a case; `clone()` gives each element a cell of its own.")  # fmt: skip

Made = tuple[Ints, tuple[Step, ...], str, dict[str, Any]]
_INTS = r"[\[(]([-\d, ]*)[\])]"


def read_error(text: str) -> Pasted | None:
    """A message of torch's, wherever in a traceback it stands; None where there is none that is known."""
    for pattern, make in ERRORS:
        if match := re.search(pattern, " ".join(text.split())):
            shape, steps, says, facts = make(*match.groups())
            return Pasted(shape, None, steps, says, facts)
    return None


def _ints(text: str) -> Ints:
    return tuple(int(n) for n in re.findall(r"-?\d+", text))


def _wrong_shape(sizes: str, numel: str) -> Made:
    new = _ints(sizes)
    return (int(numel),), (make_step("view", new),), NO_SHAPE, {"sizes": new, "numel": int(numel)}


def _expanded(sizes: str, shape: str) -> Made:
    new, old = _ints(sizes), _ints(shape)
    return old, (make_step("expand", new),), NO_EXPAND, {"shape": old, "sizes": new}


def _broadcast(a: str, b: str, dim: str) -> Made:
    front = (1,) * int(dim)
    return (
        (*front, int(a)),
        (make_step("expand", (*front, int(b))),),
        NO_BROADCAST,
        {"a": int(a), "b": int(b), "dim": int(dim)},
    )


def _outside(index: str, dim: str, size: str) -> Made:
    facts = {"index": int(index), "dim": int(dim), "size": int(size)}
    return (*(1,) * int(dim), int(size)), (make_step("select", int(dim), int(index)),), NO_INDEX, facts


def _not_selected(index: str, shape: str, dim: str) -> Made:
    sizes, d = _ints(shape), int(dim)
    facts = {"index": int(index), "dim": d, "size": sizes[d] if d < len(sizes) else 0, "shape": sizes}
    return sizes, (make_step("select", d, int(index)),), NO_SELECT, facts


def _no_dimension(most: str, dim: str) -> Made:
    ndim = int(most) + 1
    return (2,) * ndim, (make_step("transpose", 0, int(dim)),), NO_DIM, {"ndim": ndim, "dim": int(dim)}


def _permuted(ndim: str, dims: str) -> Made:
    step = make_step("permute", tuple(range(int(dims))))
    return (2,) * int(ndim), (step,), NO_ORDER, {"ndim": int(ndim), "dims": int(dims)}


def _narrowed(start: str, length: str, size: str) -> Made:
    facts = {"start": int(start), "length": int(length), "size": int(size)}
    return (int(size),), (make_step("narrow", 0, int(start), int(length)),), NO_NARROW, facts


def _unfolded(size: str, window: str) -> Made:
    step = make_step("unfold", 0, int(window), 1)
    return (int(size),), (step,), NO_WINDOW, {"size": int(size), "window": int(window)}


def _strided(sizes: str, strides: str, offset: str, itemsize: str, storage: str) -> Made:
    shape, stride, cells = _ints(sizes), _ints(strides), int(storage) // int(itemsize)
    facts = {"shape": shape, "stride": stride, "offset": int(offset), "cells": cells}
    return (cells,), (make_step("as_strided", shape, stride, int(offset)),), NO_STORAGE, facts


ERRORS: tuple[tuple[str, Callable[..., Made]], ...] = (
    (r"view size is not compatible with input tensor's size and stride",
     lambda: ((3, 4), parse_chain("transpose(0,1)>view(12)"), NO_VIEW, {})),
    (rf"shape '{_INTS}' is invalid for input of size (\d+)", _wrong_shape),
    (rf"The expanded size of the tensor .* must match the existing size .*Target sizes: {_INTS}\. +Tensor sizes: {_INTS}",
     _expanded),
    (r"The size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension ([0-7])\b",
     _broadcast),
    (r"index (-?\d+) is out of bounds for dimension ([0-7]) with size (\d+)", _outside),
    (rf"select\(\): index (-?\d+) out of range for tensor of size {_INTS} at dimension (\d)\b", _not_selected),
    (r"Dimension out of range \(expected to be in range of \[-[1-8], ([0-7])\], but got (-?\d{1,9})\)", _no_dimension),
    (r"input\.dim\(\) = ([0-8]) is not equal to len\(dims\) = ([0-8])\b", _permuted),
    (r"start \((\d+)\) \+ length \((\d+)\) exceeds dimension size \((\d+)\)", _narrowed),
    (r"maximum size for tensor at dimension \d+ is (\d+) but size is (\d+)", _unfolded),
    (rf"setStorage: sizes {_INTS}, strides {_INTS}, storage offset (\d+), and itemsize (\d+) requiring a storage size "
     r"of \d+ are out of bounds for storage of size (\d+)", _strided),
    (r"required rank 4 tensor to use channels_last format", lambda: ((2, 3), (make_step("channels_last"),), NO_CHANNELS, {})),
    (r"more than one element of the written-to tensor refers to a single memory location",
     lambda: ((1, 3), (make_step("expand", (3, 3)),), NO_WRITE, {})),
)  # fmt: skip


# ---- the other way: a tensor as a link -------------------------------------------------------------------------

SNIPPET = """\
cells, dtype = x.untyped_storage().nbytes() // x.element_size(), str(x.dtype).removeprefix("torch.")
step = f"as_strided({tuple(x.shape)},{x.stride()},{x.storage_offset()})".replace(" ", "")
print(f"ADDRESS?shape={cells}&dtype={dtype}&chain={step}")
"""


def snippet(address: str) -> str:
    """Three lines of Python that print the tensor `x` as a link to the page at this address."""
    return SNIPPET.replace("ADDRESS", address)
