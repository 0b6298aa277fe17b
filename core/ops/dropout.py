"""Dropout: in training each activation is zeroed with probability p, and the others grow by 1/(1 − p).

    mask ~ Bernoulli(1 − p),    output = input · mask / (1 − p)

The expected output is the input, so that evaluation needs no change. Source: Srivastava et al., "Dropout: a
simple way to prevent neural networks from overfitting", 2014, in the "inverted" form that libraries use.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from core.ops import kit
from core.ops.kit.layers import dropout_arguments, scalable
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
    scaled_mask = torch.zeros_like(input) if p == 1 else torch.empty_like(input).bernoulli_(1 - p) / (1 - p)
    return DropoutSteps(scaled_mask, input * scaled_mask)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """`input` · Bernoulli(1 − p) / (1 − p) in training, `input` itself otherwise. As F.dropout.

    From the same generator state the mask is torch's on the CPU, bit for bit; on other devices torch draws from a
    generator of its own. Where nothing is dropped, nothing is drawn; p = 1 gives `input` · 0, so that infinity and
    NaN stay visible as NaN. `inplace` writes into `input` and returns it.

    Raises ValueError for p outside [0, 1], RuntimeError for NaN, for an integer or bool `input` to be scaled, and for
    `inplace` on a leaf that requires grad or a tensor that overlaps itself, NotImplementedError for a dtype without
    random numbers (complex, float8), TypeError for an argument of the wrong type.
    """
    p = dropout_arguments(input, p, training)
    if not training or p == 0 or input.numel() == 0:
        return input
    scalable(input, p, inplace)
    return kit.finish(dropout_steps(input, p).output, like=input, inplace=inplace)


def dropout_backward(
    grad: Tensor, input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """The gradient of input: grad · the same mask / (1 − p), zero where the activation was dropped.

    The same: drawn again, so the generator has to stand where it stood in the forward pass.
    """
    del inplace
    return grad * dropout_steps(input, p).scaled_mask if training and p > 0 else grad


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
        backward=dropout_backward,
        torch=torch.nn.functional.dropout,
        make_call=_make_call,
        sizes=(1_000, 100_000, 4_000_000),
        size_meaning="n: input of n elements, p = 0.5",
        bytes_moved=lambda n, itemsize: 2 * n * itemsize,
        operations=lambda n: 2 * n,
        random=True,
    ),
)
