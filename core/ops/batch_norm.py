"""Batch, layer, group and instance normalisation: one formula over other axes.

    standardized = (input − mean) / √(var + eps)        mean and var over the numbers of one group
    output       = standardized · weight + bias         weight and bias per channel (per element in layer norm)

The four differ only in which numbers share a mean (`normalization_groups` draws it). For input (N, C, H, W):
batch: all of one channel, over N, H, W · layer: all of one sample · instance: one channel of one sample ·
group: some neighbouring channels of one sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.norms import (
    batch_norm_arguments,
    group_norm_arguments,
    instance_norm_arguments,
    layer_norm_arguments,
)
from core.ops.operator import Call, Operator

Dims = tuple[int, ...]


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
    """What a normalisation passes through; float32 where the input is in half precision."""

    mean: Tensor  # of each group, in a shape that broadcasts against standardized
    var: Tensor  # of each group, biased: divided by n
    standardized: Tensor  # (input − mean) / √(var + eps)
    output: Tensor  # standardized · weight + bias


def statistics(x: Tensor, dims: Dims) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over `dims`, which stay with size 1. mean(x²) − mean² would cancel: two passes."""
    mean = x.mean(dims, keepdim=True)
    return mean, (x - mean).square().mean(dims, keepdim=True)


def normalized(x: Tensor, mean: Tensor, var: Tensor, w: Tensor | None, b: Tensor | None, eps: float) -> BatchNormSteps:
    """(x − mean) / √(var + eps) · w + b; w and b may be absent."""
    standardized = (x - mean) * torch.rsqrt(var + eps)
    scaled = standardized if w is None else standardized * w
    return BatchNormSteps(mean, var, standardized, scaled if b is None else scaled + b)


def normalized_backward(
    grad: Tensor, steps: BatchNormSteps, w: Tensor | None, b: Tensor | None, dims: Dims, eps: float
) -> list[Tensor]:
    """The gradients of x, and of w and b where they are. With ĝ = grad · w, s = standardized, means over `dims`:

    ∂x = (ĝ − mean(ĝ) − s · mean(ĝ · s)) / √(var + eps): what would only move the group's mean, or widen it, is taken
    out; nothing is where mean and var are constants (no dims). ∂w = Σ grad · s, ∂b = Σ grad.
    """
    s, scaled = steps.standardized, grad if w is None else grad * w
    if dims:
        scaled = scaled - scaled.mean(dims, keepdim=True) - s * (scaled * s).mean(dims, keepdim=True)
    of_weight = [] if w is None else [(grad * s).sum_to_size(w.shape)]
    of_bias = [] if b is None else [grad.sum_to_size(b.shape)]
    return [scaled * torch.rsqrt(steps.var + eps), *of_weight, *of_bias]


def _in_their_shapes(gradients: list[Tensor], *tensors: Tensor | None) -> tuple[Tensor, ...]:
    present = (t for t in tensors if t is not None)
    return tuple(gradient.reshape(t.shape) for gradient, t in zip(gradients, present, strict=True))


# ---- batch norm ------------------------------------------------------------------------------------------------


def batch_norm(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Standardise each channel of (N, C, …) over N and all positions. As F.batch_norm.

    In training by the batch's mean and biased variance, towards which the running statistics, where given, move in
    place (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167); otherwise by the running statistics. Half
    precision may have float32 parameters. `momentum=None` belongs to torch's module: see `cumulative_momentum`.
    Under torch.func's derivatives running statistics that are no argument of the function cannot be written to.

    Raises ValueError (one value a channel in training, one running statistic alone, eps), RuntimeError (sizes, dtypes,
    statistics absent or requiring grad), NotImplementedError (not floating point), TypeError, IndexError.
    """
    steps = batch_norm_steps(input, running_mean, running_var, weight, bias, training, momentum, eps)
    return kit.finish(steps.output, like=input)


def batch_norm_steps(
    input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> BatchNormSteps:  # fmt: skip
    """`batch_norm` with its intermediate tensors; mean and var are (1, C, 1, …)."""
    x, mean, var, w, b = batch_norm_arguments(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if training:
        mean, var = statistics(x, (0, *range(2, x.ndim)))
        if running_mean is not None and running_var is not None and x.numel():
            n = x.numel() // mean.numel()
            move(running_mean, mean, momentum)
            move(running_var, var * n / (n - 1), momentum)  # unbiased
    return normalized(x, mean, var, w, b, eps)


def move(running: Tensor, batch: Tensor, momentum: float) -> None:
    """running ← (1 − momentum) · running + momentum · batch, in place and without a gradient."""
    running.copy_((1 - momentum) * running + momentum * batch.detach().flatten())


def batch_norm_backward(
    grad: Tensor, input: Tensor, running_mean: Tensor | None, running_var: Tensor | None, weight: Tensor | None = None,
    bias: Tensor | None = None, training: bool = False, momentum: float = 0.1, eps: float = 1e-5,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The gradients of input, weight and bias. The running statistics are constants."""
    x, mean, var, w, b = batch_norm_arguments(input, running_mean, running_var, weight, bias, training, momentum, eps)
    dims = (0, *range(2, x.ndim)) if training else ()
    if training:
        mean, var = statistics(x, dims)
    gradients = normalized_backward(grad, normalized(x, mean, var, w, b, eps), w, b, dims, eps)
    return _in_their_shapes(gradients, input, weight, bias)


def cumulative_momentum(num_batches_tracked: int) -> float:
    """The momentum that makes the running statistics the plain average of all batches so far: 1 / their number.

    `num_batches_tracked` counts the present batch, as in torch's module with momentum=None. ValueError below 1.
    """
    if num_batches_tracked < 1:
        raise ValueError(f"num_batches_tracked must be at least 1, the present batch, but it is {num_batches_tracked}")
    return 1 / num_batches_tracked


# ---- layer norm ------------------------------------------------------------------------------------------------


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Standardise over the last dimensions, which must be `normalized_shape`. As F.layer_norm.

    weight and bias have that shape too: one for each element, not for each channel. No running statistics, the same
    in training and evaluation (Ba, Kiros and Hinton 2016, https://arxiv.org/abs/1607.06450).
    """
    return kit.finish(layer_norm_steps(input, normalized_shape, weight, bias, eps).output, like=input)


def layer_norm_steps(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> BatchNormSteps:
    """`layer_norm` with its intermediate tensors; mean and var have size 1 in the normalised dimensions."""
    x, dims, w, b = layer_norm_arguments(input, normalized_shape, weight, bias, eps)
    return normalized(x, *statistics(x, dims), w, b, eps)


def layer_norm_backward(
    grad: Tensor,
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, ...]:
    """The gradients of input, weight and bias."""
    x, dims, w, b = layer_norm_arguments(input, normalized_shape, weight, bias, eps)
    return tuple(normalized_backward(grad, normalized(x, *statistics(x, dims), w, b, eps), w, b, dims, eps))


# ---- group norm ------------------------------------------------------------------------------------------------


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Standardise each sample over groups of C / num_groups channels. As F.group_norm.

    One group of all channels standardises as layer norm does over (C, …), C groups as instance norm; weight and bias
    are per channel (Wu and He 2018, https://arxiv.org/abs/1803.08494).
    """
    return kit.finish(group_norm_steps(input, num_groups, weight, bias, eps).output, like=input)


def group_norm_steps(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> BatchNormSteps:
    """`group_norm` with its intermediate tensors; mean and var are (N, num_groups, 1, 1)."""
    x, w, b = group_norm_arguments(input, num_groups, weight, bias, eps)  # (N, groups, channels of one, positions)
    steps = normalized(x, *statistics(x, (2, 3)), w, b, eps)
    whole = (steps.standardized.reshape(input.shape), steps.output.reshape(input.shape))
    return BatchNormSteps(steps.mean, steps.var, *whole)


def group_norm_backward(
    grad: Tensor,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> tuple[Tensor, ...]:
    """The gradients of input, weight and bias."""
    x, w, b = group_norm_arguments(input, num_groups, weight, bias, eps)
    steps = normalized(x, *statistics(x, (2, 3)), w, b, eps)
    return _in_their_shapes(normalized_backward(grad.reshape(x.shape), steps, w, b, (2, 3), eps), input, weight, bias)


# ---- instance norm ---------------------------------------------------------------------------------------------


def instance_norm(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    """Standardise each channel of each sample over its positions. As F.instance_norm.

    The running statistics move towards the average over the samples; without `use_input_stats` they standardise, as
    in batch norm's evaluation. (Ulyanov and others 2016, https://arxiv.org/abs/1607.08022.)
    A channel whose numbers are all equal gives NaN for eps=0; torch gives 0 there on the CPU.
    """
    steps = instance_norm_steps(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    return kit.finish(steps.output, like=input)


def instance_norm_steps(
    input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: Tensor | None = None,
    bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1, eps: float = 1e-5,
) -> BatchNormSteps:  # fmt: skip
    """`instance_norm` with its intermediate tensors; mean and var are (N, C, 1, …)."""
    own = use_input_stats
    x, mean, var, w, b = instance_norm_arguments(input, running_mean, running_var, weight, bias, own, momentum, eps)
    if own:
        mean, var = statistics(x, tuple(range(2, x.ndim)))
        if running_mean is not None and running_var is not None and x.numel():
            n = x.numel() // mean.numel()
            move(running_mean, mean.mean(0), momentum)
            move(running_var, var.mean(0) * n / (n - 1), momentum)  # unbiased
    return normalized(x, mean, var, w, b, eps)


def instance_norm_backward(
    grad: Tensor, input: Tensor, running_mean: Tensor | None = None, running_var: Tensor | None = None,
    weight: Tensor | None = None, bias: Tensor | None = None, use_input_stats: bool = True, momentum: float = 0.1,
    eps: float = 1e-5,
) -> tuple[Tensor, ...]:  # fmt: skip
    """The gradients of input, weight and bias. The running statistics are constants."""
    own = use_input_stats
    x, mean, var, w, b = instance_norm_arguments(input, running_mean, running_var, weight, bias, own, momentum, eps)
    dims = tuple(range(2, x.ndim)) if own else ()
    if own:
        mean, var = statistics(x, dims)
    gradients = normalized_backward(grad, normalized(x, mean, var, w, b, eps), w, b, dims, eps)
    return _in_their_shapes(gradients, input, weight, bias)


# ---- which numbers share a mean --------------------------------------------------------------------------------


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
        backward=batch_norm_backward,
        torch=torch.nn.functional.batch_norm,
        make_call=_batch_norm_call,
        sizes=(2, 16, 128),
        size_meaning="n: input of shape (n, 32, 28, 28), training",
        bytes_moved=_bytes_moved,
        operations=_operations,
        textbook=batch_norm_textbook,
        textbook_call=_textbook_like_torch,
    ),
    Operator(
        mirrors="torch.nn.functional.layer_norm",
        manual=layer_norm,
        backward=layer_norm_backward,
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
        backward=group_norm_backward,
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
        backward=instance_norm_backward,
        torch=torch.nn.functional.instance_norm,
        make_call=_instance_norm_call,
        sizes=(2, 16, 128),
        size_meaning="n: input of shape (n, 32, 28, 28)",
        bytes_moved=_bytes_moved,
        operations=_operations,
    ),
)
