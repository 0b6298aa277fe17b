"""Typed or pasted numbers to a tensor, and a tensor to text that gives back exactly the same tensor.

Understood: Python lists and tuples, print-outs of numpy and torch (`array(...)`, `tensor(...)`, their dtype and shape
taken from the print-out, device and grad_fn passed over), MATLAB's `[1 2; 3 4]`, rows of numbers separated by
commas, tabs, semicolons or spaces, and a leading factor (`1.0e+04 *`). Numbers are whole, decimal or scientific, nan,
inf, -inf, True and False. Nothing is evaluated.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from core.tensors.limits import DTYPES, Limits, TensorInputError, check, place, quote, times
from core.words import N_, _, say
from core.words.numbers import nested

MAX_TEXT, MAX_DEPTH, MAX_WORD = 200_000, 8, 100
NOTHING = N_("There are no numbers yet: type some, for example [[1, 2], [3, 4]].")

RAGGED = N_(
    {
        "rows": "Row {last} has {n:|number|numbers}, row 1 has {first}: give every row the same count.",
        "rows in a block": "Row {last} of block {block} has {n:|number|numbers}, row 1 has {first}: give every row the same count.",
        "parts": "Part {last} is {given}, part 1 is {whole}: give every part the same shape.",
        "parts in a block": "Part {last} of block {block} is {given}, part 1 is {whole}: give every part the same shape.",
    }
)

Number = bool | int | float

_WORDS: dict[str, Number] = {"true": True, "false": False}
_WORDS |= {sign + word: float(sign + word) for sign in ("", "+", "-") for word in ("nan", "inf", "infinity")}
_INTEGER = re.compile(r"[+-]?\d+(?:_\d+)*", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_TOKEN = re.compile(r"[\[\](){},;]|[^\s\[\](){},;]+")
_ALIASES = {
    "float": torch.float32,
    "double": torch.float64,
    "half": torch.float16,
    "long": torch.int64,
    "int": torch.int64,
    "bool_": torch.bool,
}


def parse(text: str, *, limits: Limits = Limits()) -> torch.Tensor:  # noqa: B008 (frozen)
    """The tensor that the text describes, within the limits.

    Whole numbers give int64, True and False alone bool, anything with a point, an exponent, nan or inf float32, unless
    the print-out names its dtype. Numbers without brackets are a vector if they stand in one row or one column and
    `limits.ranks` has 1, a single number if there is one and `limits.ranks` has 0, otherwise a matrix.

    Raises TensorInputError with one sentence: what is wrong, where, and how to mend it. At most 200,000 characters.
    """
    body, factor = _factored(_cleaned(text))
    body, stated = _unwrapped(body)
    if _is_nested(body):
        numbers, shape = _read_nested(body)
    else:
        numbers, shape = _read_rows(body.strip("[]"), limits.ranks)
    if factor != 1:
        numbers = [number * factor for number in numbers]
    if not numbers and stated.shape is not None and 0 in stated.shape:
        shape = stated.shape
    return check(_tensor(numbers, shape, stated.dtype), limits)


# ---- what stands around the numbers -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stated:
    """What a print-out says of its tensor besides the numbers."""

    dtype: torch.dtype | None = None
    shape: tuple[int, ...] | None = None


_BEFORE = re.compile(r"(?:Parameter containing:\s*)?(?:[A-Za-z_]\w*\s*=\s*)?", re.ASCII)
_SCALAR = re.compile(r"\b(?:(?:np|numpy)\.\w+|(?:torch\.)?tensor)\(([^()\[\],]*)\)", re.ASCII)
_CALL = re.compile(r"(?:[A-Za-z_]\w*\.)*(?:\w*[tT]ensor|array|asarray|matrix)\s*\(", re.ASCII)
_KEYWORDS = re.compile(r"""(?: ?, ?\w+ ?= ?(?:<[^<>]*>|'[^']*'|"[^"]*"|\([^()]*\)|[\w.]+))* ?,? ?\) ?;?""", re.ASCII)
_OLD_TORCH = re.compile(r"\[torch\.\w+ of size [^\[\]]*\]$", re.ASCII)


def _cleaned(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise TensorInputError(
            "The text has {length:,} characters and at most {most:,} are read: paste a part of it, or upload it as .npy.",
            length=len(text),
            most=MAX_TEXT,
        )
    if "..." in text or "…" in text:
        raise TensorInputError(
            "The print-out is abridged (it has “...”): print all of it, "
            "with torch.set_printoptions(threshold=100000) or numpy.set_printoptions(threshold=100000)."
        )
    text = _SCALAR.sub(r"\1", text.replace("\ufeff", "").replace("−", "-").strip())
    if not text:
        raise TensorInputError(NOTHING)
    return _OLD_TORCH.sub("", text[_BEFORE.match(text).end() :].strip())  # type: ignore[union-attr]  # it can be empty


def _unwrapped(text: str) -> tuple[str, _Stated]:
    """The numbers inside of tensor(...) or array(...), and what its keywords say."""
    call = _CALL.match(text)
    if not call:
        return text, _Stated()
    inside = text[call.end() :]
    if _CALL.search(inside):
        raise TensorInputError("There is more than one tensor: paste one at a time.")
    end = inside.rfind("]") + 1 or re.search(r"[,)]|$", inside).start()  # type: ignore[union-attr]  # $ matches
    numbers, rest = inside[:end], " ".join(inside[end:].split())
    if ")" not in rest:
        raise TensorInputError(
            "The round bracket after {call} is never closed: add ) at the end.", call=quote(call[0].rstrip(" ("))
        )
    if not _KEYWORDS.fullmatch(rest):
        raise TensorInputError("What follows the numbers cannot be read: {rest}; remove it.", rest=quote(rest))
    return numbers, _Stated(_stated_dtype(rest), _stated_shape(rest))


def _stated_dtype(keywords: str) -> torch.dtype | None:
    found = re.search(r"dtype ?= ?['\"]?(?:\w+\.)*(\w+)", keywords, re.ASCII)
    if not found:
        return None
    dtype = DTYPES.get(found[1]) or _ALIASES.get(found[1])
    if dtype is None:
        raise TensorInputError(
            "The dtype {dtype} is not known here: use one of {known}.", dtype=quote(found[1]), known=", ".join(DTYPES)
        )
    return dtype


def _stated_shape(keywords: str) -> tuple[int, ...] | None:
    found = re.search(r"(?:size|shape) ?= ?\(([\d, ]{1,60})\)", keywords, re.ASCII)
    return tuple(int(side) for side in re.findall(r"\d{1,9}", found[1])) if found else None


def _factored(text: str) -> tuple[str, Number]:
    """The text after a leading factor, and the factor: print-outs of MATLAB and of early torch begin "1.0e+04 *"."""
    before, star, after = text.partition("*")
    factor = before.strip()
    if not star or len(factor) > MAX_WORD or not _DECIMAL.fullmatch(factor):
        return text, 1
    return after.strip(), float(factor)


def _is_nested(text: str) -> bool:
    """Whether brackets give the shape. One pair around rows, as in [1 2; 3 4], does not."""
    inner = text[1:-1] if text.startswith("[") and text.endswith("]") and ";" in text else text
    return any(bracket in inner for bracket in "[](){}")


# ---- nested brackets --------------------------------------------------------------------------------------------


@dataclass
class _Open:
    """A bracket that is not closed yet: what it holds so far."""

    bracket: str
    count: int = 0
    shape: tuple[int, ...] = ()  # of each part, once there is one
    after_comma: bool = True  # a part may come, a comma may not


def _read_nested(text: str) -> tuple[list[Number], tuple[int, ...]]:
    """The numbers in reading order and the shape that the brackets give. No recursion: depth costs no stack."""
    numbers: list[Number] = []
    frames = [_Open("")]  # the outermost holds all that is written, brackets or not
    for token in _TOKEN.findall(text):
        if token in "[(":
            _open(frames, token)
        elif token in "])":
            _close(frames, token)
        elif token == ",":
            _separate(frames)
        elif token in "{};":
            raise TensorInputError(
                "The sign {sign} does not belong into nested brackets: use [ ] and commas.", sign=token
            )
        else:
            numbers.append(_number(token, _index(frames)))
            _add(frames, ())
    if len(frames) > 1:
        missing = "".join("]" if frame.bracket == "[" else ")" for frame in reversed(frames[1:]))
        raise TensorInputError(
            "A bracket {bracket} is never closed: add {missing} at the end.",
            bracket=frames[-1].bracket,
            missing=missing,
        )
    whole = frames[0]
    return numbers, whole.shape if whole.count == 1 else (whole.count, *whole.shape)


def _index(frames: Sequence[_Open]) -> list[int]:
    """Where the next part goes. The outermost frame counts only once it holds more than one part."""
    return [frame.count for frame in frames[0 if frames[0].count else 1 :]] or [0]


def _open(frames: list[_Open], bracket: str) -> None:
    if len(frames) > MAX_DEPTH:
        raise TensorInputError("The brackets are nested more than {most} deep: take some of them away.", most=MAX_DEPTH)
    frames.append(_Open(bracket))


def _close(frames: list[_Open], bracket: str) -> None:
    if len(frames) == 1:
        raise TensorInputError("There is a {bracket} too many: nothing is open before it.", bracket=bracket)
    closed = frames.pop()
    if closed.bracket + bracket not in ("[]", "()"):
        raise TensorInputError(
            "A {open} is closed by {bracket}: use the same kind of bracket.", open=closed.bracket, bracket=bracket
        )
    _add(frames, (closed.count, *closed.shape))


def _separate(frames: list[_Open]) -> None:
    frame = frames[-1]
    if frame.after_comma:
        raise TensorInputError("{place}: a number is missing before the comma.", place=place(_index(frames)))
    frame.after_comma = True


def _add(frames: list[_Open], shape: tuple[int, ...]) -> None:
    """One more part of the innermost open bracket; all its parts have the same shape."""
    frame = frames[-1]
    if frame.count and frame.shape != shape:
        raise TensorInputError(_ragged(_index(frames), shape, frame.shape))
    frame.count, frame.shape, frame.after_comma = frame.count + 1, shape, False


def _ragged(index: Sequence[int], shape: tuple[int, ...], first: tuple[int, ...]) -> str:
    *blocks, last = (i + 1 for i in index)
    kind = "rows" if len(shape) == len(first) == 1 else "parts"
    return say(
        RAGGED[kind + (" in a block" if blocks else "")], last=last, block=".".join(map(str, blocks)),
        n=shape[0] if shape else 0, first=first[0] if first else 0, given=_said(shape), whole=_said(first),
    )  # fmt: skip


def _said(shape: tuple[int, ...]) -> str:
    return say("a list ({shape})", shape=times(shape)) if shape else _("a single number")


# ---- rows without brackets --------------------------------------------------------------------------------------


_DECIMAL_COMMA = re.compile(r"^([+-]?\d+),(\d+)$", re.ASCII)


def _read_rows(text: str, ranks: Sequence[int]) -> tuple[list[Number], tuple[int, ...]]:
    """The numbers in reading order, and the shape that the rows give."""
    lines = _lines(text)
    separator = next((sign for sign in "\t;," if any(sign in line for line in lines)), None)  # None: any blanks
    table = [_cells(line, separator) for line in lines]
    if len(table) > 1 and _is_header(table[0], table[1]):
        table = table[1:]
    if len(lines) > 1 and separator in ("\t", ";") and not any("." in cell for row in table for cell in row):
        table = [[_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in row] for row in table]
    numbers: list[Number] = []
    columns = 0
    for r, cells in enumerate(table):
        row = [_number(cell, (r, c)) for c, cell in enumerate(cells)]
        columns = columns or len(row)
        if len(row) != columns:
            raise TensorInputError(_ragged([r], (len(row),), (columns,)))
        numbers += row
    return numbers, _shape_of_rows(len(table), columns, ranks)


def _is_header(first: Sequence[str], second: Sequence[str]) -> bool:
    """Whether the first row names the columns: it has no number, and the second has nothing else."""
    return len(first) == len(second) and not any(map(_is_number, first)) and all(map(_is_number, second))


def _is_number(cell: str) -> bool:
    plain = _DECIMAL_COMMA.sub(r"\1.\2", cell)
    return plain.lower() in _WORDS or (len(plain) <= MAX_WORD and bool(_DECIMAL.fullmatch(plain)))


def _lines(text: str) -> list[str]:
    """One row each. A single line may hold MATLAB's rows: semicolons between groups of several numbers."""
    lines = [line.strip().rstrip(";") for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    if not lines:
        raise TensorInputError(NOTHING)
    parts = lines[0].split(";")
    return parts if len(lines) == 1 and any(re.search(r"[\s,]", part.strip()) for part in parts) else lines


def _cells(line: str, separator: str | None) -> list[str]:
    cells = [cell.strip().strip("\"'") for cell in line.split(separator)]
    return cells[:-1] if len(cells) > 1 and not cells[-1] else cells  # a separator may end the line


def _shape_of_rows(rows: int, columns: int, ranks: Sequence[int]) -> tuple[int, ...]:
    if rows == columns == 1 and 0 in ranks:
        return ()
    return (rows * columns,) if 1 in (rows, columns) and 1 in ranks else (rows, columns)


# ---- numbers ----------------------------------------------------------------------------------------------------


def _number(word: str, index: Sequence[int]) -> Number:
    known = _WORDS.get(word.lower())
    if known is not None:
        return known
    if len(word) > MAX_WORD or not _DECIMAL.fullmatch(word):
        raise TensorInputError(_not_a_number(word), place=place(index), word=quote(word))
    if _INTEGER.fullmatch(word):
        return int(word)
    value = float(word)
    if math.isinf(value):
        raise TensorInputError(
            "{place}: {word} is too large for a float: 1.8e308 is the largest.", place=place(index), word=quote(word)
        )
    return value


def _not_a_number(word: str) -> str:
    if not word:
        return N_("{place}: a number is missing; write it, or remove the separator.")
    if word.lower().endswith("j"):
        return N_("{place}: {word} is a complex number; give real ones, for example its real and imaginary part.")
    if re.fullmatch(r"[+-]?\d+,\d+", word[:MAX_WORD]):
        return N_("{place}: {word} is not a number; write the decimal with a point.")
    return N_("{place}: {word} is not a number; replace it by one, or remove it.")


def _tensor(numbers: list[Number], shape: tuple[int, ...], dtype: torch.dtype | None) -> torch.Tensor:
    dtype = dtype or _natural_dtype(numbers)
    if dtype == torch.bool:
        return torch.tensor([bool(number) for number in numbers], dtype=dtype).reshape(shape)
    convert = _floats if dtype.is_floating_point else _integers
    return convert(numbers, shape, dtype).reshape(shape)


def _natural_dtype(numbers: Sequence[Number]) -> torch.dtype:
    kinds = {type(number) for number in numbers}
    if float in kinds or not kinds:
        return torch.float32
    return torch.int64 if int in kinds else torch.bool


def _floats(numbers: Sequence[Number], shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    exact = torch.tensor([float(number) for number in numbers], dtype=torch.float64)
    rounded = exact.to(dtype)
    lost = rounded.isinf() & ~exact.isinf()
    if lost.any():
        position = int(lost.nonzero()[0])
        raise TensorInputError(
            "{place}: {value} is too large for {dtype}, which ends at {end}; write inf if infinity is meant.",
            place=_place(position, shape), value=f"{numbers[position]:g}", dtype=dtype,
            end=f"{torch.finfo(dtype).max:.5g}",
        )  # fmt: skip
    return rounded


def _integers(numbers: Sequence[Number], shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    span = torch.iinfo(dtype)
    for position, number in enumerate(numbers):
        if not span.min <= number <= span.max:  # nan too
            raise TensorInputError(
                "{place}: {value} does not fit {dtype}, whole numbers from {low} to {high}; change it, or use floats.",
                place=_place(position, shape), value=quote(str(number), 40), dtype=dtype, low=str(span.min),
                high=str(span.max),
            )  # fmt: skip
        if number != int(number):
            raise TensorInputError(
                "{place}: {value} is not whole, and the dtype says {dtype}; change either.",
                place=_place(position, shape), value=f"{number:g}", dtype=dtype,
            )  # fmt: skip
    return torch.tensor([int(number) for number in numbers], dtype=dtype)


def _place(position: int, shape: Sequence[int]) -> str:
    return place([int(i) for i in torch.unravel_index(torch.tensor(position), tuple(shape))])


# ---- the way back -----------------------------------------------------------------------------------------------


def digits(tensor: torch.Tensor) -> list[str]:
    """Every element in reading order as the fewest significant digits that read back to exactly the same element.

    Read back means: to the nearest float64, then to the tensor's dtype, as `torch.tensor(float(text), dtype=...)` does.
    Floats have a point or an exponent (`1.`, `-0.`, `2e-07`), or are nan, inf or -inf.
    """
    flat = tensor.detach().cpu().reshape(-1)
    if not flat.is_floating_point():
        return [str(value) for value in flat.tolist()]
    values: list[float] = flat.double().tolist()
    found = list(values)  # all 17 digits of float64 always read back
    open_positions = [i for i, value in enumerate(values) if math.isfinite(value)]
    for precision in range(1, 17):
        shorter = [float(f"{values[i]:.{precision}g}") for i in open_positions]
        same = (torch.tensor(shorter, dtype=torch.float64).to(flat.dtype) == flat[open_positions]).tolist()
        for i, value, is_same in zip(open_positions, shorter, same, strict=True):
            found[i] = value if is_same else found[i]
        open_positions = [i for i, is_same in zip(open_positions, same, strict=True) if not is_same]
    return [repr(value).removesuffix("0") if repr(value).endswith(".0") else repr(value) for value in found]


def format_tensor(tensor: torch.Tensor) -> str:
    """Text that `parse` turns into exactly the same tensor (shape, dtype, every bit but a NaN's payload).

    float32, int64 and bool are nested lists, a row a line; other dtypes and empty tensors stand in `tensor(...)`.
    """
    if tensor.numel() == 0:
        return f"tensor([], size={tuple(tensor.shape)}, dtype={tensor.dtype})"
    text = nested(digits(tensor), tensor.shape)
    return text if tensor.dtype in (torch.float32, torch.int64, torch.bool) else f"tensor({text}, dtype={tensor.dtype})"
