"""The overview: where to start, and every topic with its question, its picture in small, and a link."""

import html

import streamlit as st

from core.topics import PAGES, SECTIONS, Topic
from core.ui import frame
from core.web.files import thumbnail_address
from core.words import N_, _

Link = tuple[str, str, dict[str, str]]  # page, label, parameters
WAYS_IN: tuple[tuple[str, str, tuple[Link, ...]], ...] = (
    (
        N_("New to tensors"),
        N_(
            "See one tensor's numbers lie in memory while `view` and `permute` read them in another order. Point at a cell: its partners light up in every picture."
        ),
        (("layout", N_("Memory layout"), {}), ("products", N_("Matrix products"), {}), ("softmax", N_("Softmax"), {})),
    ),
    (
        N_("Teaching a class"),
        N_(
            "Open a page, set it up, and take *Share*: a link with a QR code that hides parts, locks controls or keeps the "
            "answers back. Of these two, one is ready for the projector, and one keeps its answers back."
        ),
        (
            ("dropout", N_("Dropout on the projector"), {"projector": "1"}),
            ("convolution", N_("Convolution without its answers"), {"hide": "answers", "tab": "Predict"}),
        ),
    ),
    (
        N_("Debugging a model"),
        N_(
            "Why does `view` refuse, what does a step copy, and what does each hand-written operator cost next to torch's "
            "own on this machine?"
        ),
        (("layout", N_("A view that is refused"), {"chain": "permute(1,0)>view(30)"}), ("timing", N_("Timing"), {})),
    ),
)


def way_in(title: str, says: str, links: tuple[Link, ...]) -> None:
    """One way to start: for whom, what there is to see, and where."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.markdown(f"**{_(title)}**  \n{_(says)}")
        for page, label, parameters in links:
            st.page_link(f"pages/{page}.py", label=_(label), icon=":material/arrow_forward:", query_params=parameters)


def card(topic: Topic) -> None:
    """A topic: its link, its page's board in small, and its question."""
    with st.container(border=True, width=285, height="stretch", gap="xsmall"):
        st.page_link(f"pages/{topic.name}.py", label=f"**{_(topic.title)}**", icon=topic.icon)
        picture = f'<img src="{thumbnail_address(topic.name)}" alt="" height="92" style="max-width: 100%">'
        st.html(picture + f"<p style='margin: .4rem 0 0; font-size: .9rem'>{coded(_(topic.question))}</p>")


def coded(text: str) -> str:
    """A sentence in HTML, what stands in backquotes as code."""
    parts = html.escape(text, quote=False).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


frame.style()
st.title("Torch Underneath", anchor=False)
st.markdown(
    _(
        "What PyTorch does underneath, with live pictures: where numbers lie in memory, how each cell of a result comes "
        "about, and what each hand-written version costs next to torch's own. Every number is computed as you look. "
        "The topics are those of a Chinese tutorial on PyTorch's internals, whose mistakes are shown where they stand."
    )
)
for column, way in zip(st.columns(len(WAYS_IN)), WAYS_IN, strict=True):
    with column:
        way_in(*way)
for section in SECTIONS:
    topics = [topic for topic in PAGES if topic.section == section]
    if topics:
        st.header(_(section), anchor=False)
        with st.container(horizontal=True, gap="medium"):
            for topic in topics:
                card(topic)
