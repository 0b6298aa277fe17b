import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data import photograph
from core.tensors.files import MAX_BYTES, crop_to, fitted, npy_note, read_upload, scale_to, to_npy
from core.tensors.limits import Limits, TensorInputError, TooLargeError
from tests.tensors.examples import ANYTHING, assert_identical, assert_tensor_or_sentence, tensors

PICTURES = Limits(ranks=(2, 3), max_elements=100_000, max_side=300)


def npy(array: np.ndarray, **kwargs) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, **kwargs)
    return buffer.getvalue()


def picture(image: Image.Image, form: str = "PNG", **kwargs) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **kwargs)
    return buffer.getvalue()


# ---- .npy and text ----------------------------------------------------------------------------------------------


@given(tensors)
@settings(max_examples=150, deadline=None)
def test_npy_there_and_back(tensor):
    expected = tensor.float() if tensor.dtype == torch.bfloat16 else tensor
    assert_identical(read_upload("x.npy", to_npy(tensor), ANYTHING), expected)
    assert bool(npy_note(tensor)) == (tensor.dtype == torch.bfloat16)


def test_npy_takes_any_layout_and_keeps_what_it_shows():
    tensor = torch.arange(12.0).reshape(3, 4).t().requires_grad_()
    assert np.array_equal(np.load(io.BytesIO(to_npy(tensor))), tensor.detach().numpy())
    assert read_upload("", npy(np.asfortranarray(np.arange(6).reshape(2, 3))), ANYTHING).tolist() == [
        [0, 1, 2],
        [3, 4, 5],
    ]


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(version):
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.arange(3), version=version)
    assert read_upload("x.npy", buffer.getvalue(), ANYTHING).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("numpy_dtype", "torch_dtype"),
    [(">f4", torch.float32), (">i2", torch.int16), ("<u2", torch.int32), (">u4", torch.int64), ("u8", torch.int64)],
)
def test_npy_byte_orders_and_unsigned(numpy_dtype, torch_dtype):
    read = read_upload("x.npy", npy(np.arange(5, dtype=numpy_dtype)), ANYTHING)
    assert read.dtype == torch_dtype
    assert read.tolist() == list(range(5))


@pytest.mark.parametrize(
    "data", [b"1,2\n3,4\n", b"\xef\xbb\xbf1;2\n3;4", "1\t2\r\n3\t4".encode("utf-16"), b"[[1, 2], [3, 4]]"]
)
@pytest.mark.parametrize("name", ["x.csv", "x.npy", "x.png", ""])
def test_text_by_its_content(name, data):
    assert read_upload(name, data, Limits()).tolist() == [[1, 2], [3, 4]]


def with_header(header: str, body: bytes = b"", length: int | None = None) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) if length is None else length) + header.encode() + body


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}\n"

BAD_FILES = {
    "empty": (b"", "There are no numbers yet"),
    "over the limit": (bytes(MAX_BYTES + 1), r"The file has 5\.0 MB and at most 5 MB are taken\."),
    "pickle": (b"\x80\x04\x95\x00", "`x` is a pickle, which can run code"),
    "zip": (b"PK\x03\x04...", "`x` is a zip archive .*numpy.save"),
    "gif": (b"GIF89a", "`x` is a GIF: save the image as PNG or JPEG"),
    "tiff": (picture(Image.new("L", (2, 2)), "TIFF"), "TIFF"),
    "webp": (picture(Image.new("RGB", (2, 2)), "WEBP"), "WebP"),
    "binary": (bytes(range(256)), r"`x` is not a \.npy, a text, a PNG or a JPEG"),
    "half a utf-16": (b"\xff\xfe1", r"`x` is not a \.npy, a text"),
    "words": (b"hello world", "`hello` is not a number"),
    "long text": (b"1 " * 150_000, "The text has 300,000 characters"),
    "objects": (npy(np.array([{}], dtype=object), allow_pickle=True), "holds Python objects, which can run code"),
    "complex": (npy(np.ones(2) * 1j), "holds complex numbers"),
    "strings": (npy(np.array(["a"])), "holds `U1`, which torch does not have"),
    "dates": (npy(np.array(["2020-01-01"], dtype="M8[D]")), "`x?|columns|torch does not have|cannot be read"),
    "long double": (npy(np.ones(2, dtype=np.longdouble)), "holds `f16`, which torch does not have"),
    "raw bytes": (npy(np.zeros(2, "V2")), "holds raw bytes .*bfloat16"),
    "table": (npy(np.zeros(2, [("a", "f4")])), "holds a table of named columns"),
    "u8 too large": (npy(np.array([2**63], dtype=np.uint64)), "above 9223372036854775807"),
    "magic only": (b"\x93NUMPY", "ends within its header"),
    "header cut": (npy(np.ones(3))[:40], "ends within its header"),
    "header too long": (with_header("{}", length=60_000), "ends within its header"),
    "version 9": (b"\x93NUMPY\x09\x00\x00\x00", "ends within its header"),
    "header empty": (with_header(""), "header cannot be read"),
    "header with code": (with_header("__import__('os').system('false')"), "header cannot be read"),
    "header nested": (with_header("(" * 60_000), "header cannot be read"),
    "body cut": (npy(np.ones(3))[:-1], "promises 24 bytes of numbers .3., and 23 follow"),
    "body too long": (npy(np.ones(3)) + b"\0", "promises 24 bytes of numbers .3., and 25 follow"),
    "lying": (with_header(HEADER.format("<f8", "(100000, 100000)")), "promises 80,000,000,000 bytes"),
    "lying beyond int64": (with_header(HEADER.format("<f8", "(999999999,)" * 1)), "promises 7,999,999,992 bytes"),
    "digits": (with_header(HEADER.format("<f8", "(" + "9" * 900 + ",)")), "impossible shape"),
    "dimensions": (with_header(HEADER.format("<f8", "(" + "1," * 33 + ")"), bytes(8)), "impossible shape"),
    "negative": (with_header(HEADER.format("<f8", "(-1, -1)"), bytes(8)), "header cannot be read"),
    "bool of 2": (with_header(HEADER.format("|b1", "(1,)"), b"\2"), "neither True nor False"),
    "nan": (npy(np.array([np.nan])), "Number 1 is nan"),
    "rank": (npy(np.ones((1, 1, 1))), "rank 3"),
    "empty array": (npy(np.ones((0, 3))), "is empty"),
}


@pytest.mark.parametrize(("data", "sentence"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(data, sentence):
    tracemalloc.start()
    try:
        with pytest.raises(TensorInputError, match=sentence):
            read_upload("x", data, Limits())
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_too_large_comes_along_to_be_scaled_or_cropped():
    with pytest.raises(TooLargeError, match="scale it down or crop it") as error:
        read_upload("x.npy", npy(np.arange(20_000).reshape(100, 200)), Limits())
    assert scale_to(error.value.tensor, Limits()).shape == (32, 64)
    assert crop_to(error.value.tensor, Limits())[1, 1] == 201


# ---- images -----------------------------------------------------------------------------------------------------

STEPS = torch.linspace(0, 255, 12).byte().reshape(3, 4)  # (H, W)
GREY = Image.fromarray(STEPS.numpy())


@pytest.mark.parametrize("channels", [None, 1])
def test_a_grey_png_is_exact(channels):
    assert torch.equal(read_upload("x", picture(GREY), PICTURES, channels=channels), STEPS / 255)


def test_channels_and_ranks():
    colour = Image.merge("RGB", [GREY, GREY.rotate(180), GREY])
    data = picture(colour)
    read = read_upload("x", data, PICTURES)
    assert torch.equal(read, torch.stack([STEPS, STEPS.flip(0, 1), STEPS]) / 255)
    assert torch.equal(read_upload("x", data, Limits(ranks=(4,))), read[None])
    assert read_upload("x", data, PICTURES, channels=1).shape == (3, 4)
    assert read_upload("x", data, Limits(ranks=(2,)), channels=3).shape == (3, 4)
    assert read_upload("x", data, Limits(ranks=(3,)), channels=1).shape == (1, 3, 4)
    assert torch.equal(read_upload("x", picture(GREY), PICTURES, channels=3), (STEPS / 255).expand(3, 3, 4))
    assert torch.equal(
        read[0], read_upload("x", picture(colour.convert("P", palette=Image.Palette.ADAPTIVE)), PICTURES)[0]
    )


def test_a_jpeg_is_close():
    photo = Image.fromarray((photograph().permute(1, 2, 0) * 255).byte().numpy())
    read = read_upload("x.txt", picture(photo, "JPEG", quality=95), PICTURES)
    assert (read - photograph()).abs().mean() < 0.02


def test_cmyk_is_turned_into_rgb():
    red = Image.new("CMYK", (2, 2), (0, 255, 255, 0))
    read = read_upload("x", picture(red, "JPEG"), PICTURES)
    assert (read - torch.tensor([1.0, 0, 0])[:, None, None]).abs().max() < 0.02


def test_sixteen_bits_keep_their_steps():
    values = np.array([[0, 1, 257, 30_000, 65_535]], dtype=np.uint16)
    read = read_upload("x", picture(Image.fromarray(values)), PICTURES)
    torch.testing.assert_close(read, torch.from_numpy(values / 65535).float(), rtol=1e-6, atol=0)
    assert read_upload("x", picture(Image.fromarray(values)), PICTURES, channels=3).shape == (3, 1, 5)


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_transparent_parts_lie_on_white(mode):
    image = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    image.putpixel((1, 0), (0, 0, 0, 255))
    data = picture(image.convert(mode) if mode != "P" else image.quantize(4))
    assert read_upload("x", data, PICTURES, channels=1).tolist() == [[1, 0]]


def test_one_bit_images():
    assert read_upload("x", picture(Image.new("1", (2, 1), 1)), PICTURES).tolist() == [[1, 1]]


def test_the_first_frame_of_an_animation():
    data = picture(GREY, save_all=True, append_images=[Image.new("L", GREY.size)])
    assert torch.equal(read_upload("x", data, PICTURES, channels=1), STEPS / 255)


@pytest.mark.parametrize(
    ("orientation", "turned"), [(3, STEPS.flip(0, 1)), (6, STEPS.rot90(-1)), (8, STEPS.rot90(1)), (2, STEPS.flip(1))]
)
def test_exif_orientation(orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert torch.equal(read_upload("x", picture(GREY, exif=exif), PICTURES), turned / 255)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_does_no_harm():
    for exif in (b"Exif\0\0MM\0*\xff\xff\xff\xff", b"Exif\0\0nonsense", b"\xff" * 30):
        assert torch.equal(read_upload("x", picture(GREY, exif=exif), PICTURES), STEPS / 255)


def test_images_are_scaled_down_never_up():
    large = picture(Image.new("RGB", (400, 200), (255, 0, 0)))
    assert read_upload("x", large, PICTURES).shape == (3, 129, 258)  # 100,000 numbers
    assert read_upload("x", large, PICTURES, max_side=40).shape == (3, 20, 40)
    assert read_upload("x", large, Limits(), channels=3).shape == (32, 64)
    assert read_upload("x", picture(Image.new("L", (20_000, 1))), Limits()).shape == (1, 64)
    means = read_upload("x", picture(Image.fromarray(np.tile(np.uint8([0, 255]), (64, 64)))), PICTURES, max_side=32)
    assert (means[1:-1, 1:-1] - 0.5).abs().max() < 0.02


def test_an_interlaced_png_is_whole():
    # the seven passes of 2×2 pixels: one pixel, none, none, one right of it, none, none, the second row
    data = png(2, 2, b"\0\x01" + b"\0\x02" + b"\0\x03\x04", interlaced=1)
    assert (read_upload("x", data, PICTURES) * 255).round().tolist() == [[1, 2], [3, 4]]


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(
    width: int, height: int, pixels: bytes, *extra: bytes, interlaced: int = 0, bits: int = 8, colour: int = 0
) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced))
    body = chunk(b"IDAT", zlib.compress(pixels, 9))
    return SIGNATURE + header + b"".join(extra) + body + chunk(b"IEND", b"")


JPEG = picture(Image.new("RGB", (64, 64), (255, 0, 0)), "JPEG")
SIZE_AT = JPEG.index(b"\xff\xc0") + 5
BAD_IMAGES = {
    "signature only": (SIGNATURE, "damaged or cut off"),
    "jpeg signature only": (b"\xff\xd8\xff", "damaged or cut off"),
    "cut png": (picture(GREY)[:-30], "damaged or cut off"),
    "cut jpeg": (JPEG[: len(JPEG) // 2], "damaged or cut off"),
    "lying height": (png(100, 4000, bytes(101)), "damaged or cut off"),
    "lying height, interlaced": (png(100, 4000, bytes(101), interlaced=1), "damaged or cut off"),
    "header not first": (SIGNATURE + chunk(b"tEXt", b"a\0b") + png(1, 1, bytes(2))[8:], "damaged or cut off"),
    "bomb of 100 megapixels": (png(10_000, 10_000, bytes(1000)), "more than 16 million pixels"),
    "bomb of 4 gigapixels": (png(65_000, 65_000, bytes(1000)), "more than 16 million pixels"),
    "bomb of 2**62 pixels": (png(2**31 - 1, 2**31 - 1, b""), "more than 16 million pixels"),
    "jpeg of 4 gigapixels": (JPEG[:SIZE_AT] + b"\xff\xf0\xff\xf0" + JPEG[SIZE_AT + 4 :], "16 million pixels"),
    "16 megapixels of 64 bits": (png(4000, 4000, bytes(1000), bits=16, colour=6), "more than 80 MB of pixels"),
    "no pixels": (png(0, 0, b""), "damaged or cut off"),
    "text bomb": (png(1, 1, bytes(2), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**8)))), "damaged or cut off"),
    "profile bomb": (
        png(1, 1, bytes(2), *[chunk(b"iTXt", b"a\0\1\0\0\0" + zlib.compress(bytes(10**6 - 1)))] * 100),
        "damaged or cut off",
    ),
}


@pytest.mark.parametrize(("data", "sentence"), BAD_IMAGES.values(), ids=BAD_IMAGES)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_bad_images(data, sentence):
    with pytest.raises(TensorInputError, match=sentence):
        read_upload("x.png", data, PICTURES)


# ---- anything ---------------------------------------------------------------------------------------------------

SAMPLES = [
    npy(np.arange(6.0).reshape(2, 3)),
    picture(GREY),
    picture(GREY.convert("P")),
    picture(GREY.resize((20, 20)), "JPEG"),
    b"1,2\n3,4",
]


@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=8)), max_size=4))
@settings(max_examples=500, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_damaged_files_give_a_tensor_or_a_sentence(data, damages):
    for position, damage in damages:
        position %= len(data)
        data = data[:position] + damage + data[position + max(len(damage) - 1, 1) :]
    tensor_or_sentence(data)


@given(
    st.sampled_from([b"", b"\x93NUMPY\x01\0v\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"PK"]), st.binary(max_size=300)
)
@settings(max_examples=500, deadline=None)
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_give_a_tensor_or_a_sentence(beginning, rest):
    tensor_or_sentence(beginning + rest)


def tensor_or_sentence(data: bytes) -> None:
    for channels in (None, 3):
        assert_tensor_or_sentence(read_upload, "x", data, ANYTHING, channels=channels)


# ---- smaller ----------------------------------------------------------------------------------------------------

any_shape = st.lists(st.integers(0, 300), max_size=4).map(tuple)
any_limits = st.builds(Limits, max_elements=st.integers(1, 5000), max_side=st.integers(1, 100))


@given(any_shape | st.just((50_000, 1, 2)), any_limits)
@settings(max_examples=300, deadline=None)
def test_fitted_fits_and_keeps_what_fits(shape, limits):
    target = fitted(shape, limits)
    assert int(np.prod(target)) <= limits.max_elements
    assert len(target) == len(shape)
    assert all(0 <= new <= min(old, limits.max_side) for new, old in zip(target, shape, strict=True))
    assert all(new > 0 or old == 0 for new, old in zip(target, shape, strict=True))
    if int(np.prod(shape)) <= limits.max_elements and max(shape, default=0) <= limits.max_side:
        assert target == shape


@given(st.lists(st.integers(0, 20), max_size=4).map(tuple), st.sampled_from([torch.float32, torch.int64, torch.bool]))
@settings(max_examples=100, deadline=None)
def test_scale_and_crop_fit_and_keep_the_dtype(shape, dtype):
    limits = Limits(max_elements=60, max_side=6)
    tensor = torch.ones(shape, dtype=dtype)
    for smaller in (scale_to(tensor, limits), crop_to(tensor, limits)):
        assert_identical(smaller, torch.ones(fitted(shape, limits), dtype=dtype))


def test_scaled_numbers_are_means():
    limits = Limits(ranks=(1, 2, 3), max_elements=100, max_side=2)
    assert scale_to(torch.arange(16).reshape(4, 4).float(), limits).tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert scale_to(torch.tensor([1.0, 3.0, 5.0, 7.0]), limits).tolist() == [2, 6]
    assert scale_to(torch.tensor([1, 2, 5, 8]), limits).tolist() == [2, 6]  # 1.5 and 6.5 to the even
    assert crop_to(torch.arange(16).reshape(4, 4), limits).tolist() == [[0, 1], [4, 5]]
