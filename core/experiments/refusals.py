"""What torch refuses, in its own words, and the single changes of the settings with which it would take them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
    error = raised(call, settings)
    if error is None:
        return None
    mends: list[tuple[str, Any]] = []
    for name, value in changes:
        known = any(name == other for other, _ in mends)
        if not known and len(mends) < MOST_MENDS and raised(call, {**settings, name: value}) is None:
            mends.append((name, value))
    says = str(error).strip().splitlines()[0]
    return Refusal(says if isinstance(error, UnsafeError) else f"{type(error).__name__}: {says}", tuple(mends))


def raised(call: Callable[..., Any], settings: Mapping[str, Any]) -> Exception | None:
    """The error that the call ends in, if any."""
    try:
        call(**settings)
    except REFUSALS as error:
        return error
    return None
