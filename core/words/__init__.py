"""Sentences over facts: a template names the fields of a run's facts, and each is spelled as the field spells it.

    say("{dropped:|cell is|cells are} 0 now; the mean of {shape} is **{mean}**.", facts)

A number is written as short as it can be said, a shape as `(2, 3)`, a dtype without its module, a tensor as its
print-out in brackets. A format of Python's own (`{share:.1%}`) goes first; `{n:|cell|cells}` counts things.
"""

import string
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from core.words.numbers import nested, number


def say(template: str, facts: object, **more: Any) -> str:
    """The template with the facts' fields (attributes, or the items of a mapping) and `more` in their places."""
    return _Speller().vformat(template, (), _Fields(facts, more))


def spelled(value: Any) -> str:
    """A fact as it stands in a sentence."""
    if isinstance(value, torch.Tensor):
        return nested([spelled(item) for item in value.detach().flatten().tolist()], value.shape).replace("\n", "")
    if isinstance(value, (bool, str)):
        return str(value)
    if isinstance(value, (int, float)):
        return number(value).replace("-", "−") if isinstance(value, float) else str(value).replace("-", "−")
    if isinstance(value, tuple):
        return f"({', '.join(map(spelled, value))}{',' if len(value) == 1 else ''})"
    if isinstance(value, list):
        return listed(value)
    return str(value).removeprefix("torch.")


def listed(values: Sequence[Any], last: str = "and") -> str:
    """Things in a sentence: "1, 2 and 3"."""
    words = [spelled(value) for value in values]
    return f" {last} ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def counted(n: int, one: str, several: str) -> str:
    """So many things: "1 cell", "3 cells"."""
    return f"{n:,} {one if n == 1 else several}"


class _Fields(Mapping[str, Any]):
    def __init__(self, facts: object, more: Mapping[str, Any]) -> None:
        self._facts, self._more = facts, more

    def __getitem__(self, name: str) -> Any:
        if name in self._more:
            return self._more[name]
        return self._facts[name] if isinstance(self._facts, Mapping) else getattr(self._facts, name)

    def __iter__(self) -> Any:
        return iter(self._more)

    def __len__(self) -> int:
        return len(self._more)


class _Speller(string.Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec.startswith("|"):
            return counted(value, *format_spec[1:].split("|"))
        return format(value, format_spec).replace("-", "−") if format_spec else spelled(value)
