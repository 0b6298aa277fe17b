"""The overview: every topic with its question, its picture in small, and a link."""

import streamlit as st

from core.topics import PAGES, SECTIONS
from core.ui import frame

frame.style()
st.title("Torch Underneath", anchor=False)
st.markdown(
    "What PyTorch does underneath, with live pictures: where numbers lie in memory, how each cell of a result comes "
    "about, and what each hand-written version costs next to torch's own. Every number is computed as you look."
)
for section in SECTIONS:
    topics = [topic for topic in PAGES if topic.section == section]
    if not topics:
        continue
    st.header(section, anchor=False)
    with st.container(horizontal=True, gap="medium"):
        for topic in topics:
            with st.container(border=True, width=285, height="stretch", key=f"card-{topic.name}"):
                st.page_link(f"pages/{topic.name}.py", label=f"**{topic.title}**", icon=topic.icon)
                st.caption(topic.question)
