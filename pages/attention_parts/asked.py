"""Questions on the attention that is on screen, and what to try."""

import random

from core.experiments import attention as runs
from core.ui.frame import Try
from core.ui.predict import Draw, Question
from core.words import say
from core.words.numbers import number


def questions(run: runs.Run) -> list[Draw]:
    """On a weight that is hidden or shared, on an output, on the split in memory."""

    def output(draw: random.Random) -> Question:
        i, j = draw.randrange(len(run.query)), draw.randrange(run.value.shape[1])
        weights = [number(share) for share in run.steps.dropped[i].tolist()]
        values = [number(value) for value in run.value[:, j].tolist()]
        return Question(
            say("The weights of “{query}” are {weights}. The column {j} of value holds {values}. What is output[{i}, {j}]?", query=run.queries[i], weights=weights, values=values, i=i, j=j),
            number(float(run.output[i, j])).replace("∞", "inf"), "Each value is multiplied by its key's weight, and the products are summed.",
            tolerance=0.02, covers=("output",),
        )  # fmt: skip

    def seen(draw: random.Random) -> Question:
        tokens = draw.randint(3, 9)
        row = draw.randrange(tokens)
        return Question(
            say("Of {tokens} tokens, how many keys does query number {row} (the first is 0) see with `is_causal=True`?", tokens=tokens, row=row),
            str(runs.seen_by(tokens, row)), "Those before it, and its own.", tolerance=0,
        )  # fmt: skip

    def shape(draw: random.Random) -> Question:
        heads, each, tokens = draw.choice((2, 4, 8)), draw.choice((8, 16, 64)), draw.randint(3, 9)
        return Question(
            say("x is ({tokens}, {features}). Which shape has it for {heads} heads, after `unflatten` and `transpose`?", tokens=tokens, features=heads * each, heads=heads),
            str(runs.split_shape(tokens, heads, each)), "The features are cut in as many parts as there are heads, and the heads go before the tokens.", tolerance=0,
        )  # fmt: skip

    return [output, seen, shape]


TRIES = (
    Try("No later token", "mask=causal&cell=3,1",
        "The mask puts −∞ on every key that comes later. Look at row 0 of weights: why is it 1 and zeros, whatever the token looks for? And who does “its” find now?"),
    Try("Nearly hard", "factor=4",
        "Four times the usual factor. Compare row “the” with row “its”: which row hardly changes with the factor, and why?"),
    Try("A query that sees nothing", "mask=own&m_from=typed&m=[[-inf,-inf,-inf,-inf,-inf],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0],[0,0,0,0,0]]&cell=0,0",
        "Every key is hidden from row 0. Softmax has no answer to that: find out below, under Pitfalls, which of torch's functions gives 0 and which nan."),
    Try("Scores that do not matter", "factor=0",
        "With a factor of 0 all scores are 0. What is each token's output now, and is there any order in it?"),
)  # fmt: skip
