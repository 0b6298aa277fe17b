"""A chain as text, "permute(1,0)>view(5,6)", and the tensor that it starts from."""

import math
import re
from collections.abc import Sequence
from typing import Any

import torch

from core.experiments.chain.operation import MAX_DIGITS, MAX_STEPS, MAX_TEXT, Fill, Value
from core.experiments.chain.operations import Step, is_whole, make_step, operation_named, quoted, too_large
from core.experiments.chain.python import is_python, parse_python
from core.experiments.layout import rule
from core.experiments.layout.rule import Ints
from core.words import say


def format_step(step: Step) -> str:
    """The compact form, for a URL: "permute(1,0)", "slice(0,None,None,2)", "unflatten(2,(2,3))", "T"."""
    operation = step.operation
    values: Any = step.args[0] if operation.variadic else step.args
    return f"{step.op}({','.join(map(_compact, values))})" if operation.parameters else step.op


def _compact(value: Value) -> str:
    if isinstance(value, tuple) and len(value) != 1:
        return f"({','.join(map(str, value))})"
    return str(value[0] if isinstance(value, tuple) else value)


def format_chain(steps: Sequence[Step]) -> str:
    """The chain in compact form, steps joined by ">"; `parse_chain` reads it back."""
    return ">".join(map(format_step, steps))


_NUMBER = rf"-?[0-9]{{1,{MAX_DIGITS}}}"


_ARGUMENT = re.compile(rf"(?P<tuple>\((?:{_NUMBER}(?:,{_NUMBER})*,?)?\))|(?P<int>{_NUMBER})|(?P<none>None)")


def parse_step(text: str) -> Step:
    """Read one step: a name, and arguments in brackets: whole numbers, None, or bracketed numbers for a tuple.

    ValueError says in a sentence what is wrong and how to mend it.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(
            say("the step has {characters} characters; at most {most} are read", characters=len(text), most=MAX_TEXT)
        )
    match = re.fullmatch(r"([A-Za-z_][A-Za-z_0-9]{0,19})(?:\((.*)\))?", re.sub(r"[ \t\n]+", "", text))
    if match is None:
        raise ValueError(say("{text} is not of the form name(1,2,3)", text=quoted(text)))
    op = operation_named(match[1]).name
    return make_step(op, *_parse_values(match[2] or "", text))


def _parse_values(inside: str, text: str) -> list[Value]:
    values: list[Value] = []
    at = 0
    while at < len(inside):
        match = _ARGUMENT.match(inside, at)
        if match is None or inside[match.end() : match.end() + 1] not in ("", ","):
            raise ValueError(
                say(
                    "{text}: can't read {rest}; arguments are whole numbers of at most {most} digits, None, or such numbers in brackets, separated by commas",
                    text=quoted(text),
                    rest=quoted(inside[at:]),
                    most=MAX_DIGITS,
                )
            )
        if match["tuple"]:
            values.append(tuple(int(n) for n in match["tuple"][1:-1].split(",") if n))
        else:
            values.append(int(match["int"]) if match["int"] else None)
        at = match.end() + 1
    if inside.endswith(","):
        raise ValueError(say("{text}: a number is missing after the last comma", text=quoted(text)))
    return values


def parse_chain(text: str) -> tuple[Step, ...]:
    """Read "permute(1,0)>view(5,6)", or a line of Python; empty text is no step.

    ValueError names the step and says how to mend it.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(
            say("the chain has {characters} characters; at most {most} are read", characters=len(text), most=MAX_TEXT)
        )
    steps = parse_python(text) if is_python(text) else _parse_compact(text)
    if len(steps) > MAX_STEPS:
        raise ValueError(say("the chain has {steps} steps; at most {most} are run", steps=len(steps), most=MAX_STEPS))
    return steps


def _parse_compact(text: str) -> tuple[Step, ...]:
    steps = []
    for number, part in enumerate(text.split(">") if text.strip() else [], start=1):
        try:
            steps.append(parse_step(part))
        except ValueError as error:
            raise ValueError(say("step {number}: {error}", number=number, error=error)) from None
    return tuple(steps)


def start_tensor(shape: Sequence[int], dtype: torch.dtype = torch.float32, fill: Fill = "arange") -> torch.Tensor:
    """A contiguous tensor of 0, 1, 2, … ("arange") or with 0 … columns-1 in every row ("rows").

    Numbers too large for an integer dtype wrap around, float16 and bfloat16 round them; bool holds whether they are
    odd. A tensor too large to be drawn whole is a meta tensor, which has no numbers. ValueError where the shape is
    beyond the limits.
    """
    shape = check_shape(shape)
    if not is_whole(rule.fresh(shape)):
        return torch.empty(shape, dtype=dtype, device="meta")
    if fill == "rows" and shape:
        numbers = torch.arange(shape[-1]).repeat((*shape[:-1], 1))
    else:
        numbers = torch.arange(math.prod(shape)).reshape(shape)
    return numbers.remainder(2).bool() if dtype is torch.bool else numbers.to(dtype)


def check_shape(shape: Sequence[int]) -> Ints:
    """The shape as a tuple. ValueError where a tensor of it is beyond the limits here."""
    shape = tuple(shape)
    if any(n < 0 for n in shape):
        raise ValueError(say("shape {shape}: sizes can't be negative", shape=shape))
    if problem := too_large(rule.fresh(shape)):
        raise ValueError(say("shape {shape}: {problem}", shape=shape, problem=problem))
    return shape


def parse_shape(text: str) -> Ints:
    """Read "2,3,4", "(2, 3, 4)" or "2x3x4" as a shape. ValueError says what to mend."""
    tight = re.sub(r"[ \t\n()\[\]]+", "", text[:MAX_TEXT]).replace("×", ",").replace("x", ",").strip(",")
    if tight and not re.fullmatch(rf"[0-9]{{1,{MAX_DIGITS}}}(,[0-9]{{1,{MAX_DIGITS}}})*", tight):
        raise ValueError(
            say("shape: can't read {text}; write whole numbers separated by commas, like 2,3,4", text=quoted(text))
        )
    return check_shape([int(n) for n in tight.split(",") if n])
