"""Other ways to hold the numbers of a matrix: sparse COO and CSR, and jagged rows."""

import streamlit as st

from core.experiments.chain.run import Stage
from core.experiments.layout import sparse
from core.figures import sparse as draw
from core.ui import board, controls
from core.words import N_, _, say

ABOUT = N_("""Strides are one way to hold numbers: a place for each, zeros included. **COO** keeps the numbers that are not 0, each with its row and its column. **CSR** keeps them row by row: `crow_indices`
says where each row begins and where it ends. A **jagged** tensor keeps rows of different lengths one behind the other; here each row ends at its last number that is not 0.""")
OWN = N_("This takes a matrix of real numbers, so here is one of its own.")
CORNER = N_("Of the matrix its first {rows:|row|rows} and {columns:|column|columns} are shown.")
KINDS: dict[sparse.Kind, str] = N_({"coo": "COO", "csr": "CSR", "jagged": "jagged"})
SMALLER = N_(
    "**{values:|value|values}** of {numel} take **{bytes} bytes** so, the whole matrix {dense_bytes}. It stays smaller up to {most:|value|values}."
)
LARGER = N_(
    "**{values:|value|values}** of {numel} take **{bytes} bytes** so, more than the whole matrix with its {dense_bytes}: an index takes 8 bytes. It would be smaller with up to {most:|value|values}."
)
NEVER = N_(
    "**{values:|value|values}** of {numel} take **{bytes} bytes** so, the whole matrix {dense_bytes}. A matrix of this size is not smaller so even with a single value."
)
EQUAL = N_(
    "**{values:|value|values}** of {numel} take **{bytes} bytes** so, exactly what the whole matrix takes. It would be smaller with up to {most:|value|values}."
)
STRIDE = N_("`.stride()`: `{stride}`")
VIEW = N_("`.view(-1)`: `{view}`")
TURNED = N_(
    "`.t()` is of layout `{layout}`, and its values lie in the same storage: rows and columns change their roles, and no number moves."
)
COPIED = N_("`.t()` is of layout `{layout}`, with values in a storage of its own.")


def show(stage: Stage) -> None:
    """The stage's matrix in another way, its bytes, and what torch says to strides and views."""
    x = sparse.corner(stage.tensor)
    with controls.row("sparse"):
        kind = controls.choice("held", "Held as", KINDS, "csr")
        share = controls.slider("zeros", "Share set to 0 at random", 0.0, 1.0, 0.5 if x is not None else 0.0, step=0.1)
    st.markdown(_(ABOUT))
    if x is None:
        st.caption(_(OWN))
    elif stage.tensor is not None and x.shape != stage.tensor.shape:
        st.caption(say(CORNER, rows=x.shape[0], columns=x.shape[1]))
    found = sparse.held(sparse.thinned(sparse.EXAMPLE if x is None else x, share), kind)
    pictures, links = draw.pictures(found)
    spelled = {name: f"`{{at:{name}}}` = **{{{name}}}**" for name in ("dense", *found.parts)}
    dense, *parts = pictures
    beside = [board.At(row, 2, part, align="start") for row, part in enumerate(parts, 1)]
    board.show(board.At(1, 1, dense, len(parts), "start"), *beside, links=links, spelled=spelled, name="sparse")
    said = [say(verdict(found), found, values=len(found.at)), say(STRIDE, found), say(VIEW, found)]
    if kind == "csr":
        other = sparse.turned(found.dense)
        said.append(say(TURNED if other.shares else COPIED, other))
    st.markdown("\n".join(f"- {each}" for each in said))


def verdict(found: sparse.Held) -> str:
    """How many bytes it takes beside the matrix."""
    if found.bytes == found.dense_bytes:
        return EQUAL
    if found.bytes < found.dense_bytes:
        return SMALLER
    return LARGER if found.most else NEVER
