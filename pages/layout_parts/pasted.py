"""One field for what a reader has at hand, and the snippet that prints a tensor as a link to this page."""

import streamlit as st

from core.experiments.chain import pasted, text
from core.ui import chain_editor, controls, link, state
from core.words import N_, _, say

KEY, UNDERSTOOD, FAULT = "pasted", "understood", "paste fault"
HELP = N_("""Read, never run: the print-out of `x.shape, x.stride(), x.storage_offset(), x.dtype`; a numpy array's shape, strides
and dtype, or its flags; lines of Python; an error message of torch's.""")
HINT = "torch.Size([2, 3]) (1, 2) 0 torch.float32"


def field() -> None:
    """What is pasted becomes the tensor and the chain; what was understood, or could not be, is said under the field."""
    locked = any(link.locked(key) for key in ("shape", "dtype", "chain"))
    with st.popover(_("Paste what you have"), key="paste"):
        st.text_area(
            _("A print-out, a line of Python, an error"), key=KEY, height=110, max_chars=pasted.LONGEST, width=520,
            placeholder=HINT, help=_(HELP), on_change=take, disabled=locked,
        )  # fmt: skip
        if fault := state.own().get(FAULT):
            controls.complain(fault)
        if found := understood():
            st.markdown(say(found.says, found.facts))
        st.markdown(_("These lines print your tensor `x` as a link to this page:"))
        st.code(pasted.snippet(st.context.url or ""), "python", wrap_lines=True)


def show_understood() -> None:
    """The sentence on the page itself, as long as the chain is the one that was pasted."""
    if found := understood():
        st.caption(say(found.says, found.facts))
    elif fault := state.own().get(FAULT):
        controls.complain(fault)


def understood() -> pasted.Pasted | None:
    """What was pasted, where the page still stands at it."""
    found, chain = state.own().get(UNDERSTOOD, (None, ""))
    return found if chain == controls.standing("chain", chain_editor.DEFAULTS["chain"]) else None


def take() -> None:
    """Put what was pasted into the controls, all at once; leave them where it can't be read."""
    state.own().pop(FAULT, None)
    state.own().pop(UNDERSTOOD, None)
    typed = st.session_state[KEY]
    if not typed.strip():
        return
    try:
        found = pasted.read(typed, here())
    except ValueError as fault:
        state.own()[FAULT] = str(fault)
        return
    if found.shape is not None:
        st.session_state["shape"] = ",".join(map(str, found.shape))
    if found.dtype is not None:
        st.session_state["dtype"] = pasted.NAMES[found.dtype]
    st.session_state["cell"] = ""
    chain_editor.write(found.steps)
    state.own()[UNDERSTOOD] = found, st.session_state["chain"]


def here() -> tuple[int, ...] | None:
    """The shape on the page; None where it can't be read."""
    try:
        return text.parse_shape(controls.standing("shape", chain_editor.DEFAULTS["shape"]))
    except ValueError:
        return None
