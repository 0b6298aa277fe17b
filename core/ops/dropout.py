"""Dropout: in training each activation is zeroed with probability p, and the others grow by 1/(1 − p).

    mask ~ Bernoulli(1 − p),    output = input · mask / (1 − p)

The expected output is the input, so that evaluation needs no change. Source: Srivastava et al., "Dropout: a
simple way to prevent neural networks from overfitting", 2014, in the "inverted" form that libraries use.
"""

import numbers
from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops.operator import Call, Operator


def dropout_textbook(X: Tensor, drop_prob: float) -> Tensor:
    """Dropout as the tutorial writes it: a 0/1 mask from uniform numbers, divided by the share that is kept.

    The tutorial calls X "the weights" ("X 是权重"). That is a mistake: dropout zeroes activations, anew for
    each sample; zeroing weights is another method (DropConnect). Limits: no training flag, so that evaluation
    has to leave the call out; float64 becomes float32, half precision too; a wrong probability is an
    AssertionError without a word; the mask is drawn on the CPU, whatever device X is on. Its random numbers
    are not torch's dropout's, so that the same seed gives another mask.
    """
    X = X.float()
    assert 0 <= drop_prob <= 1
    keep_prob = 1 - drop_prob
    if keep_prob == 0:
        return torch.zeros_like(X)
    mask = (torch.rand(X.shape) < keep_prob).float()
    return mask * X / keep_prob


@dataclass(frozen=True)
class DropoutSteps:
    """How the result of dropout comes about, all of the input's shape."""

    scaled_mask: Tensor  # 0, or 1/(1 − p): the factor of the output, and of the gradient in the backward pass
    output: Tensor

    @property
    def mask(self) -> Tensor:
        """True where the input is kept."""
        return self.scaled_mask != 0


def dropout_steps(input: Tensor, p: float = 0.5) -> DropoutSteps:
    """One draw of dropout in training, its intermediates named. Arguments as checked by `dropout`."""
    scaled_mask = _draw_scaled_mask(input, float(p))
    return DropoutSteps(scaled_mask, input * scaled_mask)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` · Bernoulli(1 − p) / (1 − p) in training, `input` itself otherwise, as torch does it.

    With the same generator state, the mask is torch's on the CPU, bit for bit; on other devices torch draws
    from a generator of its own. p = 0 and evaluation give a result equal to the input without drawing;
    p = 1 gives `input` · 0, so that infinity and NaN stay visible as NaN. The backward pass multiplies by the
    same scaled mask. `inplace` writes into `input` and returns it.

    Raises ValueError for p outside [0, 1], RuntimeError for NaN, for an integer or bool `input` to be scaled,
    and for `inplace` on a leaf that requires grad or a tensor that overlaps itself, NotImplementedError for
    a dtype without random numbers (complex, float8), TypeError for an argument of the wrong type.
    """
    p = _check_arguments(input, p, training)
    if not training or p == 0 or input.numel() == 0:
        return input
    _check_can_drop(input, p, inplace)
    if inplace:
        return input.mul_(_draw_scaled_mask(input, p))
    return dropout_steps(input, p).output


def _draw_scaled_mask(input: Tensor, p: float) -> Tensor:
    if p == 1:
        return torch.zeros((), dtype=input.dtype, device=input.device).expand_as(input)
    return torch.empty_like(input, requires_grad=False).bernoulli_(1 - p).div_(1 - p)


def _check_arguments(input: Tensor, p: float, training: bool) -> float:
    if isinstance(p, Tensor) and p.numel() != 1:
        raise RuntimeError(f"p must be one number, but has shape {tuple(p.shape)}")
    if not isinstance(p, numbers.Real) and not (isinstance(p, Tensor) and p.dim() == 0):
        raise TypeError(f"p must be a number between 0 and 1, not {p!r}")
    if p < 0 or p > 1:
        raise ValueError(f"p must be a probability between 0 and 1, but got {p}")
    if p != p:
        raise RuntimeError(f"p must be a probability between 0 and 1, but got {p}")
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a Tensor, not {type(input).__name__}")
    if not isinstance(training, bool):
        raise TypeError(f"training must be a bool, not {training!r}")
    return float(p)


def _check_can_drop(input: Tensor, p: float, inplace: bool) -> None:
    if inplace and torch.is_grad_enabled() and input.requires_grad and _is_leaf_or_its_view(input):
        raise RuntimeError("inplace can't be used on a leaf input that requires grad: its value would be lost")
    if inplace and any(step == 0 and size > 1 for step, size in zip(input.stride(), input.shape, strict=True)):
        raise RuntimeError("inplace can't write into an input whose elements share memory; clone() it first")
    if p == 1:
        return
    if input.is_complex() or (input.is_floating_point() and input.dtype.itemsize == 1):
        raise NotImplementedError(f"input of dtype {input.dtype} can't be dropped")
    if not input.is_floating_point():
        raise RuntimeError(f"input must be floating point to be scaled by 1/(1 − p), but is {input.dtype}")


def _is_leaf_or_its_view(tensor: Tensor) -> bool:
    return tensor.is_leaf or (tensor._base is not None and tensor._base.is_leaf and tensor._base.requires_grad)


def _make_call(size: int, dtype: torch.dtype, device: torch.device, seed: int) -> Call:
    generator = torch.Generator().manual_seed(seed)
    return Call((torch.randn(size, generator=generator).to(device, dtype),), {"p": 0.5})


def _textbook_call(input: Tensor, p: float = 0.5) -> Tensor:
    return dropout_textbook(input, p)


OPERATORS = (
    Operator(
        mirrors="torch.nn.functional.dropout",
        textbook=dropout_textbook,
        textbook_call=_textbook_call,
        manual=dropout,
        torch=torch.nn.functional.dropout,
        make_call=_make_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning="n: input of n elements, p = 0.5",
        bytes_moved=lambda n, itemsize: 2 * n * itemsize,
        operations=lambda n: 2 * n,
        target_ratio=1.0,
        random=True,
    ),
)
