"""Each written-out gradient is the one that autograd finds through torch's own function."""

import pytest
import torch

from core import topics
from core.calls import arguments, leaves_of, prepared, results
from tests.ops.composing import samples

WITH_BACKWARD = [operator for operator in topics.operators() if operator.backward is not None]


@pytest.mark.parametrize("operator", WITH_BACKWARD, ids=lambda operator: operator.name)
def test_backward_is_autograds(operator):
    for call in samples(operator, torch.float64, 8):
        leaves = leaves_of(operator, call)
        asked = prepared(call, leaves, copy=True)
        torch.manual_seed(0)
        (output,) = results(asked.of(operator.torch))
        grad = torch.randn(output.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(
            output.dtype
        )
        wanted = [tensor for tensor in arguments(asked) if tensor.requires_grad]
        if not wanted:
            continue
        try:
            expected = torch.autograd.grad(output, wanted, grad, allow_unused=True)
        except RuntimeError as theirs:  # embedding's options that exclude each other are refused on the way back
            with pytest.raises(type(theirs)):
                operator.backward(grad, *call.args, **call.kwargs)
            continue
        torch.manual_seed(0)
        found = operator.backward(grad, *call.args, **call.kwargs)
        found = found if isinstance(found, tuple) else (found,)
        assert len(found) == len(expected)
        for ours, theirs in zip(found, expected, strict=True):
            torch.testing.assert_close(ours, torch.zeros_like(ours) if theirs is None else theirs, equal_nan=True)
