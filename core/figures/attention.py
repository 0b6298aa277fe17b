"""Pictures of attention: its steps, the heads, the blocks of keys, the tokens one after the other."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from core.experiments import attention as runs
from core.experiments.attention import Blocks, Cached, Grouped, Heads, Order, Run
from core.experiments.patches import GRID, PIXELS, SIDE, Looked
from core.figures import colour, curves
from core.figures.board import Panel, Relation, panel, with_row_names
from core.figures.colour import Scale
from core.figures.gallery import GREY
from core.figures.heatmap import Outline, Picture
from core.figures.montage import PROJECTED, cell_size
from core.words import Words, _, say
from core.words.numbers import number

SHARES = Scale(colour.MAGNITUDE, 0.0, 1.0)
LEAST, LARGEST = 26, 34  # pixels of a cell: so that digits fit, and so that two lines of pictures fit the screen
LABEL = 6.5  # pixels of a letter of a token
Part = Picture | Panel | str

SCORE = "`{at:scores}` = {note:scores}"
SPELLED = {
    "query": "`{at:query}` = **{query}**: {note:query}",
    "key": "`{at:key}` = **{key}**: {note:key}",
    "value": "`{at:value}` = **{value}**: {note:value}",
    "scores": SCORE,
    "weights": "`{at:weights}` = {note:weights}",
    "output": "`{at:output}` = {sum:weights*value} = **{output}**",
}


def inputs(run: Run, side: int) -> list[Part]:
    """query · keyᵀ, the tokens at the rows."""
    scale = colour.signed(run.query, run.key)
    return [
        named(Picture("query", run.query, scale, "query: what it looks for", axes="i e", group="i", notes=rows(run.queries, run.query)), run.queries, side), "·",
        named(Picture("key", run.key, scale, "key: what finds it", axes="j e", group="j", notes=rows(run.keys, run.key)), run.keys, side), "→",
        Picture("scores", run.steps.masked, colour.signed(run.steps.scores), say("scores, times {scale}", scale=run.scale), axes="i j",
                muted=hidden(run), notes=scores(run)),
    ]  # fmt: skip


def outputs(run: Run, side: int) -> list[Part]:
    """weights · value = output, the tokens at the rows."""
    numbers = colour.signed(run.value, run.output)
    return [
        named(Picture("weights", run.steps.dropped, SHARES, "weights: softmax of each row", axes="i j", notes=weights(run)), run.queries, side), "·",
        named(Picture("value", run.value, numbers, "value: what it gives", axes="j v", group="j", notes=rows(run.keys, run.value)), run.keys, side), "=",
        Picture("output", run.output, numbers, "output", axes="i v"),
    ]  # fmt: skip


def named(picture: Picture, names: Sequence[str], side: int) -> Panel:
    """A picture with a token at each row."""
    room = 18 + round(LABEL * max(map(len, names)))
    return with_row_names(panel(picture, side, pick=picture.name == "weights"), names, room)


def side(run: Run, projector: bool = False) -> int:
    """The side of a cell with which both lines stand above the fold."""
    (l, e), (s, _), v = run.query.shape, run.key.shape, run.value.shape[1]  # noqa: E741
    widest = max([(l, e), (s, e), (l, s)], [(l, s), (s, v), (l, v)], key=lambda line: sum(w for _, w in line))
    fits = max(LEAST, cell_size([(max(l, s), w) for _, w in widest], height=160, largest=LARGEST))
    return int(fits * PROJECTED) if projector else fits


def rows(names: Sequence[str], values: Tensor) -> list[str]:
    """For each cell whose row it stands in."""
    return [f"“{name}”" for name in names for _ in range(values.shape[1])]


def hidden(run: Run) -> list[tuple[int, ...]]:
    """The scores that no query may see."""
    return [tuple(index) for index in run.steps.masked.isneginf().nonzero().tolist()]


def scores(run: Run) -> list[str]:
    """For each score what it comes from."""
    seen, plain = run.steps.masked.flatten().tolist(), run.steps.scores.flatten().tolist()
    pairs = [(query, key) for query in run.queries for key in run.keys]
    return [
        say("“{query}” · “{key}” · {scale} = {plain}, and the mask makes it **{seen}**", query=q, key=k, scale=run.scale, plain=number(p), seen=number(s))
        if p != s else say("“{query}” · “{key}” · {scale} = **{seen}**", query=q, key=k, scale=run.scale, seen=number(s))
        for (q, k), s, p in zip(pairs, seen, plain, strict=True)
    ]  # fmt: skip


def weights(run: Run) -> list[str]:
    """For each weight who takes how much of what."""
    shares, kept = run.steps.weights.flatten().tolist(), run.steps.dropped.flatten().tolist()
    pairs = [(query, key) for query in run.queries for key in run.keys]
    return [
        say("**{share}** of what “{query}” takes comes from “{key}”", share=number(share), query=q, key=k)
        if share == keep else
        say("“{query}” would take {share} of “{key}”; dropout makes it **{kept}**", share=number(share), kept=number(keep), query=q, key=k)
        for (q, k), share, keep in zip(pairs, shares, kept, strict=True)
    ]  # fmt: skip


# ---- the tabs --------------------------------------------------------------------------------------------------

HEAD_SPELLED = {
    "q": "`{at:q}` = **{q}**",
    "heads": "`{at:heads}` = **{heads}**",
    "looks": "`{at:looks}` = **{looks}**",
    "merged": "`{at:merged}` = **{merged}**",
}


def heads(found: Heads) -> tuple[list[Part], list[Relation]]:
    """The queries side by side, as heads, each head's weights, and the outputs side by side again."""
    q, split = found.steps.projected.chunk(3, -1)[0], found.steps.heads[0]
    count, _, each = split.shape
    scale, mixed = colour.signed(q), colour.signed(found.steps.merged)
    ties = Relation("d h e", np.array([(h * each + e, h, e) for h in range(count) for e in range(each)]))
    return [
        Picture("q", q, scale, "q: all heads side by side", axes="i d"), "→",
        Picture("heads", split, scale, say("q as {count:|head|heads}", count=count), axes="h i e", leading_names=(_word("head"),), across=True), "→",
        Picture("looks", found.steps.attention.weights, SHARES, "weights of each head", axes="h i j", leading_names=(_word("head"),), across=True), "→",
        Picture("merged", found.steps.merged, mixed, "outputs, merged", axes="i d"),
    ], [ties]  # fmt: skip


def grouped(found: Grouped) -> tuple[list[Part], list[Relation]]:
    """The heads of the keys, and the weights of the heads of the query that ask them."""
    groups = [(h // found.shared, h) for h in range(len(found.weights))]
    return [
        Picture("shared", found.keys, colour.signed(found.keys), say("keys of {count:|head|heads}", count=len(found.keys)), axes="g j e", leading_names=(_word("head"),), across=True), "→",
        Picture("asking", found.weights, SHARES, "weights of each head", axes="h i j", leading_names=(_word("head"),), across=True),
    ], [Relation("g h", np.array(groups))]  # fmt: skip


def _word(text: Words) -> str:
    return _(text)


def blocks(run: Run, found: Blocks) -> list[Part]:
    """The scores seen so far, and what is known of each row."""
    block, unseen = found.block, found.block.stop
    muted = [(i, j) for i in range(len(run.query)) for j in range(unseen, len(run.key))]
    return [
        Picture("scores", run.steps.masked, colour.signed(run.steps.scores), "scores", axes="i j", muted=muted), "→",
        Picture("largest", block.largest, colour.signed(run.steps.scores), "largest", axes="i o"), "",
        Picture("total", block.total, colour.magnitude(block.total), "sum of exp", axes="i o"), "",
        Picture("output", block.output, colour.signed(run.value, run.output), "output so far", axes="i v"),
    ]  # fmt: skip


def cache(run: Run, found: Cached) -> list[Part]:
    """The new query, the keys and values that are kept, and the new output."""
    t, scale = found.token, colour.signed(run.query, run.key)
    values = colour.signed(run.value, run.output)
    return [
        Picture("query", run.query[t : t + 1], scale, "the new query", axes="n e"), "·",
        Picture("keys", run.key[: t + 1], scale, "keys kept", axes="j e", group="j"), "→",
        Picture("weights", found.weights, SHARES, "weights", axes="n j"), "·",
        Picture("values", run.value[: t + 1], values, "values kept", axes="j v", group="j"), "=",
        Picture("output", found.output, values, "the new output", axes="n v"),
    ]  # fmt: skip


def positions(found: Order) -> Picture:
    """The encoding of each position, a row each."""
    return Picture("encoding", found.encoding, Scale(colour.SIGNED, -1.0, 1.0), "positional encoding", axes="i d")


def digit(found: Looked) -> tuple[list[Part], list[Relation]]:
    """An image, and how much each head takes of each of its patches, seen from the patch that is outlined."""
    ties = [Relation(axes, np.array([(i, i // PIXELS) for i in range(SIDE)])) for axes in ("y a", "x b")]
    edge = [(y, x) for y in range(SIDE) for x in range(SIDE) if (y // PIXELS, x // PIXELS) == found.patch]
    picks = [f"{y // PIXELS}, {x // PIXELS}" for y in range(SIDE) for x in range(SIDE)]
    image = Picture(
        "image", found.image, Scale(list(GREY), 0.0, 1.0), say("image: {label}; outlined: the patch that asks", label=found.label),
        axes="y x", texts=[""] * SIDE**2, side=7, outlines=[Outline(edge)], picks=picks,
    )  # fmt: skip
    largest = Scale(colour.MAGNITUDE, 0.0, max(float(found.weights.max()), 1 / GRID**2))
    looks = Picture(
        "looks", found.weights, largest, "what each head takes of each patch", axes="h a b", leading_names=(_word("head"),),
        across=True, side=30,
    )  # fmt: skip
    return [image, "→", looks], ties


def training(losses: Sequence[float], accuracies: Sequence[tuple[int, float]]) -> list[Panel]:
    """The loss of each batch, and the accuracy where it was measured."""
    steps, right = zip(*accuracies, strict=True)
    loss = curves.lines(
        {"loss": (range(1, len(losses) + 1), losses)},
        curves.Axis("step"),
        curves.Axis("loss"),
        title="Loss of each batch",
        height=240,
    )
    share = curves.lines(
        {"accuracy": (steps, right)},
        curves.Axis("step"),
        curves.Axis("accuracy", range=(0, 1.02)),
        title="Accuracy on 1,000 test images",
        height=240,
        markers=True,
    )
    return [
        Panel("loss", loss, say("The loss went from {first} to {last}.", first=losses[0], last=losses[-1]), stretch=430),
        Panel("accuracy", share, say("The accuracy came to {last} after {steps} steps.", last=right[-1], steps=steps[-1]), stretch=430),
    ]  # fmt: skip


def alone(call: runs.Call) -> list[Part]:
    """The tensors of a call that is refused."""
    q, k, v = call.args
    scale = colour.signed(q, k, v)
    return [
        Picture("query", q, scale, say("query {shape}", shape=tuple(q.shape))), "·",
        Picture("key", k, scale, say("key {shape}", shape=tuple(k.shape))), "·",
        Picture("value", v, scale, say("value {shape}", shape=tuple(v.shape))),
    ]  # fmt: skip
