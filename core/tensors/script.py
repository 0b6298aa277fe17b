"""Take away: a stand-alone Python script, or notebook, that gives the numbers on screen again with torch alone.

    script = Script(
        title="Convolution of a 3×3 input",
        inputs={"input": x, "weight": w},
        functions=(conv2d,),
        calls=("output = conv2d(input, weight, stride=2)",),
        results=("output",),
        reference={"output": "torch.nn.functional.conv2d(input, weight, stride=2)"},
    )
    to_python(script), to_notebook(script)

The functions come with all that they use of our own modules (functions, classes, constants), callees first, so that
nothing but torch and what it needs has to be installed.
"""

import ast
import base64
import importlib
import inspect
import json
import keyword
import re
import symtable
import sys
import textwrap
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from core.tensors.text import digits
from core.words.numbers import nested

MAX_LITERAL = 3000  # characters of numbers that are still written out


@dataclass(frozen=True)
class Script:
    """What a stand-alone script does. `calls` and `reference` are Python source, written by the page."""

    title: str
    inputs: Mapping[str, torch.Tensor]  # exact in every element; in memory they become contiguous
    functions: tuple[Callable[..., Any], ...]  # module-level functions and classes; what they use comes along
    calls: tuple[str, ...]  # "output = conv2d(input, weight)"
    results: tuple[str, ...]  # the names to print and save
    reference: Mapping[str, str] = field(default_factory=dict)  # result -> the torch expression that gives the same
    seed: int | None = None  # of torch's global generator, before the calls and before each reference


def to_python(script: Script) -> str:
    """The script. It prints its results; given a file name, it saves them with torch.save as a dictionary by name.

    ValueError for a script that could not run: a name that is no identifier or stands for two things, a call that
    is not Python.
    """
    parts = _parts(script)
    usage = "# Run it with python and this file's name; a second name, such as results.pt, saves the results there."
    saved = ", ".join(f'"{name}": {name}' for name in script.results)
    parts["Save"] = f"if len(sys.argv) > 1:\n    torch.save({{{saved}}}, sys.argv[1])"
    blocks = [f"# {line}" for line in _intro(script)] + [usage + "\n", "import sys"]
    blocks += [code if name == "Imports" else f"\n# ---- {name} ----\n\n{code}" for name, code in parts.items()]
    return "\n".join(blocks) + "\n"


def to_notebook(script: Script) -> str:
    """The same as a notebook (nbformat 4.5): an introduction, and a cell for each part of the script."""
    title, *rest = _intro(script)
    cells = [_cell("intro", "markdown", f"# {title}\n\n" + " ".join(rest))]
    cells += [_cell(name.lower().replace(" ", "-"), "code", code) for name, code in _parts(script).items()]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False)


def _cell(name: str, kind: str, source: str) -> dict[str, Any]:
    cell = {"id": name, "cell_type": kind, "metadata": {}, "source": source.strip("\n").splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _intro(script: Script) -> list[str]:
    return [
        " ".join(script.title.split()),
        f"From Torch Underneath. Needs torch alone; the numbers are those of torch {torch.__version__}.",
    ]


# ---- the parts --------------------------------------------------------------------------------------------------


def _parts(script: Script) -> dict[str, str]:
    """The source of each part, in the order in which they run."""
    helpers = _helpers(script)
    embedded = embed((*script.functions, *helpers))
    if any(not tensor.isfinite().all() for tensor in script.inputs.values()):
        embedded.imports |= {("math", "inf", ""), ("math", "nan", "")}
    embedded.imports.add(("torch", "", ""))
    _check(script, embedded)
    return {
        "Imports": _import_lines(embedded.imports),
        "Functions": "\n\n\n".join(embedded.pieces),
        "Inputs": "\n".join(_assignment(name, tensor) for name, tensor in script.inputs.items()),
        "Run": "\n".join([*_seeding(script), *script.calls]),
        "Results": "\n".join(f'show_result("{name}", {name})' for name in script.results),
    } | ({"Against torch": "\n".join(_comparisons(script))} if script.reference else {})


def _helpers(script: Script) -> tuple[Callable[..., Any], ...]:
    packed = any(not _is_short(tensor) for tensor in script.inputs.values())
    return (
        *([unpacked_tensor] if packed else []),
        show_result,
        *([compare_with_torch] if script.reference else []),
    )


def _seeding(script: Script) -> list[str]:
    return [] if script.seed is None else [f"torch.manual_seed({script.seed})"]


def _comparisons(script: Script) -> Iterator[str]:
    for name, expression in script.reference.items():
        yield from _seeding(script)
        yield f'compare_with_torch("{name}", {name}, {expression})'


def _check(script: Script, embedded: "Embedding") -> None:
    taken = {*embedded.names, *(alias or name or module for module, name, alias in embedded.imports)}
    for name in (*script.inputs, *script.results, *script.reference):
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{name!r} is not a name in Python")
        if name in taken:
            raise ValueError(f"the name {name!r} stands for a tensor and for something that a function uses")
    for call in (*script.calls, *script.reference.values()):
        try:
            ast.parse(call)
        except SyntaxError as error:
            raise ValueError(f"this is not Python: {call}") from error


# ---- tensors as source ------------------------------------------------------------------------------------------


def _is_short(tensor: torch.Tensor) -> bool:
    return 3 * tensor.numel() <= MAX_LITERAL and len(_literal(tensor)) <= MAX_LITERAL


def _literal(tensor: torch.Tensor) -> str:
    return nested(digits(tensor), tensor.shape) if tensor.numel() else str(tensor.tolist())


def _assignment(name: str, tensor: torch.Tensor) -> str:
    grad = ".requires_grad_()" if tensor.requires_grad else ""
    if not tensor.numel():
        return f"{name} = torch.empty({tuple(tensor.shape)}, dtype={tensor.dtype}){grad}"
    if _is_short(tensor):
        literal = textwrap.indent(_literal(tensor), "    ")
        body = (
            f"\n{literal},\n    dtype={tensor.dtype},\n"
            if "\n" in literal
            else f"{literal.strip()}, dtype={tensor.dtype}"
        )
        return f"{name} = torch.tensor({body}){grad}"
    lines = "\n".join(textwrap.wrap(_packed(tensor), 110))
    return f'{name} = unpacked_tensor({tensor.dtype}, {tuple(tensor.shape)}, """\n{lines}\n"""){grad}'


def _packed(tensor: torch.Tensor) -> str:
    raw = tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
    return base64.b64encode(zlib.compress(raw, 9)).decode()


def unpacked_tensor(dtype: torch.dtype, shape: tuple[int, ...], text: str) -> torch.Tensor:
    """The tensor whose bytes were deflated and written in base64."""
    return torch.frombuffer(bytearray(zlib.decompress(base64.b64decode(text))), dtype=dtype).reshape(shape)


# ---- what the script says ---------------------------------------------------------------------------------------


def show_result(name: str, value: object) -> None:
    """Print a result, a tensor with its shape and dtype."""
    about = f" {tuple(value.shape)} {value.dtype}" if isinstance(value, torch.Tensor) else ""
    print(f"{name}{about} =\n{value}\n")


def compare_with_torch(name: str, ours: torch.Tensor, theirs: torch.Tensor) -> None:
    """Print whether our result is torch's, and the largest difference: in signs, which need no translation."""
    if torch.equal(ours, theirs):
        print(f"{name} == torch")
        return
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        print(f"{name} != torch: {tuple(ours.shape)} {ours.dtype} != {tuple(theirs.shape)} {theirs.dtype}")
        return
    close = torch.allclose(ours.double(), theirs.double(), rtol=1e-4, atol=1e-6, equal_nan=True)
    largest = (ours.double() - theirs.double()).abs().nan_to_num(0, torch.inf).max().item()
    print(f"{name} {'~=' if close else '!='} torch, max |difference| = {largest:.3g}")


# ---- functions with all that they use ---------------------------------------------------------------------------

Import = tuple[str, str, str]  # module, name ("" for the module itself), alias ("" for none)


@dataclass
class Embedding:
    """Source that stands alone: the imports it needs, and its pieces, each after those it uses."""

    imports: set[Import] = field(default_factory=set)
    pieces: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)  # each name that a piece binds -> the piece
    visited: set[tuple[str, str]] = field(default_factory=set)  # (module, name)


def embed(functions: Iterable[Callable[..., Any]]) -> Embedding:
    """The functions and classes, and what they use of modules under the same top-level packages.

    ValueError where two modules have different things under one name, an import cannot be carried along, or what
    stands behind a module's name (`kit.widened`) would be taken for an argument or a local of the function.
    """
    functions = [inspect.unwrap(function) for function in functions]
    ours = {function.__module__.partition(".")[0] for function in functions}
    embedding = Embedding()
    for function in functions:
        if function.__name__ not in _bindings(function.__module__):
            raise ValueError(f"{function!r} is not a function or class at the top of a module")
        _add(function.__module__, function.__name__, ours, embedding)
    return embedding


def _add(module: str, name: str, ours: set[str], into: Embedding) -> None:
    """The statement that binds `name` in the module, after all that it uses. What no statement binds is built in."""
    statement = _bindings(module).get(name)
    if statement is None:
        return
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        _add_import(statement, name, ours, into)
        return
    names = _bound(statement)
    if (module, names[0]) in into.visited:
        return
    into.visited.add((module, names[0]))
    source, uses = _source_and_uses(module, statement, ours)
    if any(into.names.setdefault(bound, source) != source for bound in names):
        raise ValueError(f"{module} has something else under the name {name!r} than another module")
    for used_module, used_name in uses:
        _add(used_module, used_name, ours, into)
    if source not in into.pieces:
        into.pieces.append(source)


def _add_import(statement: ast.Import | ast.ImportFrom, name: str, ours: set[str], into: Embedding) -> None:
    alias = next(alias for alias in statement.names if _imported_as(alias) == name)
    source = statement.module or "" if isinstance(statement, ast.ImportFrom) else alias.name
    if source.partition(".")[0] not in ours:
        imported = alias.name if isinstance(statement, ast.ImportFrom) else ""
        into.imports.add((source, imported, alias.asname or ""))
    elif isinstance(statement, ast.Import) or (alias.asname and not _is_module(f"{source}.{alias.name}")):
        raise ValueError(f"the import of {alias.name} as {name} cannot be carried along: import it by its own name")
    elif not _is_module(f"{source}.{alias.name}"):  # of a module, the attributes that are used come along
        _add(source, alias.name, ours, into)


def _source_and_uses(module: str, statement: ast.stmt, ours: set[str]) -> tuple[str, list[tuple[str, str]]]:
    """The statement's source, names of our modules taken off (`lay.fresh` -> `fresh`), and the names that it uses."""
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
    lines = inspect.getsource(importlib.import_module(module)).splitlines()
    source = "\n".join(lines[first - 1 : statement.end_lineno])
    own = _locals(symtable.symtable(source, module, "exec"))
    uses = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            uses.append((module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            owner = _our_module(module, node.value.id, ours)
            if owner:
                if node.attr in own:
                    raise ValueError(
                        f"{node.value.id}.{node.attr} in {_bound(statement)[0]} of {module} cannot be carried along: "
                        f"without its module it is the function's own {node.attr!r}"
                    )
                uses.append((owner, node.attr))
                source = re.sub(rf"(?<![\w.]){node.value.id}\.{node.attr}\b", node.attr, source)
    return source, uses


def _locals(table: symtable.SymbolTable) -> set[str]:
    """The names that functions in this scope bind for themselves, arguments among them."""
    own = set(table.get_locals()) if isinstance(table, symtable.Function) else set()
    return own.union(*map(_locals, table.get_children()))


def _our_module(module: str, name: str, ours: set[str]) -> str | None:
    """The full name of the module of ours that is imported under this name, if one is."""
    statement = _bindings(module).get(name)
    if not isinstance(statement, ast.ImportFrom) or (statement.module or "").partition(".")[0] not in ours:
        return None
    alias = next(alias for alias in statement.names if _imported_as(alias) == name)
    full = f"{statement.module}.{alias.name}"
    return full if _is_module(full) else None


def _is_module(name: str) -> bool:
    return name in sys.modules


def _bindings(module: str) -> dict[str, ast.stmt]:
    """Each name that a statement at the top of the module binds, with that statement."""
    return _bindings_of_source(inspect.getsource(importlib.import_module(module)))


@lru_cache(maxsize=64)
def _bindings_of_source(source: str) -> dict[str, ast.stmt]:
    return {name: statement for statement in ast.parse(source).body for name in _bound(statement)}


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return [statement.name]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        return [_imported_as(alias) for alias in statement.names]
    if isinstance(statement, (ast.Assign, ast.AnnAssign)):
        names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
        return [name.id for name in names if isinstance(name.ctx, ast.Store)]
    return []


def _imported_as(alias: ast.alias) -> str:
    return alias.asname or alias.name.partition(".")[0]


def _import_lines(imports: set[Import]) -> str:
    whole = sorted(f"import {module}{f' as {alias}' if alias else ''}" for module, name, alias in imports if not name)
    parts: dict[str, list[str]] = {}
    for module, name, alias in sorted(imports):
        if name:
            parts.setdefault(module, []).append(f"{name} as {alias}" if alias else name)
    return "\n".join([*whole, *(f"from {module} import {', '.join(names)}" for module, names in parts.items())])
