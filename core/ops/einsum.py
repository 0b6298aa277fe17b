"""Einstein summation: name every dimension, multiply what has one name, sum what the output does not name.

"ij,jk->ik"    cᵢₖ = Σⱼ aᵢⱼ · bⱼₖ        "ii->i"    cᵢ = aᵢᵢ        "ij->ji"    cⱼᵢ = aᵢⱼ
"""

from typing import Any

from torch import Tensor

from core.ops import kit
from core.ops.kit.equations import Label, Labelled, labelled_operands
from core.ops.kit.products import in_blocks, one_dtype


def einsum(equation: Any, *operands: Any) -> Tensor:
    """The product of the operands, summed over every label that the output does not name. As torch.einsum.

    `einsum("ij,jk->ik", A, B)` is the matrix product. A label twice in one operand takes the diagonal; `...` stands
    for the unnamed dimensions, which broadcast; without `->` the labels that occur once make the output, in
    alphabetical order, after the ellipsis. Also takes the sublist form `einsum(A, [0, 1], B, [1, 2], [0, 2])`.
    Operands are multiplied two at a time from the left; autocast is followed where a pair is summed.

    Raises ValueError (no operands, a sublist entry outside 0…51), TypeError (equation not a string, operands not
    tensors), RuntimeError (an equation that does not parse or does not fit the operands).
    """
    labelled, output = labelled_operands(equation, operands)
    total, *rest = [_diagonal(*operand) for operand in labelled]
    for position, operand in enumerate(rest, start=1):
        later = [label for _, labels in rest[position:] for label in labels]
        total = _product(total, operand, output + later)
    return _in_order(_summed(total, output), output)


def _diagonal(operand: Tensor, labels: list[Label]) -> Labelled:
    """Every label once: one that stands twice walks the diagonal, which becomes the last dimension."""
    for label in labels:
        while labels.count(label) > 1:
            first, second = [d for d, name in enumerate(labels) if name == label][:2]
            operand = operand.diagonal(0, first, second)
            labels = [name for d, name in enumerate(labels) if d not in (first, second)] + [label]
    return operand, labels


def _product(left: Labelled, right: Labelled, needed: list[Label]) -> Labelled:
    """Two operands multiplied along the labels that they share; those that are not needed any more are summed."""
    (A, a), (B, b) = _summed(left, right[1] + needed), _summed(right, left[1] + needed)
    labels = a + [label for label in b if label not in a]
    kept = [label for label in labels if label in needed]
    summed = [label for label in labels if label not in needed]
    if not summed:
        return _in_order((A, a), kept) * _in_order((B, b), kept), kept
    A, B = one_dtype("operands", *kit.autocast(A, B))
    x, y = (_in_order((kit.wide(t), names), kept + summed) for t, names in ((A, a), (B, b)))
    last = tuple(range(-len(summed), 0))
    sums = in_blocks(lambda p, q: (p * q).sum(last, dtype=p.dtype), x, y, len(summed))
    return sums.to(A.dtype), kept


def _summed(operand: Labelled, needed: list[Label]) -> Labelled:
    """The operand summed over the labels that are not needed."""
    tensor, labels = operand
    dims = [d for d, label in enumerate(labels) if label not in needed]
    return (tensor.sum(dims) if dims else tensor), [label for label in labels if label in needed]


def _in_order(operand: Labelled, order: list[Label]) -> Tensor:
    """The operand's dimensions in this order, with size 1 where it has no such label."""
    tensor, labels = operand
    tensor = tensor.permute([labels.index(label) for label in order if label in labels])
    return tensor[tuple(slice(None) if label in labels else None for label in order)]
