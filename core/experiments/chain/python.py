"""Lines of Python as a chain of steps: `b = 2` above `x.transpose(1, 2).contiguous().view(b, -1)[:, ::2]`.

They are read, never run: names of numbers, and a tensor's name with methods and indices behind it, of the operations
that there are.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from core.experiments.chain.operation import MAX_DIGITS, Value
from core.experiments.chain.operations import Step, make_step, predict, quoted
from core.experiments.chain.table import OPERATIONS
from core.experiments.layout import rule
from core.experiments.layout.arguments import wrap_dim
from core.experiments.layout.operations import at_most, lengths
from core.experiments.layout.rule import Ints, Layout
from core.tensors.dtypes import DTYPES
from core.words import say

SAME = {  # other names of torch for an operation
    "swapaxes": "transpose", "swapdims": "transpose", "moveaxis": "movedim", "ravel": "flatten", "resize": "reshape",
}  # fmt: skip
DEFAULTS: dict[str, tuple[Value, ...]] = {  # where torch has others than None
    "flatten": (0, -1), "tril": (0,), "triu": (0,), "rot90": (1, (0, 1)),
}  # fmt: skip
TWICE = {"cat": "cat", "concat": "cat", "concatenate": "cat", "stack": "stack"}  # what joins tensors
MODULES = ("torch", "F", "torch.nn.functional")
PARTED = {"chunk": ("chunks", "dim"), "split": ("split_size", "dim"), "unbind": ("dim",)}  # what gives several tensors
FORMATS = {"channels_last": ("channels_last",), "contiguous_format": ("contiguous",), "preserve_format": ()}
MADE = ("zeros", "ones", "empty", "rand", "randn", "full", "arange", "tensor")  # torch's, of a shape that they name
ARITHMETIC: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip


@dataclass(frozen=True)
class Chain:
    """A tensor that the lines speak of: where it starts, and the steps behind it."""

    start: str  # its name at the start; empty where torch makes it there
    steps: tuple[Step, ...] = ()
    shape: Ints | None = None  # at the start, where the lines say it
    dtype: torch.dtype | None = None


def is_python(text: str) -> bool:
    """Whether a text is meant as Python: a tensor's name, then a point or an index; or a name that is assigned."""
    return bool(re.match(r"\s*([A-Za-z_][\w, ]*\s*=\s*)?[A-Za-z_]\w*\s*[.\[]|\s*[A-Za-z_][\w, ]*\s*=[^=]", text))


def parse_python(text: str) -> tuple[Step, ...]:
    """The steps of lines such as `y = x.T[:, ::2].view(-1)`. ValueError says what can't be read in them."""
    return read_python(text).steps


def read_python(text: str, shape: Ints | None = None) -> Chain:
    """The tensor that the last line speaks of. ValueError says what can't be read.

    `shape` is that of a tensor which is only named, for lines that ask for its sizes.
    """
    try:
        tree = ast.parse(text.strip())
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(say("{text} is not a line of Python", text=quoted(text))) from None
    reader = Reader(shape)
    try:
        for line in tree.body:
            reader.read(line)
    except RecursionError:
        raise ValueError(say("{text} has too many steps", text=quoted(text))) from None
    if reader.last is None:
        raise ValueError(say("there is no tensor in it: write a line as `y = x.transpose(0, 1).contiguous()`"))
    return reader.last


class Reader:
    """Reads lines one after the other; what they give names to, it remembers."""

    def __init__(self, shape: Ints | None) -> None:
        self.shape = shape
        self.known: dict[str, Any] = {}  # numbers, tuples of them, and tensors
        self.last: Chain | None = None

    def read(self, line: ast.stmt) -> None:
        """Take in one line."""
        if isinstance(line, (ast.Import, ast.ImportFrom)):
            return
        if isinstance(line, ast.Expr):
            self.last = self.tensor(line.value)
        elif isinstance(line, ast.Assign) and len(line.targets) == 1:
            self.assign(line.targets[0], line.value)
        else:
            raise ValueError(
                say(
                    "can't read {line}: there are lines as `y = x.view(2, -1)` and `b = 2`",
                    line=quoted(ast.unparse(line)),
                )
            )

    def assign(self, target: ast.expr, value: ast.expr) -> None:
        """A name for a number or a tensor; names for several numbers."""
        if isinstance(target, ast.Name):
            if (number := self.number_or_none(value)) is not None:
                self.known[target.id] = number
            else:
                self.known[target.id] = self.last = self.tensor(value)
            return
        names = [name.id for name in target.elts if isinstance(name, ast.Name)] if isinstance(target, ast.Tuple) else []
        numbers: Any = (self.parts(value) or self.number_or_none(value)) if names else None
        if not isinstance(numbers, tuple) or len(numbers) != len(names):
            raise ValueError(
                say(
                    "can't give {value} to {names}: as many numbers as names are needed",
                    value=quoted(ast.unparse(value)), names=quoted(ast.unparse(target)),
                )
            )  # fmt: skip
        self.known |= zip(names, numbers, strict=True)
        if isinstance(numbers[-1], Chain):
            self.last = numbers[-1]

    # ---- tensors -----------------------------------------------------------------------------------------------

    def tensor(self, node: ast.expr) -> Chain:
        """The tensor that an expression gives."""
        if isinstance(node, ast.Name):
            return self.named(node.id)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if ast.unparse(node.func.value) in MODULES:
                return self.of_torch(node.func.attr, node)
            chain = self.tensor(node.func.value)
            return longer(chain, self.called(node.func.attr, node.args, node.keywords))
        if isinstance(node, ast.Attribute):
            return longer(self.tensor(node.value), [make_step(node.attr)])
        if isinstance(node, ast.Subscript):
            parts = self.parts(node.value)
            if parts is not None:
                return self.part(parts, node.slice)
            return longer(self.tensor(node.value), self.indexed(node.slice))
        raise ValueError(
            say("can't read {node}: start with a tensor's name, as in `x.view(2, -1)`", node=quoted(ast.unparse(node)))
        )

    def parts(self, node: ast.expr) -> tuple[Chain, ...] | None:
        """The tensors of `x.chunk(3, -1)`, `x.split(2)`, `torch.unbind(x)`; None where it is no such call."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr not in PARTED:
            return None
        of_torch = ast.unparse(node.func.value) in MODULES
        whole, *args = [*([] if of_torch else [node.func.value]), *node.args]
        chain, name = self.tensor(whole), node.func.attr
        given = dict(zip(PARTED[name], self.numbers(args), strict=False))
        given |= {k.arg or "": self.value(k.value) for k in node.keywords}
        return tuple(longer(chain, [step]) for step in parted(name, given, self.layout(chain)))

    def part(self, parts: tuple[Chain, ...], index: ast.expr) -> Chain:
        """One of several tensors."""
        place = self.value(index)
        if not isinstance(place, int) or not -len(parts) <= place < len(parts):
            raise ValueError(
                say("there is no part {place}: there are {parts:|part|parts}", place=place, parts=len(parts))
            )
        return parts[place]

    def named(self, name: str) -> Chain:
        """The tensor of this name; one that no line has made is where the chain starts."""
        found = self.known.setdefault(name, Chain(name))
        if not isinstance(found, Chain):
            raise ValueError(say("{name} is a number here, and no tensor", name=quoted(name)))
        return found

    def of_torch(self, name: str, call: ast.Call) -> Chain:
        """`torch.permute(x, (1, 0))`, which is `x.permute((1, 0))`; or a new tensor."""
        if name not in MADE:
            if not call.args:
                raise ValueError(say("can't read {call}: it names no tensor", call=quoted(ast.unparse(call))))
            if name in TWICE:
                return self.joined(TWICE[name], call)
            return longer(self.tensor(call.args[0]), self.called(name, call.args[1:], call.keywords))
        dtype = next((ast.unparse(k.value).removeprefix("torch.") for k in call.keywords if k.arg == "dtype"), "")
        given = () if name == "tensor" else self.numbers(call.args)
        if name == "tensor":
            shape = nested_shape(call.args[0]) if call.args else ()
        elif name == "arange":
            shape = (len(range(*given)),) if 0 < len(given) < 4 and given[2:] != (0,) else ()
        else:
            sizes = self.numbers(call.args[:1]) if name == "full" else given
            shape = sizes[0] if sizes and isinstance(sizes[0], tuple) else sizes
        return Chain("", (), shape, DTYPES.get(dtype))

    def joined(self, name: str, call: ast.Call) -> Chain:
        """`torch.cat([x, x], 1)`, of one tensor that stands there twice."""
        listed = call.args[0].elts if isinstance(call.args[0], (ast.List, ast.Tuple)) else []
        chains = [self.tensor(node) for node in listed]
        if len(chains) != 2 or chains[0] != chains[1]:
            raise ValueError(
                say("{name} is read of one tensor that stands there twice, `torch.{name}([x, x], 0)`", name=name)
            )
        dim = next((k.value for k in call.keywords if k.arg in ("dim", "axis")), *call.args[1:2] or [ast.Constant(0)])
        return longer(chains[0], [make_step(name, self.value(dim))])

    def layout(self, chain: Chain) -> Layout:
        """The layout of a tensor whose sizes are asked for. ValueError where they are not known."""
        shape = chain.shape if chain.shape is not None else self.shape
        if shape is None:
            raise ValueError(
                say("the sizes of {name} are not known here: write them as numbers", name=quoted(chain.start))
            )
        layout = rule.fresh(shape)
        for step in chain.steps:
            result, why = predict(step, layout)
            if result is None:
                raise ValueError(
                    say("the sizes behind {step} are not known: {why}", step=quoted(step.code()), why=str(why))
                )
            layout = rule.laid_out(result)
        return layout

    # ---- methods -----------------------------------------------------------------------------------------------

    def called(self, name: str, args: Sequence[ast.expr], keywords: Sequence[ast.keyword]) -> Iterator[Step]:
        """The step or steps of one method."""
        named = {k.arg or "": k.value for k in keywords}
        if "memory_format" in named:
            yield from _in_format(name, named.pop("memory_format"))
        elif name == "to":
            raise ValueError(say("`to` is read with a memory_format alone: another dtype or device is another storage"))
        elif name == "t":
            yield make_step("transpose", 0, 1)
        else:
            name, given = SAME.get(name, name), self.numbers(args)
            yield make_step(name, *given, *self.others(name, len(given), named))

    def others(self, name: str, given: int, named: dict[str, ast.expr]) -> list[Value]:
        """The arguments behind those that were given by place: given by name, or torch's defaults."""
        operation, defaults = OPERATIONS.get(name), DEFAULTS.get(name, ())
        rest = operation.parameters[given:] if operation else ()
        if unknown := set(named) - {parameter.name for parameter in rest}:
            names = quoted(", ".join(sorted(unknown)))
            raise ValueError(say("{name} has no argument {names} here", name=name, names=names))
        if not named:
            return list(defaults[given:])
        return [
            self.value(named[p.name]) if p.name in named else (*defaults, *[None] * 9)[given + i]
            for i, p in enumerate(rest)
        ]

    # ---- indices -----------------------------------------------------------------------------------------------

    def indexed(self, node: ast.expr) -> Iterator[Step]:
        """`x[0, ..., ::2, None]` as one step an entry; behind `...` the dimensions are counted from the end.

        As in torch, a list or a mask is looked up when all else has been cut to size.
        """
        entries = list(node.elts) if isinstance(node, ast.Tuple) else [node]
        dots = [i for i, entry in enumerate(entries) if _holds(entry, ...)]
        if len(dots) > 1:
            raise ValueError(say("an index has `...` once at most"))
        front, back = (entries[: dots[0]], entries[dots[0] + 1 :]) if dots else (entries, [])
        lists: list[tuple[ast.expr, int]] = []
        dim = 0
        for entry in front:
            if isinstance(entry, ast.List):
                lists.append((entry, dim))
            else:
                yield from self.entry(entry, dim)
            dim += isinstance(entry, (ast.Slice, ast.List)) or _holds(entry, None)  # a number's dimension goes
        for i, entry in enumerate(back, start=1):
            at = -1 - sum(not _holds(later, None) for later in back[i:])
            if isinstance(entry, ast.List):
                lists.append((entry, -1 - sum(_stays(later) for later in back[i:])))
            else:
                yield from self.entry(entry, at)
        if len(lists) > 1:
            raise ValueError(say("two lists in one index pick element by element, in pairs: that is not read here"))
        for entry, at in lists:
            yield self.listed(entry, at)

    def listed(self, entry: ast.expr, dim: int) -> Step:
        """The step of a list of places, or of a mask, `[True, False]`."""
        assert isinstance(entry, ast.List)
        said = [node.value for node in entry.elts if isinstance(node, ast.Constant) and isinstance(node.value, bool)]
        if said and len(said) == len(entry.elts):
            return make_step("mask", dim, tuple(map(int, said)))
        return make_step("index", dim, self.value(entry))

    def entry(self, entry: ast.expr, dim: int) -> Iterator[Step]:
        """The step of one entry of an index; none for a bare `:`."""
        if isinstance(entry, ast.Slice):
            bounds = [None if part is None else self.value(part) for part in (entry.lower, entry.upper, entry.step)]
            if bounds != [None, None, None]:
                yield make_step("slice", dim, *bounds)
            return
        if isinstance(entry, ast.Compare):
            raise ValueError(
                say(
                    "which elements a comparison picks hangs on the numbers: write the mask, `x[:, [True, False, True]]`"
                )
            )
        index = self.value(entry)
        yield make_step("unsqueeze", dim) if index is None else make_step("select", dim, index)

    # ---- numbers -----------------------------------------------------------------------------------------------

    def numbers(self, nodes: Sequence[ast.expr]) -> tuple[Any, ...]:
        """The values of arguments; `*sizes` gives several."""
        found: list[Any] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                found += self.value(node.value) or ()
            else:
                found.append(self.value(node))
        return tuple(found)

    def value(self, node: ast.expr) -> Any:
        """A whole number, None, or several whole numbers. ValueError for anything else."""
        if isinstance(node, ast.Constant) and node.value is None:
            return None
        found = self.number_or_none(node)
        if found is None:
            raise ValueError(
                say(
                    "can't read {node}: only whole numbers stand here; a line above can give a name its number, `n = 4`",
                    node=quoted(ast.unparse(node)),
                )
            )
        return found

    def number_or_none(self, node: ast.expr) -> Any:
        """A whole number, or a tuple of them; None where the expression is something else."""
        if isinstance(node, ast.Constant):
            return node.value if type(node.value) is int else None
        if isinstance(node, ast.Name):
            found = self.known.get(node.id)
            return None if isinstance(found, Chain) else found
        if isinstance(node, (ast.Tuple, ast.List)):
            return self.numbers(node.elts)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            number = self.number_or_none(node.operand)
            return -number if isinstance(number, int) else None
        if isinstance(node, ast.BinOp):
            return self.worked_out(node)
        return self.size(node)

    def worked_out(self, node: ast.BinOp) -> int | None:
        """`b * 2`, in numbers that do not grow beyond all limits."""
        left, right = self.number_or_none(node.left), self.number_or_none(node.right)
        calculate = ARITHMETIC.get(type(node.op))
        if calculate is None or not isinstance(left, int) or not isinstance(right, int):
            return None
        if calculate in (operator.floordiv, operator.mod) and right == 0:
            raise ValueError(say("{node} divides by 0", node=quoted(ast.unparse(node))))
        found = calculate(left, right)
        if abs(found) >= 10**MAX_DIGITS:
            raise ValueError(say("{node} is too large", node=quoted(ast.unparse(node))))
        return found

    def size(self, node: ast.expr) -> Any:
        """`x.shape`, `x.shape[0]`, `x.size(-1)`, `x.numel()`, `x.dim()`, `len(x)`; None for anything else."""
        if isinstance(node, ast.Subscript):
            sizes = self.size(node.value)
            return None if sizes is None else self.at(sizes, node.slice)
        if isinstance(node, ast.Attribute) and node.attr in ("shape", "ndim"):
            layout = self.layout(self.tensor(node.value))
            return layout.shape if node.attr == "shape" else layout.ndim
        if not isinstance(node, ast.Call):
            return None
        if isinstance(node.func, ast.Name) and node.func.id == "len" and len(node.args) == 1:
            return self.at(self.layout(self.tensor(node.args[0])).shape, ast.Constant(0))
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("size", "stride", "numel", "dim"):
            layout = self.layout(self.tensor(node.func.value))
            if node.func.attr in ("numel", "dim"):
                return layout.numel if node.func.attr == "numel" else layout.ndim
            numbers = layout.shape if node.func.attr == "size" else layout.stride
            return self.at(numbers, node.args[0]) if node.args else numbers
        return None

    def at(self, numbers: Ints, index: ast.expr) -> Any:
        """One of the numbers, or a slice of them."""
        if isinstance(index, ast.Slice):
            bounds = [None if part is None else self.value(part) for part in (index.lower, index.upper, index.step)]
            if bounds[2] == 0:
                raise ValueError(say("a slice of sizes can't step by 0"))
            return numbers[slice(*bounds)]
        place = self.value(index)
        if not isinstance(place, int) or not -len(numbers) <= place < len(numbers):
            raise ValueError(say("there is no dimension {place}: the shape is {numbers}", place=place, numbers=numbers))
        return numbers[place]


def longer(chain: Chain, steps: Sequence[Step] | Iterator[Step]) -> Chain:
    """The tensor with further steps behind it."""
    return replace(chain, steps=(*chain.steps, *steps))


def nested_shape(node: ast.expr) -> Ints:
    """The shape of a nested list of numbers, told from the first of each."""
    if not isinstance(node, (ast.List, ast.Tuple)):
        return ()
    if any(_holds(row, ...) for row in node.elts):
        raise ValueError(say("the print-out leaves numbers out: paste the tensor's shape instead"))
    return (len(node.elts), *(nested_shape(node.elts[0]) if node.elts else ()))


def _in_format(name: str, node: ast.expr) -> Iterator[Step]:
    asked = node.attr if isinstance(node, ast.Attribute) else ast.unparse(node)
    if asked not in FORMATS or name not in ("to", "contiguous", "clone"):
        text = quoted(ast.unparse(node))
        raise ValueError(say("can't read memory_format={text}; there is torch.channels_last", text=text))
    if name == "clone" and asked != "channels_last":
        yield make_step("clone")
    yield from (make_step(op) for op in FORMATS[asked])


def _stays(entry: ast.expr) -> bool:
    """Whether an entry of an index leaves a dimension in the result."""
    return isinstance(entry, (ast.Slice, ast.List)) or _holds(entry, None)


def _holds(entry: ast.expr, what: object) -> bool:
    return isinstance(entry, ast.Constant) and entry.value is what


def parted(name: str, given: Mapping[str, Any], layout: Layout) -> list[Step]:
    """The step to each part, as many as there are; of a split into sizes, a narrow each."""
    dim = given.get("dim", 0)
    if not isinstance(dim, int) or not layout.ndim:
        raise ValueError(say("{name} takes a tensor apart along one of its dimensions", name=name))
    size, asked = layout.shape[wrapped(dim, layout)], given.get(PARTED[name][0])
    try:
        if name == "unbind":
            at_most(size)
            return [make_step("unbind", dim, i) for i in range(size)]
        if isinstance(asked, int):
            return [make_step(name, asked, dim, i) for i in range(len(lengths(name, size, asked)))]
    except RuntimeError as error:
        raise ValueError(str(error)) from None
    if not isinstance(asked, tuple):
        raise ValueError(say("{name} needs to know how many, or how large: a whole number of at least 1", name=name))
    if sum(asked) != size:
        raise ValueError(say("the parts {asked} do not add up to {size}", asked=asked, size=size))
    at_most(len(asked))
    return [make_step("narrow", dim, sum(asked[:i]), length) for i, length in enumerate(asked)]


def wrapped(dim: int, layout: Layout) -> int:
    """A dimension counted from the front. ValueError where there is none."""
    try:
        return wrap_dim(dim, layout.ndim)
    except IndexError as error:
        raise ValueError(str(error)) from None
