"""What the functions of one number have in common: autograd from two formulas, half precision, `inplace`.

An activation is given by its formula and the formula of its slope. Letting autograd derive the slope from the
steps of the formula would give the same number in most places, at three to ten times the cost, and the wrong one
where a step overflows (inf · 0 = nan).
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

Formula = Callable[[Tensor], Tensor]
Slope = Callable[[Tensor, Tensor], Tensor]  # of (input, output)


def require_tensor(value: Any, name: str) -> None:
    """TypeError unless `value`, the argument called `name`, is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"argument '{name}' must be a Tensor, but got {type(value).__name__}")


def require_floating(value: Any, name: str) -> None:
    """TypeError unless `value` is a tensor, NotImplementedError unless it holds real floating point numbers."""
    require_tensor(value, name)
    if not value.is_floating_point():
        raise NotImplementedError(f"argument '{name}' must be floating point, but got dtype {value.dtype}")


def require_number(value: Any, name: str) -> None:
    """TypeError unless `value` is a real number, or a tensor of one that needs no gradient."""
    if isinstance(value, Tensor) and value.ndim == 0 and not value.requires_grad:
        return
    if not isinstance(value, int | float):
        raise TypeError(f"argument '{name}' must be a real number, but got {type(value).__name__}")


def widened(tensor: Tensor) -> Tensor:
    """float16 and bfloat16 as float32, in which torch's own kernels compute them; anything else unchanged."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def step(input: Tensor) -> Tensor:
    """1 where input > 0, else 0 (also at 0 and nan), in the dtype of input."""
    input = input.detach()
    return torch.gt(input, 0, out=torch.empty_like(input))


def _is_row(tensor: Tensor) -> bool:
    """Whether view(-1) is possible: contiguous, or one number expanded, as the gradient that comes from a mean."""
    return tensor.is_contiguous() or not any(tensor.stride())


BLOCK = 1 << 18  # elements: 1 MiB of float32


def by_blocks(function: Callable[..., Tensor], *tensors: Tensor) -> Tensor:
    """function(*tensors), element by element, in the dtype and layout of the first tensor; half precision widened.

    Each step of a formula makes a tensor. On a CPU, for large contiguous tensors, the steps are taken for one block
    after the other, so that their results stay in the cache: up to twice as fast, and no memory to speak of.
    """
    first = tensors[0]
    if not (_is_worth_blocks(first) and all(map(_is_row, tensors))):
        return function(*map(widened, tensors)).to(first.dtype)
    output = torch.empty_like(first, memory_format=torch.contiguous_format)
    _fill(output.view(-1), function, [tensor.view(-1) for tensor in tensors], BLOCK)
    return output


def by_rows(function: Callable[..., Tensor], dim: int, *tensors: Tensor) -> Tensor:
    """As `by_blocks`, for a function that needs all numbers along `dim` together: blocks are cut along dimension 0."""
    first = tensors[0]
    if not _is_worth_blocks(first) or dim in (0, -first.ndim):
        return function(*map(widened, tensors)).to(first.dtype)
    output = torch.empty_like(first)
    _fill(output, function, tensors, max(1, BLOCK * len(first) // first.numel()))
    return output


def _is_worth_blocks(tensor: Tensor) -> bool:
    """Where autograd records the steps (a second derivative) or a compiler fuses them, they are taken at once."""
    watched = torch.is_grad_enabled() or torch.compiler.is_compiling()
    return tensor.device.type == "cpu" and tensor.numel() > BLOCK and not watched


def _fill(output: Tensor, function: Callable[..., Tensor], tensors: Iterable[Tensor], length: int) -> None:
    blocks = zip(*(tensor.split(length) for tensor in (output, *tensors)), strict=True)
    for written, *read in blocks:
        written.copy_(function(*map(widened, read)))


class _Elementwise(torch.autograd.Function):
    """output = formula(input), and by the chain rule: gradient = output's gradient · slope(input, output)."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, formula: Formula, slope: Slope) -> Tensor:
        output = by_blocks(formula, input)
        ctx.slope = slope
        ctx.save_for_backward(input, output)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        input, output = ctx.saved_tensors

        def chain(grad: Tensor, input: Tensor, output: Tensor) -> Tensor:
            return grad * ctx.slope(input, output).conj()

        return by_blocks(chain, grads[0], input, output), None, None


def elementwise(input: Tensor, formula: Formula, slope: Slope, inplace: bool = False) -> Tensor:
    """formula(input), differentiable twice if `slope` is written in differentiable operations.

    With `inplace` the result overwrites input; a copy of input is kept while a gradient may ask for it.
    """
    if not inplace:
        return _Elementwise.apply(input, formula, slope)
    require_writable(input)
    recorded = input.requires_grad and torch.is_grad_enabled()
    return input.copy_(_Elementwise.apply(input.clone() if recorded else input, formula, slope))


def require_writable(input: Tensor) -> None:
    """RuntimeError where `inplace` would lose a leaf's value, or write to one cell several times."""
    if input.is_leaf and input.requires_grad and torch.is_grad_enabled():
        raise RuntimeError("inplace=True: input is a leaf that requires grad; pass a non-leaf, or inplace=False")
    if any(stride == 0 and size > 1 for stride, size in zip(input.stride(), input.shape, strict=True)):
        raise RuntimeError("inplace=True: several elements of input share one memory cell; pass input.clone()")
