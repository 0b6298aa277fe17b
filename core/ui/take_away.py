"""Take away: a script and a notebook that make the numbers on screen, the tensors, and the pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import plotly.graph_objects as go
import streamlit as st
import torch

from core.tensors.files import to_npy
from core.tensors.script import Script, to_notebook, to_python
from core.ui import controls, pictures


@dataclass(frozen=True)
class TakeAway:
    """What a page gives to take home: the script of what is on screen, and its tensors by name."""

    script: Script
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)


def show(page: str, take: TakeAway) -> None:
    """The downloads; each file is built when it is asked for."""
    program = to_python(take.script)
    with st.container(horizontal=True, gap="small"):
        file("Python script", f"{page}.py", program, "text/x-python", ":material/code:")
        notebook = partial(to_notebook, take.script)
        file("Notebook", f"{page}.ipynb", notebook, "application/x-ipynb+json", ":material/book:")
        for name, tensor in take.tensors.items():
            array = partial(to_npy, tensor)
            file(f"{name}.npy", f"{page}-{name}.npy", array, "application/octet-stream", ":material/grid_on:")
    st.caption("The script needs torch alone. Run it: it prints the numbers that are on screen now.")
    with st.expander("The script"):
        st.code(program, language="python", wrap_lines=True)
    picture(page, pictures.drawn())


def file(label: str, name: str, data: str | Callable[[], str | bytes], mime: str, icon: str) -> None:
    """One download; what `data` makes is made when it is asked for."""
    st.download_button(label, data, name, mime, icon=icon, on_click="ignore", key=f"take {name}")


def picture(page: str, drawn: Mapping[str, tuple[go.Figure, str]]) -> None:
    """One of the pictures on the page, as an interactive HTML file, or as PNG or SVG by its camera button."""
    if not drawn:
        return
    st.markdown("**Pictures**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = controls.choice("take_picture", "Picture", list(drawn), width=260, few=0, linked=False)
        kind = controls.choice("take_kind", "Camera button saves", ("png", "svg"), linked=False)
        figure, said = drawn[name]
        st.download_button(
            "Interactive HTML", lambda: figure.to_html(include_plotlyjs=True), f"{page}.html", "text/html",
            icon=":material/html:", on_click="ignore", key="take html",
        )  # fmt: skip
    config = {
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": kind, "filename": f"{page} {name}", "scale": 2},
    }
    st.plotly_chart(figure, width="content", key=f"take {name} {kind}", alt=said[:1000], config=config)
