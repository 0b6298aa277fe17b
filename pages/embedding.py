"""Embedding: a text's tokens, the rows of a table that they pick, and the gradient that comes back to the rows."""

import random
from collections.abc import Callable
from functools import partial

import streamlit as st

from core.experiments import embedding as runs
from core.figures import embedding as draw
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, frame, link, take_away, tensor_input, walk
from core.ui.frame import Try
from core.ui.predict import Draw, Question
from core.words import N_, _, say
from core.words.numbers import number
from pages.embedding_parts import beliefs

NUMBERS = Limits(ranks=(2,), max_side=24, max_elements=192, allow_nonfinite=True)
INDICES = Limits(ranks=(1, 2), max_side=24, max_elements=48, allow_nonfinite=True)
HEIGHT, TALLEST, ROW = 250, 420, 32  # pixels of the pictures, at least and at most, and of a row of many
WIDE, BESIDE_NAMES = 20, 26  # columns that do not fit side by side; pixels of a cell then
MAX_NORMS, NORM_TYPES = ("None", "0.5", "1", "2"), ("2", "1", "inf")
PICKS = ("input", "weight", "output", "grad")  # pictures whose cells can be pinned
LOSSES: dict[runs.Loss, str] = {"sum": "output.sum()", "squares": "output.pow(2).sum() / 2"}

PICKED = N_("Each number of **input** picks a row of **weight**. Row {row} is picked **{times:|time|times}**, and on the way back the gradients of those places are added: it receives **{grad}**.")  # fmt: skip
SCALED = N_("Each number of **input** picks a row of **weight**. Row {row} is picked **{times:|time|times}**; scale_grad_by_freq divides the sum of what comes back by that number: it receives **{grad}**.")  # fmt: skip
PADDED = N_("Each number of **input** picks a row of **weight**. Row {row} is padding_idx: it is picked **{times:|time|times}** and comes out with its numbers {numbers}, but its gradient is left out: **{grad}**.")  # fmt: skip
WHOLE = N_("Each number of **input** picks a row of **weight**; row {row} is picked **{times:|time|times}**. The table is {dtype}: only floating-point numbers have gradients, and max_norm asks for them too.")  # fmt: skip
RESCALED = N_("max_norm = {max_norm} has written to **weight** itself: it has scaled {n:|row|rows} to that norm ({rows}). The gradient knows nothing of it.")  # fmt: skip
SHORT = N_("max_norm = {max_norm} has changed nothing: no picked row is longer.")


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    row, more = controls.main(), controls.more()
    with row:
        text = controls.text("text", "Text", runs.TEXT, longest=200, width=190)
    with more:
        words = controls.choice("unit", "Tokens", N_({"characters": "characters", "words": "words"})) == "words"
    tokens = runs.tokens_of(text, words)
    with row:
        if tokens is None:
            controls.complain(
                say("This text has no token: type at least one letter. Showing `{text}`.", text=runs.TEXT)
            )
            tokens = runs.tokens_of(runs.TEXT, words=False)
            assert tokens is not None
        example = tensor_input.source("weight") == "example"
        columns = controls.slider("dim", "embedding_dim", 1, 8, 4, width=140) if example else 4
    with more:
        seed = controls.seed()
        given = tensor_input.tensor("input", "Input", tokens.input, INDICES)
        weight = tensor_input.tensor("weight", "Weight", runs.example_weight(len(tokens.vocabulary), columns, seed), NUMBERS)  # fmt: skip
        loss = controls.choice("loss", "Loss", LOSSES)
        norm_type = controls.choice("norm_type", "norm_type", NORM_TYPES)
    with row:
        padding = controls.choice(
            "padding_idx", "padding_idx", ["None", *map(str, range(len(weight)))], few=0, width=110
        )
        max_norm = controls.choice("max_norm", "max_norm", MAX_NORMS)
        scaled = controls.toggle("scale_grad_by_freq", "scale_grad_by_freq")
    options = runs.Options(
        None if padding == "None" else int(padding), None if max_norm == "None" else float(max_norm), float(norm_type), scaled,
    )  # fmt: skip
    misfit = runs.misfit(given, weight)
    run = runs.run(given if misfit is None else misfit.mended, weight, options, loss)
    if misfit is None:
        named = tokens if tensor_input.source("input") == "example" else None
        with more:
            first = ",".join(["0"] * (given.dim() - 1) + ["1" if given.shape[-1] > 1 else "0"])
            cell = controls.cell("cell", "Picked place of input", given.shape, first)
        show(run, named, cell or (0,) * given.dim())
        check.show(topic.operators[0], run.call)
    else:
        refused(misfit, given, weight)
    frame.below(
        topic,
        pitfalls=beliefs.of(run),
        walk=partial(line_by_line, run),
        questions=questions(run),
        tries=TRIES,
        take=lambda: take_away.of(topic.operators[0], run.call, tensors(run), title="embedding"),
    )


def show(run: runs.Run, tokens: runs.Tokens | None, cell: tuple[int, ...]) -> None:
    """The sentence on the row that is picked most often, and the board."""
    row, padding = run.most, run.options.padding_idx
    says = SCALED if run.options.scale_grad_by_freq else PICKED
    if run.grad is None:
        says = WHOLE
    elif padding is not None and run.counts[padding]:
        row, says = padding, PADDED
    st.markdown(say(says, row=row, times=int(run.counts[row]), numbers=run.after[row], dtype=run.weight.dtype,
                    grad="" if run.grad is None else run.grad[row]))  # fmt: skip
    if tokens is not None and tokens.dropped:
        st.caption(say("Only the first {most} tokens are shown; {dropped:|is|are} left out.", most=runs.MOST_TOKENS, dropped=tokens.dropped))  # fmt: skip
    if run.options.max_norm is not None:
        st.caption(
            say(
                RESCALED if run.rescaled else SHORT,
                max_norm=run.options.max_norm,
                rows=run.rescaled,
                n=len(run.rescaled),
            )
        )
    found = draw.pictures(run)
    others = [picture for name, picture in found.items() if name != "input"]
    rows = sum(run.output.shape[:-1]) if run.output.dim() > 2 else max(len(run.output), len(run.weight))
    height = min(max(HEIGHT, ROW * rows), TALLEST)
    wide = run.input.shape[-1] + 3 * run.weight.shape[1] > WIDE
    side = min(board.fitting(others, height), BESIDE_NAMES) if wide else board.fitting(list(found.values()), height)
    vocabulary = tokens.vocabulary if tokens is not None and len(tokens.vocabulary) == len(run.weight) else None
    p = draw.panels(run, found, None if tokens is None else tokens.tokens, vocabulary, side, link.projector())
    back = p["grad"] if "grad" in p else p["counts"]
    beside = (p["weight"], "[", p["input"], "] =", p["output"], "", back)
    below = (p["input"], board.BREAK, p["weight"], "→", p["output"], "", back)
    board.show(
        *(below if wide else beside), links=draw.ties(run), spelled=draw.sentences(), picks=dict.fromkeys(PICKS, "cell"),
        pinned=("input", cell),
    )  # fmt: skip


WHY = {
    "dtype": N_("The input is {dtype}. It holds numbers of rows, so torch wants whole numbers: int64 or int32."),
    "range": N_("The input holds {wrong}, and the table has the rows 0 to {last}."),
}


def refused(misfit: runs.Misfit, given: runs.Tensor, weight: runs.Tensor) -> None:
    """torch's words, the two tensors as they are, and an input that fits, in one click."""
    why = say("{why} The tabs below show the run with an input that fits.", why=say(WHY[misfit.kind], misfit))
    mend: Callable[[], None] = partial(tensor_input.hold, "input", misfit.mended)
    frame.refused(f"`F.embedding`: {misfit.says}", why, {"Make the input fit": mend})
    input, table = draw.refused(given, weight, misfit)
    board.show(table, "[", input, "]", height=HEIGHT)


# ---- walk, questions, what to try, take away -------------------------------------------------------------------


def line_by_line(run: runs.Run) -> None:
    """The loop that picks, and the loop that adds up what comes back."""
    ways = N_({"forward": "forward: pick rows", "backward": "backward: add gradients"})
    with controls.row("walk"):
        way = controls.choice("way", "Direction", ways if run.grad is not None else {"forward": ways["forward"]})
    if way == "backward":
        st.caption(
            _("This loop knows no padding_idx and no scale_grad_by_freq: it adds what comes back, for each row.")
        )
    steps, scales = draw.walk(run, way == "backward")
    walk.show(steps, scales, key=f"walk {way}")


def questions(run: runs.Run) -> list[Draw]:
    """Questions on what is on screen."""
    places = draw.cells(run.input)

    def value(pick: random.Random) -> Question:
        place, column = pick.choice(places), pick.randrange(run.output.shape[-1])
        row, found = int(run.input[place]), run.output[(*place, column)].item()
        return Question(
            say("What stands at output{place}?", place=str([*place, column])), number(found).replace("∞", "inf"),
            say("input{place} is {row}, so it is weight{cell}.", place=str(list(place)), row=row, cell=str([row, column])),
            tolerance=0 if float(found).is_integer() else 0.01, covers=("output",),
        )  # fmt: skip

    def received(pick: random.Random) -> Question:
        assert run.grad is not None
        row, column = pick.randrange(len(run.grad)), pick.randrange(run.grad.shape[1])
        return Question(
            say("The loss is `{loss}`. Which gradient does weight{cell} receive?", loss=LOSSES[run.loss], cell=str([row, column])),
            number(run.grad[row, column].item()).replace("∞", "inf"), draw.arithmetic(run, row, column), covers=("grad",),
        )  # fmt: skip

    def moved(_pick: random.Random) -> Question:
        rows = runs.moves(run)
        return Question(
            say("One step of plain SGD is made with this gradient. Which rows of weight change? Write their numbers with commas, or “{word}”.", word=_("none")),
            ", ".join(map(str, rows)) or _("none"),
            "A row changes where its gradient is not 0: it has to be picked, and it must not be padding_idx.", tolerance=0, covers=("grad",),
        )  # fmt: skip

    return [value, received, moved] if run.grad is not None else [value]


TRIES = (
    Try("Three times, and divided", "scale_grad_by_freq=true",
        "The row of `a` is still picked three times. What does its gradient say now, and which other rows have the same?"),
    Try("Padding", "padding_idx=0&loss=squares",
        "Row 0 is the padding. Compare its row in output with its row in the gradient: which of the two does padding_idx touch?"),
    Try("A row that nobody picks", "input_from=typed&input=[0, 0, 2, 0]",
        "No token names row 1. What comes back to it? Then read the pitfall on rows that are not in the batch: which optimisers move it all the same?"),
    Try("max_norm writes to the table", "max_norm=1",
        "Look at weight, not at output: the rows that were picked and longer than 1 have been scaled. Set max_norm to None to see what they were."),
    Try("A number that is no row", "input_from=typed&input=[0, 1, 3]",
        "The table has rows 0 to 2. Read torch's words, then make the input fit: which row stands for the 3 now?"),
)  # fmt: skip


def tensors(run: runs.Run) -> dict[str, runs.Tensor]:
    """The run's tensors by the names that the script gives them."""
    return {"input": run.input, "weight": run.weight, "output": run.output}


frame.page("embedding", lesson)
