"""The tiers of an operator as things to run: their inputs, a first call to compare with torch's, the timed call."""

import contextlib
import itertools
import math
from collections.abc import Iterator, Sequence

import torch

from core import calls, compare
from core.calls import Outcome
from core.ops.operator import Call, Operator
from core.ops.seeded import seeded
from core.timing import devices
from core.timing.measure import Once
from core.timing.settings import Settings

MOST_INPUT_SETS = 16  # inputs too small to overflow the cache with so many sets stay in it, as they do in use


def inputs(operator: Operator, size: int, settings: Settings, leaves: frozenset[int]) -> list[Call]:
    """One set of inputs, or so many that a set is out of the cache before its turn comes again."""

    def made(k: int) -> Call:
        call = operator.make_call(size, settings.torch_dtype, settings.torch_device, settings.seed + k)
        return calls.prepared(call, leaves)

    first = made(0)
    held = sum(tensor.numel() * tensor.element_size() for tensor in calls.arguments(first))
    sets = math.ceil(devices.last_level_cache(settings.device) / max(held, 1)) + 1
    return [first, *(made(k) for k in range(1, sets))] if sets <= MOST_INPUT_SETS else [first]


def outcome(function: calls.Function, call: Call, leaves: frozenset[int]) -> Outcome:
    """Results on a copy of the inputs, so that a version that writes to them leaves them as they were."""
    return calls.evaluate(function, calls.prepared(call, leaves, copy=True))


@contextlib.contextmanager
def drawing(operator: Operator, seed: int) -> Iterator[None]:
    """Within it a random operator draws from this seed on, and nobody else in the process draws in between.

    Not seeded as its inputs were, or its draws would go along with them.
    """
    if not operator.random:
        yield
        return
    with seeded(seed + 10**6):
        torch.manual_seed(seed + 10**6)  # the generators of all devices
        yield


def function(operator: Operator, tier: str) -> calls.Function:
    """What the tier calls."""
    if tier == "compiled":
        torch.compiler.reset()  # or the sizes timed before count against the limit of recompilations
        return torch.compile(operator.manual, dynamic=False)
    tiers = {"manual": operator.manual, "torch": operator.torch, "textbook": operator.textbook_tier}
    function = tiers[tier]
    assert function is not None  # Settings.tiers_of left it out otherwise
    return function


@contextlib.contextmanager
def compiling_afresh() -> Iterator[None]:
    """Without what earlier runs left on the disk: the first compilation compiles, a second finds the first's."""
    from torch._inductor.utils import fresh_cache  # loads the compiler, which takes seconds

    with fresh_cache():
        yield


@contextlib.contextmanager
def products_in(settings: Settings) -> Iterator[None]:
    """Within it float32 products on CUDA round their factors, or not, as the settings say."""
    matmul, before = torch.backends.cuda.matmul, torch.backends.cuda.matmul.allow_tf32
    matmul.allow_tf32 = settings.tf32
    try:
        with torch.backends.cudnn.flags(torch.backends.cudnn.enabled, allow_tf32=settings.tf32):
            yield
    finally:
        matmul.allow_tf32 = before


def comparison(
    operator: Operator, tier: str, settings: Settings, call: Call, ours: Outcome, theirs: Outcome
) -> compare.Comparison:
    """Values and gradients to half the digits; for random versions that draw other numbers, their distribution.

    Only the manual version promises torch's own draws from the same seed, and on the CPU alone.
    """
    eps = precision(settings.torch_device, settings.torch_dtype)
    leaves = frozenset(i for i, tensor in enumerate(calls.arguments(call)) if tensor.requires_grad)
    version = operator.textbook_tier if tier == "textbook" else operator.manual
    assert version is not None

    def judge() -> tuple[Outcome, Outcome] | None:
        return compare.other_precision(version, operator.torch, call, leaves)

    found = compare.outcomes(ours, theirs, judge=judge, relative=math.sqrt(eps), layout=False)
    if not found.agrees and operator.random and (tier != "manual" or settings.torch_device.type != "cpu"):
        return compare.distributions(ours.values, theirs.values)
    return found


def precision(device: torch.device, dtype: torch.dtype) -> float:
    """The spacing of numbers near 1 in the arithmetic that the device does: TF32 for float32 where that is allowed."""
    tf32 = torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
    if device.type == "cuda" and dtype == torch.float32 and tf32:
        return 2.0**-10
    return torch.finfo(dtype).eps


def once(function: calls.Function, inputs: list[Call], outputs: Sequence[torch.Tensor]) -> Once:
    """One timed call: forward on the next set of inputs, and backward where outputs with a gradient are given."""
    ends = [output for output in outputs if output.requires_grad]
    weights = calls.weights_for(ends)
    cycled = itertools.cycle([(c.args, c.kwargs, [t for t in calls.arguments(c) if t.requires_grad]) for c in inputs])

    def forward() -> object:
        args, kwargs, _ = next(cycled)
        return function(*args, **kwargs)

    def forward_and_backward() -> object:
        args, kwargs, wanted = next(cycled)
        results = [output for output in calls.results(function(*args, **kwargs)) if output.requires_grad]
        return torch.autograd.grad(results, wanted, weights, allow_unused=True)

    return forward_and_backward if ends else forward
