"""What torch refuses, in its own words, and the single changes of the settings with which it would take them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

REFUSALS = (RuntimeError, ValueError, TypeError, NotImplementedError, IndexError)
MOST_MENDS = 2


class UnsafeError(RuntimeError):
    """A refusal of the app's own: torch takes the call, and had better not."""


@dataclass(frozen=True)
class Refusal:
    """What was said to a call, and how it could be mended."""

    says: str  # "RuntimeError: …", the first line; an unsafe call's as it is, for nobody raised it
    mends: tuple[tuple[str, Any], ...] = ()  # a setting, and the value of it that would be taken


def refused(
    call: Callable[..., Any], settings: Mapping[str, Any], changes: Iterable[tuple[str, Any]]
) -> Refusal | None:
    """What `call` says to these settings; None where it takes them. Of `changes` the first ones that it takes."""
    error = raised(lambda: call(**settings))
    if error is None:
        return None
    mends: list[tuple[str, Any]] = []
    for name, value in changes:
        known = any(name == other for other, _ in mends)
        if not known and len(mends) < MOST_MENDS and raised(partial(call, **{**settings, name: value})) is None:
            mends.append((name, value))
    return Refusal(first_line(error) if isinstance(error, UnsafeError) else named(error), tuple(mends))


def refusal(call: Callable[[], object]) -> str:
    """What torch says to a call that it refuses, "RuntimeError: …", the first line; empty where it takes it."""
    error = raised(call)
    return "" if error is None else named(error)


def words_of(call: Callable[[], object]) -> str:
    """As `refusal`, without the error's type."""
    error = raised(call)
    return "" if error is None else first_line(error)


def raised(call: Callable[[], object]) -> Exception | None:
    """The error that the call ends in, if any."""
    try:
        call()
    except REFUSALS as error:
        return error
    return None


def named(error: Exception) -> str:
    """An error with its type."""
    return f"{type(error).__name__}: {first_line(error)}"


def first_line(error: Exception) -> str:
    """What an error says, without what torch adds below."""
    return str(error).strip().splitlines()[0]
