"""From which index of a tensor each element of its copy came, and back, for each operation that copies.

`back` takes indices of the copy, one array a dimension, and gives those in the tensor before it, and where the copy
holds a zero that was nowhere before. `forth` takes one index of the tensor before, and gives the first element that
was copied from it; None where there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from core.experiments.layout.copies import places
from core.experiments.layout.rule import Ints

Indices = tuple[np.ndarray, ...]
Back = Callable[[Ints, Ints, Indices, Any], tuple[Indices, Any]]  # (shape before, shape of the copy, index, args)
Forth = Callable[[Ints, Ints, Ints, Any], Ints | None]  # the same of one index


def place(index: Any, shape: Ints) -> Any:
    """How many elements lie before this one in reading order."""
    return np.ravel_multi_index(index, shape) if shape else np.zeros(1, dtype=np.int64)


def at_place(number: Any, shape: Ints) -> Indices:
    """The index of the element with so many before it in reading order."""
    return tuple(np.unravel_index(number, shape)) if shape else ()


def along(index: Any, dim: int, value: Any) -> Any:
    """The index with another value along a dimension."""
    changed = list(index)
    changed[dim] = value
    return tuple(changed)


def behind(index: Any, shape: Ints) -> Any:
    """The last entries of an index, as many as a shape has dimensions."""
    return index[len(index) - len(shape) :]


# ---- reordered -------------------------------------------------------------------------------------------------


def same(_shape: Ints, _to: Ints, index: Any, _args: Any) -> Any:
    """The element of the same index."""
    return index


def in_order(shape: Ints, to: Ints, index: Any, _args: Any) -> Any:
    """The element of the same place in reading order; `index` is one of `to`."""
    return at_place(place(index, to), shape)


def flipped(shape: Ints, _to: Ints, index: Any, args: Any) -> Any:
    """Counted from the other end along the dims; the way back is the way there."""
    dims = {d % max(len(shape), 1) for d in args[0] or ()}
    return tuple(n - 1 - i if d in dims else i for d, (i, n) in enumerate(zip(index, shape, strict=True)))


def rolled(shape: Ints, index: Any, args: Any, way: int) -> Any:
    """Moved on by the shifts, or back; without dims in reading order."""
    shifts, dims = args
    if not dims:
        return at_place((place(index, shape) + way * shifts[0]) % max(np.prod(shape, dtype=object), 1), shape)
    for shift, dim in zip(shifts, dims, strict=True):
        index = along(index, dim, (index[dim] + way * shift) % shape[dim])
    return index


def turned(shape: Ints, _to: Ints, index: Any, args: Any, way: int = -1) -> Any:
    """A quarter turn from the copy back to the tensor, or for way 1 from the tensor to the copy; `shape` before it."""
    k, (first, second) = args
    k = k % 4
    if k in (0, 2):
        return index if k == 0 else along(along(index, first, shape[first] - 1 - index[first]), second,
                                          shape[second] - 1 - index[second])  # fmt: skip
    i, j = index[first], index[second]
    if way < 0:
        i, j = (j, shape[second] - 1 - i) if k == 1 else (shape[first] - 1 - j, i)
    else:
        i, j = (shape[second] - 1 - j, i) if k == 1 else (j, shape[first] - 1 - i)
    return along(along(index, first, i), second, j)


# ---- repeated --------------------------------------------------------------------------------------------------


def repeated(shape: Ints, _to: Ints, index: Any, _args: Any) -> Any:
    """The tensor again and again."""
    return tuple(i % n for i, n in zip(behind(index, shape), shape, strict=True))


def first_of_many(shape: Ints, to: Ints, index: Ints, _args: Any) -> Ints | None:
    """The first of the copies; None where there are none."""
    found = (*(0,) * (len(to) - len(shape)), *index)
    return found if all(i < n for i, n in zip(found, to, strict=True)) else None


def interleaved(shape: Ints, _to: Ints, index: Any, args: Any) -> Any:
    """Each element several times behind itself."""
    repeats, dim = args
    if dim is None or not shape:
        return at_place(index[0] // repeats, shape)
    return along(index, dim, index[dim] // repeats)


def first_behind(shape: Ints, _to: Ints, index: Ints, args: Any) -> Ints | None:
    """The first of an element's copies."""
    repeats, dim = args
    if repeats == 0:
        return None
    if dim is None or not shape:
        return (int(np.ravel(place(index, shape))[0]) * repeats,)
    return along(index, dim, index[dim] * repeats)


# ---- picked ----------------------------------------------------------------------------------------------------


def picked(shape: Ints, index: Any, dim: int, listed: Ints) -> Any:
    """The elements at a list of places along a dimension."""
    if not shape:
        return ()
    chosen = np.array([n % shape[dim] for n in listed] or [0], dtype=np.int64)
    return along(index, dim, chosen[index[dim]])


def first_picked(shape: Ints, index: Ints, dim: int, listed: Ints) -> Ints | None:
    """Where an element stands first in the list."""
    if not shape:
        return ()
    chosen = [n % shape[dim] for n in listed]
    return along(index, dim, chosen.index(index[dim])) if index[dim] in chosen else None


def columns(shape: Ints, mask: Ints) -> tuple[Ints, Sequence[int]]:
    """A tensor's shape broadcast against a mask of its last dimension, and where the mask says True.

    A mask of one entry stands for a dimension of any length: its places are a range.
    """
    last = shape[-1] if shape else 1
    size = len(mask) if last == 1 else last
    whole_row = range(size if mask and mask[0] else 0)
    return (*shape[:-1], size), whole_row if len(mask) == 1 else places(mask)


def selected(shape: Ints, _to: Ints, index: Any, args: Any) -> Any:
    """Those for which a mask says True, in reading order."""
    wide, holds = columns(shape, args[0])
    row, which = np.divmod(index[0], max(len(holds), 1))
    column = which if isinstance(holds, range) else np.array(holds or (0,), dtype=np.int64)[which]
    if not shape:
        return ()
    return (*at_place(row, wide[:-1]), column % shape[-1])


def first_selected(shape: Ints, _to: Ints, index: Ints, args: Any) -> Ints | None:
    """The first of the selected elements that came from here."""
    wide, holds = columns(shape, args[0])
    column = index[-1] if shape and shape[-1] != 1 else holds[0] if holds else -1
    if column not in holds:
        return None
    row = int(np.ravel(place(index[:-1], wide[:-1]))[0]) if shape else 0
    return (row * len(holds) + holds.index(column),)


# ---- beside zeros ----------------------------------------------------------------------------------------------


def masked(shape: Ints, _to: Ints, index: Any, args: Any) -> tuple[Any, Any]:
    """The element itself, or a zero where the mask says False."""
    mask = np.array(args[0], dtype=bool)
    holds = mask[index[-1] % len(mask)]
    return tuple(i % n for i, n in zip(behind(index, shape), shape, strict=True)), ~holds


def first_unmasked(shape: Ints, to: Ints, index: Ints, args: Any) -> Ints | None:
    """The first copy that the mask lets stand."""
    mask, last = args[0], shape[-1] if shape else 1
    fits = [j for j in (range(to[-1]) if last == 1 else (index[-1],)) if mask[j % len(mask)]]
    return (*index[:-1], fits[0]) if fits else None


def triangle(args: Any, index: Any, above: bool) -> Any:
    """Where a triangle holds zeros: above its diagonal, or below it."""
    away = index[-1] - index[-2] - args[0]
    return away > 0 if above else away < 0


def padding(shape: Ints, pad: Ints) -> Ints:
    """How many zeros stand before each dimension."""
    return tuple(pad[2 * (len(shape) - 1 - d)] if 2 * (len(shape) - 1 - d) < len(pad) else 0 for d in range(len(shape)))


def padded(shape: Ints, _to: Ints, index: Any, args: Any) -> tuple[Any, Any]:
    """The element behind the zeros, or one of them."""
    found = tuple(i - before for i, before in zip(index, padding(shape, args[0]), strict=True))
    outside = [(i < 0) | (i >= n) for i, n in zip(found, shape, strict=True)]
    return tuple(np.clip(i, 0, max(n - 1, 0)) for i, n in zip(found, shape, strict=True)), np.any(outside, axis=0)


def moved_in(shape: Ints, to: Ints, index: Ints, args: Any) -> Ints | None:
    """Where an element lies behind the zeros; None where it was cropped."""
    found = tuple(i + before for i, before in zip(index, padding(shape, args[0]), strict=True))
    return found if all(0 <= i < n for i, n in zip(found, to, strict=True)) else None


def whole(back: Callable[..., Any]) -> Back:
    """Of an operation that puts no zeros."""
    return lambda *given: (back(*given), False)


FOLLOWED: Mapping[str, tuple[Back, Forth]] = {
    **dict.fromkeys(("contiguous", "clone", "channels_last", "channels_last_3d"), (whole(same), same)),
    **dict.fromkeys(("reshape", "flatten"), (whole(in_order), lambda shape, to, i, _: in_order(to, shape, i, _))),
    **dict.fromkeys(("repeat", "tile", "cat"), (whole(repeated), first_of_many)),
    "flip": (whole(flipped), flipped),
    "roll": (
        whole(lambda shape, _to, i, args: rolled(shape, i, args, -1)),
        lambda shape, _to, i, args: rolled(shape, i, args, 1),
    ),
    "rot90": (whole(turned), lambda shape, to, i, args: turned(shape, to, i, args, 1)),
    "repeat_interleave": (whole(interleaved), first_behind),
    "stack": (
        whole(lambda _shape, to, i, args: tuple(x for d, x in enumerate(i) if d != args[0] % len(to))),
        lambda _shape, to, i, args: (*i[: args[0] % len(to)], 0, *i[args[0] % len(to) :]),
    ),
    **dict.fromkeys(
        ("index_select", "index"),
        (whole(lambda shape, _to, i, args: picked(shape, i, *args)), lambda shape, _to, i, args: first_picked(shape, i, *args)),
    ),
    "mask": (
        whole(lambda shape, _to, i, args: picked(shape, i, args[0], places(args[1]))),
        lambda shape, _to, i, args: first_picked(shape, i, args[0], places(args[1])),
    ),
    "masked_select": (whole(selected), first_selected),
    "take_along_dim": (
        whole(lambda shape, _to, i, args: at_place(np.array(args[0] or (0,), dtype=np.int64)[i[0]], shape)),
        lambda shape, _to, i, args: first_picked((int(np.prod(shape)),), (int(np.ravel(place(i, shape))[0]),), 0, args[0]),
    ),
    "where": (masked, first_unmasked),
    "pad": (padded, moved_in),
    "tril": (
        lambda _shape, _to, i, args: (i, triangle(args, i, above=True)),
        lambda _shape, _to, i, args: None if triangle(args, i, above=True) else i,
    ),
    "triu": (
        lambda _shape, _to, i, args: (i, triangle(args, i, above=False)),
        lambda _shape, _to, i, args: None if triangle(args, i, above=False) else i,
    ),
}  # fmt: skip
