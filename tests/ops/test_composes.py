"""Operators under torch's transforms, on a share of the calls; python -m benchmarks.composes tries many more."""

import pytest

from core import topics
from tests.ops.composing import KINDS, compile_kind, tried

SHARE = 3  # calls of each operator and kind
ALL_KINDS = (*KINDS, compile_kind("eager"))

FUNCTIONS = {
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "multilabel_soft_margin_loss",
    "batch_norm", "layer_norm", "group_norm", "instance_norm",
}  # fmt: skip  # these have an autograd.Function that no transform goes through
READS = {"gather", "scatter", "nll_loss", "cross_entropy", "binary_cross_entropy", "accuracy"}  # values, to check them
NOT_YET = {
    "jvp": FUNCTIONS,
    "vjp": FUNCTIONS,
    "vmap": FUNCTIONS | READS,
    "meta": READS | {"linear"},
    "fake": READS,
    "autocast": {"matmul", "mm", "bmm", "einsum", "linear"},
    "channels_last": {"instance_norm"},
    "compile": READS | {"mul", "einsum", "batch_norm", "layer_norm", "group_norm", "instance_norm",
                        "trunc_normal_"},
}  # fmt: skip


def pairs():
    for operator in topics.operators():
        for kind in ALL_KINDS:
            if kind.applies(operator):
                late = [pytest.mark.xfail(strict=True)] if operator.name in NOT_YET[kind.name] else []
                yield pytest.param(operator, kind, id=f"{operator.name}-{kind.name}", marks=late)


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
