"""Weight decay: the L2 penalty in the loss, `weight_decay` in SGD and Adam, and AdamW's decoupled decay.

The penalty λ/2·‖w‖² has the gradient λw. Under SGD it makes no difference whether λw comes from the loss, is added to
the gradient by `weight_decay=λ`, or shrinks the weight by the factor 1 − lr·λ before the step. Under Adam the first
two still agree, but the added λw is then divided by the running size of the gradient like all the rest, so that
weights with large gradients hardly decay; AdamW shrinks the weight itself and leaves the gradient alone.

The optimisers are functions: parameters, gradients and state in, new parameters and new state out. They are for real
dtypes. A gradient of None leaves its parameter and its state as they are, as in torch.optim.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.ops.kit.optimisers import check_betas, check_nesterov, check_not_negative, step_each
from core.ops.operator import Call, Operator

Tensors = tuple[Tensor, ...]
Gradients = tuple[Tensor | None, ...]

# ---- the penalty -----------------------------------------------------------------------------------------------


def l2_penalty(w: Tensor) -> Tensor:
    """‖w‖² / 2, whose gradient is w: the tutorial's."""
    return (w**2).sum() / 2


@dataclass(frozen=True)
class Penalties:
    """The two penalties for the same w, λ and n."""

    formula: float  # λ/(2n)·‖w‖², as the tutorial writes it
    code: float  # λ/2·‖w‖², as the tutorial's code adds it to each sample's loss


def penalties(w: Tensor, lambd: float, n: int) -> Penalties:
    """The tutorial's formula divides by the number of samples n, its code does not: the code's λ acts n times as hard.

    Both stand beside a mean over the n samples; with the code's λ set to λ/n the two are the same objective.
    """
    half_square = l2_penalty(w).item()
    return Penalties(formula=lambd / n * half_square, code=lambd * half_square)


def tutorial_loss(losses: Tensor, w: Tensor, lambd: float) -> Tensor:
    """(losses + λ·l2_penalty(w)).sum(), as in the tutorial.

    Where `losses` holds one loss a sample, (N,), the penalty is broadcast to each of them and the sum counts it N
    times. Nothing is lost where the update then divides the gradient by N, or where the batch is one sample; the
    tutorial shows neither. Where `losses` is one mean, the penalty counts once.
    """
    return (losses + lambd * l2_penalty(w)).sum()


def tutorial_backward(losses: Tensor, w: Tensor, b: Tensor, lambd: float) -> None:
    """Zero the gradients and go backward, as in the tutorial.

    AttributeError on the first step: w.grad is None until a backward has run. torch.optim's zero_grad skips None.
    """
    loss = tutorial_loss(losses, w, lambd)
    w.grad.data.zero_()  # type: ignore[union-attr]
    b.grad.data.zero_()  # type: ignore[union-attr]
    loss.backward()


# ---- SGD -------------------------------------------------------------------------------------------------------

SGDState = tuple[Tensor | None, ...]  # a momentum buffer for each parameter, None before its first step


def sgd_step(
    params: Tensors,
    grads: Gradients,
    state: SGDState | None = None,
    lr: float = 1e-3,
    momentum: float = 0,
    dampening: float = 0,
    weight_decay: float = 0,
    nesterov: bool = False,
    *,
    maximize: bool = False,
) -> tuple[Tensors, SGDState]:
    """One step of torch.optim.SGD: g ← ∇ + λp; buf ← μ·buf + (1 − dampening)·g; p ← p − lr·buf.

    The first buffer is g itself, undampened. Nesterov steps along g + μ·buf instead of buf. ValueError for a negative
    lr, momentum or weight_decay, and for nesterov without momentum or with dampening.
    """
    check_not_negative(lr=lr, momentum=momentum, weight_decay=weight_decay)
    if nesterov:
        check_nesterov(momentum, dampening)

    def update(p: Tensor, g: Tensor, buffer: Tensor | None) -> tuple[Tensor, Tensor | None]:
        g = -g if maximize else g
        if weight_decay:
            g = g + weight_decay * p
        if momentum == 0:
            return p - lr * g, None
        buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
        return p - lr * (g + momentum * buffer if nesterov else buffer), buffer

    return step_each(update, params, grads, state)


# ---- Adam and AdamW --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moments:
    """What Adam keeps of one parameter."""

    step: int
    exp_avg: Tensor  # running mean of the gradient
    exp_avg_sq: Tensor  # running mean of its square
    max_exp_avg_sq: Tensor  # largest exp_avg_sq so far with amsgrad, exp_avg_sq itself without


AdamState = tuple[Moments | None, ...]


def adam_step(
    params: Tensors,
    grads: Gradients,
    state: AdamState | None = None,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0,
    amsgrad: bool = False,
    *,
    maximize: bool = False,
    decoupled_weight_decay: bool = False,
) -> tuple[Tensors, AdamState]:
    """One step of torch.optim.Adam (Kingma and Ba, 2015).

    m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²; p ← p − lr·m̂ / (√v̂ + eps), m̂ and v̂ being divided by 1 − βᵗ to make up for
    their start at 0. `weight_decay` adds λp to g, or, decoupled, first shrinks p by 1 − lr·λ. amsgrad divides by
    the largest v so far. ValueError for a negative lr, eps or weight_decay, and for betas outside [0, 1).
    """
    check_not_negative(lr=lr, eps=eps, weight_decay=weight_decay)
    beta1, beta2 = check_betas(betas)

    def update(p: Tensor, g: Tensor, before: Moments | None) -> tuple[Tensor, Moments]:
        g = -g if maximize else g
        if weight_decay and decoupled_weight_decay:
            p = p * (1 - lr * weight_decay)
        elif weight_decay:
            g = g + weight_decay * p
        before = before or Moments(0, *(torch.zeros_like(p),) * 3)
        exp_avg = beta1 * before.exp_avg + (1 - beta1) * g
        exp_avg_sq = beta2 * before.exp_avg_sq + (1 - beta2) * g**2
        largest = torch.maximum(before.max_exp_avg_sq, exp_avg_sq) if amsgrad else exp_avg_sq
        now = Moments(before.step + 1, exp_avg, exp_avg_sq, largest)
        mean, square = exp_avg / (1 - beta1**now.step), largest / (1 - beta2**now.step)
        return p - lr * mean / (square.sqrt() + eps), now

    return step_each(update, params, grads, state)


def adamw_step(
    params: Tensors, grads: Gradients, state: AdamState | None = None, lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 1e-2, amsgrad: bool = False,
    *, maximize: bool = False,
) -> tuple[Tensors, AdamState]:  # fmt: skip
    """One step of torch.optim.AdamW (Loshchilov and Hutter, 2019): p ← p·(1 − lr·λ) in place of g ← g + λp."""
    options = (lr, betas, eps, weight_decay, amsgrad)
    return adam_step(params, grads, state, *options, maximize=maximize, decoupled_weight_decay=True)


# ---- operators -------------------------------------------------------------------------------------------------


def torch_sgd(
    params: Tensors, grads: Gradients, state: SGDState | None = None, **options: Any
) -> tuple[Tensors, SGDState]:
    """`sgd_step` by torch.optim.SGD, which works in place, so on copies."""
    leaves = _leaves(params, grads)
    optimiser = torch.optim.SGD(leaves, **options)
    for p, buffer in zip(leaves, state or (), strict=False):
        if buffer is not None:
            optimiser.state[p]["momentum_buffer"] = buffer.clone()
    optimiser.step()
    buffers = tuple(optimiser.state[p].get("momentum_buffer") for p in leaves)
    return tuple(p.detach() for p in leaves), buffers


def torch_adam(
    params: Tensors, grads: Gradients, state: AdamState | None = None, **options: Any
) -> tuple[Tensors, AdamState]:
    """`adam_step` by torch.optim.Adam, which works in place, so on copies."""
    leaves = _leaves(params, grads)
    optimiser = torch.optim.Adam(leaves, **options)
    for p, moments in zip(leaves, state or (), strict=False):
        if moments is not None:
            optimiser.state[p] = _as_torch_keeps_it(moments, options.get("amsgrad", False))
    optimiser.step()
    return tuple(p.detach() for p in leaves), tuple(_as_we_keep_it(optimiser.state[p]) for p in leaves)


def torch_adamw(
    params: Tensors, grads: Gradients, state: AdamState | None = None, weight_decay: float = 1e-2, **options: Any
) -> tuple[Tensors, AdamState]:
    """`adamw_step` by torch.optim: AdamW is Adam with decoupled_weight_decay."""
    return torch_adam(params, grads, state, weight_decay=weight_decay, decoupled_weight_decay=True, **options)


def _leaves(params: Tensors, grads: Gradients) -> list[Tensor]:
    leaves = [p.detach().clone() for p in params]
    for p, g in zip(leaves, grads, strict=True):
        p.grad = g
    return leaves


def _as_torch_keeps_it(moments: Moments, amsgrad: bool) -> dict[str, Tensor]:
    names = ("exp_avg", "exp_avg_sq", *(("max_exp_avg_sq",) if amsgrad else ()))
    return {name: getattr(moments, name).clone() for name in names} | {"step": torch.tensor(float(moments.step))}


def _as_we_keep_it(state: Mapping[str, Tensor]) -> Moments | None:
    if not state:
        return None
    largest = state.get("max_exp_avg_sq", state["exp_avg_sq"])
    return Moments(int(state["step"]), state["exp_avg"], state["exp_avg_sq"], largest)


def _draw(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(size, generator=generator).to(device, dtype) for _ in range(3)]


def _sgd_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    p, g, buffer = _draw(size, dtype, device, seed)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}
    return Call(((p,), (g,), (buffer,)), options)


def _adam_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    p, g, mean = _draw(size, dtype, device, seed)
    return Call(((p,), (g,), (Moments(3, mean, mean**2, mean**2),)), {"lr": 0.1, "weight_decay": 0.01})


def _operator(
    name: str, manual: Callable, reference: Callable, make_call: Callable, passes: int, arithmetic: int
) -> Operator:
    return Operator(
        mirrors=f"torch.optim.{name}",
        manual=manual,
        torch=reference,
        make_call=make_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning="n: parameters, one step",
        bytes_moved=lambda n, itemsize: passes * n * itemsize,
        operations=lambda n: arithmetic * n,
        differentiable=False,
    )


OPERATORS = (
    _operator("SGD", sgd_step, torch_sgd, _sgd_call, passes=5, arithmetic=8),
    _operator("Adam", adam_step, torch_adam, _adam_call, passes=7, arithmetic=14),
    _operator("AdamW", adamw_step, torch_adamw, _adam_call, passes=7, arithmetic=13),
)
