"""Chains worth seeing."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from core.experiments.chain.operation import Fill
from core.experiments.chain.operations import Step
from core.experiments.chain.text import parse_chain, start_tensor
from core.experiments.layout.rule import Ints
from core.words import N_


@dataclass(frozen=True)
class Preset:
    """A start and a chain worth seeing, and one line that says why."""

    title: str
    why: str
    shape: Ints
    chain: str
    dtype: torch.dtype = torch.float32
    fill: Fill = "arange"

    @property
    def steps(self) -> tuple[Step, ...]:
        """The chain as steps."""
        return parse_chain(self.chain)

    def start(self) -> torch.Tensor:
        """The tensor to start from."""
        return start_tensor(self.shape, self.dtype, self.fill)


PRESETS: Mapping[str, Preset] = {
    "both": Preset(
        N_("view against permute: the same shape"),
        "view and permute give the same shape over one storage; only their strides differ.",
        (3, 4),
        "view(4,3)>view(3,4)>permute(1,0)",
        torch.int64,
    ),
    "view": Preset(
        N_("6×5 viewed as 5×6"),
        "view deals the same row of cells out into other rows; no number moves.",
        (6, 5),
        "view(5,6)",
        torch.int64,
        "rows",
    ),
    "permute": Preset(
        N_("6×5 permuted to 5×6"),
        "permute moves no number either, but the shape it gives is read across memory, column by column.",
        (6, 5),
        "permute(1,0)",
        torch.int64,
        "rows",
    ),
    "refused": Preset(
        N_("transpose, then view: refused"),
        "Rows and columns would have to merge into one dimension, and no single stride walks both.",
        (3, 4),
        "transpose(0,1)>view(12)",
    ),
    "reshape": Preset(
        N_("reshape: once a view, once a copy"),
        "The same reshape is a view of the fresh tensor and a copy of the transposed one; the strides tell beforehand.",
        (3, 4),
        "reshape(12)>reshape(3,4)>transpose(0,1)>reshape(12)",
    ),
    "clone": Preset(
        N_("clone does not help view"),
        "clone keeps the order of the dimensions in memory: the copy of a transposed tensor is transposed again.",
        (3, 4),
        "transpose(0,1)>clone>view(12)",
    ),
    "nhwc": Preset(
        N_("NCHW → NHWC"),
        "permute only changes the strides; contiguous() then moves every number.",
        (2, 3, 4, 4),
        "permute(0,2,3,1)>contiguous",
    ),
    "channels_last": Preset(
        N_("channels_last"),
        "The shape stays NCHW while memory is NHWC: permuted to NHWC it is contiguous.",
        (2, 3, 4, 4),
        "channels_last>permute(0,2,3,1)",
    ),
    "heads": Preset(
        N_("attention: split the heads and join them"),
        "(B, T, C) → (B, heads, T, head size) and back: four steps, all of them views of one storage.",
        (2, 4, 6),
        "view(2,4,2,3)>transpose(1,2)>transpose(1,2)>view(2,4,6)",
    ),
    "heads_refused": Preset(
        N_("attention: heads joined too early"),
        "Without transposing back, view can't join the heads. reshape would, and mix time steps with heads.",
        (2, 4, 6),
        "view(2,4,2,3)>transpose(1,2)>view(2,4,6)",
    ),
    "windows": Preset(
        N_("sliding windows without a copy"),
        "Windows overlap: 16 elements over 10 cells, every step of the window two cells on.",
        (10,),
        "unfold(0,4,2)",
    ),
    "conv_windows": Preset(
        N_("all 3×3 windows of an image"),
        "as_strided reads 108 elements from 30 cells: what a convolution multiplies by its kernel.",
        (5, 6),
        "as_strided((3,4,3,3),(6,1,6,1),0)",
    ),
    "expand": Preset(
        N_("expand a row"),
        "Broadcasting repeats by standing still: stride 0, 20 elements, 5 cells.",
        (1, 5),
        "expand(4,5)",
    ),
    "diagonal": Preset(
        N_("the diagonal by as_strided"),
        "One stride of 5 + 1 cells walks down the diagonal.",
        (5, 5),
        "as_strided((5,),(6,),0)",
    ),
    "flip": Preset(
        N_("flip copies"),
        "numpy flips by a negative stride; torch has none, so every number moves.",
        (3, 4),
        "flip(1)",
    ),
    "slice": Preset(
        N_("slice with a step"),
        "A step multiplies the stride, a start moves the offset.",
        (6, 8),
        "slice(0,1,None,2)>slice(1,None,None,3)",
    ),
    "noncontiguous": Preset(
        N_("view of a tensor that is not contiguous"),
        "view needs strides that fit, not contiguity: every second number of all rows lies two cells after the last.",
        (4, 8),
        "slice(1,None,None,2)>view(16)",
    ),
    "resize": Preset(
        N_("resize_: crop and grow"),
        "In place: the cropped numbers are still there, and beyond the old storage no number is known.",
        (3, 4),
        "resize_(2,3)>resize_(3,4)>resize_(4,4)",
    ),
}
