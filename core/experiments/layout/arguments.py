"""Sizes and dimensions as torch takes them: -1, counted from the end, each once."""

import math
from collections.abc import Sequence

from core.words import say

Ints = tuple[int, ...]


def infer_size(shape: Sequence[int], numel: int) -> Ints:
    """`shape` with its -1 worked out. RuntimeError where the number of elements does not fit."""
    unknown = [d for d, n in enumerate(shape) if n == -1]
    if len(unknown) > 1:
        raise RuntimeError(say("shape {shape}: only one dimension can be -1", shape=spelled(shape)))
    if any(n < -1 for n in shape):
        raise RuntimeError(say("shape {shape}: sizes can't be negative, except one -1", shape=spelled(shape)))
    known = math.prod(n for n in shape if n != -1)
    if not unknown:
        if known != numel:
            raise RuntimeError(
                say(
                    "shape {shape} has {known} elements, the tensor has {numel}",
                    shape=spelled(shape),
                    known=known,
                    numel=numel,
                )
            )
        return tuple(shape)
    if known == 0:
        raise RuntimeError(
            say("shape {shape}: -1 could be any size, the others already make 0 elements", shape=spelled(shape))
        )
    if numel % known:
        raise RuntimeError(
            say(
                "shape {shape}: {numel} elements can't be divided by {known} to find the -1",
                shape=spelled(shape),
                numel=numel,
                known=known,
            )
        )
    return tuple(numel // known if n == -1 else n for n in shape)


def wrap_dim(dim: int, ndim: int) -> int:
    """A dimension counted from the front; -1 is the last. IndexError outside -ndim … ndim-1 (a scalar: -1, 0)."""
    reach = max(ndim, 1)
    if not -reach <= dim < reach:
        raise IndexError(
            say("dimension {dim} is out of range: expected {first} to {last}", dim=dim, first=-reach, last=reach - 1)
        )
    return dim % reach


def distinct_dims(dims: Sequence[int], ndim: int, who: str) -> Ints:
    """The dims counted from the front. IndexError or RuntimeError for the first that is out of range or repeated."""
    seen: list[int] = []
    for dim in dims:
        if wrap_dim(dim, ndim) in seen:
            raise RuntimeError(
                say("{who}: dimension {dim} appears twice in {dims}", who=who, dim=dim, dims=spelled(dims))
            )
        seen.append(wrap_dim(dim, ndim))
    return tuple(seen)


def check_rank(shape: Sequence[int], ndim: int) -> None:
    """RuntimeError unless there are as many dimensions as channels_last (4), or channels_last_3d (5), orders."""
    if len(shape) == ndim:
        return
    if ndim == 4:
        raise RuntimeError(
            say("channels_last: needs 4 dimensions (N, C, H, W), the tensor has {ndim}", ndim=len(shape))
        )
    raise RuntimeError(
        say("channels_last_3d: needs 5 dimensions (N, C, D, H, W), the tensor has {ndim}", ndim=len(shape))
    )


def spelled(numbers: Sequence[int]) -> str:
    """Numbers in an error, as torch writes a shape."""
    return "(" + ", ".join(map(str, numbers)) + ")"
