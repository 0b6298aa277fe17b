"""Take away: a script and a notebook that make the numbers on screen, the tensors, and the pictures."""

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import streamlit as st
import torch

from core.figures.board import Board
from core.ops.operator import Call, Operator
from core.tensors.files import to_npy
from core.tensors.script import Script, to_notebook, to_python
from core.ui import board, controls, stand_alone
from core.words import Words, _


@dataclass(frozen=True)
class TakeAway:
    """What a page gives to take home: the script of what is on screen, and its tensors by name."""

    script: Script
    tensors: Mapping[str, torch.Tensor] = field(default_factory=dict)


def of(
    operator: Operator, call: Call, tensors: Mapping[str, torch.Tensor], *, title: Words, seed: int | None = None
) -> TakeAway:
    """What a page gives to take home whose picture is one call of an operator with one result."""
    names = list(inspect.signature(operator.manual).parameters)
    given = dict(zip(names, call.args, strict=False)) | dict(call.kwargs)
    inputs = {name: value for name, value in given.items() if isinstance(value, torch.Tensor)}
    written = [name if name in inputs else code_of(given[name]) for name in names[: len(call.args)]]
    written += [f"{name}={name if name in inputs else code_of(value)}" for name, value in call.kwargs.items()]
    arguments = ", ".join(written)
    script = Script(
        title=_(title), inputs=inputs, functions=(operator.manual,), results=("output",), seed=seed,
        calls=(f"output = {operator.manual.__name__}({arguments})",),
        reference={"output": f"{operator.mirrors}({arguments})"},
    )  # fmt: skip
    return TakeAway(script, tensors)


def code_of(value: object) -> str:
    """A value as a script writes it."""
    bare = isinstance(value, float) and not math.isfinite(value)  # Python has no literal for those
    return f'float("{value}")' if bare else repr(value)


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
    st.caption(_("The script needs torch alone. Run it: it prints the numbers that are on screen now."))
    with st.expander(_("The script")):
        st.code(program, language="python", wrap_lines=True)
    pictures(page, board.drawn())


def file(label: Words, name: str, data: str | Callable[[], str | bytes], mime: str, icon: str) -> None:
    """One download; what `data` makes is made when it is asked for."""
    st.download_button(_(label), data, name, mime, icon=icon, on_click="ignore", key=f"take {name}")


def pictures(page: str, drawn: Mapping[str, Board]) -> None:
    """The page's boards: one as a file in which its cells still hang together, its pictures as PNG or SVG."""
    shown = {", ".join(panel.name for panel in drawn[name].panels): name for name in drawn}
    if not shown:
        return
    st.markdown(_("**Pictures**"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = controls.choice("take_picture", "Pictures", list(shown), width=320, few=0, linked=False)
        name = shown[chosen]
        st.download_button(
            _("Interactive HTML"), partial(stand_alone.page, drawn[name], page), f"{page}.html", "text/html",
            icon=":material/html:", on_click="ignore", key="take html",
        )  # fmt: skip
    board.mount(replace(drawn[name], save=page, hint=""), "to take away", {})
