"""Every operator against torch's own sample and error inputs (the OpInfo database that torch tests itself with)."""

import importlib
import inspect
import math
import pkgutil
import re

import pytest
import torch
from torch.testing._internal.common_methods_invocations import op_db

import core.ops
from core.ops.operator import Operator
from tests.ops.like_torch import check


def every_operator() -> list[Operator]:
    modules = (importlib.import_module(f"core.ops.{m.name}") for m in pkgutil.iter_modules(core.ops.__path__))
    return [operator for module in modules for operator in getattr(module, "OPERATORS", ())]


OPERATORS = every_operator()
INFOS = {f"torch.{info.name}": info for info in op_db if info.variant_test_name == ""}
KNOWN_TO_TORCH = [operator for operator in OPERATORS if operator.mirrors in INFOS]
by_name = pytest.mark.parametrize("operator", KNOWN_TO_TORCH, ids=lambda operator: operator.name)


MOST = 300  # samples of one operator and dtype; max_pool2d has 1,440, of which the two dtypes take different ones


def arguments(operator: Operator, sample) -> tuple:
    """A sample's arguments in the order of torch's function; the database keeps einsum's operands and embedding's
    table in front.
    """
    if operator.mirrors == "torch.einsum":
        return (sample.args[0], *sample.input)
    if operator.mirrors == "torch.nn.functional.embedding":
        return (sample.args[0], sample.input, *sample.args[1:])
    return (sample.input, *sample.args)


@by_name
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_sample_inputs(operator, dtype):
    samples = list(INFOS[operator.mirrors].sample_inputs("cpu", dtype, requires_grad=operator.differentiable))
    step = math.ceil(len(samples) / MOST)
    for sample in samples[0 if dtype == torch.float64 else step // 2 :: step]:
        check(operator.manual, operator.torch, *arguments(operator, sample), **sample.kwargs)


@by_name
def test_error_inputs(operator):
    info = INFOS[operator.mirrors]
    if info.error_inputs_func is None:
        pytest.skip("torch's database has no error inputs for it")
    names = [name for name in inspect.signature(operator.manual).parameters if name not in ("args", "kwargs")]
    for error in info.error_inputs("cpu"):
        sample = error.sample_input
        given = arguments(operator, sample)  # not copied: some are refused because they share memory
        with pytest.raises(Exception) as theirs:
            operator.torch(*given, **sample.kwargs)
        with pytest.raises(type(theirs.value)) as ours:
            operator.manual(*given, **sample.kwargs)
        assert any(re.search(rf"\b{name}\b", str(ours.value)) for name in names), str(ours.value)


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_tiers_agree_on_the_timing_inputs(operator):
    call = operator.make_call(operator.sizes[0], torch.float32, torch.device("cpu"), 0)
    check(operator.manual, operator.torch, *call.args, **call.kwargs)
    if operator.textbook_tier and not operator.random:  # another way to draw gives other numbers from one seed
        check(operator.textbook_tier, operator.torch, *call.args, tol=1e-4, **call.kwargs)
