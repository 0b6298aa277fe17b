"""How a number is written: as short as it can be said, or as exact as there is room."""

import math
from collections.abc import Callable, Sequence
from unicodedata import east_asian_width


def number(value: float, digits: int = 3) -> str:
    """A number as short as it can be said: 19, -0.25, 1.2e-5, nan."""
    if math.isnan(value) or math.isinf(value):
        return str(value).replace("inf", "∞")
    if value == int(value) and abs(value) < 10**6:
        return str(int(value))
    return f"{value:.{digits}g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def decimals(value: float, places: int) -> str:
    """A number rounded to so many decimals. An exact 0 is "0", a rounded one keeps its decimals but no sign: "0.00"."""
    if not math.isfinite(value) or value == int(value) or abs(value) >= 1000:
        return number(value, 2)
    rounded = f"{value:.{places}f}"
    return rounded if float(rounded) else rounded.lstrip("-")


def shortest(value: float) -> str:
    """A number in as few letters as there are: 13 for 12.6, not 1e1; -44k for -44000."""
    if 10**4 <= abs(value) < 10**6 - 500:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if 9.5 <= abs(value) < 1000 else number(value, 1)


SPELLINGS: tuple[Callable[[float], str], ...] = (  # from the most exact to the shortest
    number,
    lambda value: decimals(value, 2),
    lambda value: decimals(value, 1),
    shortest,
)


def letters(text: str) -> int:
    """How wide a text is, in Latin letters: a Chinese character takes two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def nested(words: Sequence[str], shape: Sequence[int]) -> str:
    """The words, in reading order, in brackets of this shape: a row a line, indented as torch prints them."""
    if not shape:
        return words[0]
    step = len(words) // shape[0] if shape[0] else 0
    parts = [nested(words[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]
    if len(shape) == 1:
        return f"[{', '.join(parts)}]"
    return "[" + ",\n ".join(part.replace("\n", "\n ") for part in parts) + "]"
