"""Batch norm and its neighbours: one call, which numbers share a mean, and where the running statistics move."""

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from core.experiments.refusals import refusal
from core.ops import batch_norm as ops
from core.ops.operator import Call
from core.tensors.dtypes import as_floats
from core.words import N_

KINDS = N_(("batch", "layer", "instance", "group"))
NAMES = N_({"batch": "batch norm", "layer": "layer norm", "instance": "instance norm", "group": "group norm"})
TORCHS: dict[str, Callable[..., Tensor]] = {
    "batch": F.batch_norm, "layer": F.layer_norm, "instance": F.instance_norm, "group": F.group_norm,
}  # fmt: skip
STEPS: dict[str, Callable[..., ops.BatchNormSteps]] = {
    "batch": ops.batch_norm_steps, "layer": ops.layer_norm_steps, "instance": ops.instance_norm_steps,
    "group": ops.group_norm_steps,
}  # fmt: skip
MOST_STEPS = 100  # of the running statistics
Index = tuple[int, ...]


def source(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    """Numbers whose channel c has mean c and standard deviation 1 + c / 2."""
    c = torch.arange(shape[1]).reshape(1, -1, *[1] * (len(shape) - 2)).float()
    return c + (1 + c / 2) * torch.randn(tuple(shape), generator=generator)


def example(shape: Sequence[int], seed: int) -> Tensor:
    """One batch of them, rounded."""
    return source(shape, torch.Generator().manual_seed(seed)).round(decimals=1)


def per_channel(x: Tensor) -> int:
    """How many numbers a channel has."""
    return x.numel() // x.shape[1]


# ---- running statistics ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """Statistics of batch after batch, (steps, C), and the running ones before the first and after each."""

    mean: Tensor
    var: Tensor  # unbiased, as the running variance takes it
    running_mean: Tensor  # (steps + 1, C)
    running_var: Tensor
    true_mean: tuple[float, ...]  # of all the data of each channel
    true_var: tuple[float, ...]

    def first(self, steps: int) -> "History":
        """The first so many steps."""
        return replace(
            self, mean=self.mean[:steps], var=self.var[:steps], running_mean=self.running_mean[: steps + 1],
            running_var=self.running_var[: steps + 1],
        )  # fmt: skip

    @property
    def steps(self) -> int:
        """How many batches there were."""
        return len(self.mean)


def chase(batches: Iterable[Tensor], momentum: str, mean: Tensor, var: Tensor) -> History:
    """What torch's batch norm saw of these batches and what it remembered, from 0 and 1; None averages all batches.

    `mean` and `var` are those of all the data.
    """
    running_mean, running_var = torch.zeros_like(mean), torch.ones_like(var)
    seen, remembered = [(mean, var)], [(running_mean.clone(), running_var.clone())]
    for step, batch in enumerate(batches, start=1):
        F.batch_norm(batch, running_mean, running_var, training=True, momentum=share(momentum, step))
        numbers = batch.transpose(0, 1).flatten(1)
        seen.append((numbers.mean(1), numbers.var(1)))
        remembered.append((running_mean.clone(), running_var.clone()))
    (means, variances), (running_means, running_vars) = (
        [torch.stack(column) for column in zip(*rows, strict=True)] for rows in (seen, remembered)
    )
    return History(means[1:], variances[1:], running_means, running_vars, tuple(mean.tolist()), tuple(var.tolist()))


def share(momentum: str, step: int) -> float:
    """How much of the new batch the running statistics take over at this step, counted from 1."""
    return ops.cumulative_momentum(step) if momentum == "None" else float(momentum)


@functools.lru_cache(maxsize=64)
def other_batches(channels: int, momentum: str, size: int, seed: int) -> History:
    """Batches of the example's source. Kept for the sliders that change nothing of it; not to be written to."""
    generator = torch.Generator().manual_seed(seed)
    batches = (source((size, channels), generator) for _ in range(MOST_STEPS))
    c = torch.arange(float(channels))
    return chase(batches, momentum, c, (1 + c / 2) ** 2)


def same_batch(x: Tensor, momentum: str, steps: int) -> History:
    """The reader's own batch, so many times; no steps where torch refuses to train on it."""
    x, n = as_floats(x), per_channel(x)
    numbers = x.transpose(0, 1).flatten(1)
    return chase([x] * steps if n > 1 else [], momentum, numbers.mean(1), numbers.var(1, correction=min(1, n - 1)))


# ---- one call ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Setup:
    """What is on screen but the input: which normalisation, its parameters, and the statistics before this batch."""

    kind: str
    groups: int
    training: bool
    momentum: float  # the share of this batch
    eps: float
    gamma: float
    beta: float
    running_mean: Tensor
    running_var: Tensor

    def by_channel(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """weight and bias as the operator wants them: per channel, per element in layer norm."""
        shape = x.shape[1:] if self.kind == "layer" else x.shape[1:2]
        return torch.full(shape, self.gamma, dtype=x.dtype), torch.full(shape, self.beta, dtype=x.dtype)

    @property
    def reads_running(self) -> bool:
        """Whether mean and variance come from the batches before, not from this one."""
        return self.kind == "batch" and not self.training


def call(x: Tensor, s: Setup) -> Call:
    """The call on screen, with its own copies of what it moves."""
    weight, bias = s.by_channel(as_floats(x))
    moved = s.running_mean.to(weight.dtype, copy=True), s.running_var.to(weight.dtype, copy=True)
    if s.kind == "batch":
        return Call((x, *moved, weight, bias), {"training": s.training, "momentum": s.momentum, "eps": s.eps})
    if s.kind == "layer":
        return Call((x, tuple(x.shape[1:]), weight, bias), {"eps": s.eps})
    if s.kind == "group":
        return Call((x, s.groups, weight, bias), {"eps": s.eps})
    return Call((x,), {"weight": weight, "bias": bias, "eps": s.eps})


@dataclass(frozen=True)
class Run:
    """One normalisation of x."""

    given: Tensor
    setup: Setup
    refusal: str  # what torch says of what was given, or empty
    x: Tensor  # what was given; integers, which torch refuses, as float32
    steps: ops.BatchNormSteps | None  # None where torch refuses x in floating point as well

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of what was given."""
        return self.given.dtype

    @property
    def kind(self) -> str:
        """Which normalisation."""
        return self.setup.kind

    @property
    def marks(self) -> Tensor:
        """For each number, which group it is in."""
        return groups_of(self.kind, self.x, self.setup.groups)

    @property
    def groups(self) -> int:
        """How many groups there are, each with a mean of its own."""
        return int(self.marks.max()) + 1


def groups_of(kind: str, x: Tensor, num_groups: int) -> Tensor:
    """For each number of x, which group it is in."""
    return ops.normalization_groups(kind, x.shape, num_groups)


def run(given: Tensor, s: Setup) -> Run:
    """The normalisation on screen."""
    refused, x = refusal(lambda: call(given, s).of(TORCHS[s.kind])), as_floats(given)
    taken = not refused or not refusal(lambda: call(x, s).of(TORCHS[s.kind]))
    return Run(given, s, refused, x, call(x, s).of(STEPS[s.kind]) if taken else None)


@dataclass(frozen=True)
class Group:
    """The numbers that share a mean with a cell: their statistics before and after, and those they were given."""

    kind: str
    groups: int
    size: int
    mean: float  # that they are standardised with
    var: float
    own_mean: float
    own_var: float
    out_mean: float
    out_var: float


def group(run: Run, cell: Index) -> Group:
    """The group of a cell, over n as the normalisation has it; what comes of it without the last digits' rounding."""
    assert run.steps is not None
    within = run.marks == run.marks[cell]
    before, after = run.x[within].double(), run.steps.output[within].double()
    mean, var = picked_statistics(run, cell)
    own_var, out_var = (t.var(correction=0).item() for t in (before, after))
    out_mean, out_var = (round(value, 5) + 0.0 for value in (after.mean().item(), out_var))
    return Group(run.kind, run.groups, int(within.sum()), mean, var, before.mean().item(), own_var, out_mean, out_var)


def picked_statistics(run: Run, cell: Index) -> tuple[float, float]:
    """The mean and the variance that a cell is standardised with."""
    assert run.steps is not None
    mean, var = run.steps.mean, run.steps.var
    if run.kind == "group":
        index = (cell[0], cell[1] // (run.x.shape[1] // run.setup.groups), 0, 0)
        return mean[index].item(), var[index].item()
    return mean.expand_as(run.x)[cell].item(), var.expand_as(run.x)[cell].item()


@dataclass(frozen=True)
class Moved:
    """What one batch does to the running statistics, (C,) each."""

    training: bool
    n: int  # numbers a channel
    share: float
    mean: Tensor  # running, before
    var: Tensor
    batch_mean: Tensor
    batch_var: Tensor  # over n
    new_mean: Tensor
    new_var: Tensor


def moved(run: Run) -> Moved:
    """Where torch's running_mean and running_var are after this batch."""
    s, made, numbers = run.setup, call(run.x, run.setup), run.x.transpose(0, 1).flatten(1)
    made.of(F.batch_norm)
    before_mean, before_var = s.running_mean.to(run.x.dtype), s.running_var.to(run.x.dtype)
    return Moved(
        s.training, per_channel(run.x), s.momentum, before_mean, before_var, numbers.mean(1),
        numbers.var(1, correction=0), made.args[1], made.args[2],
    )  # fmt: skip


# ---- pitfalls ----------------------------------------------------------------------------------------------------


def textbook(x: Tensor, momentum: float) -> tuple[Tensor, Tensor, Tensor]:
    """The tutorial's version in training, from running statistics of 0 and 1: output, moving mean, moving variance."""
    x = as_floats(x)
    x = x.unsqueeze(-1) if x.dim() == 3 else x  # it takes rank 2 and 4
    side = (1, -1, 1, 1) if x.dim() == 4 else (-1,)
    zeros, ones = (torch.full((x.shape[1],), float(n), dtype=x.dtype).reshape(side) for n in (0, 1))
    return ops.batch_norm_textbook(True, x, ones, zeros, zeros, ones, 1e-5, momentum)


def textbook_arguments(x: Tensor, s: Setup) -> tuple[Any, ...]:
    """What the tutorial's version gets for the call on screen: its momentum is 1 minus torch's."""
    side = (1, -1, 1, 1) if x.dim() == 4 else (-1,)
    gamma, beta = (torch.full((x.shape[1],), value, dtype=x.dtype).reshape(side) for value in (s.gamma, s.beta))
    mean, var = (t.to(x.dtype).reshape(side) for t in (s.running_mean, s.running_var))
    return s.training, x, gamma, beta, mean, var, s.eps, 1 - s.momentum


def torchs(x: Tensor, momentum: float) -> tuple[Tensor, Tensor]:
    """torch's running statistics after this batch, from 0 and 1."""
    x = as_floats(x)
    mean, var = torch.zeros(x.shape[1], dtype=x.dtype), torch.ones(x.shape[1], dtype=x.dtype)
    F.batch_norm(x, mean, var, training=True, momentum=momentum)
    return mean, var


def refuses_training(x: Tensor) -> str:
    """What torch says of this batch in training."""
    return refusal(lambda: F.batch_norm(as_floats(x), None, None, training=True))


@dataclass(frozen=True)
class Momentum:
    """running_mean of channel 0 after this batch, from 0."""

    refusal: str
    tutorials: float = 0.0  # with 0.9
    same: float = 0.0  # torch's, with 0.9
    other: float = 0.0  # torch's, with 0.1


def turned_momentum(x: Tensor) -> Momentum:
    """The tutorial's momentum of 0.9 beside torch's, of 0.9 and of 0.1."""
    if refused := refuses_training(x):
        return Momentum(refused)
    means = (textbook(x, 0.9)[1].flatten(), torchs(x, 0.9)[0], torchs(x, 0.1)[0])
    return Momentum("", *(mean[0].item() for mean in means))


@dataclass(frozen=True)
class Biased:
    """The variance of channel 0 that is stored where a batch replaces the old one altogether."""

    refusal: str
    n: int
    tutorials: float = 0.0
    torchs: float = 0.0


def biased(x: Tensor) -> Biased:
    """Both variances after a batch that replaces everything."""
    if refused := refuses_training(x):
        return Biased(refused, per_channel(x))
    return Biased("", per_channel(x), textbook(x, 0.0)[2].flatten()[0].item(), torchs(x, 1.0)[1][0].item())


@dataclass(frozen=True)
class Channels:
    """Where the tutorial's code keeps the channels."""

    shape: Index
    means: Index  # shape of the means that its code makes
    over_dim_0: Index  # shape of x.mean(dim=0)


def channels_dimension(x: Tensor) -> Channels:
    """Which dimension the means keep."""
    return Channels(tuple(x.shape), tuple(textbook(x, 0.0)[1].shape), tuple(as_floats(x).mean(0).shape))


@dataclass(frozen=True)
class MeanOfMeans:
    """The mean of channel 0, at once and from the means of two parts of the batch."""

    sizes: Index  # numbers of channel 0 in each part
    parts: tuple[float, ...]
    mean_of_means: float
    mean: float


def mean_of_means(x: Tensor) -> MeanOfMeans:
    """The batch as a loader may deliver it: all samples but the last, and the last by itself."""
    numbers = as_floats(x)[:, 0].double()
    parts = [part for part in (numbers[:-1], numbers[-1:]) if part.numel()]
    means = torch.stack([part.mean() for part in parts])
    return MeanOfMeans(
        tuple(part.numel() for part in parts), tuple(means.tolist()), means.mean().item(), numbers.mean().item()
    )


@dataclass(frozen=True)
class OneSample:
    """Batch norm in training on the first sample alone, and on one number a channel of it."""

    each: int  # numbers a channel in the sample
    whole: str  # what torch says of the sample, or empty
    refusal: str  # what torch says of one number a channel
    tutorials: tuple[float, ...]  # what the tutorial's version makes of those


def batch_of_one(x: Tensor) -> OneSample:
    """One sample, as it is and with one number a channel."""
    sample = as_floats(x)[:1]
    single = sample.flatten(2)[:, :, 0] if x.dim() > 2 else sample
    return OneSample(
        per_channel(sample),
        refuses_training(sample),
        refuses_training(single),
        tuple(textbook(single, 0.9)[0][0].tolist()),
    )


@dataclass(frozen=True)
class Forgotten:
    """The same batch in training and in evaluation, and what stays behind in channel 0."""

    refusal: str
    cells: int
    differ: int = 0
    largest: float = 0.0
    before: float = 0.0  # running_mean[0]
    trained: float = 0.0
    evaluated: float = 0.0
    alone_differs: bool = False  # whether sample 0 by itself comes out of eval as something else


def forgotten_eval(x: Tensor, s: Setup) -> Forgotten:
    """Batch norm with training=True where nobody called eval(): its output, and its running_mean with momentum 0.1."""
    if refused := refuses_training(x):
        return Forgotten(refused, x.numel())
    x = as_floats(x)
    mean, var = (t.to(x.dtype, copy=True) for t in (s.running_mean, s.running_var))
    evaluated = F.batch_norm(x, mean, var, eps=s.eps)
    alone = F.batch_norm(x[:1], mean, var, eps=s.eps)
    kept = mean[0].item()
    trained = F.batch_norm(x, mean, var, training=True, momentum=0.1, eps=s.eps)
    apart = (trained - evaluated).abs().nan_to_num(0.0, posinf=0.0)  # of the outputs that are numbers
    return Forgotten(
        "", x.numel(), int((~torch.isclose(trained, evaluated, equal_nan=True)).sum()), apart.max().item(),
        s.running_mean[0].item(), mean[0].item(), kept,
        not torch.allclose(alone, evaluated[:1], equal_nan=True),
    )  # fmt: skip


# ---- questions ---------------------------------------------------------------------------------------------------


def means_of(kind: str, shape: Sequence[int], num_groups: int = 1) -> int:
    """How many means this normalisation computes in training."""
    return int(ops.normalization_groups(kind, shape, num_groups).max()) + 1


def mean_after(s: Setup, channel: int, batch_mean: float) -> float:
    """running_mean of a channel after a batch in training that has this mean there."""
    mean, var = s.running_mean.double(), s.running_var.double()
    F.batch_norm(torch.full((2, len(mean)), batch_mean).double(), mean, var, training=True, momentum=s.momentum)
    return mean[channel].item()


def depends_on_others(kind: str, training: bool) -> bool:
    """Whether the output of a sample changes with another sample of its batch."""
    x = source((3, 4, 2, 2), torch.Generator().manual_seed(0))
    s = Setup(kind, 2, training, 0.1, 1e-5, 1.0, 0.0, torch.zeros(4), torch.ones(4))
    other = torch.cat([x[:1], x[1:] + 5])
    first, again = (call(batch, s).of(TORCHS[kind])[0] for batch in (x, other))
    return not torch.allclose(first, again)
