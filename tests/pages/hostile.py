"""What a hostile reader may send: links, moves, typed numbers, files."""

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image

from tests.pages.opening import control, settings

# Whatever of these a page repeats has to stand in a code span, where none of them means anything.
MARKUP = (
    "<img src=x onerror=alert(1)>", "<script>alert(1)</script>", "![x](http://evil.example/x.png)", ":material/bug:",
    "[x](javascript:alert(1))", r"$\href{javascript:alert(1)}{x}$", "`</code>![x](http://evil.example)", "www.evil.io",
    "[[![x](//evil.io/x)", "http://evil.io", "| a | b |\n|---|\n|![x](//evil.io)|", ":red[x] :smile:", "# x\n\n***",
)  # fmt: skip
VALUES = (
    "-3", "banana", "1e309", "nan", "-inf", "", "9" * 400, "0x10", "１２", "; DROP TABLE", "-0.0", "2147483648",
    "1e-320", "null", "None", "true", "\0", "\ud7ff\u202e\u200b", "👩‍👩‍👧", "../../etc/passwd",
    "{{7*7}}", "%s%n", "9" * 5000,
)  # fmt: skip
TENSORS = (
    "[[1, 2], [3, 4]]", "1 2\n3", "nan", "[1e308, -1e308, inf]", "[]", "[[[1]]]", "0", "x" * 3000, "[" * 500,
    "1,2;3,4", "tensor([[True, False]])", "z000000_f32_9x9_", "n3f09a1_f32_2x3_1_2", "-0.0 5e-324", "[[], []]",
    "[[1,2,3],[4,5,6],[7,8,9]]", "tensor([], size=(0, 999999999))", "tensor([[1e30, 1], [1, 1]], dtype=torch.float64)",
    "tensor([9223372036854775807, -9223372036854775808])", "[[1, [2]], 3]", "1e400", "[1,2],[3,4],", "()",
    "((1,),(2,))", "[[65504, 1e5], [6e-8, 0]]", "tensor([255, 0], dtype=torch.uint8)",
    "tensor([1.], dtype=torch.float16, size=(9,))",
    "tensor([[inf, -inf], [nan, 0]])", "1 " * 9000, "[" + "1," * 9000 + "]", "9" * 90 + " " + "1" * 90, "1_000 2__0",
    "np.float64(1) np.float64(", "tensor(" * 300, "[[" + "1e38, " * 5 + "], [" + "-1e38, " * 5 + "]]", "0 0 0;0 0 0",
    "[[[[1.0, 2.0], [3.0, 4.0]], [[5, 6], [7, 8]]]]", "1.0e+04 * [1 2; 3 4]", "\ufeff−1", "…", "١٢ ٣", "1e-45, 1e38",
)  # fmt: skip
INDICES = ("0", "0,0", "1,1", "-1,-1", "99,99", "0,0,0", "1,0,2,1", "a,b", ",", "0,", "9" * 39, "0,0,0,0,0,0,0,0")
SHAPES = ("2×3", "1", "999999×999999", "0", "-1", "2,2,2,2,2,2,2", "64×64", "4096", "1x1x1x1", "3,", "1e3", "[8,8]")
NUMBERS = ("0", "1", "2", "-1", "3", "4", "5", "12", "30", "None", "4096", "999999", "-999999", "1000000", "1e3", "")
OPERATIONS = (
    "view", "reshape", "permute", "transpose", "T", "mT", "movedim", "slice", "select", "narrow", "unsqueeze",
    "squeeze", "expand", "repeat", "flatten", "unflatten", "diagonal", "unfold", "as_strided", "flip", "roll",
    "contiguous", "clone", "channels_last", "resize_", "repeat_interleave", "eval", "__class__", "tile", "cat", "stack",
    "chunk", "split", "unbind", "pad", "rot90", "index", "mask", "masked_select", "where", "take_along_dim",
    "as_strided_scatter", "channels_last_3d", "tril",
)  # fmt: skip
TABS = ("Pitfalls", "Walk through", "Predict", "Code", "Timing", "Take away", "Merging", "Cost", "Curve", "x")
PARTS = ("controls", "pitfalls", "walk", "predict", "code", "timing", "take-away", "answers", "<b>", "")
RUNS = ("Train", "Train again", "Continue", "Start again", "Run", "Stop")  # what starts a job of its own


def any_chain(draw: random.Random) -> str:
    """Steps for the memory page: few of them possible, some of them enormous."""

    def argument(deep: int = 1) -> str:
        if deep and draw.random() < 0.4:
            return "(" + ",".join(argument(0) for _ in range(draw.randint(0, 5))) + ")"
        return draw.choice(NUMBERS)

    def step() -> str:
        return draw.choice(OPERATIONS) + "(" + ",".join(argument() for _ in range(draw.randint(0, 4))) + ")"

    return ">".join(step() for _ in range(draw.choice((1, 1, 2, 3, 13, 60))))


def any_text(draw: random.Random) -> str:
    """Something to type where a page takes text."""
    if draw.random() < 0.2:
        return any_chain(draw)
    return draw.choice(draw.choice((TENSORS, TENSORS, INDICES, SHAPES, MARKUP, VALUES)))


def any_value(draw: random.Random, widget: Any) -> str:
    """Something that a link could hold for this control: what it offers, or what it does not."""
    if draw.random() < 0.25:
        return draw.choice((*VALUES, *MARKUP))
    options = [str(option) for option in getattr(widget, "options", [])]
    if options:
        return draw.choice(options)
    if widget.type in ("slider", "number_input"):
        value = extreme(draw, widget)
        return f"{value:g}" if draw.random() < 0.5 else str(int(value))
    if widget.type == "toggle":
        return draw.choice(("true", "false"))
    return any_text(draw)


def extreme(draw: random.Random, widget: Any) -> float:
    """A number that the control takes, every third time each end."""
    low, high = float(widget.min), float(widget.max)
    return draw.choice((low, high, low + (high - low) * draw.random()))


def any_link(draw: random.Random, known: Any) -> dict[str, str]:
    """A link to the page that `known` shows: its own parameters and those that nobody would write."""
    keys = list(settings(known))
    link = {key: any_value(draw, control(known, key)) for key in keys if draw.random() < 0.6}
    sources = ("typed or pasted", "typed or pasted", "random numbers", "a file", "a photograph", "a digit (MNIST)")
    inputs = [key.removesuffix("_from") for key in keys if key.endswith("_from")]
    for key in inputs:
        if draw.random() < 0.6:
            link |= {f"{key}_from": draw.choice(sources), key: any_text(draw), f"{key}_shape": draw.choice(SHAPES)}
    if draw.random() < 0.3:
        link |= {
            "hide": ",".join(draw.choices(PARTS, k=3)),
            "lock": ",".join(draw.choices([*keys, "draw", "<b>"], k=3)),
        }
    if draw.random() < 0.2:
        link |= {"projector": "1", "draw": draw.choice(("999", "-1", "1e9", "x")), "_settings": "x", "": "x"}
    return link | {"tab": draw.choice(TABS)}


def moves(app: Any) -> list[Any]:
    """What can be moved, pressed or opened on the page now, but for what starts a job."""
    kinds = (
        app.slider, app.select_slider, app.number_input, app.selectbox, app.segmented_control, app.toggle,
        app.text_input, app.text_area, app.radio, app.multiselect, app.file_uploader,
    )  # fmt: skip
    buttons = [button for button in app.button if button.label not in RUNS]
    return [widget for kind in (*kinds, buttons) for widget in kind if not getattr(widget, "disabled", False)]


def move(draw: random.Random, app: Any) -> str:
    """Move one control to a place that is hard to bear; gives what was moved, and to where."""
    if draw.random() < 0.15:
        key = draw.choice(["share", "add", "as_text", *(f"step {n}" for n in range(3)), "grid x", "grid input"])
        app.session_state[key] = True
        return f"{key} opened"
    widgets = moves(app)
    if not widgets:
        return "nothing"
    widget = draw.choice(widgets)
    if widget.type in ("button", "form_submit_button"):
        widget.click()
        return f"{widget.label} pressed"
    if widget.type == "file_uploader":
        name, data = any_file(draw)
        widget.set_value((name, data, "application/octet-stream"))
        return f"{name!r} uploaded"
    value = place(draw, widget)
    widget.set_value(value)
    return f"{widget.key} = {value!r}"


def place(draw: random.Random, widget: Any) -> Any:
    """A value that this control takes."""
    if widget.type in ("slider", "number_input"):
        value = extreme(draw, widget)
        return int(value) if isinstance(widget.value, int) else value
    if widget.type == "multiselect":
        return draw.sample(list(widget.options), draw.randint(0, len(widget.options)))
    if widget.type == "toggle":
        return not widget.value
    if widget.type in ("text_input", "text_area"):
        return any_text(draw)
    option = draw.choice(list(widget.options))
    if widget.type == "select_slider" and isinstance(widget.value, int | float):  # its options come back as text
        return type(widget.value)(option) if option.replace(".", "").isdecimal() else widget.value
    return option


# ---- files -----------------------------------------------------------------------------------------------------

NAMES = (
    "x.npy", "<img src=x onerror=alert(1)>.png", "../../../etc/passwd.csv", "![x](http://evil.io).csv", ".jpg",
    "`:material/bug:`.npy", "C:\\x.npy", "www.evil.io.txt", "x" * 300 + ".png",
)  # Streamlit itself refuses other endings  # fmt: skip


def any_file(draw: random.Random) -> tuple[str, bytes]:
    """A file's name and its bytes, whole or damaged."""
    data = FILES[draw.choice(list(FILES))]()
    if draw.random() < 0.3:
        data = data[: draw.randint(0, len(data))]
    elif draw.random() < 0.2 and data:
        where = draw.randrange(min(len(data), 200))
        data = data[:where] + bytes([draw.randrange(256)]) + data[where + 1 :]
    return draw.choice(NAMES), data


def npy(array: np.ndarray) -> bytes:
    kept = io.BytesIO()
    np.save(kept, array)
    return kept.getvalue()


def lying(header: str, body: bytes = b"\0" * 64) -> bytes:
    """A .npy whose header says what it likes."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body


def picture(size: tuple[int, int], mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
    kept = io.BytesIO()
    Image.new(mode, size).save(kept, kind, **options)
    return kept.getvalue()


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG of these header fields, whatever its rows hold."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)), (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    ]  # fmt: skip
    written = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return picture((30, 20), "RGB", "JPEG", exif=exif)


def palette() -> bytes:
    return picture((9, 9), "P", transparency=0)


FILES = {
    "matrix": lambda: npy(np.eye(3)),
    "fortran": lambda: npy(np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    "big-endian": lambda: npy(np.arange(6, dtype=">f8").reshape(2, 3)),
    "empty": lambda: npy(np.zeros((0, 5))),
    "scalar": lambda: npy(np.float32(1)),
    "rank 9": lambda: npy(np.zeros((1,) * 9)),
    "4 MB": lambda: npy(np.random.default_rng(0).random((700, 700))),
    "long": lambda: npy(np.zeros(1_200_000, dtype=np.float32)),
    "nan": lambda: npy(np.array([[np.nan, np.inf], [-np.inf, 1e308]])),
    "objects": lambda: npy(np.array([{"a": 1}, None], dtype=object)),
    "table": lambda: npy(np.zeros(3, dtype=[("a", "f4"), ("b", "i8")])),
    "complex": lambda: npy(np.zeros((2, 2), dtype=complex)),
    "lying": lambda: lying("{'descr': '<f8', 'fortran_order': False, 'shape': (999999999, 999999999), }"),
    "lying rank": lambda: lying("{'descr': '<f8', 'fortran_order': False, 'shape': (" + "1," * 300 + ")}"),
    "negative": lambda: lying("{'descr': '<f8', 'fortran_order': False, 'shape': (-8,), }"),
    "no bytes": lambda: lying("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 999999999)}", b""),
    "code": lambda: lying("__import__('os').system('true') or {'descr': '<f8', 'fortran_order': 0, 'shape': (8,)}"),
    "header": lambda: b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    "csv": lambda: b"1,2\n3,4\n",
    "utf-16": lambda: "1,2\n3,4".encode("utf-16"),
    "latin": lambda: "1,2,\xe9".encode("latin-1"),
    "one line": lambda: b"1," * 90_000,
    "many lines": lambda: b"1\n" * 90_000,
    "5 MB of text": lambda: b"1" * 4_999_000,
    "nines": lambda: b"9" * 99_000 + b"," + b"9" * 99_000,
    "html": lambda: b"<html><script>alert(1)</script>",
    "brackets": lambda: b"[" * 100_000,
    "pickle": lambda: b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
    "zip": lambda: b"PK\x03\x04" + b"\0" * 100,
    "noise": lambda: random.Random(0).randbytes(5000),
    "nothing": lambda: b"",
    "bomb": lambda: picture((3990, 3990), "L", optimize=True),
    "too large": lambda: picture((20_000, 20_000), "1"),
    "promised": lambda: png(65_000, 65_000, 8, 2, b"\0" * 100),
    "16 MP, 16 bits": lambda: png(4000, 4000, 16, 6, b"\0" * 4000 * 32_001),
    "wide": lambda: picture((20_000, 1)),
    "tall": lambda: picture((1, 20_000), "L", "JPEG"),
    "dot": lambda: picture((1, 1)),
    "16 bits": lambda: picture((30, 30), "I;16"),
    "CMYK": lambda: picture((30, 30), "CMYK", "JPEG"),
    "16 MP JPEG": lambda: picture((4000, 3900), "RGB", "JPEG"),
    "16 MP CMYK": lambda: picture((4000, 3900), "CMYK", "JPEG", progressive=True),
    "palette": palette,
    "see-through": lambda: picture((30, 20), "RGBA"),
    "turned": lambda: turned(6),
    "turned wrongly": lambda: turned(99),
    "header only": lambda: b"\x89PNG\r\n\x1a\n",
    "JPEG header": lambda: b"\xff\xd8\xff\xe0",
}  # fmt: skip
