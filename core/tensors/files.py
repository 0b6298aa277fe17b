"""Uploaded bytes to a tensor, whatever the bytes are, and a tensor to bytes to download.

What a file is, its first bytes tell, not its name. Nothing in it is executed or unpickled, and nothing is allocated
because a header says so: a `.npy` must be exactly as long as its header promises, an image is judged by its stated
size before it is decoded.
"""

import math
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Literal

import numpy as np
import torch
from PIL import Image, ImageOps

from core.tensors import text
from core.tensors.limits import Limits, TensorInputError, check, quote, times
from core.words import N_, _

MAX_BYTES = 5_000_000
MAX_PIXELS = 16_000_000  # 64 MB as RGBA
MAX_DECODED = 80_000_000  # bytes of a PNG's pixels before they are read as such

_NPY, _PNG, _JPEG = b"\x93NUMPY", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_OTHERS = N_(
    {
        b"PK\x03\x04": "a zip archive (.npz, .pt, .xlsx): save one tensor with numpy.save, or as .csv",
        b"\x80": "a pickle, which can run code when it is opened: save the tensor with numpy.save instead",
        b"GIF8": "a GIF: save the image as PNG or JPEG",
        b"BM": "a BMP: save the image as PNG or JPEG",
        b"RIFF": "a WebP or a sound: save an image as PNG or JPEG",
        b"II*\x00": "a TIFF: save the image as PNG or JPEG",
        b"MM\x00*": "a TIFF: save the image as PNG or JPEG",
        b"%PDF": "a PDF: save the image as PNG or JPEG, or the numbers as .csv",
        b"\x89HDF": "an HDF5 file: save one tensor with numpy.save",
        b"\x1f\x8b": "a gzip archive: unpack it first",
    }
)


def read_upload(
    name: str,
    data: bytes,
    limits: Limits,
    *,
    channels: Literal[1, 3] | None = None,
    max_side: int | None = None,
) -> torch.Tensor:
    """The tensor in an uploaded file: `.npy`, text (`.csv`, `.tsv`, `.txt`, print-outs), PNG or JPEG.

    Images become float32 from 0 (dark) to 1, scaled down (never up) to the limits and to `max_side`, transparent
    parts on white, turned as their EXIF says: (H, W) for one channel where rank 2 is taken, otherwise (C, H, W), or
    (1, C, H, W) where only rank 4 is. `channels=None` keeps colour if the image has it and the rank has room for it.
    `.npy` keeps its dtype, but unsigned 16, 32 and 64 bit become int32 and int64. Of a JPEG that ends properly but
    holds fewer rows than its header says, the missing rows are grey: its decoder does not tell.

    Raises TensorInputError with one sentence, and TooLargeError for numbers beyond the limits.
    """
    if len(data) > MAX_BYTES:
        raise TensorInputError(
            "The file has {size:.1f} MB and at most {most:.0f} MB are taken.",
            size=len(data) / 1e6,
            most=MAX_BYTES / 1e6,
        )
    if data.startswith(_NPY):
        return check(_read_npy(data), limits)
    if data.startswith((_PNG, _JPEG)):
        return _read_image(data, limits, channels, max_side)
    return text.parse(_decoded(name, data), limits=limits)


def _decoded(name: str, data: bytes) -> str:
    for beginning, what in _OTHERS.items():
        if data.startswith(beginning):
            raise TensorInputError("{name} is {what}.", name=quote(name), what=_(what))
    try:
        decoded = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        decoded = "\0"
    if "\0" in decoded:
        raise TensorInputError(
            "{name} is not a .npy, a text, a PNG or a JPEG: save it as one of these.", name=quote(name)
        )
    return decoded


# ---- .npy -------------------------------------------------------------------------------------------------------

_DESCR = re.compile(r"'descr'\s*:\s*'([<>|=]?)([a-zA-Z])([^']{0,20})'", re.ASCII)
_ORDER = re.compile(r"'fortran_order'\s*:\s*(True|False)", re.ASCII)
_SHAPE = re.compile(r"'shape'\s*:\s*\(([\d,\s]*)\)", re.ASCII)
_TAKEN = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"}
_WIDER = {"u2": np.int32, "u4": np.int64, "u8": np.int64}  # torch can hardly compute with the unsigned ones
NOT_IN_TORCH = N_("The .npy holds {kind}, which torch does not have: save it as float32.")
_REFUSED = N_(
    {
        "O": "The .npy holds Python objects, which can run code when they are opened: save numbers, with dtype float32.",
        "c": "The .npy holds complex numbers: save its real and its imaginary part.",
        "V": "The .npy holds raw bytes (bfloat16 is saved so): save it as float32.",
    }
)


def _read_npy(data: bytes) -> torch.Tensor:
    header, body = _split_npy(data)
    byte_order, kind, shape, fortran = _header(header)
    dtype = np.dtype(byte_order + kind)
    promised = math.prod(shape) * dtype.itemsize
    if promised != len(body):
        raise TensorInputError(
            "The .npy is damaged: its header promises {promised:,} bytes of numbers ({shape}), and {found:,} follow; "
            "save it again.",
            promised=promised, shape=times(shape) or _("one number"), found=len(body),
        )  # fmt: skip
    if kind == "b1" and body.strip(b"\0\1"):
        raise TensorInputError("The .npy is damaged: it holds bytes that are neither True nor False; save it again.")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if fortran else "C")
    if kind == "u8" and array.size and array.max() >= 2**63:
        raise TensorInputError("The .npy holds whole numbers above 9223372036854775807, the end of int64: save floats.")
    return torch.from_numpy(array.astype(_WIDER.get(kind, dtype.newbyteorder("=")), order="C"))


def _split_npy(data: bytes) -> tuple[str, bytes]:
    """The header's text and the numbers' bytes. Version 1 gives the header's length in 2 bytes, later ones in 4."""
    length_end = 10 if data[6:7] == b"\x01" else 12
    end = length_end + int.from_bytes(data[8:length_end], "little")
    if len(data) < end or data[6:7] not in (b"\x01", b"\x02", b"\x03"):
        raise TensorInputError("The .npy is damaged: it ends within its header; save it again.")
    return data[length_end:end][:1000].decode("latin-1"), data[end:]


def _header(header: str) -> tuple[str, str, tuple[int, ...], bool]:
    """Byte order, kind, shape and order of the dimensions. Read by patterns: a header is nothing to evaluate."""
    descr, order, shape = _DESCR.search(header), _ORDER.search(header), _SHAPE.search(header)
    if re.search(r"'descr'\s*:\s*\[", header):
        raise TensorInputError("The .npy holds a table of named columns: save one column, or a plain array.")
    if not (descr and order and shape):
        raise TensorInputError("The .npy is damaged: its header cannot be read; save it again.")
    kind, sides = descr[2] + descr[3], [side for side in re.split(r"[,\s]+", shape[1]) if side]
    if kind not in _TAKEN:
        raise TensorInputError(_REFUSED.get(descr[2], NOT_IN_TORCH), kind=quote(kind))
    if len(sides) > text.MAX_DEPTH or any(len(side) > 9 for side in sides):
        raise TensorInputError("The .npy promises an impossible shape: save it again.")
    return descr[1].replace("|", ""), kind, tuple(int(side) for side in sides), order[1] == "True"


def to_npy(tensor: torch.Tensor) -> bytes:
    """The tensor as a `.npy` file; `npy_note` says what changes on the way."""
    tensor = tensor.detach().cpu()
    buffer = BytesIO()
    np.save(buffer, (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(), allow_pickle=False)
    return buffer.getvalue()


def npy_note(tensor: torch.Tensor) -> str:
    """What a reader should know about this tensor's `.npy`, "" if nothing."""
    if tensor.dtype != torch.bfloat16:
        return ""
    return _("numpy has no bfloat16: the file holds float32, which has every bfloat16 exactly.")


# ---- images -----------------------------------------------------------------------------------------------------

_GREY = ("1", "L", "LA", "I", "I;16", "I;16B")
_ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
_DAMAGED = N_("The image is damaged or cut off: save it again as PNG or JPEG.")
_TOO_DEEP = N_("The image has more than {most:.0f} MB of pixels: scale it down, or save it with 8 bits a channel.")
_TOO_MANY_PIXELS = N_("The image has more than {most:.0f} million pixels: scale it down first.")


def _read_image(data: bytes, limits: Limits, channels: int | None, max_side: int | None) -> torch.Tensor:
    limits = replace(limits, max_side=min(limits.max_side, max_side or limits.max_side))
    image = _opened(data, limits.max_side)
    colour = max(limits.ranks) > 2 and (channels == 3 or (channels is None and image.mode not in _GREY))
    _planes, height, width = fitted((3 if colour else 1, image.height, image.width), limits)
    pixels = np.array(_plain(image, colour, (width, height)), dtype=np.float32) / 255
    planes = torch.from_numpy(pixels).reshape(height, width, -1).permute(2, 0, 1)  # (H, W, C) -> (C, H, W)
    if colour:
        planes = planes.expand(3, height, width)
    return check(_ranked(planes.contiguous(), limits.ranks), limits)


def _opened(data: bytes, side: int) -> Image.Image:
    """The decoded image, upright. Pillow answers damaged files with almost any exception, so any is caught."""
    try:
        image = Image.open(BytesIO(data), formats=("PNG", "JPEG"))
        pixels = image.width * image.height
    except Exception as error:
        too_large = isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning))
        raise TensorInputError(_TOO_MANY_PIXELS if too_large else _DAMAGED, most=MAX_PIXELS / 1e6) from None
    if pixels > MAX_PIXELS:
        raise TensorInputError(_TOO_MANY_PIXELS, most=MAX_PIXELS / 1e6)
    if image.format == "PNG":
        _check_png(data)
    try:
        image.draft(None, (2 * side, 2 * side))  # a JPEG decodes to little more than what is needed
        image.load()
    except Exception:
        raise TensorInputError(_DAMAGED) from None
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # unreadable EXIF: the pixels are good nevertheless
        return image


def _check_png(data: bytes) -> None:
    """TensorInputError unless a PNG holds the pixels that its header promises, and these are not too many bytes."""
    promised = _promised(data) if data[12:16] == b"IHDR" else 0
    if promised > MAX_DECODED:
        raise TensorInputError(_TOO_DEEP, most=MAX_DECODED / 1e6)
    if not promised or not _stored(data, promised):
        raise TensorInputError(_DAMAGED)


def _promised(data: bytes) -> int:
    """The bytes of pixels that a PNG's header promises: Pillow takes fewer without a word and leaves the rest black."""
    width, height, depth, colour_type, _method, _filter, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour_type, 0)
    passes = _ADAM7 if interlaced else [(0, 0, 1, 1)]
    sizes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in passes]
    return sum(rows * (1 + (columns * bits + 7) // 8) for columns, rows in sizes if columns)  # a filter byte a row


def _stored(data: bytes, promised: int) -> bool:
    """Whether a PNG holds as many bytes of pixels as promised. Inflates no more than these, a megabyte at a time."""
    squeeze, position = zlib.decompressobj(), 8
    try:
        while position + 8 <= len(data) and promised > 0:
            length, kind = struct.unpack(">I4s", data[position : position + 8])
            packed = data[position + 8 : position + 8 + length] if kind == b"IDAT" else b""
            while packed and promised > 0:
                promised -= len(squeeze.decompress(packed, 1_000_000))
                packed = squeeze.unconsumed_tail
            position += 12 + length
    except zlib.error:
        return False
    return promised <= 0


def _plain(image: Image.Image, colour: bool, size: tuple[int, int]) -> Image.Image:
    """The image at this size, without transparency, palette, CMYK or 16-bit integers; values from 0 to 255."""
    smooth = Image.Resampling.BILINEAR  # averages all pixels that fall together when it scales down
    if image.mode.startswith("I"):  # 16 bits of grey, as floats on the scale of 8 bits
        return Image.fromarray(np.asarray(image, dtype=np.float32) / 257).resize(size, smooth)
    if image.has_transparency_data:
        image = image.convert("RGBA").resize(size, smooth)
        image = Image.alpha_composite(Image.new("RGBA", size, "white"), image)
    return image.convert("RGB" if colour else "L").resize(size, smooth)


def _ranked(planes: torch.Tensor, ranks: tuple[int, ...]) -> torch.Tensor:
    """(C, H, W) as the rank that is taken."""
    if len(planes) == 1 and 2 in ranks:
        return planes[0]  # (H, W)
    return planes if 3 in ranks or 4 not in ranks else planes[None]


# ---- too large: smaller -----------------------------------------------------------------------------------------


def fitted(shape: Sequence[int], limits: Limits) -> tuple[int, ...]:
    """A shape within the limits, as large as they allow, its last two sides in about the same proportion."""
    sides = [min(side, limits.max_side) for side in shape]
    plane = shape[-2:]
    room = limits.max_elements / max(math.prod(sides[:-2]) * math.prod(plane), 1)
    factor = min([1, room ** (1 / max(len(plane), 1)), *(limits.max_side / side for side in plane if side)])
    sides[-2:] = [max(int(side * factor + 1e-9), min(side, 1)) for side in plane]
    while math.prod(sides) > limits.max_elements and max(sides) > 1:  # too many planes, or a very long one
        longest = sides.index(max(sides))
        sides[longest] = (sides[longest] + 1) // 2
    return tuple(sides)


def crop_to(tensor: torch.Tensor, limits: Limits) -> torch.Tensor:
    """The first numbers along each dimension, as many as the limits allow, so that indices keep their meaning."""
    return tensor[tuple(slice(side) for side in fitted(tensor.shape, limits))].clone()


def scale_to(tensor: torch.Tensor, limits: Limits) -> torch.Tensor:
    """The tensor scaled down to the limits along its last two dimensions, and cropped along the others.

    Each number is the mean of those it stands for, rounded for integers.
    """
    target = fitted(tensor.shape, limits)
    if not target or target == tuple(tensor.shape) or not tensor.numel():
        return crop_to(tensor, limits)
    kept = tensor[tuple(slice(side) for side in target[:-2])].double()
    planes = kept.reshape(1, -1, *(1, *kept.shape)[-2:])  # (1, planes, H, W), a vector as one row
    height, width = (1, *target)[-2:]
    means = torch.nn.functional.adaptive_avg_pool2d(planes, (height, width))
    return (means if tensor.is_floating_point() else means.round()).reshape(target).to(tensor.dtype)
