"""no_grad and its neighbours: which part of an expression is recorded, what that keeps, and what comes back."""

from functools import partial

import streamlit as st

from core.experiments import autograd
from core.experiments import no_grad as runs
from core.experiments.autograd import CALLS, DETACH, FUNCTIONS, Expression
from core.figures import no_grad as pictures
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, code, controls, frame, link, tensor_input
from core.ui.frame import Try
from core.words import N_, _, say
from pages.no_grad_parts import asked
from pages.no_grad_parts.believed import pitfalls

LIMITS = Limits(ranks=(1,), max_side=4, allow_nonfinite=True)
WITHIN = {"none": N_("recorded")} | CALLS | {DETACH: ".detach()"}
AROUND = {"none": N_("no block")} | CALLS
LEAVES = {N_("x and w"): ("x", "w"), "x": ("x",), "w": ("w",), N_("neither"): ()}
DRAWN_WIDTH = {False: 590, True: 770}  # pixels of graph and tensors, by whether it is shown on a projector

BEFORE = N_(
    "So far `x.grad` is None and `w.grad` is None. `y.backward()` will bring `x.grad` = **{x_grad}** and `w.grad` = **{w_grad}**"
)
AFTER = N_("`y.backward()` has brought `x.grad` = **{x_grad}** and `w.grad` = **{w_grad}**")
CONSTANT = N_(""". With everything recorded they would be {all_x} and {all_w}: a step that is not recorded counts as a
constant, and no gradient flows back through it.""")
FROZEN = N_(""". If both required a gradient and every step were recorded, they would be {all_x} and {all_w}. What requires no
gradient counts as a constant.""")
SAME = N_(", the same as with everything recorded.")
SAVED = N_("""While h, a and y were computed, autograd saved {count:|tensor|tensors} for backward ({nbytes} B; memory that is saved
twice counts once). The graph behind `y` {when} **{held} B** of it. With everything recorded it would hold {all_held} B.""")
WHY = {
    "x": N_("`x` is of {x_dtype}, and it is to require a gradient."), "w": N_("`w` is of {w_dtype}, and it is to require a gradient."),
    "h": N_("`x` has {x_length:|number|numbers} and `w` {w_length}. `x * w` takes two vectors of one length, or one of them a single number."),
    "y": N_("An inference tensor has no version counter, so a graph that kept it could not notice a later write: it may not be saved for backward. Compute `y` without recording too, or `a` under `no_grad()`."),
    "y.backward()": N_("No step on the way to `y` was recorded from a leaf that requires a gradient, so there is no graph to go back through."),
    "cut": N_("`y` was taken out of the graph, or its own step was not recorded: no way leads back from `y` to the steps that were recorded."),
}  # fmt: skip
NETWORK = N_("""{depth:|time|times} Linear({width}, {width}), ReLU and Dropout, on a batch of {batch}: a forward pass saves
**{recorded:,} B** in training, the weights that backward needs included. After `eval()` it still saves **{evaluated:,} B**:
only the masks of dropout are missing. Under `no_grad()` it saves **{off} B**.""")
HOW = N_("""`with NoGrad():` calls `__enter__` on the way in and `__exit__` on every way out, also when the body raises an error.
So what was switched off is switched on again, as a file that was opened is closed.""")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    above = controls.main()
    with controls.more():
        function = controls.choice("f", "a =", list(FUNCTIONS), width=120)
        leaves = LEAVES[controls.choice("leaves", "requires_grad", list(LEAVES))]
        x, w = (
            tensor_input.tensor(name, name, given, LIMITS) for name, given in (("x", autograd.X), ("w", autograd.W))
        )
        picked = st.container()
    with above:
        said = {"h": "h = x * w", "a": f"a = {function}", "y": "y = (a * h).sum()"}
        h, a, y = (
            controls.choice(name, label, WITHIN, "no_grad" if name == "a" else "none", width=166)
            for name, label in said.items()
        )
        outer = controls.choice("all", "all three inside", AROUND, width=166)
        after = controls.choice("when", "y.backward()", {"before": "not yet", "after": "done"}) == "after"
    near = autograd.nearest(x, w)
    run = autograd.build_expression((h, a, y), outer, x, w, function, leaves)
    whole = autograd.build_expression(x=near[0], w=near[1], function=function)
    source = autograd.code_of((h, a, y), outer, function)
    with picked:
        ranges = {"graph": [range(len(whole.graph.nodes))]} | {
            name: [range(len(v))] for name, v in pictures.values_of(run).items()
        }
        cell = controls.cell_of("cell", "Pinned", ranges, ("graph", (2,)))
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=DRAWN_WIDTH[link.projector()]):
            draw(run, whole, function, after, cell)
        with st.container(width=335):
            st.code(source, language="python")
            outcome(run, whole, after)
    facts(run)
    frame.below(
        topic,
        pitfalls=pitfalls(*near, function),
        walk=lambda: asked.show_walk(*near),
        questions=asked.QUESTIONS,
        take=lambda: asked.take(run, leaves, source),
        tries=TRIES,
        more={"Memory": memory, "How with works": how_with_works},
        functions=(autograd.build_expression, runs.saved_by_network, runs.how_with_works, runs.no_grad_by_yield),
    )


# ---- the graph and the facts -----------------------------------------------------------------------------------


def draw(run: Expression, whole: Expression, function: str, after: bool, cell: tuple[str, tuple[int, ...]]) -> None:
    """The graph as torch recorded it, and the tensors; of an expression that stopped at its inputs, these alone."""
    if run.refused in ("x", "w", "h"):
        board.show(pictures.tensors(run, function, run.graph), spelled="{note:tensors}.", hint="")
        return
    nodes, numbers, ties = pictures.expression(run, whole.graph, function, after, link.projector())
    name, index = cell
    row = list(pictures.values_of(run)).index(name) if name != "graph" else 0
    board.show(
        nodes, numbers, links=ties, spelled={"graph": "{note:graph}.", "tensors": "{note:tensors}."},
        picks={"graph": "cell", "tensors": "cell"}, pinned=(name, index) if name == "graph" else ("tensors", (row, *index)),
    )  # fmt: skip


def outcome(run: Expression, whole: Expression, after: bool) -> None:
    """What backward brings and what the graph holds for it; or torch's refusal, and what mends it."""
    if run.error:
        given = {"x_dtype": run.x.dtype, "w_dtype": run.w.dtype, "x_length": len(run.x), "w_length": len(run.w)}
        cut = run.refused == "y.backward()" and any(t.grad_fn for t in run.tensors)
        frame.refused(
            f"`{run.refused}`: {run.error}", say(WHY.get("cut" if cut else run.refused, ""), given), mends(run)
        )
    else:
        rest = (
            FROZEN
            if run.x_grad is None or run.w_grad is None
            else _(SAME)
            if autograd.same_gradients(run, whole)
            else _(CONSTANT)
        )
        st.markdown(say(_(AFTER if after else BEFORE) + rest, run, all_x=whole.x_grad, all_w=whole.w_grad))
    if len(run.tensors) == 3:
        held = (run.graph_after if after and not run.error else run.graph).saved_bytes
        when = _("now, after backward, holds") if after and not run.error else _("holds")
        st.markdown(say(SAVED, run.saved, when=when, held=held, all_held=whole.graph.saved_bytes))


def mends(run: Expression) -> dict:
    """What lets a refused expression run, one click each."""
    near = dict(zip("xw", autograd.nearest(run.x, run.w), strict=True))
    if run.refused in ("x", "w"):
        return {
            say("Make {name} float32", name=run.refused): partial(tensor_input.hold, run.refused, near[run.refused])
        }
    if run.refused == "h":
        longer = max("xw", key=lambda name: len(getattr(run, name)))
        return {
            say("Cut {name} to {n:|number|numbers}", name=longer, n=len(near[longer])): partial(
                tensor_input.hold, longer, near[longer]
            )
        }
    if run.refused == "y":
        return {"Compute a under no_grad()": partial(st.session_state.update, a="no_grad")}
    return {
        "Record everything": partial(
            st.session_state.update, h="none", a="none", y="none", all="none", leaves="x and w"
        )
    }


def facts(run: Expression) -> None:
    """What autograd knows of each tensor."""
    if run.tensors:
        rows = ["| | requires_grad | grad_fn | leaf | inference |", "|---" * 5 + "|"]
        rows += [
            f"| **{t.name}** | {t.requires_grad} | {t.grad_fn} | {t.is_leaf} | {t.is_inference} |" for t in run.tensors
        ]
        st.markdown("\n".join(rows))


# ---- the page's own tabs ---------------------------------------------------------------------------------------


def memory() -> None:
    """What a network's forward pass saves under each context, in training and in eval."""
    with controls.row("memory"):
        depth = controls.slider("depth", "Layers", 1, 8, 4)
        width = controls.slider("width", "Width", 16, 256, 64, step=16)
        batch = controls.slider("batch", "Batch", 8, 128, 32, step=8)
    found = runs.network_memory(depth, width, batch)
    board.show(pictures.network(found), name="network")
    st.markdown(say(NETWORK, found))


def how_with_works() -> None:
    """`with` on a context manager of two methods, and what happens when its body fails."""
    fail = controls.toggle("fail", "The body raises an error", False)
    st.markdown(_(HOW))
    rows = ["| moment | torch.is_grad_enabled() |", "|---|---|"]
    st.markdown("\n".join(rows + [f"| {moment} | **{on}** |" for moment, on in runs.how_with_works(fail)]))
    left, right = st.columns([3, 2])
    left.code(code.source(runs.how_with_works), language="python", wrap_lines=True)
    right.code(code.source(runs.no_grad_by_yield), language="python", wrap_lines=True)


TRIES = (
    Try("Everything recorded", "a=none&all=none&leaves=x and w",
        "Point at the boxes one after the other and see which tensors each keeps. Then set `y.backward()` to *done*: what has become of what they kept?"),
    Try("Everything under no_grad()", "a=none&all=no_grad",
        "The numbers are the same as ever, but no box is drawn and `y.backward()` is refused. Then set all three steps to `enable_grad()`: which of the two blocks decides?"),
    Try("An inference tensor", "a=inference_mode",
        "Up to a all is well; y is refused, since its product would have to keep a for backward. Let y be computed under `no_grad()` too: why is it accepted then, and what does `y.backward()` say?"),
    Try("detach() instead", "a=detach",
        "The gradients are those that `no_grad()` gives, yet one more tensor is saved on the way: a was recorded first and cut off afterwards. Compare the two sentences on what was saved."),
    Try("w is frozen", "a=none&leaves=x",
        "Only `w` requires no gradient, and only its own box is gone: the way from y to x still needs every other step. Which tensor is not kept any more, and why just that one?"),
)  # fmt: skip


frame.page("no_grad", lesson)
