"""The app with every picture of its boards shown by `st.plotly_chart` instead: what the boards are measured against."""

import streamlit as st

from core.figures.board import Board
from core.ui import board, start


def mount(shown: Board, name: str, _: object) -> None:
    """The same figures in the same order, each a chart of Streamlit's own."""
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        for panel in shown.panels:
            width = "stretch" if panel.stretch is True else "content"
            st.plotly_chart(panel.figure, key=f"{name} {panel.name}", width=width, config={"displayModeBar": False})


if __name__ == "__main__":
    board.mount = mount
    start.set_up()
    start.navigation().run()
else:
    app = st.App(__file__, lifespan=start.lifespan)
