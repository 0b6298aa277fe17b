"""einsum's arguments: the equation, or the sublists in its place, as one list of labels for each operand."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from core.ops.kit.checks import check_integer, check_tensor, require

Label = str  # a letter, or "…2" for the third dimension from the right of those an ellipsis covers
Labelled = tuple[Tensor, list[Label]]  # an operand and the label of each of its dimensions


def labelled_operands(equation: Any, operands: Sequence[Any]) -> tuple[list[Labelled], list[Label]]:
    """The operands with their labels, and the labels of the output.

    A dimension of size 1 whose label has another size in another operand is dropped: it only broadcasts.
    ValueError without operands or for a sublist entry outside 0…51, TypeError for an equation that is no str and
    operands that are no tensors, RuntimeError where the equation does not parse or does not fit the operands.
    """
    if not operands:
        raise ValueError("argument 'operands' must hold at least one tensor, but got none")
    if isinstance(equation, Tensor):
        equation, operands = _from_sublists((equation, *operands))
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    require(isinstance(equation, str), "equation", "be a str", type(equation).__name__, TypeError)
    for operand in operands:
        check_tensor(operand, "operands")
    inputs, output = _parse(equation, operands)
    labelled = list(zip(operands, inputs, strict=True))
    _check_sizes(labelled)
    return _unstretched(labelled), output


def _from_sublists(arguments: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """`A, [0, 1], B, [1, 2], [0, 2]` as the equation "AB,BC->AC" and the operands."""
    subscripts = ",".join(_letters(sublist) for sublist in arguments[1::2])
    if len(arguments) % 2 == 0:
        return subscripts, tuple(arguments[::2])
    return f"{subscripts}->{_letters(arguments[-1])}", tuple(arguments[:-1:2])


def _letters(sublist: Any) -> str:
    require(
        isinstance(sublist, (list, tuple)), "operands", "alternate with sublists", type(sublist).__name__, TypeError
    )
    return "".join("..." if entry is Ellipsis else _letter(check_integer(entry, "operands")) for entry in sublist)


def _letter(entry: int) -> str:
    require(0 <= entry < 52, "operands", "have sublists of 0 to 51", entry, ValueError)
    return chr(ord("A") + entry) if entry < 26 else chr(ord("a") + entry - 26)


def _parse(equation: str, operands: Sequence[Tensor]) -> tuple[list[list[Label]], list[Label]]:
    """The labels of each operand's dimensions and of the output's."""
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    _hold(len(parts) == len(operands), equation, f"name {len(operands)} operands, as many as are given")
    inputs = [_labels(equation, _tokens(equation, part), t) for part, t in zip(parts, operands, strict=True)]
    covered = max(len([label for label in labels if label[0] == "…"]) for labels in inputs)
    if not arrow:
        letters = [label for labels in inputs for label in labels if label[0] != "…"]
        return inputs, _ellipsis(covered) + sorted(label for label in letters if letters.count(label) == 1)
    output = _expanded(_tokens(equation, right), covered)
    for label in output:
        _hold(output.count(label) == 1, equation, f"have {label} once in the output")
        _hold(any(label in labels for labels in inputs), equation, f"have {label} of the output in an operand")
    return inputs, output


def _tokens(equation: str, part: str) -> list[str]:
    """The letters and ellipses of one operand's or the output's part of the equation."""
    tokens, rest = [], part.strip()
    while rest:
        size = 3 if rest.startswith("...") else 1
        token, rest = rest[:size], rest[size:].lstrip()
        legal = token == "..." or (token.isascii() and token.isalpha())
        _hold(legal, equation, f"have a letter, '...', ',' or '->' where {token!r} stands")
        tokens.append(token)
    _hold(tokens.count("...") <= 1, equation, f"have one ellipsis at most in {part.strip()!r}")
    return tokens


def _labels(equation: str, tokens: list[str], operand: Tensor) -> list[Label]:
    """One label for each dimension of the operand: the ellipsis covers those that have no letter."""
    covered = operand.ndim - (len(tokens) - tokens.count("..."))
    fits = covered == 0 or (covered > 0 and "..." in tokens)
    _hold(fits, equation, f"have other labels than {''.join(tokens)!r} for an operand of shape {tuple(operand.shape)}")
    return _expanded(tokens, covered)


def _expanded(tokens: list[str], covered: int) -> list[Label]:
    """The tokens, with a label in the ellipsis's place for each of the dimensions that it covers."""
    return [label for token in tokens for label in (_ellipsis(covered) if token == "..." else [token])]


def _ellipsis(covered: int) -> list[Label]:
    return [f"…{place}" for place in reversed(range(covered))]


def _hold(holds: bool, equation: str, must: str) -> None:
    require(holds, "equation", must, repr(equation))


def _check_sizes(labelled: Sequence[Labelled]) -> None:
    """RuntimeError where a label has two sizes, neither of which is 1, or two in one operand."""
    sizes: dict[Label, int] = {}
    for operand, labels in labelled:
        own: dict[Label, int] = {}
        for label, size in zip(labels, operand.shape, strict=True):
            one = f"have one size for {label}"
            require(own.setdefault(label, size) == size, "operands", f"{one} within each", f"{own[label]} and {size}")
            known = sizes.get(label, 1)
            require(size == known or 1 in (size, known), "operands", f"{one}, or 1", f"{known} and {size}")
            sizes[label] = size if known == 1 else known


def _unstretched(labelled: Sequence[Labelled]) -> list[Labelled]:
    long = {label for operand, labels in labelled for label, n in zip(labels, operand.shape, strict=True) if n != 1}
    terms = []
    for operand, labels in labelled:
        stretched = [operand.shape[d] == 1 and label in long for d, label in enumerate(labels)]
        operand = operand[tuple(0 if drop else slice(None) for drop in stretched)]
        terms.append((operand, [label for label, drop in zip(labels, stretched, strict=True) if not drop]))
    return terms
