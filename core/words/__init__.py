"""The words of the app in the reader's language, and sentences over facts.

English stands in the source and is the key to the other languages' catalogues (`<language>/messages.po`). A parameter
that is annotated `Words` is looked up by the function that takes it; `_` looks up anything else, and `N_` marks what
is looked up later: a constant, or a template that a function returns.

`say` puts facts into a template, each spelled as the field spells it:

    say("{dropped:|cell is|cells are} 0 now; the mean of {shape} is **{mean}**.", facts)

A number is written as short as it can be said, a shape as `(2, 3)`, a dtype without its module, a tensor as its
print-out in brackets. A format of Python's own (`{share:.1%}`) goes first; `{n:|cell|cells}` counts things.
"""

import functools
import string
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

import torch
from babel.messages.pofile import read_po

from core.words.numbers import nested, number

Words = str  # annotates a parameter whose text is looked up by the function that takes it
LANGUAGES = {"en": "English", "zh": "中文"}  # each by its own name; English stands in the source
T = TypeVar("T")

_spoken: ContextVar[str] = ContextVar("spoken")  # of the run that is under way
_ask: list[Callable[[], str]] = []  # how to find the language of a run that has not said it


def speak(language: str) -> None:
    """Let what follows in this thread's run be said in this language."""
    _spoken.set(language)


def ask_with(find: Callable[[], str]) -> None:
    """Find the language so where a run has not said it yet: in what runs before the page, such as a button's work."""
    _ask[:] = [find]


def spoken() -> str:
    """The language of this run."""
    language = _spoken.get("")
    return language or (_ask[0]() if _ask else "en")


def _(text: str) -> str:
    """The text in the language of this run; as it is where the catalogue has nothing else."""
    language = spoken()
    return text if language == "en" else catalogue(language).get(text, text)


def N_(text: T) -> T:  # noqa: N802
    """Mark words to be looked up later: a text, or the values of a mapping, the items of a sequence."""
    return text


@functools.cache
def catalogue(language: str) -> dict[str, str]:
    """All entries of a language: English text to its translation."""
    with (Path(__file__).parent / language / "messages.po").open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file) if entry.id and entry.string}


def say(template: Words, facts: object = None, **more: Any) -> str:
    """The template with the facts' fields (attributes, or the items of a mapping) and `more` in their places."""
    return _Speller().vformat(_(template), (), _Fields(facts, more))


def partly(template: Words, **parts: str) -> str:
    """The template with these parts in their places; its other fields stay, for a board fills them in the browser."""
    text = _(template)
    for name, part in parts.items():
        text = text.replace("{" + name + "}", part)
    return text


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


def listed(values: Sequence[Any], last: Words = "and") -> str:
    """Things in a sentence: "1, 2 and 3"."""
    words = [spelled(value) for value in values]
    return f" {_(last)} ".join([_(", ").join(words[:-1]), words[-1]] if len(words) > 1 else words)


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
