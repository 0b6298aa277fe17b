"""A tensor as a short text for a web address, exact to the last bit, and back from whatever an address holds.

    n3f09a1_f32_2x3_1_2.5_-3e-7_...    numbers, each with the fewest digits that give it back
    z77c2e0_b16_16x16_<base64url>      bytes, all first bytes of the elements, then all second ones, ..., deflated

A form, a checksum of all that follows, the dtype, the shape, the data. Letters, digits, "-", "." and "_" only, which
a web address takes as they are.
"""

import base64
import binascii
import math
import re
import zlib

import numpy as np
import torch

from core.tensors.limits import Limits, TensorInputError, check, check_shape, times
from core.tensors.text import digits
from core.words import N_

MAX_LINK = 1500  # characters: with the rest of an address below 2,000, which every browser and chat passes on

_CODES = {
    "f64": torch.float64,
    "f32": torch.float32,
    "f16": torch.float16,
    "b16": torch.bfloat16,
    "i64": torch.int64,
    "i32": torch.int32,
    "i16": torch.int16,
    "i8": torch.int8,
    "u8": torch.uint8,
    "b": torch.bool,
}
_NAMES = {dtype: code for code, dtype in _CODES.items()}
_LINK = re.compile(r"([nz])([0-9a-f]{6})_(([a-z]\d{0,2})_((?:\d{1,7}x){0,7}\d{1,7}|s)_([\w.-]*))", re.ASCII)
_BROKEN = N_("The tensor in the link is incomplete or altered: copy the whole link again.")


class TooLargeForLinkError(TensorInputError):
    """The tensor does not fit into a link."""


def to_link(tensor: torch.Tensor) -> str:
    """The shorter of the two forms. TooLargeForLinkError if both are longer than MAX_LINK characters."""
    forms = [_with_checksum("z", tensor, _packed(tensor))]
    if 2 * tensor.numel() <= MAX_LINK:  # each number takes two characters at the least
        forms.append(_with_checksum("n", tensor, _spelled(tensor)))
    shortest = min(forms, key=len)
    if len(shortest) > MAX_LINK:
        raise TooLargeForLinkError(
            "This tensor ({shape}) is too large to travel in a link: it takes {length:,} characters and {safe:,} are "
            "safe; share it as a .npy file.",
            shape=times(tensor.shape), length=len(shortest), safe=MAX_LINK,
        )  # fmt: skip
    return shortest


def from_link(link: str, limits: Limits) -> torch.Tensor:
    """The tensor that `to_link` made this of, within the limits. TensorInputError for anything else."""
    match = _LINK.fullmatch(link) if len(link) <= MAX_LINK else None
    if not match or match[2] != _checksum(match[3]) or match[4] not in _CODES:
        raise TensorInputError(_BROKEN)
    form, _, _, code, sides, data = match.groups()
    shape = () if sides == "s" else tuple(int(side) for side in sides.split("x"))
    check_shape(shape, limits)  # before anything of that size exists
    read = _from_numbers if form == "n" else _from_bytes
    return check(read(data, math.prod(shape), _CODES[code]).reshape(shape), limits)


def _with_checksum(form: str, tensor: torch.Tensor, data: str) -> str:
    body = f"{_NAMES[tensor.dtype]}_{'x'.join(map(str, tensor.shape)) or 's'}_{data}"
    return f"{form}{_checksum(body)}_{body}"


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"[2:]


# ---- numbers ----------------------------------------------------------------------------------------------------


def _spelled(tensor: torch.Tensor) -> str:
    words = digits(tensor if tensor.dtype != torch.bool else tensor.byte())
    return "_".join(_short(word) for word in words)


def _short(word: str) -> str:
    """A float's digits without what its dtype says anyway: "0.5" -> ".5", "2." -> "2", "1e-07" -> "1e-7"."""
    word = re.sub(r"e([+-]?)0*", lambda e: "e" + e[1].replace("+", ""), word)
    return re.sub(r"^(-?)0\.(?=\d)", r"\1.", word).removesuffix(".")


def _from_numbers(data: str, count: int, dtype: torch.dtype) -> torch.Tensor:
    words = data.split("_") if data else []
    read, wide = (float, torch.float64) if dtype.is_floating_point else (int, torch.int64)
    try:
        exact = torch.tensor([read(word) for word in words], dtype=wide)
    except (ValueError, OverflowError, RuntimeError):
        raise TensorInputError(_BROKEN) from None
    tensor = exact.to(dtype)
    if len(words) != count or not (dtype.is_floating_point or torch.equal(tensor.to(wide), exact)):
        raise TensorInputError(_BROKEN)
    return tensor


# ---- bytes ------------------------------------------------------------------------------------------------------


def _packed(tensor: torch.Tensor) -> str:
    flat = tensor.detach().cpu().reshape(-1).contiguous()
    planes = flat.view(torch.uint8).reshape(flat.numel(), flat.element_size()).T  # (bytes an element, elements)
    squeeze = zlib.compressobj(9, wbits=-15)
    packed = squeeze.compress(planes.contiguous().numpy().tobytes()) + squeeze.flush()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _from_bytes(data: str, count: int, dtype: torch.dtype) -> torch.Tensor:
    size = count * dtype.itemsize
    try:
        squeeze = zlib.decompressobj(wbits=-15)
        raw = squeeze.decompress(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)), size + 1)  # never more
    except (zlib.error, binascii.Error):
        raise TensorInputError(_BROKEN) from None
    if len(raw) != size or not squeeze.eof or (dtype == torch.bool and raw.strip(b"\0\1")):
        raise TensorInputError(_BROKEN)
    planes = np.frombuffer(raw, np.uint8).reshape(dtype.itemsize, count)
    return torch.from_numpy(planes.T.copy()).reshape(-1).view(dtype)  # (elements, bytes an element)
