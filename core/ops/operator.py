"""What the app knows about one operator: its three tiers, inputs to run them on, and what the work costs.

The tests, the code panel, the check against torch, the timing panel and the benchmark all read this one
description; there is no other list of operators.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import device, dtype

from core.words import Words


@dataclass(frozen=True)
class Call:
    """The arguments of one call, the same for every tier."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def of(self, function: Callable[..., Any]) -> Any:
        """Call `function` with these arguments."""
        return function(*self.args, **self.kwargs)


@dataclass(frozen=True)
class Operator:
    """One operator in up to three tiers.

    `manual` has the signature of `torch`; `textbook` is the tutorial's form and may accept less, in which
    case `textbook_call` applies it to the same arguments as the other tiers (for example channel by channel).
    `backward` takes the gradient of the output and then the arguments of `manual`. It returns the gradient of the
    first tensor, or a tuple: one for each tensor that has a gradient, in the order of the arguments.
    """

    mirrors: str  # the dotted name of the library's function: "torch.nn.functional.conv2d"
    manual: Callable[..., Any]
    torch: Callable[..., Any]
    make_call: Callable[[int, dtype, device, int], Call]  # (size, dtype, device, seed)
    sizes: tuple[int, ...]  # ascending: small, medium, large (more are welcome)
    size_meaning: Words  # "n: input of shape (8, 16, n, n)"
    bytes_moved: Callable[[int, int], int]  # (size, bytes an element): inputs read once, outputs written once
    operations: Callable[[int], int]  # arithmetic operations of the definition, a multiply-add counting as two
    textbook: Callable[..., Any] | None = None
    textbook_call: Callable[..., Any] | None = None
    backward: Callable[..., Any] | None = None  # (gradient of the output, *arguments): the gradients, see below
    differentiable: bool = True
    random: bool = False  # draws from the generator: seed before each call

    @property
    def name(self) -> str:
        """The last part of the dotted name: "conv2d"."""
        return self.mirrors.rpartition(".")[2]

    @property
    def textbook_tier(self) -> Callable[..., Any] | None:
        """The textbook function in a form that takes the same arguments as the other tiers."""
        return self.textbook_call or self.textbook
