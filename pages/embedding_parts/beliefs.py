"""What people believe of embedding, and the runs that refute it."""

import math
from functools import partial

from core.experiments import embedding as runs
from core.ui.frame import Pitfall
from core.words import N_


def product_of(found: runs.OneHot) -> str:
    """The same numbers, unless the table holds some that 0 does not extinguish."""
    if found.same:
        return N_("The numbers are those of `one_hot(input) @ weight`: {differ} of them differ. But the product makes a matrix of {tokens} × {rows} = {one_hot_bytes:,} bytes and **{multiplications:,}** multiplications, nearly all of them by 0; the pick reads {index_bytes:,} bytes of input and multiplies **{pick_multiplications}** times. With {large} for tokens, rows and columns, as in GPT-2, the one-hot matrix would take {large_bytes:.2f} GB and the product {large_multiplications:.1f} thousand million multiplications.")  # fmt: skip
    return N_("Not even the numbers are always the same: **{differ}** numbers of the two outputs differ here, for 0 · ∞ and 0 · nan are nan, and the product multiplies every row that it does not want by 0. It also makes a matrix of {one_hot_bytes:,} bytes and **{multiplications:,}** multiplications; the pick reads {index_bytes:,} bytes of input and multiplies **{pick_multiplications}** times.")  # fmt: skip


def padded(found: runs.Padding) -> str:
    """Whether the table's own row was zero."""
    if found.was_zero:
        return N_("Row {row} of this table is zero already, so nothing can be seen of it in the output. What padding_idx stops is the gradient: {grad} in place of {other_grad}. `nn.Embedding` zeroes the row once, when it is made ({module}); after `nn.init.normal_` it holds {drawn}.")  # fmt: skip
    return N_("`F.embedding(…, padding_idx={row})` gives the row as it is: {functional}. What it stops is the gradient: {grad} in place of {other_grad}. `nn.Embedding` zeroes the row once, when it is made ({module}); after `nn.init.normal_` it holds {drawn}, and `from_pretrained(weight, padding_idx={row})` keeps the table's {pretrained}.")  # fmt: skip


def absent(found: runs.Absent) -> str:
    """What moves a row without a gradient."""
    if found.rows == 1:
        return N_("This table has one row alone, which every batch holds: give the page a text of two different tokens.")  # fmt: skip
    if not math.isfinite(found.decay):
        return N_("Row {row} of this table is not finite, so no step can be measured: give the page finite numbers.")
    return N_("The first batch holds every row, the second only row {token}. In the second step row {row} has the gradient {grad}. SGD moves it by **{sgd}**, as believed; SGD with weight_decay=0.1 by **{decay}**, for decay pulls at every row; with momentum=0.9 by **{momentum}**, and Adam by **{adam}**, for both remember the first step. SparseAdam, with `sparse=True`, moves it by **{sparse_adam}**: it is told only of the rows that were picked.")  # fmt: skip


def in_place(found: runs.InPlace) -> str:
    """Whether there was anything to scale."""
    if not found.changed:
        return N_("With max_norm = {max_norm} no picked row is longer here, and none of the {rows} rows changes. Choose a smaller max_norm, or other numbers.")  # fmt: skip
    return N_("It writes to the table. One call with max_norm = {max_norm} has changed **{changed}** of {rows:|row|rows} of `weight`, in the same memory (`data_ptr` is the same: {same_memory}). Row {row} had the norm {norm_before}, now **{norm_after}**, for every later call too, without a gradient and without a step of an optimiser. A second call changes {second_changes:|row|rows}.")  # fmt: skip


def of(run: runs.Run) -> tuple[Pitfall, ...]:
    """What people believe of embedding."""
    row = run.most if run.options.padding_idx is None else run.options.padding_idx
    return (
        Pitfall("embedding multiplies a one-hot matrix with the table", partial(runs.one_hot, run.input, run.weight), product_of),
        Pitfall("padding_idx makes the row zero", partial(runs.padding, run.weight, row), padded),
        Pitfall(
            "An index may be any number", partial(runs.numbers_that_are_no_rows, run.weight),
            "It has to be the whole number of a row, 0 to {last}. To a float torch says “{of_floats}”; to {too_large}: “{beyond}”, which the manual "
            "version says with the numbers: “{ours}”. And −1 is no last row here: “{negative}”; square brackets do count from the end, `weight[-1]` is {by_brackets}.",
        ),
        Pitfall("A row that is not in the batch stays as it is", partial(runs.absent_row, run.weight, int(run.input.flatten()[0])), absent),
        Pitfall("max_norm only changes the result", partial(runs.max_norm_writes, run.input, run.weight, run.options.max_norm), in_place),
    )  # fmt: skip
