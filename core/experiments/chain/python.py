"""A line of Python as a chain of steps: `x.transpose(1, 2).contiguous().view(2, -1)[:, ::2]`.

It is read, never run: a name, then methods and indices with whole numbers in them, of the operations that there are.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

from core.experiments.chain.operations import OPERATIONS, Step, Value, make_step, quoted

SAME = {  # other names of torch for an operation
    "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim", "ravel": "flatten", "resize": "reshape",
}  # fmt: skip
DEFAULTS: dict[str, tuple[Value, ...]] = {"flatten": (0, -1)}  # where torch has others than None
FORMATS = {"channels_last": ("channels_last",), "contiguous_format": ("contiguous",), "preserve_format": ()}


def is_python(text: str) -> bool:
    """Whether a text is meant as Python: a tensor's name, then a point or an index."""
    return bool(re.match(r"\s*([A-Za-z_]\w*\s*=\s*)?[A-Za-z_]\w*\s*[.\[]", text))


def parse_python(text: str) -> tuple[Step, ...]:
    """The steps of a line such as `y = x.T[:, ::2].view(-1)`. ValueError says what can't be read in it."""
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"{quoted(text)} is not a line of Python") from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], (ast.Expr, ast.Assign)):
        raise ValueError("write one line, as in `y = x.transpose(0, 1).contiguous()`")
    return tuple(_steps(tree.body[0].value))


def _steps(node: ast.expr) -> Iterator[Step]:
    """The steps of an expression, the innermost first."""
    if isinstance(node, ast.Name):
        return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from _steps(node.func.value)
        yield from _called(node.func.attr, node)
    elif isinstance(node, ast.Attribute):
        yield from _steps(node.value)
        yield make_step(node.attr)
    elif isinstance(node, ast.Subscript):
        yield from _steps(node.value)
        yield from _indexed(node.slice)
    else:
        raise ValueError(f"can't read {quoted(ast.unparse(node))}: start with a tensor's name, as in `x.view(2, -1)`")


# ---- methods ---------------------------------------------------------------------------------------------------


def _called(name: str, call: ast.Call) -> Iterator[Step]:
    given, named = [_value(a) for a in call.args], {k.arg or "": k.value for k in call.keywords}
    if "memory_format" in named:
        yield from _in_format(name, named.pop("memory_format"))
        if name == "clone":
            return
    elif name == "to":
        raise ValueError("`to` is read with a memory_format alone: another dtype or device is another storage")
    elif name == "t":
        yield make_step("transpose", 0, 1)
    else:
        name = SAME.get(name, name)
        yield make_step(name, *given, *_others(name, len(given), named))


def _in_format(name: str, node: ast.expr) -> Iterator[Step]:
    asked = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
    if asked not in FORMATS or name not in ("to", "contiguous", "clone"):
        raise ValueError(f"can't read memory_format={quoted(ast.unparse(node))}; there is torch.channels_last")
    if name == "clone" and asked != "channels_last":
        yield make_step("clone")
    yield from (make_step(op) for op in FORMATS[asked])


def _others(name: str, given: int, named: dict[str, ast.expr]) -> list[Value]:
    """The arguments behind those that were given by place: given by name, or torch's defaults."""
    operation, defaults = OPERATIONS.get(name), DEFAULTS.get(name, ())
    rest = operation.parameters[given:] if operation else ()
    if unknown := set(named) - {parameter.name for parameter in rest}:
        raise ValueError(f"{name} has no argument {quoted(', '.join(sorted(unknown)))} here")
    if not named:
        return list(defaults[given:])
    return [
        _value(named[p.name]) if p.name in named else (*defaults, *[None] * 9)[given + i] for i, p in enumerate(rest)
    ]


def _value(node: ast.expr) -> Any:
    """A whole number, None, or several whole numbers. ValueError for anything else."""
    try:
        value = ast.literal_eval(node)
    except ValueError:
        raise ValueError(f"can't read {quoted(ast.unparse(node))}: only whole numbers stand here") from None
    return tuple(value) if isinstance(value, list) else value


# ---- indices ---------------------------------------------------------------------------------------------------


def _indexed(node: ast.expr) -> Iterator[Step]:
    """`x[0, ..., ::2, None]` as one step an entry; behind `...` the dimensions are counted from the end."""
    entries = list(node.elts) if isinstance(node, ast.Tuple) else [node]
    dots = [i for i, entry in enumerate(entries) if _holds(entry, ...)]
    if len(dots) > 1:
        raise ValueError("an index has `...` once at most")
    front, back = (entries[: dots[0]], entries[dots[0] + 1 :]) if dots else (entries, [])
    dim = 0
    for entry in front:
        yield from _entry(entry, dim)
        dim += isinstance(entry, ast.Slice) or _holds(entry, None)  # a number's dimension goes
    for i, entry in enumerate(back, start=1):
        yield from _entry(entry, -1 - sum(not _holds(later, None) for later in back[i:]))


def _holds(entry: ast.expr, what: object) -> bool:
    return isinstance(entry, ast.Constant) and entry.value is what


def _entry(entry: ast.expr, dim: int) -> Iterator[Step]:
    """The step of one entry of an index; none for a bare `:`."""
    if isinstance(entry, ast.Slice):
        bounds = [None if part is None else _value(part) for part in (entry.lower, entry.upper, entry.step)]
        if bounds != [None, None, None]:
            yield make_step("slice", dim, *bounds)
        return
    index = _value(entry)
    if index is not None and not isinstance(index, int):
        raise ValueError(f"can't read the index {quoted(ast.unparse(entry))}: a list or a mask copies; write a slice")
    yield make_step("unsqueeze", dim) if index is None else make_step("select", dim, index)
