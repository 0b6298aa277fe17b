"""What people believe of memory layout, the tutorial's claims first."""

from functools import partial

from core.experiments.chain import claims
from core.experiments.chain.run import Stage
from core.figures import memory
from core.tensors.dtypes import DTYPES
from core.ui import board
from core.ui.frame import Pitfall
from core.words import N_

STRIDED = N_("""`x = arange(32).reshape(4, 8)[:, ::2]` has strides {stride}, and `x.is_contiguous()` is **{contiguous}**.
`x.view(16)` works all the same, with stride {viewed}; that both read one storage is **{shared}**. What counts is that strides
fit: two dimensions can be joined where stride[left] = stride[right]·shape[right]. The dimensions of x{number}, on screen,
fall into **{groups:|group|groups}** that may be joined.""")
PERMUTED = N_("""`zeros(3, 1, 4).permute(1, 0, 2).is_contiguous()` is **{size_one}**: a dimension of size 1 takes no step, so
moving it changes nothing. For a channels_last tensor that is permuted to NHWC it is **{channels_last}** too: its numbers lie
in that order in memory, and permute only says so.""")
BOTH = N_("""The tutorial's 6×5 tensor, once viewed as 5×6 (its comment says 5*5), once permuted: **{differ} of {numbers}**
numbers differ. The view's strides {view_stride} read the storage from its first number to its last; permute's strides
{permute_stride} go down the columns of x. Neither moved a number.""")
CLONED = N_("""`zeros(3, 4).t().clone()` has strides {clone_stride}: a clone keeps the order of the dimensions in memory, and
with it the refusal of `view(12)`: “{refusal}” `contiguous()` gives strides {contiguous_stride}, and view works.""")
HELD = N_("""One row of a 1000×1000 tensor shows {row_shows:,} bytes and keeps **{row_holds:,}** bytes alive; its clone keeps
{clone_holds:,}. x{number}, on screen, shows {shows:,} bytes and keeps {holds:,}.""")
EXPANDED = N_("""A row expanded to 3×3 has strides {stride}: the three rows are one. `x += column` would have to give one cell
three values, and torch says: “{refusal}” Out of place, `x + column` makes a new tensor: {after_out_of_place}. A clone has
nine cells of its own, and takes `+=`: {after_on_a_copy}.""")
REREAD = N_("""`view(dtype)` converts nothing. It reads the bytes of the float32 numbers {numbers} as {dtype}, {itemsize} bytes each, and
finds {read}; that both read one storage is **{shared}**. `to(dtype)` converts the numbers into a new storage.""")


NOTHING = N_("The tensor on screen has no elements: reshape has nothing to copy. Choose another shape, and look again.")
SOME_VIEWS = N_("""We can: the strides say it beforehand. x{number} was reshaped to {shapes:|shape|shapes} of two factors, and whether a view or a
copy comes out was foretold rightly for **{right} of {shapes}**. As a view it gives {views}; the others are copies.""")
NO_VIEWS = N_("""We can: the strides say it beforehand. x{number} was reshaped to {shapes:|shape|shapes} of two factors, and whether a view or a
copy comes out was foretold rightly for **{right} of {shapes}**. All of them are copies.""")
ALL_VIEWS = N_("""We can: the strides say it beforehand. x{number} was reshaped to {shapes:|shape|shapes} of two factors, and whether a view or a
copy comes out was foretold rightly for **{right} of {shapes}**. All of them are views.""")


def foretold(found: claims.Foretold) -> str:
    """How often the strides were right."""
    if not found.shapes:
        return NOTHING
    return ALL_VIEWS if len(found.views) == found.shapes else SOME_VIEWS if found.views else NO_VIEWS


def pitfalls(stage: Stage) -> list[Pitfall]:
    """Each with its run."""
    return [
        Pitfall("view works on contiguous tensors only", partial(claims.view_without_contiguity, stage), STRIDED),
        Pitfall("We cannot know whether reshape copies, so avoid it", partial(claims.reshape_is_predictable, stage), foretold),
        Pitfall("After permute or transpose a tensor is never contiguous", claims.permuted_and_contiguous, PERMUTED),
        Pitfall("view and permute to the same shape give the same tensor", claims.view_is_not_permute, BOTH, show_both),
        Pitfall("clone() before view makes it work", claims.clone_keeps_strides, CLONED),
        Pitfall("A small view holds a small piece of memory", partial(claims.view_holds_all, stage), HELD),
        Pitfall("An expanded tensor takes += like any other", claims.add_to_expanded, EXPANDED),
        Pitfall("view(dtype) converts the numbers", partial(claims.view_as_dtype, DTYPES["int32"]), REREAD),
    ]  # fmt: skip


def show_both(found: claims.Both) -> None:
    """The two tensors, cell by cell."""
    board.show(*memory.view_and_permute(found), cell=30, name="both")
