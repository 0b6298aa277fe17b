"""The outer product: each cell is a product of one number of each vector."""

import random
from functools import partial

from core.experiments import outer as runs
from core.figures import colour
from core.figures.heatmap import Picture
from core.ops.operator import Call
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, frame, take_away, tensor_input
from core.ui.frame import Pitfall, Try
from core.ui.predict import Question

LIMITS = Limits(ranks=(1,), max_side=12, max_elements=12)
RANK = "The product has {rows:|row|rows}, each a multiple of the other vector: of all rows **{rank}** is independent."


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        size = controls.slider("size", "Size", 2, 8, 4)
    with controls.more():
        x = tensor_input.tensor("x", "input", runs.example(size), LIMITS)
        y = tensor_input.tensor("y", "vec2", runs.example(3), LIMITS)
    run, call = runs.run(x, y), Call((x, y))
    scale = colour.signed(run.output)
    board.show(
        Picture("x", x, scale, "input", axes="i"), "⊗", Picture("y", y, scale, "vec2", axes="j"), "=",
        Picture("output", run.output, scale, "output", axes="i j"),
        spelled={"output": "`output{at:output}` = {x} · {y} = **{output}**"},
    )  # fmt: skip
    check.show(topic.operators[0], call)
    frame.below(
        topic,
        pitfalls=[Pitfall("All rows of an outer product are independent", partial(runs.rank, run), RANK)],
        questions=[partial(question, run, place) for place in (0, -1, 1)],
        take=lambda: take_away.of(topic.operators[0], call, {"output": run.output}, title="Outer product"),
        tries=(Try("A larger one", "size=8", "Each row is a multiple of the first: of which?"),),
    )


def question(run: runs.Run, place: int, draw: random.Random) -> Question:
    """One cell of the output."""
    column = draw.randrange(len(run.y))
    answer = f"{run.output[place, column].item():g}"
    return Question(f"What stands in row {place}, column {column}?", answer, "A product of two.", covers=("output",))


frame.page("outer", lesson)
