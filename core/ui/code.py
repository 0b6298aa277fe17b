"""The code panel: the source of the very functions that ran."""

import ast
import dis
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import Any

import streamlit as st

from core.ops.operator import Operator
from core.ui import controls
from core.words import N_, _, say

NOT_IN_TORCH = N_("**torch** has no `{mirrors}`. What it is compared with is made of torch's functions:")


@dataclass(frozen=True)
class Constant:
    """A name that a module gives a value to: a table of functions, a number."""

    module: ModuleType
    name: str


def source(*functions: Callable[..., Any]) -> str:
    """The source of functions, preceded by what takes part in them: functions, classes and constants of their modules.

    Each stands once, callees first. What they use of other modules is not shown.
    """
    return _source_of(*map(_bare, functions))  # kept without the arguments bound to them: a reader's tensors


@functools.cache
def _source_of(*functions: Callable[..., Any]) -> str:
    parts = dict.fromkeys(part for function in functions for part in used_parts(function))
    return "\n\n\n".join(textwrap.dedent(_source(part)).rstrip() for part in parts)


def used_parts(function: Any) -> list[Any]:
    """The function and what takes part in it that its module defines, each once, callees first."""
    found: list[Any] = []
    entered: list[Any] = []

    def visit(part: Any) -> None:
        if part in entered:
            return
        entered.append(part)
        for other in _used(part):
            visit(other)
        found.append(part)

    visit(_bare(function))
    return found


def _bare(function: Any) -> Any:
    """The function as it is written, without decorators and bound arguments."""
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.unwrap(function)


def _used(part: Any) -> Iterator[Any]:
    """What a part uses of the module that defines it: by name, or handed to it when it was made."""
    module = part.module if isinstance(part, Constant) else inspect.getmodule(part)
    assert module is not None
    for name in _names(part):
        value = _bare_if_callable(vars(module).get(name))
        if isinstance(value, (FunctionType, type)):
            if value.__module__ == module.__name__:
                yield value
        elif name in _assignments(module):
            yield Constant(module, name)
    for cell in getattr(part, "__closure__", None) or ():
        value = _bare_if_callable(cell.cell_contents)
        if isinstance(value, FunctionType) and value.__module__ == module.__name__:
            yield value


def _bare_if_callable(value: Any) -> Any:
    return _bare(value) if callable(value) else value


def _names(part: Any) -> Iterator[str]:
    """The global names that a part reads, in the order in which they stand."""
    if isinstance(part, Constant):
        yield from _names_in(compile(ast.Module([_assignments(part.module)[part.name]], []), "", "exec"))
    elif isinstance(part, FunctionType):
        yield from _names_in(part.__code__)
    else:
        methods = (getattr(f, "__func__", getattr(f, "fget", f)) for f in vars(part).values())
        for method in methods:
            if isinstance(method, FunctionType) and method.__module__ == part.__module__:
                yield from _names_in(method.__code__)


def _names_in(code: CodeType) -> Iterator[str]:
    """As `_names`, also of the lambdas, comprehensions and functions inside."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
        elif isinstance(instruction.argval, CodeType):
            yield from _names_in(instruction.argval)


@functools.cache
def _assignments(module: ModuleType) -> dict[str, ast.stmt]:
    """The statements that give the module's names a value."""
    found: dict[str, ast.stmt] = {}
    for statement in ast.parse(inspect.getsource(module)).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        found |= {target.id: statement for target in targets if isinstance(target, ast.Name)}
    return found


def _source(part: Any) -> str:
    if not isinstance(part, Constant):
        return inspect.getsource(part)
    statement = _assignments(part.module)[part.name]
    lines = inspect.getsource(part.module).splitlines()
    return "\n".join(lines[statement.lineno - 1 : statement.end_lineno])


def show(operators: tuple[Operator, ...], operator: Operator | None = None) -> None:
    """The tiers of each operator side by side, opened at `operator`, else at the first."""
    names = [each.name for each in operators]
    first = operator.name if operator else names[0]
    several = len(names) > 1
    chosen = (
        controls.choice(f"code_of_{first}", "Operator", names, first, few=len(names), linked=False)
        if several
        else first
    )
    shown = operators[names.index(chosen)]
    tiers = [(N_("Textbook"), (shown.textbook,)), (N_("Manual"), (shown.manual, shown.backward))]
    columns = [(title, [f for f in functions if f is not None]) for title, functions in tiers]
    columns = [(title, functions) for title, functions in columns if functions]
    for column, (title, functions) in zip(st.columns(len(columns)), columns, strict=True):
        with column:
            st.markdown(f"**{_(title)}** · " + ", ".join(f"`{function.__name__}`" for function in functions))
            st.code(source(*functions), language="python", wrap_lines=True)
    show_mirrored(shown)


def show_mirrored(operator: Operator) -> None:
    """torch's function with its documentation; where torch has none, what the check and the timing take for it."""
    if operator.mirrors.startswith("torch."):
        st.markdown(
            f"**torch** · `{operator.mirrors}{_torch_signature(operator)}` · "
            f"[{_('documentation')}](https://docs.pytorch.org/docs/stable/generated/{operator.mirrors}.html)"
        )
        return
    st.markdown(say(NOT_IN_TORCH, operator))
    st.code(source(operator.torch), language="python", wrap_lines=True)


def show_functions(functions: Sequence[Callable[..., Any]]) -> None:
    """The source of the functions that a page without operators ran."""
    st.caption(_("What ran for the pictures above, with all that it uses of its module."))
    st.code(source(*functions), language="python", wrap_lines=True)


def _torch_signature(operator: Operator) -> str:
    try:
        return str(inspect.signature(operator.torch)).replace("'", "")
    except ValueError:  # a built-in: its manual version has the same signature
        return str(inspect.signature(operator.manual)).replace("'", "")
