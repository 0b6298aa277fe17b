"""Compare a hand-written function with torch's: value, shape, dtype, gradients and refusals."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import torch

# A few ulp of the result's dtype, on top of what the float64 reference says.
ULPS = {torch.float64: 64, torch.float32: 32, torch.bfloat16: 4, torch.float16: 4}
ULPS |= {torch.complex128: 64, torch.complex64: 32}


def tolerance(dtype: torch.dtype) -> float:
    return ULPS[dtype] * torch.finfo(dtype).eps if dtype.is_floating_point or dtype.is_complex else 0.0


def fresh(value: Any) -> Any:
    """A copy of the arguments that shares nothing, keeping strides and requires_grad."""
    if isinstance(value, torch.Tensor):
        copy = value.detach().clone(memory_format=torch.preserve_format)
        return copy.requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)):
        return type(value)(fresh(item) for item in value)
    if isinstance(value, dict):
        return {name: fresh(item) for name, item in value.items()}
    return value


def tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)


def run(function: Callable[..., Any], args: Any, kwargs: Any, seed: int = 0) -> tuple[list, list]:
    """The outputs and, where any input asks for them, the gradients of a fixed random weighting of them."""
    args, kwargs = fresh(list(args)), fresh(dict(kwargs))
    leaves = [t for t in tensors((args, kwargs)) if t.requires_grad]
    torch.manual_seed(seed)
    outputs = list(tensors(function(*args, **kwargs)))
    differentiable = [out for out in outputs if out.requires_grad]
    if not leaves or not differentiable:
        return outputs, []
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(out.shape, generator=generator, dtype=torch.float64).to(out) for out in differentiable]
    return outputs, list(torch.autograd.grad(differentiable, leaves, weights, allow_unused=True))


def largest(values: Iterable[torch.Tensor | None]) -> float:
    """The largest finite magnitude in any of these tensors."""
    real = [
        value.detach().double() for value in values if value is not None and value.numel() and not value.is_complex()
    ]
    return max((value.abs().nan_to_num(0, 0, 0).max().item() for value in real), default=0.0)


def in_double(value: Any) -> Any:
    """The same arguments with every floating tensor in float64."""
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.detach().double().requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)):
        return type(value)(in_double(item) for item in value)
    if isinstance(value, dict):
        return {name: in_double(item) for name, item in value.items()}
    return torch.float64 if isinstance(value, torch.dtype) and value.is_floating_point else value


def as_exact_as_torch(our: torch.Tensor, their: torch.Tensor, exact: torch.Tensor, slack: float) -> bool:
    """Whether ours lies no farther from the float64 result than torch's own, but for the slack."""
    if not our.is_floating_point() or exact is None or our.shape != their.shape or our.dtype != their.dtype:
        return False
    return bool(((our.double() - exact).abs() <= (their.double() - exact).abs() + slack).all())


def check(manual: Callable, reference: Callable, *args: Any, tol: float | None = None, **kwargs: Any) -> None:
    """Both functions give the same outputs (value, shape, dtype) and the same gradients.

    A gradient whose terms cancel is rounding noise of the size of those terms, not of its own. Where ours differs
    from torch's by more, it has to lie as close to the float64 result as torch's does.
    """
    ours, our_gradients = run(manual, args, kwargs)
    theirs, their_gradients = run(reference, args, kwargs)
    assert len(ours) == len(theirs)
    assert [out.requires_grad for out in ours] == [out.requires_grad for out in theirs]
    assert len(our_gradients) == len(their_gradients)
    everything = largest([*theirs, *their_gradients])
    for place, (our, their) in enumerate(zip(ours + our_gradients, theirs + their_gradients, strict=True)):
        if their is None or our is None:  # an unused input: None and zeros say the same
            assert our is None or not our.any()
            assert their is None or not their.any()
            continue
        limit = tolerance(their.dtype) if tol is None else tol
        slack = limit * max(everything if place >= len(ours) else largest([their]), 1e-30)
        try:
            torch.testing.assert_close(our, their, rtol=limit, atol=slack, equal_nan=True)
        except AssertionError:
            outputs, gradients = run(reference, in_double(list(args)), in_double(kwargs))
            if not as_exact_as_torch(our, their, [*outputs, *gradients][place], slack):
                raise


def check_refused(manual: Callable, reference: Callable, *args: Any, naming: str, **kwargs: Any) -> None:
    """Both refuse, with the same exception type; ours has a message that matches `naming`."""
    with pytest.raises(Exception) as theirs:
        reference(*fresh(list(args)), **fresh(kwargs))
    with pytest.raises(type(theirs.value)) as ours:
        manual(*fresh(list(args)), **fresh(kwargs))
    assert re.search(naming, str(ours.value)), f"{ours.value} does not name {naming}"
