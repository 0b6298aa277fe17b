"""The Share button: the link to what is on screen, its QR code, and a teacher's version of it; and Reset."""

import io

import segno
import streamlit as st

from core import words
from core.ui import controls, link, state, tensor_input
from core.words import N_, _, say

STAYS = "not in the link"  # where a page lays aside the sentence on what of it no link says
PART_NAMES = N_(
    {
        "controls": "Controls", "try": "Try", "pitfalls": "Pitfalls", "walk": "Walk through", "predict": "Predict",
        "code": "Code", "timing": "Timing", "take-away": "Take away", "answers": "Answers",
    }
)  # fmt: skip
TOO_LONG = N_(":orange[This link has {length} characters; some programs cut links longer than {most}.]")


def buttons() -> None:
    """Share and Reset, for the page whose controls have been drawn."""
    share = controls.popover("share", "Share", ":material/share:")
    if share.open:
        with share:
            panel()
    help = _("Back to the page's example. The seed stays.")
    if st.button(_("Reset"), icon=":material/restart_alt:", on_click=controls.reset, help=help):
        st.rerun()


def panel() -> None:
    """The link, its QR code, and what a teacher can ask of it."""
    if stays := state.own().get(STAYS):
        st.markdown(say("**The settings of this page**: {stays}", stays=_(stays)))
    elif tensor_input.travels():
        st.markdown(_("**This page as it stands**: the same numbers, wherever the link is opened."))
    else:
        st.markdown(
            _(
                "**The settings of this page**: its tensor is kept in this session alone, and the link opens on the "
                "page's own example."
            )
        )
    shown = st.container()
    st.markdown(_("**For a class**"))
    hide = controls.several("share_hide", "Hide", link.PARTS, format=PART_NAMES.__getitem__)
    settings = controls.settings()
    lock = controls.several("share_lock", "Lock", list(settings), format=lambda key: settings[key].label)
    projector = controls.toggle("share_projector", "Projector: larger type, no side bar", linked=False)
    fixed = controls.toggle("share_fix", "Fix the questions and their draw", linked=False)
    spoken = controls.toggle("share_lang", "Fix the language; else each reader has their own", linked=False)
    with shown:
        code(teacher_link(hide, [*lock, "draw"] if fixed else lock, projector, words.spoken() if spoken else ""))


def teacher_link(hide: list[str], lock: list[str], projector: bool, language: str = "") -> str:
    """The address of this page with its settings; a locked control is named even at its default."""
    settings = {
        key: setting.text
        for key, setting in controls.settings().items()
        if setting.value != setting.default or key in lock
    }
    if "draw" in lock:
        settings.setdefault("draw", str(controls.standing("draw", 0)))
    settings |= state.current().parts
    return link.address(
        (st.context.url or "").split("?")[0], settings, hide=hide, lock=lock, projector=projector, language=language
    )


def code(address: str) -> None:
    """The link to copy, and its QR code for the room where a code can hold it."""
    st.code(address, language=None, wrap_lines=True)
    if len(address) > link.LONG:
        st.caption(say(TOO_LONG, length=len(address), most=link.LONG))
        return
    picture = io.BytesIO()
    segno.make(address, error="l").save(
        picture, kind="svg", scale=4, border=3, light="white", svgns=True, xmldecl=False
    )
    st.image(picture.getvalue().decode(), width=240, alt=_("QR code of the link above"))
