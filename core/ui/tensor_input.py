"""Where a page takes a tensor: its example, typed or pasted numbers, random ones, a digit, a photograph, a file.

What the reader gives travels in the address as text, as long as it is short enough. Bad input gets a sentence
beside the control, and the last good tensor stays in the pictures.
"""

import re
from collections.abc import Callable

import pandas as pd
import streamlit as st
from torch import Tensor

from core.data import digit, mnist, photograph
from core.tensors.files import MAX_BYTES, crop_to, read_upload, scale_to
from core.tensors.limits import Limits, TensorInputError, TooLargeError, check, times
from core.tensors.link import MAX_LINK, TooLargeForLinkError, from_link, to_link
from core.tensors.random import DISTRIBUTIONS, parse_shape, random_tensor
from core.tensors.text import format_tensor, parse
from core.ui import controls, state
from core.words import N_, Words, _, say

SOURCES = N_(
    {
        "example": "the example", "typed": "typed or pasted", "random": "random numbers", "digit": "a digit (MNIST)",
        "photo": "a photograph", "file": "a file",
    }
)  # fmt: skip
COMPACT = re.compile(r"[nz][0-9a-f]{6}_")  # how a tensor in a link begins
LONGEST_TEXT = 20_000  # characters
LONG_TEXT = 300  # from here on, typed numbers are written compactly if that is shorter
GRID_CELLS = 400  # the most that an editable grid shows
# The last four are refused in words of our own, which say what to save instead.
FILE_KINDS = ["npy", "csv", "tsv", "txt", "png", "jpg", "jpeg", "npz", "pt", "pth", "xlsx"]


def tensor(key: str, label: Words, example: Tensor, limits: Limits, *, images: bool = False) -> Tensor:
    """The tensor that the reader chose for `label`, within the limits; the last good one while the input is bad.

    To be called inside a row of controls.
    `key` is the URL's parameter for typed numbers. `images` offers digits and photographs too.
    """
    sources = [source for source in SOURCES if images or source not in ("digit", "photo")]
    source = controls.choice(f"{key}_from", label, {name: SOURCES[name] for name in sources}, few=0)
    try:
        made = READERS[source](key, example, limits)
    except TensorInputError as refusal:
        return last_good(key, example, limits, refusal)
    state.own()[f"good {key}"] = made
    return made


def source(key: str) -> str:
    """Where the tensor will come from (of SOURCES), for controls that stand before its own and belong to one source."""
    asked = controls.standing(f"{key}_from", "example")
    named = {shown: name for name, shown in SOURCES.items()}  # an old link says the words
    return named.get(asked, asked if asked in SOURCES else "example")


def travels() -> bool:
    """Whether a link to the page on screen says all its tensors: what came as a file, too large for text, does not."""
    return not any(key.endswith("_from") and s.value == "file" for key, s in controls.settings().items())


def last_good(key: str, example: Tensor, limits: Limits, refusal: TensorInputError) -> Tensor:
    """Say why the input is refused, offer the mend where there is one, and go on with what last stood here."""
    kept = good(key, example, limits)
    controls.complain(say("{why} Showing the last good tensor ({shape}).", why=str(refusal), shape=times(kept.shape)))
    if isinstance(refusal, TooLargeError):
        for name, mend in ((N_("Scale it down"), scale_to), (N_("Crop it"), crop_to)):
            st.button(_(name), key=f"{name} {key}", on_click=lambda mend=mend: hold(key, mend(refusal.tensor, limits)))
    return kept


def hold(key: str, made: Tensor) -> None:
    """Make this tensor the input: as text in the address if it is short enough, else in this session alone."""
    state.own().pop(f"fault {key}", None)
    try:
        st.session_state[key] = to_link(made)
        st.session_state[f"{key}_from"] = "typed"
    except TooLargeForLinkError:
        state.own()[f"held {key}"] = made
        st.session_state[f"{key}_from"] = "file"


def good(key: str, example: Tensor, limits: Limits) -> Tensor:
    """The last good tensor, as long as the page's limits still take it; else the example."""
    kept: Tensor = state.own().get(f"good {key}", example)
    try:
        return check(kept, limits)
    except TensorInputError:
        return example


# ---- the sources -----------------------------------------------------------------------------------------------


def read_example(key: str, example: Tensor, limits: Limits) -> Tensor:
    """The page's own tensor."""
    return example


def read_typed(key: str, example: Tensor, limits: Limits) -> Tensor:
    """Numbers as text: lists, print-outs of numpy or torch, CSV, or the compact form of a link; or as a grid."""
    grid = st.container(width="content")
    with grid:
        edit_as_grid(key, format_tensor(example), limits)
    text = controls.area(
        key, "Numbers", format_tensor(example), longest=LONGEST_TEXT, height=96, width=420,
        on_change=lambda: compact(key, limits),
        help="A list, a print-out of numpy or torch, CSV or TSV; `tensor([[1., 2.], [3., 4.]])`, `1 2; 3 4`.",
    )  # fmt: skip
    if len(text) > MAX_LINK:
        controls.complain(_("This text is too long to travel in a link: it stays on this page alone."), "link_off")
    return read_text(text, limits)


def read_text(text: str, limits: Limits) -> Tensor:
    """The tensor that a text spells. TensorInputError says why it spells none."""
    return from_link(text.strip(), limits) if COMPACT.match(text.strip()) else parse(text, limits=limits)


def compact(key: str, limits: Limits) -> None:
    """Write long typed numbers in the compact form, so that they fit into a link."""
    typed = st.session_state[key]
    if len(typed) > LONG_TEXT:
        try:
            short = to_link(read_text(typed, limits))
        except TensorInputError:
            return
        if len(short) < len(typed):
            st.session_state[key] = short


def edit_as_grid(key: str, first: str, limits: Limits) -> None:
    """The typed tensor as a grid to edit; what is edited there becomes the typed text, which stands below it.

    Not in a popover: a click outside would close that before the cell under way has reached the server.
    """
    if not controls.toggle(f"grid {key}", ":material/grid_on: Edit as a grid", linked=False):
        return
    try:
        now = read_text(controls.standing(key, first), limits)
    except TensorInputError:
        st.caption(_("Mend the text first: it spells no tensor."))
        return
    if now.dim() > 2 or now.numel() > GRID_CELLS:
        st.caption(say("A grid shows matrices of up to {most} numbers.", most=GRID_CELLS))
        return
    table = pd.DataFrame(now.reshape(-1, now.shape[-1] if now.dim() else 1).tolist())
    table.columns = table.columns.astype(str)
    edited = st.data_editor(table, key=f"grid {key} {times(now.shape)}", num_rows="fixed", hide_index=False)
    if not edited.equals(table):
        rows = edited.to_numpy().tolist()
        spelled = str(rows[0] if now.dim() < 2 else rows)
        st.session_state[key] = spelled.replace("None", "nan")


def read_random(key: str, example: Tensor, limits: Limits) -> Tensor:
    """Random numbers of a chosen shape, distribution and seed."""
    shape = controls.text(f"{key}_shape", "Shape", "×".join(map(str, example.shape)), longest=40, width=130)
    kind = controls.choice(f"{key}_kind", "Distribution", DISTRIBUTIONS)
    seed = controls.number(f"{key}_seed", "Seed of the input", 0, controls.LARGEST_SEED, 0)
    return random_tensor(parse_shape(shape, limits), seed, kind)


def read_digit(key: str, example: Tensor, limits: Limits) -> Tensor:
    """A handwritten digit of the shipped data set."""
    which = controls.number(f"{key}_digit", "Which digit", 0, len(mnist().train_images) - 1, 0)
    return ranked(digit(which), limits)


def read_photo(key: str, example: Tensor, limits: Limits) -> Tensor:
    """The shipped photograph, in colour where the page takes three channels, else grey."""
    colour = photograph()  # (3, H, W)
    return ranked(colour if 3 in limits.ranks or 4 in limits.ranks else colour.mean(0), limits)


def ranked(image: Tensor, limits: Limits) -> Tensor:
    """An image with leading dimensions of size 1 as the limits ask for, scaled to fit."""
    while image.dim() < min(limits.ranks):
        image = image[None]
    return scale_to(image, limits)


def read_file(key: str, example: Tensor, limits: Limits) -> Tensor:
    """An uploaded file, or what was made of one."""
    widget = f"file {key}"

    def take() -> None:
        upload = st.session_state[widget]
        state.own().pop(f"fault {key}", None)
        if upload is None:
            return
        try:
            hold(key, read_upload(upload.name, upload.getvalue(), limits))
        except TensorInputError as refusal:
            state.own()[f"fault {key}"] = refusal

    st.file_uploader(
        say("`.npy`, `.csv`, PNG or JPEG, at most {size} MB", size=MAX_BYTES // 10**6),
        FILE_KINDS,
        key=widget,
        on_change=take,
        width=420,
    )
    if refusal := state.own().get(f"fault {key}"):
        raise refusal
    held: Tensor | None = state.own().get(f"held {key}")
    if held is None:
        st.caption(_("Nothing uploaded yet: showing the last tensor."))
        return good(key, example, limits)
    st.caption(
        say(
            "This tensor ({shape}) is too large to travel in a link: it stays in this session.", shape=times(held.shape)
        )
    )
    return held


READERS: dict[str, Callable[[str, Tensor, Limits], Tensor]] = {
    "example": read_example,
    "typed": read_typed,
    "random": read_random,
    "digit": read_digit,
    "photo": read_photo,
    "file": read_file,
}
