"""Accuracy: counted over batches, per class, among the k best, and as a matrix whose cells show their images."""

import streamlit as st

from core.experiments import accuracy as runs
from core.experiments.accuracy import CLASSES, EPOCHS, Run
from core.figures import accuracy as draw
from core.figures import colour
from core.figures.walk import Moment, record
from core.ops import metrics as ops
from core.ops.operator import Call
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, link, walk
from core.ui.board import At
from core.ui.frame import Try
from core.ui.take_away import TakeAway
from core.words import N_, _, say
from pages.accuracy_parts.beliefs import pitfalls, questions

SAMPLES = (20, 100, 200, 500, 1000, 2000)
BATCHES = (10, 16, 32, 50, 64, 100, 128, 200, 256, 500)
RATES = (0.01, 0.05, 0.2, 0.5, 1.0)
TRAINING = (50, 200, 1000, 8000)
SHOWN = 8  # images of a cell of the matrix
SIDE, PROJECTED_SIDE = 33, 27  # pixels of a cell, with which the matrix stands on the screen, and on a projector
WIDTH = 160  # pixels of a slider: two in a row on a phone
WALKS = {"evaluate_accuracy": N_("the tutorial's loop over batches"), "correct": N_("among the k best, by hand")}

Cell = tuple[int, int]


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        epochs = controls.slider("epochs", "Epochs trained", 0, EPOCHS, 2, width=WIDTH)
        count = controls.stops("N", "Test images N", SAMPLES, 500, width=WIDTH)
        batch_size = controls.stops("batch_size", "Batch size", BATCHES, 128, width=WIDTH)
        topk = controls.slider("topk", "Among the k best", 1, CLASSES, 1, width=WIDTH)
    with controls.more():
        samples = controls.stops("train", "Training images", TRAINING, 8000, width=WIDTH)
        lr = controls.stops("lr", "Learning rate", RATES, 0.2, format=lambda v: f"{v:g}", width=WIDTH)
        seed = controls.seed()
        cell = controls.cell("cell", "Picked: true, predicted", (CLASSES, CLASSES))
        image = controls.cell("image", "Picked image", (count,))
    run = runs.run(samples, lr, seed, epochs, count, batch_size, topk)
    matrix_and_images(run, (cell[0], cell[1]) if cell else None, image[0] if image else None)
    st.markdown(added_up(run))
    check.show(topic.operators[0], Call((run.scores, run.y), {"topk": topk}))
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: step_through(run),
        questions=questions(run),
        take=lambda: take(run),
        tries=TRIES,
        more={
            "Batch by batch": lambda: batch_by_batch(run),
            "k best and classes": lambda: best_and_classes(run),
            "Training": lambda: training(runs.learnt(samples, lr, seed), epochs),
        },
    )


# ---- the board -------------------------------------------------------------------------------------------------


def matrix_and_images(run: Run, cell: Cell | None, image: int | None) -> None:
    """The confusion matrix, the images counted in one of its cells, and for each of them the classes from the best."""
    of_image = None if image is None else (int(run.y[image]), int(run.counted[image]))
    picked = cell or of_image or runs.worst_cell(run.confusion)
    inside = run.inside(picked)
    shown = inside[:SHOWN] if image not in inside[SHOWN:] else [*inside[: SHOWN - 1], image]
    side = PROJECTED_SIDE if link.projector() else SIDE
    parts = [At(1, 3, board.Words(headline(run))), At(1, 1, draw.matrix(run, picked), rows=2)]
    if shown:
        parts += [At(2, 2, draw.images(run, shown, side)), At(2, 3, draw.ranks(run, shown, len(inside)))]
    board.show(
        *parts,
        links=[draw.in_cell(picked, shown)],
        spelled={"confusion": "`{at:confusion}`: {note:confusion}", "images": "{note:images}", "ranks": "{note:ranks}"},
        picks={"confusion": "cell", "images": "image", "ranks": "image"},
        pinned=("images", (shown.index(image),)) if image in shown else None,
        cell=round(side / board.PROJECTED) if link.projector() else side,
    )


def headline(run: Run) -> str:
    """What to look at first: how many are right, and where the matrix counts them."""
    return say(
        "{right} of {samples} images are right: accuracy {share:.4g}. The diagonal of the matrix counts them, "
        "every other cell one kind of mistake."
        if run.topk == 1 else
        "{right} of {samples} images have their true class among the {topk} best and count as right: accuracy {share:.4g}. "
        "The diagonal of the matrix counts them, the other cells the best class of the rest.",
        run, right=int(run.right.sum()), samples=len(run.y),
    )  # fmt: skip


def added_up(run: Run) -> str:
    """Right over all, batch by batch."""
    right, sizes = run.right_in_batches, run.sizes
    if len(sizes) == 1:
        return say(
            "One batch holds all the images here, and the accuracy is {right} / {sizes} = **{share:.4g}**.",
            right=right[0],
            sizes=sizes[0],
            share=run.share,
        )
    return say(
        "An evaluation sees the images in batches. It adds up what is right in each, and divides once, at the end: ({sum_of}) / ({sum_of2}) = {sum} / {sum2} = **{share:.4g}**.",
        sum_of=sum_of(right),
        sum_of2=sum_of(sizes),
        sum=sum(right),
        sum2=sum(sizes),
        share=run.share,
    )


def sum_of(values: list[int]) -> str:
    """A sum with its terms, the middle left out where there are many."""
    said = [str(v) for v in values]
    return " + ".join(said if len(said) <= 8 else [*said[:4], "…", *said[-2:]])


TRIES = (
    Try("Before training", "epochs=0&topk=1", "Untrained weights guess, and of ten classes that is right for about one image in "
        "ten. Look down the columns: which classes does the model say for nearly every image?"),
    Try("Among the 3 best", "topk=3&epochs=2", "Most mistakes have moved onto the diagonal: the true class was second or third. "
        "Raise k further and find the first k at which no image is left beside the diagonal."),
    Try("A small last batch", "N=20&batch_size=16&epochs=2&topk=1", "The last batch has 4 images, the first 16. Open *Batch by batch*: "
        "there the mean of the two batches is not the accuracy. Which batch pulls the mean its way?"),
    Try("Fours taken for nines", "N=2000&cell=4, 9&topk=1", "These are images of a 4 that the model takes for a 9. "
        "Look at the drawings, then at their rows: in which place does the 4 stand?"),
    Try("Fifty training images", "train=50&epochs=10", "The model has seen fifty images only, ten times each. Open "
        "*Training*: it knows nine in ten of those by heart, and about half of the images that it has never seen."),
)  # fmt: skip


# ---- the tabs --------------------------------------------------------------------------------------------------


def batch_by_batch(run: Run) -> None:
    """Each batch's accuracy, and why their mean is another number than the accuracy."""
    found = runs.means(run.right_in_batches, run.sizes)
    board.show(draw.by_batches(found, run.sizes), spelled="{note:batches}, **{batches}**", name="batches")
    if found.first == found.last:
        says = _("All batches have {first} images, so the mean of their accuracies is the accuracy, **{whole:.4g}**.")
    elif found.same:
        says = _(
            "The last batch is smaller ({last} of {first}), but here the mean happens to be the accuracy, {whole:.4g}."
        )
    else:
        says = _(
            "The last batch has only {last:|image|images}, the others {first} each. The mean of the batches lets every "
            "batch weigh the same, and so says **{mean:.5g}**; right over all is **{whole:.5g}**."
        )
    st.markdown(say(says, found))


def best_and_classes(run: Run) -> None:
    """Accuracy among the k best for all k, and each class's own."""
    found = runs.class_shares(run)
    board.show(draw.k_best(runs.among_the_best(run), run.topk), draw.by_class(found), name="best and classes")
    if found.low == found.high:
        says = _("Each class reaches {low:.4g}.")
    else:
        says = _(
            "The worst is class **{lowest}** with {low:.4g}. The mean of the classes is **{mean:.4g}**, the accuracy "
            "**{accuracy:.4g}**: classes count once each in the mean, and by their images in the accuracy (class "
            "{frequent} has the most, {images} of {samples})."
        )
    st.markdown(say(says, found))


def training(found: runs.Learnt, epochs: int) -> None:
    """Accuracy over the epochs."""
    board.show(draw.training(found, epochs), name="over epochs")
    st.markdown(
        say(
            "The model is the smallest classifier: one weight for each of 784 pixels and each of 10 classes, and 10 "
            "biases. It starts from random weights and learns from {samples:,} images in batches of 128. Untrained, "
            "**{before:.4g}** of the 2,000 test images are right. After the last epoch **{on_training:.4g}** of the "
            "training images are right and **{on_test:.4g}** of the test images: only the test images tell what it does "
            "with images that it has not seen.", found,
        )
    )  # fmt: skip


def step_through(run: Run) -> None:
    """The tutorial's loop on three small batches, or the manual count among the k best."""
    chosen = controls.choice("walk_of", "What runs", WALKS, linked=False)
    batches = list(zip(run.X[:18].split(6), run.y[:18].split(6), strict=True))
    scores, classes = run.predict(batches[0][0]), colour.identity(CLASSES)
    if chosen == "correct":
        k = max(run.topk, 2)
        st.caption(
            say(
                "Which of the first 6 images are right among the {k} best: `best` holds each one's {k} best classes.",
                k=k,
            )
        )
        steps = record(ops.correct, scores, batches[0][1], k, panels=("logits", "target", "best"))
        walk.show(steps, {"logits": colour.signed(scores), "target": classes, "best": classes}, key="walk correct")
        return
    st.caption(_("Three batches of 6 of these images. `y_hat` are the scores of the first batch: they never change."))

    def note(now: Moment) -> str:
        return ", ".join(f"{name} = {now.names[name]:g}" for name in ("acc_sum", "n") if name in now.names)

    steps = record(ops.evaluate_accuracy, [(None, y) for _, y in batches], scores, panels=("y_hat", "y"), note=note)
    walk.show(steps, {"y_hat": colour.signed(scores), "y": classes}, key="walk")


def take(run: Run) -> TakeAway:
    """The counts on screen as a script, from the model's scores; and the tensors."""
    script = Script(
        title="Accuracy",
        inputs={"scores": run.scores, "target": run.y},
        functions=(ops.accuracy, ops.confusion_matrix, runs.counted_as),
        calls=(
            f"share_right = accuracy(scores, target, topk={run.topk})",
            f"counted = counted_as(scores, target, topk={run.topk})",
            f"confusion = confusion_matrix(torch.nn.functional.one_hot(counted, {CLASSES}), target)",
        ),
        results=("share_right", "confusion"),
        reference={
            "share_right": f"(scores.topk({run.topk}, 1).indices == target[:, None]).any(1).float().mean()",
            "confusion": f"torch.zeros({CLASSES}, {CLASSES}, dtype=torch.int64).index_put("
            "(target, counted), torch.tensor(1), accumulate=True)",
        },
    )
    share = ops.accuracy(run.scores, run.y, run.topk)
    tensors = {"scores": run.scores, "target": run.y, "share_right": share, "confusion": run.confusion}
    return TakeAway(script, tensors | {"W": run.model.W})


frame.page("accuracy", lesson)
