"""Batch norm and its neighbours: which numbers share a mean, and what is remembered of batches for evaluation."""

from functools import partial
from typing import Any

import streamlit as st

from core.experiments import batch_norm as runs
from core.figures import batch_norm as pictures
from core.figures import colour
from core.figures.montage import Index, cell_size
from core.figures.walk import record
from core.ops import batch_norm as ops
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input, walk
from core.ui.board import At
from core.words import N_, _, say
from core.words.numbers import number
from pages.batch_norm_parts.beliefs import pitfalls
from pages.batch_norm_parts.questions import TRIES, questions

LIMITS = Limits(ranks=(2, 3, 4), max_side=8, max_elements=576, allow_nonfinite=True)
EPS = ("1e-5", "1e-3", "0.1", "1", "10")
MOMENTA = ("0", "0.01", "0.1", "0.3", "0.5", "0.9", "1", "None")
NARROW = 120  # pixels of a slider
WIDTH, HEIGHT = 770, 420  # pixels of input, standardized and output, side by side

SHARED = N_("""Look at the outlined numbers: these **{size}** share one mean, **{mean}**, and one variance, **{var}** (their
average squared distance from it). Each is moved by the mean and divided by √(var + eps), its standard deviation; that is
*standardized*. Then come γ and β: the numbers leave with the mean **{out_mean}** and the variance **{out_var}**.""")
KEPT = N_("""In evaluation this batch is not asked. The outlined **{size}** numbers have the mean **{own_mean}** and the variance
**{own_var}**, and yet they are moved and divided by what earlier batches have left: running_mean **{mean}** and running_var
**{var}**. So they leave with the mean **{out_mean}** and the variance **{out_var}**.""")
MOVES = N_("""A running statistic is an average that leans to the latest batches, kept for evaluation, where one sample may come
alone. In channel {c} running_mean was **{before}**. This batch has the mean **{own}** there and moves it by the share {share}
of the way: to **{after}**. running_var moves likewise, towards the variance over n − 1 = {n1}, not over n.""")
RESTS = N_("""Evaluation reads running_mean, **{before}** in channel {c}, and running_var, **{var}**, and moves neither, whatever
comes. In training this batch, of mean **{own}** there, would have moved them.""")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        kind = controls.choice("kind", "Normalise by", {kind: kind for kind in runs.KINDS})
        training = controls.choice("mode", "Mode", {"train": "train", "eval": "eval"}) == "train"
        gamma = controls.slider("weight", "weight γ", -3.0, 3.0, 1.0, step=0.1, width=NARROW)
        beta = controls.slider("bias", "bias β", -3.0, 3.0, 0.0, step=0.1, width=NARROW)
        of_groups = st.container(width=NARROW)
    with controls.more():
        x = choose_input()
        eps = float(controls.stops("eps", "eps", EPS, "1e-5", width=NARROW))
        cell = controls.cell("cell", "Picked cell", x.shape) or (0,) * x.dim()
    with of_groups:
        possible = [g for g in range(1, x.shape[1] + 1) if x.shape[1] % g == 0]
        groups = controls.stops("num_groups", "num_groups", possible, 2 if x.shape[1] % 2 == 0 else 1, width=NARROW)
    above = st.container()  # the pictures, which need the controls of the running statistics below them
    history, share = choose_history(kind, x)
    run = runs.run(x, runs.Setup(kind, groups, training, share, eps, gamma, beta, history.running_mean[-1], history.running_var[-1]))  # fmt: skip
    operator = topic.operator(f"{kind}_norm")
    with above:
        if run.refusal:
            refused(run)
        else:
            equation(run, cell)
            check.show(operator, runs.call(run.x, run.setup))
        groups_board(run, cell)
    if kind == "batch" and run.steps:
        running_statistics(history, cell[1], run)
    elif kind == "batch":
        st.caption(_("torch does not train on this batch, and so it moves no running statistics."))
    else:
        st.caption(say("{norm} remembers nothing: it is the same in training and in evaluation.", norm=_(runs.NAMES[kind]).capitalize()))  # fmt: skip
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: walk_through(run),
        questions=questions(run),
        take=partial(take, topic, run) if run.steps else None,
        tries=TRIES,
        operator=operator,
    )  # fmt: skip


def take(topic: Topic, run: runs.Run) -> take_away.TakeAway:
    """The call on screen as a script, and its tensors."""
    assert run.steps is not None
    tensors = {"x": run.x, "output": run.steps.output.to(run.x.dtype)}
    operator = topic.operator(f"{run.kind}_norm")
    return take_away.of(operator, runs.call(run.x, run.setup), tensors, title=operator.name)


def choose_input() -> Any:
    """The input: an example of these sizes, or the reader's own."""
    seed, sizes = controls.seed(), [3, 4, 2, 2]
    if tensor_input.source("x") == "example":
        rows = controls.choice("rank", "Shape", {"images": "N×C×H×W", "rows": "N×C"}) == "rows"
        asked = (("N", "N: samples", 6), ("C", "C: channels", 6), ("H", "H", 4), ("W", "W", 4))[: 2 if rows else 4]
        sizes = [controls.slider(key, label, 1, most, first, width=NARROW) for (key, label, most), first in zip(asked, sizes, strict=False)]  # fmt: skip
    return tensor_input.tensor("x", "Input", runs.example(sizes, seed), LIMITS)


def choose_history(kind: str, x: Any) -> tuple[runs.History, float]:
    """What came before this batch, and the share of the running statistics that this batch replaces."""
    momentum, steps, seed, size = "0.1", 40, int(controls.settings()["seed"].value), 8
    example = tensor_input.source("x") == "example"
    if kind == "batch":
        st.subheader(_("What is remembered for evaluation"), anchor=False)
        with controls.row("running"):
            momentum = controls.stops("momentum", "momentum", MOMENTA, "0.1", help="The share of the new batch. None: the plain average of all batches.")  # fmt: skip
            steps = controls.slider("steps", "Batches before this one", 0, runs.MOST_STEPS, 40, help=None if example else "This very batch, over and over.")  # fmt: skip
            size = controls.slider("batch", "Samples in each of them", 2, 64, 8) if example else size
    if example:
        history = runs.other_batches(x.shape[1], momentum, size, seed).first(steps)
    else:
        history = runs.same_batch(x, momentum, steps)
    return history, runs.share(momentum, steps + 1)


def refused(run: runs.Run) -> None:
    """The input, torch's words, and what it would take."""
    board.show(pictures.input_alone(run), picks={"x": "cell"}, height=320)
    if run.steps:
        why = N_("A mean of {dtype} numbers need not be of {dtype}. What follows takes the same numbers as float32.")
        mend = {N_("Make the input float32"): partial(tensor_input.hold, "x", run.x)}
    elif run.kind == "batch":
        why = N_("A channel of this batch has one number. It is its own mean, so that nothing of it would be left.")
        mend = {N_("Switch to evaluation"): partial(put, "mode", "eval"), N_("Take layer norm"): partial(put, "kind", "layer")}  # fmt: skip
    else:
        why = N_("A group of this input has one number. It is its own mean, so that nothing of it would be left.")
        mend = {N_("Take layer norm"): partial(put, "kind", "layer")}
    frame.refused(run.refusal, say(why, run), mend)


def put(key: str, value: str) -> None:
    """Set a control; before the page is drawn."""
    st.session_state[key] = value


# ---- pictures --------------------------------------------------------------------------------------------------


def equation(run: runs.Run, cell: Index) -> None:
    """Input, standardized and output; the statistics and the parameters that lead from one to the next."""
    high, beside = pictures.way(run), [*pictures.statistics(run), *pictures.parameters(run)]
    board.show(
        *(At(1, column, part, rows=len(beside)) for column, part in enumerate(high, start=1)),
        *(At(row, len(high) + 1, part) for row, part in enumerate(beside, start=1)),
        links=[pictures.channels_in_groups(run.x, run.setup.groups)], spelled=spelled(run.setup),
        picks=dict.fromkeys(("x", "standardized", "output", "mean", "var", "gamma", "beta"), "cell"),
        pinned=("x", cell), cell=cell_size([run.x.shape] * 3, WIDTH, HEIGHT),
    )  # fmt: skip
    st.markdown(say(KEPT if run.setup.reads_running else SHARED, runs.group(run, cell)))


def spelled(s: runs.Setup) -> dict[str, str]:
    """A cell's way from input to output, and where a mean and a variance come from."""
    way = f"`{{at:standardized}}` = ({{x}} − {{sum:mean}}) / √({{var}} + {number(s.eps)}) = **{{standardized}}**; `{{at:output}}` = {{standardized}} · {{sum:gamma}} + {{sum:beta}} = **{{output}}**"
    applies = _("`{at:%s}` = **{%s}**, for {count:output} numbers: `{at:output}`")
    kept = _("`running_{at:%s}` = **{%s}**: what the batches before have left, whatever this one holds")
    own = {
        "mean": "`{at:mean}` = ({sum:x}) / {count:x} = **{mean}**",
        "var": _(
            "`{at:var}` = Σ(x − {sum:mean})² / {count:x}, over the {count:x} numbers that share the mean, = **{var}**"
        ),
    }
    statistics = {name: kept % (name, name) for name in own} if s.reads_running else own
    return {"": way} | statistics | {name: applies % (name, name) for name in ("gamma", "beta")}


def groups_board(run: runs.Run, cell: Index) -> None:
    """Which numbers share a mean, for all four, one colour a group."""
    shown = pictures.all_groups(run)
    board.show(
        *shown, links=[pictures.channels_in_groups(run.x, run.setup.groups)], spelled="The mean to which this number belongs is number {batch} in batch norm; {layer} in layer norm; {instance} in instance norm; {group} in group norm.",
        picks=dict.fromkeys(runs.KINDS, "cell"), pinned=(run.kind, cell), height=260, name="groups",
    )  # fmt: skip
    where = _("Rows are samples, columns channels.") if run.x.dim() == 2 else _("Samples stand below each other, rows are channels.") if run.x.dim() == 3 else _("Samples stand side by side, channels below each other.")  # fmt: skip
    st.caption(say("{where} One colour is one mean and one variance; the whole group of the picked cell is outlined. Only batch norm lets samples share one, so that a sample's output depends on its neighbours.", where=where))  # fmt: skip


def running_statistics(history: runs.History, c: int, run: runs.Run) -> None:
    """The running statistics of each channel: what this batch makes of them, and how they came about."""
    found = runs.moved(run)
    mean, var = pictures.this_batch(found, run.x)
    names = ("running_mean", "batch_mean", "new_mean", "running_var", "batch_var", "new_var", "means", "variances")
    board.show(
        *mean, *([board.BREAK] if found.training else []), *var, board.BREAK, *pictures.charts(history, c, run.x),
        spelled=moves(found), pinned=("running_mean", (c,)), name="running", picks=dict.fromkeys(names, "cell"),
    )  # fmt: skip
    st.markdown(say(
        MOVES if found.training else RESTS, found, c=c, before=found.mean[c].item(), own=found.batch_mean[c].item(),
        after=found.new_mean[c].item(), var=found.var[c].item(), n1=found.n - 1,
    ))  # fmt: skip


def moves(found: runs.Moved) -> dict[str, str]:
    """How this batch moves the running statistics of a channel."""
    if not found.training:
        return {"": _("Evaluation uses running_mean {running_mean} and running_var {running_var}, and moves neither.")}
    share = number(found.share)
    way = f"running_%s: (1 − {share}) · {{sum:running_%s}} + {share} · {{sum:batch_%s}}%s = **{{new_%s}}**"
    mean, var = way % ("mean", "mean", "mean", "", "mean"), way % ("var", "var", "var", f" · {found.n}/{found.n - 1}", "var")  # fmt: skip
    return {"": f"{mean}; {var}", **dict.fromkeys(("running_var", "batch_var", "new_var", "variances"), var)}


def walk_through(run: runs.Run) -> None:
    """The manual version of the chosen norm, or the tutorial's batch norm, line by line."""
    names = {"manual": say("the manual {kind}_norm", kind=run.kind), "textbook": _("the tutorial's batch norm")}
    function, x = controls.choice("walked", "Function", names), run.x
    if function == "manual" and run.steps:
        made, panels = runs.call(x, run.setup), ("x", "mean", "var", "running_mean", "running_var", "standardized", "output")  # fmt: skip
        steps = record(runs.STEPS[run.kind], *made.args, panels=panels, **made.kwargs)
    elif x.dim() == 3:
        st.caption(_("The tutorial's batch norm takes inputs of rank 2 and 4 alone; this one has rank 3."))
        return
    else:
        steps = record(ops.batch_norm_textbook, *runs.textbook_arguments(x, run.setup), panels=(panels := ("X", "mean", "var", "X_hat", "Y", "moving_mean", "moving_var")))  # fmt: skip
    last = {name: value for step in steps.steps for name, value in step.values.items()}
    walk.show(steps, {name: colour.signed(last[name]) for name in panels if name in last}, key="walk")


frame.page("batch_norm", lesson)
