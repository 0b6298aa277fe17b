"""Attention: who looks at whom, how several heads lie in memory, the same in blocks and token by token."""

from functools import partial

import streamlit as st

from core.experiments import attention as runs
from core.experiments import patches
from core.figures import attention as draw
from core.figures import colour
from core.figures.walk import record
from core.ops import attention as ops
from core.topics import Topic
from core.ui import board, check, controls, frame, link, take_away, tensor_input, walk
from core.words import N_, _, say
from pages.attention_parts import digits, tabs
from pages.attention_parts.asked import TRIES, questions
from pages.attention_parts.beliefs import PITFALLS

MASKS = N_(
    {"none": "none", "causal": "causal: no later token", "padding": "padding: not the last token", "own": "my own"}
)
WORDS = N_(
    "Up to 8 words. For the page's own sentence the numbers are made so that one sees what they mean; for others they are drawn at random."
)
FACTOR = N_(
    "What the products are multiplied by, in units of 1/√E: at 1 it is what torch takes unless it is told otherwise."
)
OWN_MASK = N_("Numbers that are added to the scores: 0 leaves a score as it is, -inf hides its key.")

LOOK = N_(
    "Look at row “{query}” of **weights**: of {seen:|key|keys} that it may see, “{best}” fits its query best, with a score of {score}, and gives **{weight:.0%}** of its output."
)
EVEN = N_(
    "Row “{query}” of **weights**: all of the {seen} keys that it may see fit its query equally well, and each gives **{weight:.0%}**."
)
ONE = N_(
    "Row “{query}” of **weights**: it may see one key alone, “{best}”, and takes all of its output from it, whatever the score."
)
BLIND = N_(
    "Row “{query}” of **weights**: the mask hides all {keys} keys from it. Its softmax would be 0/0; torch gives it weights of 0, and an output of 0."
)
WHY = N_(
    "query (L, E) and key (S, E) need as many features, E, for their products; key and value (S, Ev) a row each for every key; and a mask must broadcast to (L, S). The tabs below show the parts that fit."
)
UNDEFINED = N_(
    "Row “{query}” of **weights** is nan: a score of it is nan or ∞, and softmax has no answer for such a row."
)


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row, more = controls.main(), controls.more()
    with row:
        text = controls.text("tokens", "Tokens", _(runs.SENTENCE), longest=60, help=WORDS, width=210)
        kind = controls.choice("mask", "Mask", MASKS, width=210, few=0)
        factor = controls.slider("factor", "Scale × √E", 0.0, 4.0, 1.0, step=0.25, help=FACTOR)
        dropout_p = controls.slider("dropout_p", "dropout_p", 0.0, 0.9, 0.0, step=0.1)
    with more:
        seed = controls.seed()
        example = runs.example(text, seed)
        q = tensor_input.tensor("q", "Query", example.query, runs.LIMITS)
        k = tensor_input.tensor("k", "Key", example.key, runs.LIMITS)
        v = tensor_input.tensor("v", "Value", example.value, runs.LIMITS)
        own = None
        if kind == "own":
            own = tensor_input.tensor("m", "Mask", runs.zeros(len(q), len(k)), runs.LIMITS)
    call, converted = runs.as_floats(runs.call_of(q, k, v, runs.masked(kind, own, len(q), len(k)), dropout_p, factor))
    if converted:
        st.caption(
            say("torch says of these dtypes: “{said}” What follows takes the same numbers as float32.", said=converted)
        )
    refusal = runs.refusal(call)
    if refusal:
        refused(call, refusal)
        call = runs.mended(call)
    run = runs.run(example.tokens, call, seed)
    with more:
        cell = controls.cell(
            "cell", "Picked cell of weights", run.steps.weights.shape, f"{min(3, len(q) - 1)},{min(1, len(k) - 1)}"
        )
    if not refusal:
        show(run, cell or (0, 0))
        check.show(topic.operators[0], call, seed)
    frame.below(
        topic,
        more={
            "Heads": partial(tabs.several_heads, example.tokens, seed),
            "In blocks": partial(tabs.in_blocks, run),
            "Token by token": partial(tabs.token_by_token, run),
            "Digits": partial(digits.show, seed),
        },
        pitfalls=PITFALLS,
        walk=partial(walk_through, run),
        questions=questions(run),
        take=lambda: take_away.of(topic.operators[0], call, tensors(run), title="Attention", seed=seed if dropout_p else None),
        tries=TRIES,
        functions=(ops.multi_head_steps, ops.attention_in_blocks, ops.attention_with_cache, patches.forward),
    )  # fmt: skip


def show(run: runs.Run, cell: tuple[int, ...]) -> None:
    """query · keyᵀ → scores, weights · value = output, and one row in a sentence."""
    found = runs.told(run, cell[0])
    st.markdown(say(verdict(found), found))
    side = draw.side(run, link.projector())
    board.show(
        *draw.inputs(run, side), board.BREAK, *draw.outputs(run, side), spelled=draw.SPELLED, picks={"weights": "cell", "scores": "cell"},
        pinned=("weights", cell), cell=draw.side(run),
    )  # fmt: skip


def verdict(found: runs.Told) -> str:
    """What there is to say of a row."""
    if not found.seen:
        return BLIND
    if found.weight != found.weight:
        return UNDEFINED
    return ONE if found.seen == 1 else EVEN if found.even else LOOK


def refused(call: runs.Call, refusal: str) -> None:
    """torch's words, the tensors as they are, and such parts of them as fit, in one click."""

    def mend() -> None:
        for name, tensor in runs.fitted(call).items():
            tensor_input.hold(name, tensor)

    frame.refused(f"`F.scaled_dot_product_attention`: {refusal}", WHY, {"Keep what fits": mend})
    board.show(*draw.alone(call), height=220)


def tensors(run: runs.Run) -> dict[str, runs.Tensor]:
    """What the page gives away as files."""
    return {"query": run.query, "key": run.key, "value": run.value, "weights": run.steps.dropped, "output": run.output}


# ---- the walk -------------------------------------------------------------------------------------------------


def walk_through(run: runs.Run) -> None:
    """Line by line, the textbook's version: one query after the other."""
    st.caption(_("The textbook's form: one query after the other, without mask and dropout, at the scale 1/√E."))
    steps = record(
        ops.attention_by_queries, run.query, run.key, run.value, panels=("Q", "K", "V", "scores", "weights", "return")
    )
    numbers = colour.signed(run.query, run.key, run.value)
    scales = {"scores": colour.signed(run.steps.scores), "weights": draw.SHARES, "return": numbers}
    walk.show(
        steps, {name: scales.get(name, numbers) for name in ("Q", "K", "V", "scores", "weights", "return")}, key="walk"
    )


frame.page("attention", lesson)
