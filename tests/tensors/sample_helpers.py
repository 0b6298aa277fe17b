from typing import Any, NamedTuple

SHARE = 4


class Pair(NamedTuple):
    left: Any
    right: Any


def halved(value: Any) -> Any:
    return quarter(value) * 2


def quarter(value: Any) -> Any:
    return value / SHARE


def even(n: int) -> str:
    """Not the other module's `even`."""
    return f"{n} is {'even' if n % 2 == 0 else 'odd'}"
