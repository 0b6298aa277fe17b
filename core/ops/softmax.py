"""Softmax and its relatives: numbers into probabilities.

    softmax(x)ᵢ = exp(xᵢ) / Σⱼ exp(xⱼ)        sigmoid(x) = 1 / (1 + exp(−x)), softmax of (x, 0)

exp overflows above 88 in float32. Subtracting the largest number first changes nothing in the quotient
(exp(x − m) = exp(x) / exp(m), and exp(m) cancels) and leaves no exponent above 0.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.operator import Call, Operator
from core.words import N_

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


def softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """exp(input) / Σ exp(input) along `dim`: positive numbers that sum to 1. As torch.softmax.

    `dtype` converts the input first, so that integers need it. A row that holds −inf gives it probability 0;
    a row of nothing but −inf, or one that holds +inf or nan, is nan. A 0-dim input gives 1.

    An `out` is filled and returned; it records no gradient.

    Raises IndexError for a dim that input lacks, TypeError for one that is no int, NotImplementedError for an
    input (after `dtype`) that is not floating point, RuntimeError for an `out` of another dtype.
    """
    input = kit.converted(input, "input", dtype)
    output = softmax_steps(kit.wide(input), kit.dim_of(input, dim)).output
    return kit.finish(output if out is None else output.detach(), like=input, out=out)


def softmax_steps(input: Tensor, dim: int) -> SoftmaxSteps:
    """The steps of softmax along `dim`, in the order in which they are taken."""
    shifted = input - _largest(input, dim)
    exp = shifted.exp()
    total = exp.sum(dim, keepdim=True)
    return SoftmaxSteps(shifted, exp, total, exp / total)


def softmax_backward(grad: Tensor, input: Tensor, dim: int) -> Tensor:
    """The gradient of input: s · (grad − Σ grad · s), the Jacobian diag(s) − s·sᵀ times grad without building it."""
    s = softmax(input, dim)
    return s * (grad - (grad * s).sum(dim, keepdim=True))


def softmax_jacobian(output: Tensor) -> Tensor:
    """∂softmaxᵢ/∂xⱼ = sᵢ(δᵢⱼ − sⱼ): diag(s) − s·sᵀ, of shape (C, C), for one softmax output s of shape (C,)."""
    return torch.diag(output) - torch.outer(output, output)


def _largest(input: Tensor, dim: int) -> Tensor:
    """The largest number along dim, which keeps size 1, as a constant: it cancels, and so does its gradient."""
    input = input.detach()
    return input.amax(dim, keepdim=True) if input.numel() else input.sum(dim, keepdim=True)


# ---- log softmax -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LogSoftmaxSteps:
    """How a log-softmax comes about. `log_total` has size 1 along dim."""

    shifted: Tensor  # input − its largest number along dim
    log_total: Tensor  # log Σ exp(shifted): 0 at least
    output: Tensor  # shifted − log_total


def log_softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None, *, out: Tensor | None = None) -> Tensor:
    """log(softmax(input)) along `dim`, finite where the probability itself is too small for a float.

    As torch.log_softmax; arguments, edge cases and errors as `softmax`.
    """
    input = kit.converted(input, "input", dtype)
    output = log_softmax_steps(kit.wide(input), kit.dim_of(input, dim)).output
    return kit.finish(output if out is None else output.detach(), like=input, out=out)


def log_softmax_steps(input: Tensor, dim: int) -> LogSoftmaxSteps:
    """The steps of log_softmax along `dim`: the logarithm is taken before the division, which it turns into a minus."""
    shifted = input - _largest(input, dim)
    log_total = shifted.exp().sum(dim, keepdim=True).log()
    return LogSoftmaxSteps(shifted, log_total, shifted - log_total)


def log_softmax_backward(grad: Tensor, input: Tensor, dim: int) -> Tensor:
    """The gradient of input: grad − softmax(input) · Σ grad."""
    return grad - softmax(input, dim) * grad.sum(dim, keepdim=True)


# ---- one number: sigmoid and its logarithm ---------------------------------------------------------------------


def sigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """1 / (1 + exp(−x)), element by element. As torch.sigmoid.

    exp(−x) may overflow to inf, and 1 / inf = 0 is then right; autograd's chain would give 0 · inf = nan.
    Integers and bools give the default float dtype. Complex numbers are taken.
    Raises TypeError if input is no tensor, RuntimeError for an `out` whose dtype cannot hold the result.
    """
    x = kit.numeric(input, "input", complex=True)
    output = kit.with_gradient(lambda x: 1 / (1 + torch.exp(-x)), sigmoid_backward, x)
    return kit.finish(output, like=input, out=out, cast=True)


def sigmoid_backward(grad: Tensor, input: Tensor) -> Tensor:
    """The gradient of input: grad · s · (1 − s) with s = sigmoid(x)."""
    s = sigmoid(input)
    return grad * s * (1 - s)


def logsigmoid(input: Tensor, *, out: Tensor | None = None) -> Tensor:
    """log(sigmoid(x)) = min(x, 0) − log(1 + exp(−|x|)), whose exponent is never positive. As F.logsigmoid.

    Raises NotImplementedError for integers and complex numbers, as torch does.
    """
    x = kit.floating(input, "input")
    # autograd would add the slopes of min and | | at 0, 1 and 0, where the sum is smooth and has ½
    formula = lambda x: x.clamp(max=0) - torch.log1p(torch.exp(-x.abs()))  # noqa: E731
    return kit.finish(kit.with_gradient(formula, logsigmoid_backward, x), like=input, out=out)


def logsigmoid_backward(grad: Tensor, input: Tensor) -> Tensor:
    """The gradient of input: grad · sigmoid(−x), which is 1 − sigmoid(x) without the cancellation."""
    return grad * sigmoid(-input)


# ---- the operators ---------------------------------------------------------------------------------------------


def _rows_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, 100, generator=generator).to(device, dtype), 1))


def _numbers_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, generator=generator).to(device, dtype),))


ROWS = N_("n: input of shape (n, 100)")
NUMBERS = N_("n: input of shape (n,)")

OPERATORS = (
    Operator(
        mirrors="torch.softmax",
        manual=softmax,
        backward=softmax_backward,
        torch=torch.softmax,
        textbook=softmax_textbook,
        textbook_call=_softmax_textbook_call,
        make_call=_rows_call,
        sizes=(16, 1_000, 20_000),
        size_meaning=ROWS,
        bytes_moved=lambda size, itemsize: 2 * 100 * size * itemsize,
        operations=lambda size: 5 * 100 * size,  # largest, minus, exp, sum, divide
    ),
    Operator(
        mirrors="torch.log_softmax",
        manual=log_softmax,
        backward=log_softmax_backward,
        torch=torch.log_softmax,
        textbook=softmax_textbook,
        textbook_call=_log_softmax_textbook_call,
        make_call=_rows_call,
        sizes=(16, 1_000, 20_000),
        size_meaning=ROWS,
        bytes_moved=lambda size, itemsize: 2 * 100 * size * itemsize,
        operations=lambda size: 5 * 100 * size,
    ),
    Operator(
        mirrors="torch.sigmoid",
        manual=sigmoid,
        backward=sigmoid_backward,
        torch=torch.sigmoid,
        textbook=sigmoid_textbook,
        make_call=_numbers_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning=NUMBERS,
        bytes_moved=lambda size, itemsize: 2 * size * itemsize,
        operations=lambda size: 4 * size,  # negate, exp, add, divide
    ),
    Operator(
        mirrors="torch.nn.functional.logsigmoid",
        manual=logsigmoid,
        backward=logsigmoid_backward,
        torch=torch.nn.functional.logsigmoid,
        textbook=sigmoid_textbook,
        textbook_call=_logsigmoid_textbook_call,
        make_call=_numbers_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning=NUMBERS,
        bytes_moved=lambda size, itemsize: 2 * size * itemsize,
        operations=lambda size: 6 * size,
    ),
)
