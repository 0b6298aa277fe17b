"""The check's badge is green only where two runs agree."""

from dataclasses import replace

import pytest
import torch

from core import compare
from core.ops import dropout
from core.ops.operator import Call
from core.ui import check
from core.words.numbers import number

(DROPOUT,) = dropout.OPERATORS
X = torch.linspace(-2, 2, 12).reshape(3, 4)


def manual(change):
    return replace(DROPOUT, manual=lambda *args, **kwargs: change(dropout.dropout(*args, **kwargs)))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_the_right_version_agrees(p):
    result = compare.operator(DROPOUT, Call((X,), {"p": p}), seed=3)
    assert result.agrees
    assert result.gradients is not None


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y + 1e-3,
        lambda y: y.double(),
        lambda y: y[:2],
        lambda y: y.detach() + 0 * y,
        lambda y: torch.full_like(y, torch.nan) + 0 * y,
        lambda y: (y, y),
    ],
    ids=["values", "dtype", "shape", "gradients", "nan", "number of outputs"],
)
def test_a_wrong_version_does_not(change):
    assert not compare.operator(manual(change), Call((X,), {"p": 0.3}), seed=3).agrees


def test_arguments_stay_as_they_are():
    before = X.clone()
    compare.operator(DROPOUT, Call((X,), {"p": 0.3}))
    assert torch.equal(X, before)
    assert not X.requires_grad


def test_the_badge_says_which_version_float64_finds_to_be_nearer():
    x = torch.tensor([1e4, 1e4 + 1, 1e4 + 3])
    naive, true = (lambda x: (x * x).mean() - x.mean() ** 2), (lambda x: x.var(correction=0))
    off, right = (
        compare.functions(ours, theirs, Call((x,)), frozenset({0})) for ours, theirs in ((naive, true), (true, naive))
    )
    assert check.badge("var", off)[2] == "red"
    assert check.badge("var", right)[2] == "green"
    assert "float64" in check.said(off)
    worst = off.worst
    for distance in (worst.ours_off, worst.theirs_off):
        assert number(distance).replace("-", "−") in check.said(off)
