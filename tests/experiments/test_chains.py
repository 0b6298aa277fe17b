"""Random chains of all operations on random shapes up to 2⁴⁰ elements: integers say what torch says."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.chain.operation import MAX_ELEMENTS, WHOLE
from tests import chains

pytestmark = pytest.mark.filterwarnings("ignore:.*(T. on tensors|T is deprecated)")


@pytest.mark.parametrize("most", [WHOLE // 4, MAX_ELEMENTS])
@settings(max_examples=250, deadline=None)
@given(st.integers(0, 10**9))
def test_a_random_chain_is_as_torch_has_it(most, seed):
    x, steps = chains.chain(random.Random(seed), most)
    assert chains.differences(x, steps) == []


def test_the_chains_reach_the_limits():
    drawn = [chains.chain(random.Random(seed)) for seed in range(300)]
    assert max(x.numel() for x, _ in drawn) > 2**35
    assert max(x.dim() for x, _ in drawn) == 8
    assert {step.op for _, steps in drawn for step in steps} == set(chains.OPERATIONS)
