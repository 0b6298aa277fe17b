"""Batch, layer, group and instance normalisation: one formula over other axes.

    standardized = (input − mean) / √(var + eps)        mean and var over the numbers of one group
    output       = standardized · weight + bias         weight and bias per channel (per element in layer norm)

The four differ only in which numbers share a mean (`normalization_groups` draws it). For input (N, C, H, W):
batch: all of one channel, over N, H, W · layer: all of one sample · instance: one channel of one sample ·
group: some neighbouring channels of one sample.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from core.ops.operator import Call, Operator

Tensor = torch.Tensor
Dims = tuple[int, ...]
HALF = (torch.float16, torch.bfloat16)


# ---- textbook --------------------------------------------------------------------------------------------------


def batch_norm_textbook(
    is_training: bool,
    X: Tensor,
    gamma: Tensor,
    beta: Tensor,
    moving_mean: Tensor,
    moving_var: Tensor,
    eps: float,
    momentum: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Textbook: batch norm of (N, C) or (N, C, H, W); gives the output and the new moving statistics.

    Limits and differences from torch, all kept:
    - `momentum` is the share of the old statistic that stays, one minus torch's: its 0.9 is torch's 0.1;
    - the moving variance stores the biased variance (over n), where torch stores the unbiased one (over n − 1);
    - the moving statistics are returned, not updated in place;
    - gamma, beta and the statistics must already have a shape that broadcasts: (C,) or (1, C, 1, 1);
    - in training X has rank 2 or 4, nothing else, and a batch of one value a channel is not refused: it gives zeros.

    The form this follows says in a comment that X is [C, B, H, W] and that it averages within each channel first. Its
    code averages over dimensions 0, 2 and 3, which leaves dimension 1: X is (N, C, H, W). A mean of means is the mean
    here only because all the parts have the same size.
    """
    if not is_training:
        X_hat = (X - moving_mean) / torch.sqrt(moving_var + eps)
    else:
        assert len(X.shape) in (2, 4)
        if len(X.shape) == 2:
            mean = X.mean(dim=0)  # (C,)
            var = ((X - mean) ** 2).mean(dim=0)
        else:
            mean = X.mean(dim=0, keepdim=True).mean(dim=2, keepdim=True).mean(dim=3, keepdim=True)  # (1, C, 1, 1)
            var = ((X - mean) ** 2).mean(dim=0, keepdim=True).mean(dim=2, keepdim=True).mean(dim=3, keepdim=True)
        X_hat = (X - mean) / torch.sqrt(var + eps)
        moving_mean = momentum * moving_mean + (1.0 - momentum) * mean
        moving_var = momentum * moving_var + (1.0 - momentum) * var
    Y = gamma * X_hat + beta
    return Y, moving_mean, moving_var


def _textbook_like_torch(
    input: Tensor,
    running_mean: Tensor,
    running_var: Tensor,
    weight: Tensor,
    bias: Tensor,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """The textbook's output for torch's arguments: parameters stretched, momentum turned round, statistics dropped."""
    gamma, beta, moving_mean, moving_var = (
        t.reshape(1, -1, *[1] * (input.ndim - 2)) for t in (weight, bias, running_mean, running_var)
    )
    return batch_norm_textbook(training, input, gamma, beta, moving_mean, moving_var, eps, 1 - momentum)[0]


# ---- the shared formula ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BatchNormSteps:
    """What a normalisation passes through: statistics and standardized are facts to show, output carries the graph.

    In half precision all but the output are float32.
    """

    mean: Tensor  # per group, in a shape that broadcasts against standardized
    var: Tensor  # per group, biased: divided by n
    standardized: Tensor  # (input − mean) / √(var + eps)
    output: Tensor  # standardized · weight + bias, in the input's shape and dtype


def statistics(x: Tensor, dims: Dims) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over `dims`, which stay with size 1. mean(x²) − mean² would cancel: two passes."""
    mean = x.mean(dims, keepdim=True)
    return mean, (x - mean).square_().mean(dims, keepdim=True)


def _affine_(standardized: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """standardized · weight + bias, in place; either may be absent."""
    if weight is not None:
        standardized = standardized.mul_(weight)
    return standardized if bias is None else standardized.add_(bias)


def _gradients(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    mean: Tensor,
    var: Tensor,
    dims: Dims,
    eps: float,
    per_group: bool,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The gradients of x (into `out`), weight and bias; the last two have yet to be summed to their shapes.

    With ĝ = grad · weight and c = x − mean:  ∂x = (ĝ − mean(ĝ) − c · mean(ĝ · c) / (var + eps)) / √(var + eps).
    What would only move the mean or the spread of the group is taken out.
    """
    inverse = (var + eps).rsqrt()
    centred = x - mean
    grad_weight, grad_bias = grad * centred, grad
    if per_group:  # weight and bias are the same for a whole group: sums suffice, and the weight waits till the end
        scaled, factor = grad, inverse if weight is None else inverse * weight
        grad_weight, grad_bias = (t.sum(dims, keepdim=True) for t in (grad_weight, grad_bias))
        count = max(math.prod(x.shape[d] for d in dims), 1)
        mean_along, mean_scaled = grad_weight / count, grad_bias / count
    else:
        scaled, along, factor = grad, grad_weight, inverse
        if weight is not None:
            scaled, along = grad * weight, grad_weight * weight
        mean_along, mean_scaled = (t.mean(dims, keepdim=True) for t in (along, scaled))
    grad_x = (scaled - mean_scaled).addcmul_(centred, mean_along / (var + eps), value=-1)
    return torch.mul(grad_x, factor, out=out), grad_weight * inverse, grad_bias


AT_ONCE = 1 << 18  # elements worked on at a time: the passes over a block find it in the cache


def _blocks(dims: Dims, x: Tensor, *others: Tensor | None) -> Iterator[list[Any]]:
    """Slices of `x`, and of tensors that broadcast against it, along the longest dimension that no group spans."""
    axis = max((d for d in range(x.ndim) if d not in dims), key=lambda d: x.shape[d], default=None)
    if axis is None or x.numel() <= AT_ONCE or x.stride(axis) == 1:  # slices across the memory order would be slow
        yield [x, *others]
        return
    step = max(1, AT_ONCE * x.shape[axis] // x.numel())
    for start in range(0, x.shape[axis], step):
        size = min(step, x.shape[axis] - start)
        yield [t if t is None or t.shape[axis] == 1 else t.narrow(axis, start, size) for t in (x, *others)]


class _Normalize(torch.autograd.Function):
    """Standardise over `dims`, scale and shift, block by block; the gradient in closed form.

    Autograd's own chain gives the same numbers in several times the time: it keeps a tensor as large as the input
    for each step and takes each through main memory.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, dims: Dims, eps: float, keep: bool
    ) -> tuple[Tensor | None, ...]:
        output = torch.empty_like(x)
        standardized = torch.empty_like(x) if keep else None
        mean, var = (x.new_empty([1 if d in dims else n for d, n in enumerate(x.shape)]) for _ in range(2))
        for part, w, b, m, v, kept, out in _blocks(dims, x, weight, bias, mean, var, standardized, output):
            m.copy_(part.mean(dims, keepdim=True))
            torch.sub(part, m, out=out)
            v.copy_((out * out).mean(dims, keepdim=True))
            out.mul_((v + eps).rsqrt_())
            if kept is not None:
                kept.copy_(out)
            _affine_(out, w, b)
        ctx.save_for_backward(x, weight, bias, mean, var)
        ctx.dims, ctx.eps = dims, eps
        ctx.per_group = all(p is None or p.shape[d] == 1 for p in (weight, bias) for d in dims)
        ctx.mark_non_differentiable(*(t for t in (mean, var, standardized) if t is not None))
        return mean, var, standardized, output

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, var = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient is to be differentiated again: whole, statistics included
            whole = _gradients(grads[-1], x, weight, *statistics(x, ctx.dims), ctx.dims, ctx.eps, ctx.per_group)
            summed = (
                None if p is None else g.sum_to_size(p.shape) for g, p in zip(whole[1:], (weight, bias), strict=True)
            )
            return whole[0], *summed, None, None, None
        grad_x = torch.empty_like(x)
        grad_weight, grad_bias = (None if p is None else torch.zeros_like(p) for p in (weight, bias))
        for part, grad, w, m, v, gx, gw, gb in _blocks(
            ctx.dims, x, grads[-1], weight, mean, var, grad_x, grad_weight, grad_bias
        ):
            _, of_weight, of_bias = _gradients(grad, part, w, m, v, ctx.dims, ctx.eps, ctx.per_group, out=gx)
            if gw is not None:
                gw.add_(of_weight.sum_to_size(gw.shape))
            if gb is not None:
                gb.add_(of_bias.sum_to_size(gb.shape))
        return grad_x, grad_weight, grad_bias, None, None, None


def _normalize(
    input: Tensor, weight: Tensor | None, bias: Tensor | None, dims: Dims, eps: float, keep: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """mean, var, standardized (None unless `keep`) and output; half precision is computed in float32."""
    wide = [None if t is None else _wide(t) for t in (input, weight, bias)]
    *facts, output = _Normalize.apply(*wide, dims, float(eps), keep)
    return *facts, output.to(input.dtype)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in HALF else tensor


def _along_channels(parameter: Tensor | None, rank: int) -> Tensor | None:
    """(C,) as (1, C, 1, …) to broadcast against (N, C, …)."""
    return None if parameter is None else parameter.reshape(1, -1, *[1] * (rank - 2))


# ---- batch norm ------------------------------------------------------------------------------------------------


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Batch norm of (N, C, …), as `torch.nn.functional.batch_norm`.

    In training each channel is standardised by its own mean and biased variance over N and all positions, and the
    running statistics, where given, move in place (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167):

        running_mean ← (1 − momentum) · running_mean + momentum · mean
        running_var  ← (1 − momentum) · running_var  + momentum · var · n / (n − 1)      unbiased

    Otherwise the running statistics standardise. Without elements the result is empty and the statistics stay.
    A float16 or bfloat16 input may have float32 parameters and statistics. `momentum=None` belongs to the module,
    not to this function: see `cumulative_momentum`.

    Raises ValueError (one value a channel in training, one running statistic without the other, eps), RuntimeError
    (sizes, dtypes, statistics absent in evaluation or requiring grad), NotImplementedError (input not floating
    point), TypeError (momentum or eps not a number), IndexError (no channel dimension).
    """
    return _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps, keep=False)[-1]


def batch_norm_steps(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> BatchNormSteps:
    """`batch_norm` with its intermediate tensors; mean and var are (1, C, 1, …)."""
    steps = _batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps, keep=True)
    return BatchNormSteps(*steps)


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    keep: bool,
) -> tuple[Tensor, ...]:
    _check_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    w, b, m, v = (_along_channels(t, input.ndim) for t in (weight, bias, running_mean, running_var))
    if input.numel() == 0:
        return _nothing(input, w, b)
    if not training:
        assert m is not None
        assert v is not None
        return _by_constants(input, m, v, w, b, eps, keep)
    mean, var, standardized, output = _normalize(input, w, b, (0, *range(2, input.ndim)), eps, keep)
    if running_mean is not None and running_var is not None:
        _update(running_mean, mean.flatten(), momentum)
        _update(running_var, _unbiased(var, input.numel() // input.shape[1]).flatten(), momentum)
    return mean, var, standardized, output


def _by_constants(
    input: Tensor, mean: Tensor, var: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, keep: bool
) -> tuple[Tensor, ...]:
    """With statistics that don't depend on the input all is one multiply-add: input · scale + shift."""
    x, mean, var = _wide(input), _wide(mean), _wide(var)
    inverse = (var + eps).rsqrt()
    scale = inverse if weight is None else _wide(weight) * inverse
    shift = -mean * scale if bias is None else _wide(bias) - mean * scale
    standardized = (x.detach() - mean).mul_(inverse) if keep else x
    return mean, var, standardized, torch.addcmul(shift, x, scale).to(input.dtype)


def cumulative_momentum(num_batches_tracked: int) -> float:
    """The momentum that makes the running statistics the plain average of all batches so far: 1 / their number.

    `num_batches_tracked` counts the present batch, as in torch's module with momentum=None. ValueError below 1.
    """
    if num_batches_tracked < 1:
        raise ValueError(f"num_batches_tracked must be at least 1, the present batch, but it is {num_batches_tracked}")
    return 1 / num_batches_tracked


def _unbiased(var: Tensor, count: int) -> Tensor:
    return var * (count / (count - 1))


@torch.no_grad()
def _update(running: Tensor, batch: Tensor, momentum: float) -> None:
    running.copy_((1 - momentum) * running + momentum * batch)


def _nothing(input: Tensor, weight: Tensor | None, bias: Tensor | None) -> tuple[Tensor, ...]:
    """No numbers, no statistics: an empty output that still hangs on the parameters."""
    output = _wide(input).clone()
    if input.ndim > 1:
        output = _affine_(output, weight, bias)
    none = output.detach()
    return none, none, none, output.to(input.dtype)


# ---- layer, group and instance norm ----------------------------------------------------------------------------


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last dimensions, which must be `normalized_shape`, as `torch.nn.functional.layer_norm`.

    weight and bias have that shape too: one for each element, not for each channel. No running statistics, the same
    in training and evaluation (Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450).
    """
    return _layer_norm(input, normalized_shape, weight, bias, eps, keep=False)[-1]


def layer_norm_steps(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> BatchNormSteps:
    """`layer_norm` with its intermediate tensors; mean and var have size 1 in the normalised dimensions."""
    return BatchNormSteps(*_layer_norm(input, normalized_shape, weight, bias, eps, keep=True))


def _layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float, keep: bool
) -> tuple[Tensor, ...]:
    _check_layer_norm(input, normalized_shape, weight, bias, eps)
    first = input.ndim - len(normalized_shape)
    w, b = (None if p is None else p.reshape(*[1] * first, *p.shape) for p in (weight, bias))
    return _normalize(input, w, b, tuple(range(first, input.ndim)), eps, keep)


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise each sample over groups of C / num_groups channels, as `torch.nn.functional.group_norm`.

    One group of all channels standardises as layer norm does over (C, …), C groups as instance norm; weight and bias
    are per channel (Wu and He 2018, https://arxiv.org/abs/1803.08494).
    """
    return _group_norm(input, num_groups, weight, bias, eps, keep=False)[-1]


def group_norm_steps(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> BatchNormSteps:
    """`group_norm` with its intermediate tensors; mean and var are (N, num_groups, 1, 1)."""
    return BatchNormSteps(*_group_norm(input, num_groups, weight, bias, eps, keep=True))


def _group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float, keep: bool
) -> tuple[Tensor, ...]:
    _check_group_norm(input, num_groups, weight, bias, eps)
    N, C = input.shape[:2]
    in_group, positions = C // num_groups, math.prod(input.shape[2:])
    grouped = input.reshape(N, num_groups, in_group, positions)
    w, b = (None if p is None else p.reshape(1, num_groups, in_group, 1) for p in (weight, bias))
    mean, var, standardized, output = _normalize(grouped, w, b, (2, 3), eps, keep)
    return mean, var, standardized.reshape(input.shape) if keep else standardized, output.reshape(input.shape)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise each channel of each sample over its positions, as `torch.nn.functional.instance_norm`.

    The running statistics move towards the average over the samples; without `use_input_stats` they standardise, and
    the function is batch norm in evaluation. (Ulyanov and others 2016, https://arxiv.org/abs/1607.08022.)
    A channel whose numbers are all equal gives NaN for eps=0; torch gives 0 there on the CPU.
    """
    return _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, keep=False)[
        -1
    ]


def instance_norm_steps(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> BatchNormSteps:
    """`instance_norm` with its intermediate tensors; mean and var are (N, C, 1, …)."""
    steps = _instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, keep=True)
    return BatchNormSteps(*steps)


def _instance_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    keep: bool,
) -> tuple[Tensor, ...]:
    _check_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    if not use_input_stats:
        return _batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps, keep)
    w, b = (_along_channels(t, input.ndim) for t in (weight, bias))
    if input.numel() == 0:
        return _nothing(input, w, b)
    mean, var, standardized, output = _normalize(input, w, b, tuple(range(2, input.ndim)), eps, keep)
    if running_mean is not None and running_var is not None:
        positions = math.prod(input.shape[2:])
        _update(running_mean, mean.mean(0).flatten(), momentum)
        _update(running_var, _unbiased(var, positions).mean(0).flatten(), momentum)
    return mean, var, standardized, output


def normalization_groups(kind: str, shape: Sequence[int], num_groups: int = 1) -> Tensor:
    """An int64 tensor of `shape` (N, C, …): equal numbers mark the elements that share one mean and variance.

    kind is "batch", "layer" (over all but the samples), "instance" or "group"; only the last reads `num_groups`.
    Groups are numbered from 0 in memory order. ValueError for another kind, a rank below 2, or channels that
    num_groups does not divide.
    """
    if len(shape) < 2:
        raise ValueError(f"shape must be (N, C, …), but it is {tuple(shape)}")
    N, C = shape[:2]
    if kind == "group" and (num_groups < 1 or C % num_groups):
        raise ValueError(f"num_groups must divide the {C} channels, but it is {num_groups}")
    sample, channel = torch.arange(N)[:, None], torch.arange(C)  # (N, 1), (C,)
    numbering = {
        "batch": 0 * sample + channel,
        "layer": sample + 0 * channel,
        "instance": sample * C + channel,
        "group": sample * num_groups + channel * num_groups // max(C, 1),
    }
    if kind not in numbering:
        raise ValueError(f"kind must be one of {', '.join(numbering)}, but it is {kind!r}")
    return numbering[kind].reshape(N, C, *[1] * (len(shape) - 2)).expand(*shape).contiguous()


# ---- refusals --------------------------------------------------------------------------------------------------


def _check_number(name: str, value: float) -> None:
    if not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {value!r}")


def _check_dtypes(input: Tensor, **others: Tensor | None) -> None:
    if not input.is_floating_point():
        raise NotImplementedError(f"input must be floating point, but it is {input.dtype}")
    allowed = (input.dtype, torch.float32) if input.dtype in HALF else (input.dtype,)
    for name, other in others.items():
        if other is not None and other.dtype not in allowed:
            raise RuntimeError(f"{name} has dtype {other.dtype}; beside an input of {input.dtype} it may be {allowed}")


def _check_sizes(channels: int, **parameters: Tensor | None) -> None:
    for name, parameter in parameters.items():
        if parameter is not None and parameter.numel() != channels:
            raise RuntimeError(f"{name} has {parameter.numel()} elements, but the input has {channels} channels")


def _check_statistics(channels: int, running_mean: Tensor | None, running_var: Tensor | None) -> None:
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must both be given or both be None")
    _check_sizes(channels, running_mean=running_mean, running_var=running_var)
    for name, statistic in (("running_mean", running_mean), ("running_var", running_var)):
        if statistic is not None and statistic.ndim != 1:
            raise RuntimeError(f"{name} must have one dimension, but its shape is {tuple(statistic.shape)}")
        if statistic is not None and statistic.requires_grad and torch.is_grad_enabled():
            raise RuntimeError(f"{name} is updated, not differentiated: it must not require grad")


def _check_batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> None:
    _check_number("momentum", momentum)
    _check_number("eps", eps)
    if training and input.ndim == 0:
        raise IndexError("input must be (N, C, …), but it has no dimensions")
    if training and input.shape[0] * math.prod(input.shape[2:]) == 1:
        raise ValueError(
            f"input of shape {tuple(input.shape)} has one value a channel: training needs more to have a variance"
        )
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"eps must be positive in training and not negative in evaluation, but it is {eps}")
    if not training and (running_mean is None or running_var is None):
        missing = "running_mean" if running_mean is None else "running_var"
        raise RuntimeError(f"{missing} is None, but evaluation (training=False) standardises by it")
    channels = input.shape[1] if input.ndim > 1 else 0
    _check_statistics(channels, running_mean, running_var)
    _check_sizes(channels, weight=weight, bias=bias)
    if input.ndim < 2 and input.numel():
        raise IndexError(f"input must be (N, C, …), but its shape is {tuple(input.shape)}")
    _check_dtypes(input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)


def _check_layer_norm(
    input: Tensor, normalized_shape: Sequence[int], weight: Tensor | None, bias: Tensor | None, eps: float
) -> None:
    _check_number("eps", eps)
    if not isinstance(normalized_shape, (list, tuple)) or not all(isinstance(n, int) for n in normalized_shape):
        raise TypeError(f"normalized_shape must be a sequence of ints, not {normalized_shape!r}")
    shape = tuple(normalized_shape)
    if not shape:
        raise RuntimeError("normalized_shape must name at least one dimension")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and tuple(parameter.shape) != shape:
            raise RuntimeError(f"{name} must have normalized_shape {shape}, but its shape is {tuple(parameter.shape)}")
    if tuple(input.shape[-len(shape) :]) != shape:
        raise RuntimeError(f"input must end in normalized_shape {shape}, but its shape is {tuple(input.shape)}")
    _check_dtypes(input, weight=weight, bias=bias)


def _check_group_norm(input: Tensor, num_groups: int, weight: Tensor | None, bias: Tensor | None, eps: float) -> None:
    _check_number("eps", eps)
    if input.ndim < 2:
        raise RuntimeError(f"input must be (N, C, …), but its shape is {tuple(input.shape)}")
    if not isinstance(num_groups, int):
        raise TypeError(f"num_groups must be an int, not {num_groups!r}")
    if num_groups == 0:
        raise ZeroDivisionError("num_groups must be at least 1, but it is 0")
    N, C = input.shape[:2]
    if (N * C // num_groups) * math.prod(input.shape[2:]) == 1:
        raise ValueError(f"input of shape {tuple(input.shape)} has one value a group: it has no variance")
    if num_groups < 0:
        raise RuntimeError(f"num_groups must be at least 1, but it is {num_groups}")
    if C % num_groups:
        raise RuntimeError(f"num_groups must divide the {C} channels of the input, but it is {num_groups}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None and tuple(parameter.shape) != (C,):
            raise RuntimeError(f"{name} must have shape ({C},), one for each channel, not {tuple(parameter.shape)}")
    _check_dtypes(input, weight=weight, bias=bias)


def _check_instance_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    use_input_stats: bool,
    momentum: float,
    eps: float,
) -> None:
    _check_number("momentum", momentum)
    _check_number("eps", eps)
    if use_input_stats and math.prod(input.shape[2:]) == 1:
        raise ValueError(f"input of shape {tuple(input.shape)} has one position a channel: it has no variance")
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("running_mean and running_var must be given when use_input_stats is False")
    channels = input.shape[1] if input.ndim > 1 else 0
    _check_statistics(channels, running_mean, running_var)
    _check_sizes(channels, weight=weight, bias=bias)
    _check_dtypes(input, weight=weight, bias=bias)


# ---- the register ----------------------------------------------------------------------------------------------

CHANNELS, SIDE = 32, 28


def _images(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Input (n, 32, 28, 28) with weight and bias per channel."""
    generator = torch.Generator().manual_seed(seed)
    shapes = ((size, CHANNELS, SIDE, SIDE), (CHANNELS,), (CHANNELS,))
    x, weight, bias = (torch.randn(shape, generator=generator).to(device=device, dtype=dtype) for shape in shapes)
    return x, weight, bias


def _batch_norm_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    x, weight, bias = _images(size, dtype, device, seed)
    return Call((x, torch.zeros_like(weight), torch.ones_like(weight), weight, bias), {"training": True})


def _layer_norm_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    x, weight, bias = _images(size, dtype, device, seed)
    rows = x.reshape(-1, SIDE * SIDE)  # (n · 32, 784)
    return Call((rows, (SIDE * SIDE,), weight.repeat(25)[: SIDE * SIDE], bias.repeat(25)[: SIDE * SIDE]))


def _group_norm_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    x, weight, bias = _images(size, dtype, device, seed)
    return Call((x, 8, weight, bias))


def _instance_norm_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    x, weight, bias = _images(size, dtype, device, seed)
    return Call((x,), {"weight": weight, "bias": bias})


def _elements(size: int) -> int:
    return size * CHANNELS * SIDE * SIDE


def _bytes_moved(size: int, itemsize: int) -> int:
    return 2 * _elements(size) * itemsize


def _operations(size: int) -> int:
    """Sum, subtract, square and sum, scale, multiply and add: 8 for each element."""
    return 8 * _elements(size)


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.batch_norm",
        manual=batch_norm,
        torch=torch.nn.functional.batch_norm,
        make_call=_batch_norm_call,
        sizes=(2, 16, 128),
        size_meaning="n: input of shape (n, 32, 28, 28), training",
        bytes_moved=_bytes_moved,
        operations=_operations,
        textbook=batch_norm_textbook,
        textbook_call=_textbook_like_torch,
        target_ratio=1.0,
    ),
    Operator(
        mirrors="torch.nn.functional.layer_norm",
        manual=layer_norm,
        torch=torch.nn.functional.layer_norm,
        make_call=_layer_norm_call,
        sizes=(2, 16, 128),
        size_meaning="n: input of shape (32 · n, 784), normalised by rows",
        bytes_moved=_bytes_moved,
        operations=_operations,
    ),
    Operator(
        mirrors="torch.nn.functional.group_norm",
        manual=group_norm,
        torch=torch.nn.functional.group_norm,
        make_call=_group_norm_call,
        sizes=(2, 16, 128),
        size_meaning="n: input of shape (n, 32, 28, 28), 8 groups of channels",
        bytes_moved=_bytes_moved,
        operations=_operations,
    ),
    Operator(
        mirrors="torch.nn.functional.instance_norm",
        manual=instance_norm,
        torch=torch.nn.functional.instance_norm,
        make_call=_instance_norm_call,
        sizes=(2, 16, 128),
        size_meaning="n: input of shape (n, 32, 28, 28)",
        bytes_moved=_bytes_moved,
        operations=_operations,
    ),
)
