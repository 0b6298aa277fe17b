"""The code panel: the source of the very functions that ran."""

import functools
import inspect
import textwrap
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import streamlit as st

from core.ops.operator import Operator
from core.ui import controls


@functools.cache
def source(*functions: Callable[..., Any]) -> str:
    """The source of functions, preceded by that of the functions and classes of their modules that they use."""
    parts = dict.fromkeys(part for function in functions for part in used_parts(function))
    return "\n\n\n".join(textwrap.dedent(inspect.getsource(part)).rstrip() for part in parts)


def used_parts(function: Any) -> list[Any]:
    """The function and what it calls in the same module, each once, callees first."""
    found: list[Any] = []

    def visit(part: Any) -> None:
        if part in found:
            return
        for name in _names(part):
            other = getattr(inspect.getmodule(part), name, None)
            if other is not part and _written_here(other, part):
                visit(other)
        if part not in found:
            found.append(part)

    visit(inspect.unwrap(function))
    return found


def _names(part: Any) -> tuple[str, ...]:
    if isinstance(part, FunctionType):
        return part.__code__.co_names
    functions = [f.__func__ if isinstance(f, staticmethod) else f for f in vars(part).values()]
    return tuple(n for f in functions if isinstance(f, FunctionType) for n in f.__code__.co_names)


def _written_here(other: Any, part: Any) -> bool:
    return isinstance(other, (FunctionType, type)) and other.__module__ == part.__module__


def show(operators: tuple[Operator, ...]) -> None:
    """The three tiers of each operator side by side."""
    names = [operator.name for operator in operators]
    several = len(names) > 1
    chosen = controls.choice("code_of", "Operator", names, few=len(names), linked=False) if several else names[0]
    operator = operators[names.index(chosen)]
    tiers = [("Textbook", operator.textbook), ("Manual", operator.manual)]
    shown = [(title, function) for title, function in tiers if function is not None]
    for column, (title, function) in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            st.markdown(f"**{title}** · `{function.__name__}`")
            st.code(source(function), language="python", wrap_lines=True)
    st.markdown(
        f"**torch** · `{operator.mirrors}{_torch_signature(operator)}` · "
        f"[documentation](https://docs.pytorch.org/docs/stable/generated/{operator.mirrors}.html)"
    )


def show_functions(functions: Sequence[Callable[..., Any]]) -> None:
    """The source of the functions that a page without operators ran."""
    st.caption("What ran for the pictures above, with all that it uses of its module.")
    st.code(source(*functions), language="python", wrap_lines=True)


def _torch_signature(operator: Operator) -> str:
    try:
        return str(inspect.signature(operator.torch)).replace("'", "")
    except ValueError:  # a built-in: its manual version has the same signature
        return str(inspect.signature(operator.manual)).replace("'", "")
