"""The steps of a chain: an operation with its arguments, and what integers say of it.

Nothing here can grow beyond `MAX_ELEMENTS`, whatever is asked for; beyond `WHOLE` nothing is allocated.
"""

import math
from dataclasses import dataclass
from typing import Any

from core.experiments.chain.operation import (
    MAX_DIGITS,
    MAX_ELEMENTS,
    MAX_RANK,
    WHOLE,
    Operation,
    Parameter,
    Value,
    one_or_tuple,
)
from core.experiments.chain.table import OPERATIONS
from core.experiments.layout import rule
from core.experiments.layout.rule import Copy, Layout
from core.words import say


@dataclass(frozen=True)
class Step:
    """One operation with its arguments, in the order of `Operation.parameters`."""

    op: str
    args: tuple[Value, ...] = ()

    @property
    def operation(self) -> Operation:
        """What is known about the operation."""
        return OPERATIONS[self.op]

    def code(self, x: str = "x") -> str:
        """The step in Python: "x.permute(1, 0)"."""
        operation = self.operation
        if operation.written is not None:
            return operation.written(x, *self.args)
        values: Any = self.args[0] if operation.variadic and self.args[0] else self.args
        inside = ", ".join(one_or_tuple(v) if isinstance(v, tuple) else str(v) for v in values)
        return f"{x}.{self.op}({inside})"


def make_step(op: str, *values: Value) -> Step:
    """A step whose arguments have the right number and kinds. ValueError says what to mend.

    Numbers of a single tuple argument may be given one by one, as torch takes them; optional ones may be left out.
    """
    operation = operation_named(op)
    given: tuple[Value, ...] = values
    if operation.variadic and not (len(values) == 1 and isinstance(values[0], tuple)):
        given = (tuple(_whole_number(v, f"{op}: {operation.parameters[0].name}") for v in values),)
    needed = sum(not p.optional for p in operation.parameters)
    if not needed <= len(given) <= len(operation.parameters):
        names = ", ".join(p.name + "=None" * p.optional for p in operation.parameters)
        raise ValueError(
            say("{op}: takes {op}({names}), but {given} arguments were given", op=op, names=names, given=len(given))
        )
    given += (None,) * (len(operation.parameters) - len(given))
    return Step(op, tuple(_checked(v, p, op) for v, p in zip(given, operation.parameters, strict=True)))


def operation_named(op: str) -> Operation:
    """The operation of this name. ValueError names those that there are."""
    if op not in OPERATIONS:
        raise ValueError(
            say("there is no operation {op}; there are {known}", op=quoted(op), known=", ".join(OPERATIONS))
        )
    return OPERATIONS[op]


def _checked(value: Value, parameter: Parameter, op: str) -> Value:
    what = f"{op}: {parameter.name}"
    if value is None and parameter.optional:
        return () if parameter.is_tuple else None
    if not parameter.is_tuple:
        return _whole_number(value, what)
    numbers = value if isinstance(value, tuple) else (value,)
    if len(numbers) > parameter.most:
        raise ValueError(
            say(
                "{what} has {numbers} numbers; at most {most} are allowed",
                what=what,
                numbers=len(numbers),
                most=parameter.most,
            )
        )
    return tuple(_whole_number(n, what) for n in numbers)


def _whole_number(value: Any, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(say("{what} must be a whole number, not {value}", what=what, value=value))
    if abs(value) >= 10**MAX_DIGITS:
        raise ValueError(say("{what} is too large; at most {most} digits are allowed", what=what, most=MAX_DIGITS))
    return value


def default_step(op: str, layout: Layout) -> Step:
    """A step that torch accepts for this layout, where the operation accepts any (see `usable`)."""
    return make_step(op, *OPERATIONS[op].default(layout))


def usable(layout: Layout) -> tuple[str, ...]:
    """The operations whose default step works on this layout, within the limits here."""
    return tuple(op for op in OPERATIONS if _works(op, layout))


def _works(op: str, layout: Layout) -> bool:
    try:
        predicted, _ = predict(default_step(op, layout), layout)
    except ValueError:  # of a tensor of the most dimensions the step would make one more
        return False
    return predicted is not None and not too_large(predicted)


def quoted(text: str) -> str:
    """A reader's text as code, short and without signs that could end the code."""
    text = "".join(c if c.isprintable() and c not in "`$[]\\" else "·" for c in text.strip())
    return f"`{text if len(text) <= 40 else text[:39] + '…'}`"


def predict(step: Step, before: Layout) -> tuple[Layout | Copy | None, Exception | None]:
    """What integers alone say of a step: the layout that it gives, or the error."""
    try:
        return step.operation.predict(before, *step.args), None
    except (RuntimeError, IndexError, ValueError) as error:
        return None, error.with_traceback(None)  # its frames would keep the tensors of the caller alive


def too_large(result: Layout | Copy) -> str:
    """What is too large about a result for this place; empty where nothing is."""
    layout = rule.laid_out(result)
    if layout.ndim > MAX_RANK:
        return say(
            "there would be {ndim} dimensions; {most} are the most here (torch itself takes more)",
            layout,
            most=MAX_RANK,
        )
    if max(layout.stride, default=0) >= 2**63:
        return say("a stride of {stride} does not fit into 64 bits", stride=max(layout.stride))
    if (size := max(layout.numel, layout.storage_size)) > MAX_ELEMENTS:
        return say("there would be {size:,} elements; {most:,} are the most here", size=size, most=MAX_ELEMENTS)
    return ""


def is_whole(result: Layout | Copy) -> bool:
    """Whether a tensor of this layout is made for real and drawn whole."""
    layout = rule.laid_out(result)
    places = math.prod(max(n, 1) for n in layout.shape)  # beside a size of 0 the others may be large
    return max(places, layout.storage_size) <= WHOLE
