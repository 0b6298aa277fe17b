"""Activations: one number in, one number out, each as its formula, with the formula of its slope below.

Where a formula has a corner, the slope in the corner is a convention. All here follow torch: at 0, relu has slope 0,
leaky_relu has negative_slope, elu has alpha. nan goes in and comes out.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import kit
from core.ops.operator import Call, Operator
from core.ops.softmax import sigmoid

# ---- relu ------------------------------------------------------------------------------------------------------


def relu_textbook(X: Tensor) -> Tensor:
    """The tutorial's relu: the larger of X and 0.

    Its limits: at exactly 0 the gradient is ½ where torch's relu has 0, since a tie of torch.max is shared between
    both arguments; integers come back as floats; and a 0-dim half precision X comes back as float32.
    """
    return torch.max(input=X, other=torch.tensor(0.0))


def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element. As F.relu: the slope at 0 is 0, nan stays nan, integers stay integers.

    Raises RuntimeError for bools, NotImplementedError for complex input, RuntimeError if `inplace` would overwrite
    a leaf that requires grad.
    """
    x = kit.ordered(input, "input", inplace=inplace)
    output = kit.with_gradient(lambda x: x.clamp(min=0), relu_backward, x)  # clamp's slope at 0 is 1
    return kit.finish(output, like=input, inplace=inplace)


def relu_backward(grad: Tensor, input: Tensor) -> Tensor:
    """The gradient of input: grad where the input is above 0, and 0 elsewhere, even of an infinite grad."""
    return torch.where(input <= 0, 0, grad)


# ---- the neighbours --------------------------------------------------------------------------------------------


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x above 0, negative_slope · x up to 0. As F.leaky_relu.

    Deliberately other than torch: `inplace` with a negative negative_slope can be differentiated.
    Raises NotImplementedError for input that is not floating point, TypeError for a negative_slope that is no number.
    """
    x, slope = kit.floating(input, "input", inplace=inplace), kit.check_number(negative_slope, "negative_slope")
    return kit.finish(torch.where(x > 0, x, slope * x), like=input, inplace=inplace)


def leaky_relu_backward(grad: Tensor, input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """The gradient of input: grad above 0, negative_slope · grad up to 0."""
    return torch.where(input > 0, grad, negative_slope * grad)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x above 0, alpha · (exp(x) − 1) up to 0. As F.elu.

    Deliberately other than torch: `inplace` with a negative alpha can be differentiated, and the second derivative
    at 0 is that of the branch which gave the first, alpha, where torch has 0.
    Raises NotImplementedError for input that is not floating point, TypeError for an alpha that is no number.
    """
    x, alpha = kit.floating(input, "input", inplace=inplace), kit.check_number(alpha, "alpha")
    # the clamp keeps exp from overflowing where x is taken: inf times a gradient of 0 would be nan
    output = torch.where(x <= 0, alpha * torch.expm1(x.clamp(max=0)), x)
    return kit.finish(output, like=input, inplace=inplace)


def elu_backward(grad: Tensor, input: Tensor, alpha: float = 1.0) -> Tensor:
    """The gradient of input: grad above 0, grad · alpha · exp(x) up to 0."""
    return torch.where(input <= 0, grad * alpha * torch.exp(input.clamp(max=0)), grad)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x · sigmoid(x). As F.silu; takes complex numbers too.

    Raises NotImplementedError for integers and bools.
    """
    x = kit.floating(input, "input", complex=True, inplace=inplace)
    return kit.finish(x * sigmoid(x), like=input, inplace=inplace)


def silu_backward(grad: Tensor, input: Tensor) -> Tensor:
    """The gradient of input: grad · (s + x · s · (1 − s)) with s = sigmoid(x)."""
    s = sigmoid(input)
    return grad * (s + input * s * (1 - s))


def softplus(input: Tensor, beta: float = 1, threshold: float = 20, *, out: Tensor | None = None) -> Tensor:
    """log(1 + exp(beta · x)) / beta, a smooth relu; x itself where beta · x > threshold. As F.softplus.

    Raises NotImplementedError for input that is not floating point, TypeError if beta or threshold is no number.
    """
    x, beta, threshold = (
        kit.floating(input, "input"),
        kit.check_number(beta, "beta"),
        kit.check_number(threshold, "threshold"),
    )
    # exp may overflow to inf where x is taken, which autograd's chain would multiply by 0
    formula = lambda x: torch.where(beta * x > threshold, x, torch.log1p(torch.exp(beta * x)) / beta)  # noqa: E731
    slope = lambda grad, x: softplus_backward(grad, x, beta, threshold)  # noqa: E731
    return kit.finish(kit.with_gradient(formula, slope, x), like=input, out=out)


def softplus_backward(grad: Tensor, input: Tensor, beta: float = 1, threshold: float = 20) -> Tensor:
    """The gradient of input: grad · sigmoid(beta · x), and grad itself where beta · x > threshold."""
    scaled = beta * input
    return torch.where(scaled > threshold, grad, grad * sigmoid(scaled))


# ---- gelu: x · Φ(x), with Φ(x) the probability that a standard normal number is below x ----------------------------


def gelu(input: Tensor, *, approximate: str = "none") -> Tensor:
    """x · Φ(x): with "none" by erf, Φ(x) = ½(1 + erf(x/√2)); with "tanh" by
    Φ(x) ≈ ½(1 + tanh(√(2/π)(x + 0.044715x³))) (Hendrycks and Gimpel, 2016). As F.gelu.

    −inf gives nan (−inf · 0), as in torch; +inf gives inf, where oneDNN, which torch takes for many numbers, gives nan.
    Raises NotImplementedError for input that is not floating point, RuntimeError for another `approximate`.
    """
    x = kit.floating(input, "input")
    if kit.check_choice(approximate, "approximate", ("none", "tanh"), RuntimeError) == "tanh":
        cdf = 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    else:
        cdf = 0.5 * (1 + torch.erf(x / math.sqrt(2)))
    return kit.finish(x * cdf, like=input)


def gelu_backward(grad: Tensor, input: Tensor, *, approximate: str = "none") -> Tensor:
    """The gradient of input: grad · (Φ(x) + x · Φ′(x)); by erf, Φ′(x) is the bell exp(−x²/2)/√(2π)."""
    x = input
    if approximate == "tanh":
        t = torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
        cdf, density = 0.5 * (1 + t), 0.5 * (1 - t**2) * math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x**2)
    else:
        cdf, density = 0.5 * (1 + torch.erf(x / math.sqrt(2))), torch.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return grad * (cdf + x * density)


# ---- tanh ------------------------------------------------------------------------------------------------------


def tanh_textbook(x: Tensor) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ), as books define it: nan (inf / inf) beyond ±89 in float32, and inexact near 0."""
    return (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x))


def tanh(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ) = sign(x) · (1 − e) / (1 + e) with e = exp(−2|x|), which never overflows. As torch.tanh.

    1 − e is −expm1(−2|x|), which keeps small x exact.
    Integers and bools give the default float dtype. Deliberately other than torch: complex numbers are refused.
    Raises NotImplementedError for those, RuntimeError for an `out` whose dtype cannot hold the result.
    """
    x = kit.numeric(input, "input")
    output = kit.with_gradient(_tanh, tanh_backward, x)  # sign and | | have no slope at 0, tanh has 1
    return kit.finish(output, like=input, out=out, cast=True)


def _tanh(x: Tensor) -> Tensor:
    e_minus_1 = torch.expm1(-2 * x.abs())
    return torch.copysign(e_minus_1 / (2 + e_minus_1), x)


def tanh_backward(grad: Tensor, input: Tensor) -> Tensor:
    """The gradient of input: grad · (1 − tanh²(x))."""
    return grad * (1 - tanh(input) ** 2)


# ---- the operators ---------------------------------------------------------------------------------------------


def _call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, generator=generator).to(device, dtype),))


def _operator(
    mirrors: str, manual: Any, torch_function: Any, backward: Any, operations: int, textbook: Any = None
) -> Operator:
    return Operator(
        mirrors=mirrors,
        manual=manual,
        torch=torch_function,
        textbook=textbook,
        backward=backward,
        make_call=_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning="n: input of shape (n,)",
        bytes_moved=lambda size, itemsize: 2 * size * itemsize,
        operations=lambda size: operations * size,
    )


OPERATORS = (
    _operator("torch.nn.functional.relu", relu, F.relu, relu_backward, 1, relu_textbook),
    _operator("torch.nn.functional.leaky_relu", leaky_relu, F.leaky_relu, leaky_relu_backward, 2),
    _operator("torch.nn.functional.elu", elu, F.elu, elu_backward, 3),
    _operator("torch.nn.functional.gelu", gelu, F.gelu, gelu_backward, 5),
    _operator("torch.nn.functional.silu", silu, F.silu, silu_backward, 4),
    _operator("torch.nn.functional.softplus", softplus, F.softplus, softplus_backward, 5),
    _operator("torch.tanh", tanh, torch.tanh, tanh_backward, 4, tanh_textbook),
)
