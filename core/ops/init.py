"""How weights are drawn before training: `torch.nn.init` by hand.

A layer y = W·x sums `fan_in` products, so Var(y) = fan_in·Var(W)·E[x²]. Each scheme picks Var(W) so that some
signal keeps its size: kaiming with fan_in the activations on the way forward, with fan_out the gradients on the way
back, xavier a compromise between the two, orthogonal the length of the vector itself.

All functions fill `tensor` in place, unseen by autograd, and return it. From the same generator they draw the same
numbers as torch's. `tensor` must be of a floating or complex dtype (NotImplementedError otherwise).
"""

import math
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.drawing import (
    check_bounds,
    check_drawn,
    check_filled,
    check_mode,
    check_numbers,
    check_slope,
    has_elements,
)
from core.ops.operator import Call, Operator

Generator = torch.Generator

# ---- the plain draws -------------------------------------------------------------------------------------------


@torch.no_grad()
def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from N(mean, std²). RuntimeError where std is negative."""
    check_drawn(tensor, mean=mean, std=std)
    kit.require(std >= 0, "std", "be at least 0", std)
    return tensor.normal_(mean, std, generator=generator)


@torch.no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with draws from U[a, b). RuntimeError where a > b, or where the dtype can't hold a or b."""
    check_drawn(tensor, a=a, b=b)
    check_bounds(tensor, a, b)
    return tensor.uniform_(a, b, generator=generator)


@torch.no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    check_filled(tensor)
    number = isinstance(val, (int, float, complex, Tensor))
    kit.require(number, "val", "be a number", type(val).__name__, TypeError)
    return tensor.fill_(val)


@torch.no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with draws from N(mean, std²) conditioned on [a, b]; a and b are values, not multiples of std.

    Where [a, b] holds a good part of the bell, draw from the bell and redraw what falls outside. Where it holds
    little, that would take for ever: draw from U(a, b) and accept a value with the bell's height there.
    How often depends on the numbers drawn, so that no compiler can trace it; torch's neither.
    Warns where mean is more than 2 std outside [a, b]. RuntimeError where a > b, ZeroDivisionError where std is 0.
    """
    check_drawn(tensor, mean=mean, std=std, a=a, b=b)
    kit.require(std != 0, "std", "not be 0: the density divides by it", std, ZeroDivisionError)
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn("mean is more than 2 std outside [a, b]: the values may be distributed badly", stacklevel=3)
    if tensor.is_meta:  # no numbers to redraw
        return tensor
    if _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std) > 0.3:
        return _redraw_outside(tensor, mean, std, a, b, generator)
    check_bounds(tensor, a, b)
    return _accept_by_height(tensor, mean, std, a, b, generator)


def _normal_cdf(x: float) -> float:
    return (1 + math.erf(x / math.sqrt(2))) / 2


def _redraw_outside(tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None) -> Tensor:
    low, high = (tensor.new_tensor(bound, device="cpu").item() for bound in (a, b))  # as the dtype rounds them
    tensor.normal_(mean, std, generator=generator)
    while (outside := (tensor < low) | (tensor > high)).any():
        again = torch.empty_like(tensor).normal_(mean, std, generator=generator)
        tensor.copy_(torch.where(outside, again, tensor))
    return tensor


def _accept_by_height(
    tensor: Tensor, mean: float, std: float, a: float, b: float, generator: Generator | None
) -> Tensor:
    peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2  # log of the bell's greatest height in [a, b]
    candidates = tensor.uniform_(a, b, generator=generator).clone()
    pending = torch.ones_like(tensor, dtype=torch.bool)
    while True:
        log_height = ((candidates - mean) / std).pow(2) * -0.5 - peak
        chance = torch.empty_like(tensor).uniform_(generator=generator)
        pending &= chance.log() > log_height
        if not pending.any():
            return tensor
        candidates.uniform_(a, b, generator=generator)
        tensor.copy_(torch.where(pending, candidates, tensor))


# ---- draws scaled by the layer's size --------------------------------------------------------------------------


def fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many inputs reach one output, and how many outputs one input reaches.

    For a weight (out, in, *kernel) that is in·∏kernel and out·∏kernel. A weight that is used as x·W, (in, out), must be
    passed transposed. ValueError with fewer than 2 dimensions.
    """
    check_filled(tensor, at_least=2)
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


_LINEAR = ("linear", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3)))
_GAINS = dict.fromkeys((*_LINEAR, "sigmoid"), 1.0) | {"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor on std that makes up for what the activation takes away.

    relu halves E[x²], so √2; leaky_relu with slope `param` (0.01 unless given) √(2 / (1 + param²)); tanh 5/3 and
    selu 3/4 were found by trial; 1 for the linear ones, and for sigmoid, as torch has it.
    ValueError for another name, or a param that is not a number (only leaky_relu looks at it).
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        check_slope(slope, "param")
        return math.sqrt(2 / (1 + slope**2))
    known = isinstance(nonlinearity, str) and nonlinearity in _GAINS
    kit.require(known, "nonlinearity", f"be one of {[*_GAINS, 'leaky_relu']}", repr(nonlinearity), ValueError)
    return _GAINS[nonlinearity]


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from U(−√3·std, √3·std) with std = gain·√(2 / (fan_in + fan_out)): Glorot and Bengio, 2010."""
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill from N(0, std²) with std = gain·√(2 / (fan_in + fan_out)): Glorot and Bengio, 2010."""
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    fan_in, fan_out = fan_in_and_fan_out(tensor)
    check_numbers(gain=gain)
    kit.require(gain >= 0, "gain", "be at least 0", gain)
    kit.require(fan_in + fan_out > 0, "tensor", "have a fan above 0", tuple(tensor.shape), ZeroDivisionError)
    return gain * math.sqrt(2.0 / (fan_in + fan_out))


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from U(−√3·std, √3·std) with std = gain(nonlinearity, a) / √fan: He et al., 2015. Nothing if 0 elements."""
    if not has_elements(tensor):
        return tensor
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill from N(0, std²) with std = gain(nonlinearity, a) / √fan: He et al., 2015. Nothing if 0 elements."""
    if not has_elements(tensor):
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fan = fan_in_and_fan_out(tensor)[check_mode(mode) == "fan_out"]
    if nonlinearity == "leaky_relu":
        check_slope(a, "a")
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with gain times a random (semi-)orthogonal matrix (out, in·∏kernel): Saxe et al., 2013.

    The rows (or, where there are more rows than columns, the columns) are orthonormal. The matrix is the Q of the
    QR factorisation of a normal draw, its columns' signs turned so that R's diagonal is positive: only then is Q
    uniform over all such matrices. ValueError with fewer than 2 dimensions; nothing if 0 elements; NotImplementedError
    unless float32 or float64. Unlike torch's, it takes every layout, channels_last too.
    """
    return _orthogonal_by(_q_and_diagonal, tensor, gain, generator)


def orthogonal_gram_schmidt_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """`orthogonal_` with Q found column by column: subtract what points along the columns before, then normalise.

    Limits: loses orthogonality to rounding where columns are nearly parallel, and is slow.
    """
    return _orthogonal_by(gram_schmidt, tensor, gain, generator)


@torch.no_grad()
def _orthogonal_by(
    factorise: Callable[[Tensor], tuple[Tensor, Tensor]], tensor: Tensor, gain: float, generator: Generator | None
) -> Tensor:
    check_filled(tensor, at_least=2)
    check_numbers(gain=gain)
    if tensor.numel() == 0:
        return tensor
    factored = tensor.dtype in (torch.float32, torch.float64)
    kit.require(factored, "tensor", "be float32 or float64", tensor.dtype, NotImplementedError)
    rows = tensor.shape[0]
    drawn = tensor.new_empty(rows, tensor.numel() // rows).normal_(0, 1, generator=generator)
    q, diagonal = factorise(drawn if rows >= drawn.shape[1] else drawn.T)  # q: (longer side, shorter side)
    q = q * diagonal.sign()
    return tensor.copy_((q if rows >= drawn.shape[1] else q.T).reshape(tensor.shape)).mul_(gain)


def _q_and_diagonal(matrix: Tensor) -> tuple[Tensor, Tensor]:
    q, r = torch.linalg.qr(matrix)
    return q, r.diagonal()


def gram_schmidt(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Q of the QR factorisation, column by column, and the signs of R's diagonal, which are all positive."""
    columns: list[Tensor] = []
    for column in matrix.unbind(dim=1):
        for earlier in columns:
            column = column - (earlier * column).sum() * earlier
        columns.append(column / column.norm())
    return torch.stack(columns, dim=1), matrix.new_ones(len(columns))  # its R has a positive diagonal already


# ---- operators -------------------------------------------------------------------------------------------------


def _operator(
    manual: Callable[..., Tensor],
    operations: Callable[[int], int],
    textbook: Callable[..., Tensor] | None = None,
) -> Operator:
    def make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:  # noqa: ARG001
        return Call((torch.empty(size, size, dtype=dtype, device=device),))

    return Operator(
        mirrors=f"torch.nn.init.{manual.__name__}",
        manual=manual,
        torch=getattr(torch.nn.init, manual.__name__),
        make_call=make_call,
        sizes=(16, 128, 1024),
        size_meaning="n: a weight of shape (n, n)",
        bytes_moved=lambda n, itemsize: n * n * itemsize,
        operations=operations,
        differentiable=False,
        random=True,
        textbook=textbook,
    )


OPERATORS = (
    _operator(normal_, lambda n: n * n),
    _operator(uniform_, lambda n: n * n),
    _operator(trunc_normal_, lambda n: n * n),
    _operator(xavier_uniform_, lambda n: n * n),
    _operator(xavier_normal_, lambda n: n * n),
    _operator(kaiming_uniform_, lambda n: n * n),
    _operator(kaiming_normal_, lambda n: n * n),
    _operator(orthogonal_, lambda n: 4 * n**3, textbook=orthogonal_gram_schmidt_),
)
