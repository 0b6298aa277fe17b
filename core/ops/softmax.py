"""Softmax and its relatives: numbers into probabilities.

    softmax(x)ᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)        sigmoid(x) = 1 / (1 + exp(−x)), softmax of (x, 0)

exp overflows above 88 in float32. Subtracting the largest number first changes nothing in the quotient
(exp(x − m) = exp(x) / exp(m), and exp(m) cancels) and leaves no exponent above 0.
"""

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.ops.elementwise import by_rows, elementwise, require_floating, require_tensor
from core.ops.operator import Call, Operator
from core.ops.out import write_out

# ---- textbook: the tutorial's form -----------------------------------------------------------------------------


def softmax_textbook(X: Tensor) -> Tensor:
    """The tutorial's softmax over the columns of X of shape (N, C).

    Its limits: two dimensions only, dim=1 only, and exp overflows: from 89 on, in float32, a row holds inf / inf = nan;
    where all numbers of a row are below −104, it holds 0 / 0 = nan.
    """
    X_exp = X.exp()
    partition = X_exp.sum(dim=1, keepdim=True)  # (N, 1)
    return X_exp / partition


def _softmax_textbook_call(input: Tensor, dim: int) -> Tensor:
    return softmax_textbook(input.movedim(dim, 1)).movedim(1, dim)


def _log_softmax_textbook_call(input: Tensor, dim: int) -> Tensor:
    return _softmax_textbook_call(input, dim).log()


def sigmoid_textbook(x: Tensor) -> Tensor:
    """1 / (1 + exp(−x)), differentiated by autograd: for x < −88 in float32 the gradient is nan (0 · inf)."""
    return 1 / (1 + torch.exp(-x))


def _logsigmoid_textbook_call(input: Tensor) -> Tensor:
    return sigmoid_textbook(input).log()


# ---- softmax ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SoftmaxSteps:
    """How a softmax comes about. All have the shape of the input, but for `total`, whose `dim` has size 1."""

    shifted: Tensor  # input − its largest number along dim: 0 at most
    exp: Tensor  # of shifted: 1 at most
    total: Tensor  # of exp along dim: 1 at least
    output: Tensor  # exp / total


def softmax_steps(input: Tensor, dim: int) -> SoftmaxSteps:
    """The steps of softmax along `dim`, in the order in which they are taken."""
    shifted = input - _largest(input, dim)
    exp = shifted.exp()
    total = exp.sum(dim, keepdim=True)
    return SoftmaxSteps(shifted, exp, total, exp / total)


def softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """exp(input) / Σ exp(input) along `dim`: positive numbers that sum to 1. As torch.softmax.

    `dtype` converts the input first, so that integers need it. A row that holds −inf gives it probability 0;
    a row of nothing but −inf, or one that holds +inf or nan, is nan. A 0-dim input gives 1.

    An `out` is filled and returned; it records no gradient.

    Raises IndexError for a dim that input lacks, TypeError for one that is no int, NotImplementedError for an
    input (after `dtype`) that is not floating point, RuntimeError for an `out` of another dtype.
    """
    input = _prepared(input, dim, dtype)
    return write_out(_Softmax.apply(input, dim), out, ())


def softmax_jacobian(output: Tensor) -> Tensor:
    """∂softmaxᵢ/∂xⱼ = sᵢ(δᵢⱼ − sⱼ): diag(s) − s·sᵀ, of shape (C, C), for one softmax output s of shape (C,)."""
    return torch.diag(output) - torch.outer(output, output)


class _Softmax(torch.autograd.Function):
    """Backward: the Jacobian above times the gradient g, which is s · (g − Σ g·s), without building the Jacobian."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, dim: int) -> Tensor:
        output = by_rows(lambda x: softmax_steps(x, dim).output, dim, input)
        ctx.dim = dim
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        def backward(grad: Tensor, output: Tensor) -> Tensor:
            return output * (grad - (grad * output).sum(ctx.dim, keepdim=True))

        return by_rows(backward, ctx.dim, grads[0], *ctx.saved_tensors), None


# ---- log softmax -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogSoftmaxSteps:
    """How a log-softmax comes about. `log_total` has size 1 along dim."""

    shifted: Tensor  # input − its largest number along dim
    log_total: Tensor  # log Σ exp(shifted): 0 at least
    output: Tensor  # shifted − log_total


def log_softmax_steps(input: Tensor, dim: int) -> LogSoftmaxSteps:
    """The steps of log_softmax along `dim`: the logarithm is taken before the division, which it turns into a minus."""
    shifted = input - _largest(input, dim)
    log_total = shifted.exp().sum(dim, keepdim=True).log()
    return LogSoftmaxSteps(shifted, log_total, shifted - log_total)


def log_softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(softmax(input)) along `dim`, finite where the probability itself is too small for a float.

    As torch.log_softmax; arguments, edge cases and errors as `softmax`.
    """
    input = _prepared(input, dim, dtype)
    return write_out(_LogSoftmax.apply(input, dim), out, ())


class _LogSoftmax(torch.autograd.Function):
    """Backward: g − softmax · Σ g."""

    @staticmethod
    def forward(ctx: Any, input: Tensor, dim: int) -> Tensor:
        output = by_rows(lambda x: log_softmax_steps(x, dim).output, dim, input)
        ctx.dim = dim
        ctx.save_for_backward(output)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        def backward(grad: Tensor, output: Tensor) -> Tensor:
            return grad - output.exp() * grad.sum(ctx.dim, keepdim=True)

        return by_rows(backward, ctx.dim, grads[0], *ctx.saved_tensors), None


# ---- one number: sigmoid and its logarithm ---------------------------------------------------------------------


def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(−input)), element by element. As torch.sigmoid.

    exp(−input) may overflow to inf, and 1 / inf = 0 is then right; the slope s(1 − s) needs no exp and stays right too.
    Integers and bools give the default float dtype. Complex numbers are taken.
    Raises TypeError if input is no tensor, RuntimeError for an `out` whose dtype cannot hold the result.
    """
    require_tensor(input, "input")
    if not (input.is_floating_point() or input.is_complex()):
        input = input.to(torch.get_default_dtype())
    return write_out(elementwise(input, _sigmoid, _sigmoid_slope), out, (input,), cast=True)


def _sigmoid(x: Tensor) -> Tensor:
    return (1 + torch.exp(-x)).reciprocal()


def _sigmoid_slope(_: Tensor, s: Tensor) -> Tensor:
    return s * (1 - s)


def logsigmoid(input: Tensor) -> Tensor:
    """log(sigmoid(input)) = min(x, 0) − log(1 + exp(−|x|)), whose exponent is never positive. As F.logsigmoid.

    Raises NotImplementedError for integers and complex numbers, as torch does.
    """
    require_floating(input, "input")
    return elementwise(input, _logsigmoid, _logsigmoid_slope)


def _logsigmoid(x: Tensor) -> Tensor:
    return x.clamp(max=0) - torch.exp(-x.abs()).log1p_()


def _logsigmoid_slope(x: Tensor, _: Tensor) -> Tensor:
    return sigmoid(-x)  # 1 − sigmoid(x), without the cancellation


# ---- what the above share --------------------------------------------------------------------------------------


def _largest(input: Tensor, dim: int) -> Tensor:
    """The largest number along dim, which keeps size 1; nothing to find in an empty input."""
    return input.amax(dim, keepdim=True) if input.numel() else input.sum(dim, keepdim=True)


def _prepared(input: Tensor, dim: int, dtype: torch.dtype | None) -> Tensor:
    """The input in `dtype`, once the arguments are known to be in order."""
    require_tensor(input, "input")
    require_dim(dim, input.ndim)
    if dtype is None:
        require_floating(input, "input")
        return input
    if not isinstance(dtype, torch.dtype):
        raise TypeError(f"argument 'dtype' must be a torch.dtype, but got {type(dtype).__name__}")
    if not dtype.is_floating_point:
        raise NotImplementedError(f"argument 'dtype' must be a floating point type, but got {dtype}")
    return input.to(dtype)


def require_dim(dim: Any, ndim: int) -> None:
    """TypeError unless `dim` is an int, IndexError unless a tensor of `ndim` dimensions has it (0-dim counts as 1)."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"argument 'dim' must be an int, but got {type(dim).__name__}")
    size = max(ndim, 1)
    if not -size <= operator.index(dim) < size:
        raise IndexError(f"argument 'dim' must lie in [{-size}, {size - 1}] for {ndim} dimensions, but got {dim}")


# ---- the operators ---------------------------------------------------------------------------------------------


def _rows_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, 100, generator=generator).to(device, dtype), 1))


def _numbers_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, generator=generator).to(device, dtype),))


ROWS = "n: input of shape (n, 100)"
NUMBERS = "n: input of shape (n,)"

OPERATORS = (
    Operator(
        mirrors="torch.softmax",
        manual=softmax,
        torch=torch.softmax,
        textbook=softmax_textbook,
        textbook_call=_softmax_textbook_call,
        make_call=_rows_call,
        sizes=(16, 1_000, 20_000),
        size_meaning=ROWS,
        bytes_moved=lambda size, itemsize: 2 * 100 * size * itemsize,
        operations=lambda size: 5 * 100 * size,  # largest, minus, exp, sum, divide
        target_ratio=1.5,
    ),
    Operator(
        mirrors="torch.log_softmax",
        manual=log_softmax,
        torch=torch.log_softmax,
        textbook=softmax_textbook,
        textbook_call=_log_softmax_textbook_call,
        make_call=_rows_call,
        sizes=(16, 1_000, 20_000),
        size_meaning=ROWS,
        bytes_moved=lambda size, itemsize: 2 * 100 * size * itemsize,
        operations=lambda size: 5 * 100 * size,
        target_ratio=1.5,
    ),
    Operator(
        mirrors="torch.sigmoid",
        manual=sigmoid,
        torch=torch.sigmoid,
        textbook=sigmoid_textbook,
        make_call=_numbers_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning=NUMBERS,
        bytes_moved=lambda size, itemsize: 2 * size * itemsize,
        operations=lambda size: 4 * size,  # negate, exp, add, divide
        target_ratio=1.5,
    ),
    Operator(
        mirrors="torch.nn.functional.logsigmoid",
        manual=logsigmoid,
        torch=torch.nn.functional.logsigmoid,
        textbook=sigmoid_textbook,
        textbook_call=_logsigmoid_textbook_call,
        make_call=_numbers_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning=NUMBERS,
        bytes_moved=lambda size, itemsize: 2 * size * itemsize,
        operations=lambda size: 6 * size,
        target_ratio=1.5,
    ),
)
