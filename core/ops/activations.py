"""Activations: one number in, one number out, each as its formula beside the formula of its slope.

Where a formula has a corner, the slope in the corner is a convention. All here follow torch: at 0, relu has slope 0,
leaky_relu has negative_slope, elu has alpha. nan goes in and comes out.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops.elementwise import (
    by_blocks,
    elementwise,
    require_floating,
    require_number,
    require_tensor,
    require_writable,
    step,
)
from core.ops.operator import Call, Operator
from core.ops.out import write_out
from core.ops.softmax import sigmoid

# ---- relu ------------------------------------------------------------------------------------------------------


def relu_textbook(X: Tensor) -> Tensor:
    """The tutorial's relu: the larger of X and 0.

    Its limits: at exactly 0 the gradient is ½ where torch's relu has 0, since a tie of torch.max is shared between
    both arguments; integers come back as floats; and a 0-dim half precision X comes back as float32.
    """
    return torch.max(input=X, other=torch.tensor(0.0))


class _ReLU(torch.autograd.Function):
    """Forward max(x, 0); backward the gradient where the output is above 0, and 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, input: Tensor) -> Tensor:
        output = input.clamp(min=0)
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (output,) = ctx.saved_tensors
        # sqrt(relu(x)) sends back an infinite gradient at 0: made finite first, since inf · 0 = nan
        largest = torch.finfo(output.dtype).max
        return by_blocks(lambda grad, y: grad.clamp(-largest, largest) * step(y), grads[0], output)


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element. As F.relu: the slope at 0 is 0, integers stay integers.

    Deliberately other than torch: an infinite gradient passes as the largest finite number.
    Raises RuntimeError for bools, NotImplementedError for complex input, RuntimeError if `inplace` would overwrite
    a leaf that requires grad.
    """
    require_tensor(input, "input")
    if input.dtype == torch.bool:
        raise RuntimeError("argument 'input' must hold numbers, but got dtype torch.bool")
    if input.is_complex():
        raise NotImplementedError(f"argument 'input' must be real: {input.dtype} has no order, so no maximum with 0")
    if not inplace:
        return _ReLU.apply(input)
    require_writable(input)
    return input.copy_(_ReLU.apply(input))


# ---- the neighbours --------------------------------------------------------------------------------------------


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """max(x, 0) + negative_slope · min(x, 0). As F.leaky_relu, for a finite negative_slope.

    Deliberately other than torch: `inplace` with a negative negative_slope can be differentiated.
    Raises NotImplementedError for input that is not floating point, TypeError for a negative_slope that is no number.
    """
    require_floating(input, "input")
    require_number(negative_slope, "negative_slope")

    def formula(x: Tensor) -> Tensor:
        return x.clamp(min=0) + negative_slope * x.clamp(max=0)

    def slope(x: Tensor, _: Tensor) -> Tensor:
        return step(x) * (1 - negative_slope) + negative_slope

    return elementwise(input, formula, slope, inplace)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x above 0, alpha · (exp(x) − 1) up to 0. As F.elu.

    Deliberately other than torch: `inplace` with a negative alpha can be differentiated, and the second derivative
    at 0 is that of the branch which gave the first, alpha, where torch has 0.
    Raises NotImplementedError for input that is not floating point, TypeError for an alpha that is no number.
    """
    require_floating(input, "input")
    require_number(alpha, "alpha")

    def formula(x: Tensor) -> Tensor:
        return x.clamp(min=0) + alpha * torch.expm1(x.clamp(max=0))

    def slope(x: Tensor, _: Tensor) -> Tensor:
        positive = step(x)
        return positive + (1 - positive) * alpha * torch.exp(x.clamp(max=0))

    return elementwise(input, formula, slope, inplace)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · sigmoid(x) = x / (1 + exp(−x)). As F.silu; takes complex numbers too.

    Raises NotImplementedError for integers and bools.
    """
    require_tensor(input, "input")
    if not input.is_complex():
        require_floating(input, "input")
    return elementwise(input, _silu, _silu_slope, inplace)


def _silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def _silu_slope(x: Tensor, y: Tensor) -> Tensor:
    s = sigmoid(x)
    return s + y * (1 - s)


def softplus(input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """log(1 + exp(beta · x)) / beta, a smooth relu; x itself where beta · x > threshold. As F.softplus.

    Raises NotImplementedError for input that is not floating point, TypeError if beta or threshold is no number.
    """
    require_floating(input, "input")
    require_number(beta, "beta")
    require_number(threshold, "threshold")

    def formula(x: Tensor) -> Tensor:
        scaled = beta * x
        return torch.where(scaled > threshold, x, torch.exp(scaled).log1p_() / beta)

    def slope(x: Tensor, _: Tensor) -> Tensor:
        scaled = beta * x
        return torch.where(scaled > threshold, 1, sigmoid(scaled))

    return elementwise(input, formula, slope)


# ---- gelu: x · Φ(x), with Φ(x) the probability that a standard normal number is below x ----------------------------


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x · Φ(x): with "none" by erf, Φ(x) = ½(1 + erf(x/√2)); with "tanh" by
    Φ(x) ≈ ½(1 + tanh(√(2/π)(x + 0.044715x³))) (Hendrycks and Gimpel, 2016). As F.gelu.

    −inf gives nan (−inf · 0), as in torch; +inf gives inf, where torch's CPU kernel for many numbers gives nan.
    Raises NotImplementedError for input that is not floating point, RuntimeError for another `approximate`.
    """
    require_floating(input, "input")
    if not isinstance(approximate, str):
        raise TypeError(f"argument 'approximate' must be a str, but got {type(approximate).__name__}")
    if approximate not in GELUS:
        raise RuntimeError(f"argument 'approximate' must be 'none' or 'tanh', but got {approximate!r}")
    return elementwise(input, *GELUS[approximate])


def _normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.erf(x * math.sqrt(0.5)))


def _gelu(x: Tensor) -> Tensor:
    return x * _normal_cdf(x)


def _gelu_slope(x: Tensor, _: Tensor) -> Tensor:
    density = torch.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return _normal_cdf(x) + x * density


def _gelu_inner(x: Tensor) -> Tensor:
    return torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))


def _gelu_tanh(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + _gelu_inner(x))


def _gelu_tanh_slope(x: Tensor, _: Tensor) -> Tensor:
    t = _gelu_inner(x)
    inner_slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner_slope


GELUS = {"none": (_gelu, _gelu_slope), "tanh": (_gelu_tanh, _gelu_tanh_slope)}


# ---- tanh ------------------------------------------------------------------------------------------------------


def tanh_textbook(x: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), as books define it: nan (inf / inf) beyond ±89 in float32, and inexact near 0."""
    return (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))


def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), by e²ˣ − 1, which keeps small x exact. As torch.tanh.

    Beyond ±20 it is ±1 in every dtype, so that x may stop there before exp overflows.
    Integers and bools give the default float dtype. Deliberately other than torch: complex numbers are refused.
    Raises NotImplementedError for those, RuntimeError for an `out` whose dtype cannot hold the result.
    """
    require_tensor(input, "input")
    if input.is_complex():
        raise NotImplementedError(f"argument 'input' must be real, but got dtype {input.dtype}")
    if not input.is_floating_point():
        input = input.to(torch.get_default_dtype())
    return write_out(elementwise(input, _tanh, _tanh_slope), out, (input,), cast=True)


def _tanh(x: Tensor) -> Tensor:
    e = torch.expm1(2 * x.clamp(-20, 20))  # e²ˣ − 1
    return e / (e + 2)


def _tanh_slope(_: Tensor, y: Tensor) -> Tensor:
    return 1 - y * y


# ---- how an activation dies --------------------------------------------------------------------------------------


def dead_units(activations: Tensor) -> Tensor:
    """Which units are 0 for every sample: (N, units) → (units,) bools. Their gradient through relu is 0 for all."""
    return (activations == 0).all(dim=0)


# ---- the operators ---------------------------------------------------------------------------------------------


def _call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, generator=generator).to(device, dtype),))


def _operator(mirrors: str, manual: Any, torch_function: Any, operations: int, textbook: Any = None) -> Operator:
    return Operator(
        mirrors=mirrors,
        manual=manual,
        torch=torch_function,
        textbook=textbook,
        make_call=_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning="n: input of shape (n,)",
        bytes_moved=lambda size, itemsize: 2 * size * itemsize,
        operations=lambda size: operations * size,
        target_ratio=1.0,
    )


OPERATORS = (
    _operator("torch.nn.functional.relu", relu, F.relu, 1, relu_textbook),
    _operator("torch.nn.functional.leaky_relu", leaky_relu, F.leaky_relu, 2),
    _operator("torch.nn.functional.elu", elu, F.elu, 3),
    _operator("torch.nn.functional.gelu", gelu, F.gelu, 5),
    _operator("torch.nn.functional.silu", silu, F.silu, 4),
    _operator("torch.nn.functional.softplus", softplus, F.softplus, 5),
    _operator("torch.tanh", tanh, torch.tanh, 4, tanh_textbook),
)
