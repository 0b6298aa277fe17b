"""The Share button: the link to what is on screen, its QR code, and a teacher's version of it; and Reset."""

import io

import segno
import streamlit as st

from core.ui import controls, link

PART_NAMES = {part: part.replace("-", " ").capitalize() for part in link.PARTS}


def buttons() -> None:
    """Share and Reset, for the page whose controls have been drawn."""
    share = st.popover("Share", icon=":material/share:", key="share", on_change="rerun")
    if share.open:
        with share:
            panel()
    help = "Back to the page's example. The seed stays."
    if st.button("Reset", icon=":material/restart_alt:", on_click=controls.reset, help=help):
        st.rerun()


def panel() -> None:
    """The link, its QR code, and what a teacher can ask of it."""
    st.markdown("**This page as it stands**: the same numbers, wherever the link is opened.")
    shown = st.container()
    st.markdown("**For a class**")
    hide = st.multiselect("Hide", link.PARTS, format_func=PART_NAMES.__getitem__, key="share_hide")
    settings = controls.settings()
    lock = st.multiselect("Lock", list(settings), format_func=lambda key: settings[key].label, key="share_lock")
    projector = st.toggle("Projector: larger type, no side bar", key="share_projector")
    fixed = st.toggle("Fix the questions and their draw", key="share_fix")
    with shown:
        code(teacher_link(hide, [*lock, "draw"] if fixed else lock, projector))


def teacher_link(hide: list[str], lock: list[str], projector: bool) -> str:
    """The address of this page with its settings; a locked control is named even at its default."""
    settings = {
        key: setting.text
        for key, setting in controls.settings().items()
        if setting.value != setting.default or key in lock
    }
    if "draw" in lock:
        settings.setdefault("draw", str(st.session_state.get("draw", 0)))
    return link.address((st.context.url or "").split("?")[0], settings, hide=hide, lock=lock, projector=projector)


def code(address: str) -> None:
    """The link to copy, and its QR code for the room where a code can hold it."""
    st.code(address, language=None, wrap_lines=True)
    if len(address) > link.LONG:
        st.caption(
            f":orange[This link has {len(address)} characters; some programs cut links longer than {link.LONG}.]"
        )
        return
    picture = io.BytesIO()
    segno.make(address, error="l").save(
        picture, kind="svg", scale=4, border=3, light="white", svgns=True, xmldecl=False
    )
    st.image(picture.getvalue().decode(), width=240, alt="QR code of the link above")
