"""Operators under torch's transforms, on a share of the calls; python -m benchmarks.composes tries many more."""

import pytest

from core import topics
from tests.ops.composing import KINDS, compile_kind, tried

SHARE = 3  # calls of each operator and kind
ALL_KINDS = (*KINDS, compile_kind("eager"))

REFUSED = {  # for a reason that the operator's docstring gives
    "compile": {"trunc_normal_"},
}


def pairs():
    for operator in topics.operators():
        for kind in ALL_KINDS:
            if kind.applies(operator):
                known = [pytest.mark.xfail(strict=True)] if operator.name in REFUSED.get(kind.name, ()) else []
                yield pytest.param(operator, kind, id=f"{operator.name}-{kind.name}", marks=known)


@pytest.mark.parametrize(("operator", "kind"), list(pairs()))
def test_composes(operator, kind):
    count = tried(operator, kind, SHARE)
    assert not count.failures
    if not count.tried:
        pytest.skip("torch's own function refuses every call")


def test_a_share_of_every_kind_is_tried():
    """Or a mistake here that refuses every call would pass for torch's refusal."""
    softmax, conv2d = (next(o for o in topics.operators() if o.name == name) for name in ("softmax", "conv2d"))
    for kind in ALL_KINDS:
        assert tried(conv2d if kind.name == "channels_last" else softmax, kind, 2).tried == 2
