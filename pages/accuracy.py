"""Accuracy: counted over batches, per class, among the k best, and as a matrix whose cells show their images."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.data import mnist
from core.experiments.softmax_regression import Model, logits, train
from core.figures import colour, curves, gallery
from core.figures.board import Cells, Panel, Relation
from core.figures.heatmap import Outline, Picture
from core.figures.montage import MARGIN_BOTTOM, MARGIN_TOP, PROJECTED
from core.figures.numbers import number
from core.figures.walk import Moment, record
from core.ops import metrics as ops
from core.ops.losses import cross_entropy
from core.ops.operator import Call
from core.ops.softmax import softmax
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, link, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway
from core.ui.training import data as training_data

CLASSES, EPOCHS = 10, 10
SAMPLES = (20, 100, 200, 500, 1000, 2000)
BATCHES = (10, 16, 32, 50, 64, 100, 128, 200, 256, 500)
RATES = (0.01, 0.05, 0.2, 0.5, 1.0)
TRAINING = (50, 200, 1000, 8000)
SHOWN = 10  # images of a cell of the matrix
SIDE = 33  # pixels of a cell, and of an image with the gap below it
WIDTH = 160  # pixels of a slider: two in a row on a phone

Batch = tuple[Tensor, Tensor]
Index = tuple[int, ...]


@dataclass(frozen=True)
class Run:
    """A trained model on images, with its scores and what was counted."""

    model: Model
    images: Tensor  # (N, 28, 28) bytes
    X: Tensor  # (N, 784), 0 … 1
    y: Tensor  # (N,)
    scores: Tensor  # (N, 10)
    batch_size: int
    topk: int

    @property
    def right(self) -> Tensor:
        """Which samples count as right: (N,) bools."""
        return ops.correct(self.scores, self.y, self.topk)

    @property
    def batches(self) -> list[Batch]:
        """The samples in batches, the last one smaller if they don't divide."""
        return list(zip(self.X.split(self.batch_size), self.y.split(self.batch_size), strict=True))

    def predict(self, X: Tensor) -> Tensor:
        """The model's scores."""
        return logits(self.model, X)


@st.cache_resource(max_entries=64, show_spinner=False)
def begun(samples: int, lr: float, seed: int) -> tuple[list[Model], Iterator[Model]]:
    """A training with these settings: the models so far, and what goes on with it."""
    data = training_data(samples)
    return [], train(data.X, data.y, classes=CLASSES, epochs=EPOCHS, lr=lr, seed=seed)


def trained(samples: int, lr: float, seed: int, epochs: int = EPOCHS) -> list[Model]:
    """The model before training and after each epoch up to this one, trained as far as anybody has asked."""
    models, more = begun(samples, lr, seed)
    while len(models) <= epochs:
        models.append(next(more))
    return models[: epochs + 1]


@st.cache_resource(max_entries=8, show_spinner=False)
def training_curves(samples: int, lr: float, seed: int) -> dict[str, list[float]]:
    """Accuracy after each epoch, on the training and on the test images."""
    data, models = training_data(samples), trained(samples, lr, seed)
    sets = {"training images": (data.X, data.y), "test images": (data.X_test, data.y_test)}
    return {
        name: [ops.accuracy(logits(model, X), y).item() for model in models] for name, (X, y) in sets.items()
    }  # fmt: skip


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
    data = mnist()
    images, y = data.test_images[:count], data.test_labels[:count].long()
    X = images.flatten(1).float() / 255
    model = trained(samples, lr, seed, epochs)[-1]
    run = Run(model, images, X, y, logits(model, X), batch_size, topk)
    confusion = ops.confusion_matrix(run.scores, y)
    matrix_and_images(run, confusion, cell, image[0] if image else None)
    st.markdown(counted(run, confusion))
    check.show(topic.operators[0], Call((run.scores, run.y), {"topk": topk}))
    by_batches(run)
    frame.below(
        topic,
        pitfalls=pitfalls(run),
        walk=lambda: tutorial_walk(run),
        questions=questions(run, confusion),
        take=lambda: take(run, confusion),
        more={
            "k best and classes": lambda: best_and_classes(run, confusion),
            "Training": lambda: training(samples, lr, seed, epochs),
        },
    )


def choose_cell(run: Run, confusion: Tensor, cell: Index | None, image: int | None) -> tuple[int, int]:
    """The picked cell of the matrix; without one that of the picked image, else the most frequent mistake."""
    if cell:
        return cell[0], cell[1]
    return worst(confusion) if image is None else (int(run.y[image]), int(run.scores[image].argmax()))


def worst(confusion: Tensor) -> tuple[int, int]:
    """The most frequent mistake; (0, 0) where there is none."""
    wrong = confusion - torch.diag(confusion.diagonal())
    return divmod(int(wrong.argmax()), CLASSES) if wrong.any() else (0, 0)


# ---- the pictures ----------------------------------------------------------------------------------------------


def counted(run: Run, confusion: Tensor) -> str:
    """Right over all, batch by batch."""
    right = [int(ops.correct(run.predict(X), y, run.topk).sum()) for X, y in run.batches]
    sizes = [len(y) for _, y in run.batches]
    outcome = ops.evaluate(run.batches, run.predict, run.topk)
    among = "" if run.topk == 1 else f" (true class among the {run.topk} best)"
    diagonal = f" The matrix counts the best class alone: {int(confusion.diagonal().sum())} on its diagonal."
    return (
        f"Right{among}, batch by batch: ({sum_of(right)}) / ({sum_of(sizes)}) = {outcome.right} / {outcome.samples} = "
        f"**{outcome.accuracy:.4g}**.{diagonal if run.topk > 1 else ''}"
    )


def sum_of(values: list[int]) -> str:
    """A sum with its terms, the middle left out where there are many."""
    said = [str(v) for v in values]
    return " + ".join(said if len(said) <= 8 else [*said[:4], "…", *said[-2:]])


def matrix_and_images(run: Run, confusion: Tensor, cell: Index | None, image: int | None) -> None:
    """The confusion matrix, the images counted in one of its cells, and for each of them the classes from the best."""
    picked = choose_cell(run, confusion, cell, image)
    inside = ((run.y == picked[0]) & (run.scores.argmax(1) == picked[1])).nonzero().flatten().tolist()
    shown = inside[:SHOWN] if image not in inside[SHOWN:] else [*inside[: SHOWN - 1], image]
    parts: list[board.Part] = [matrix(confusion, picked)]
    if shown:
        parts += [small_images(run, shown), ranks(run, shown, len(inside))]
    board.show(
        *parts,
        links=[Relation("n t p", torch.tensor([(n, *picked) for n in range(len(shown))]).view(-1, 3).numpy())],
        spelled={"confusion": "`{at:confusion}`: {note:confusion}", "images": "{note:images}", "ranks": "{note:ranks}"},
        picks={"confusion": "cell", "images": "image", "ranks": "image"}, pinned=("images", (shown.index(image),)) if image in shown else None, cell=SIDE,
    )  # fmt: skip


def matrix(confusion: Tensor, picked: tuple[int, int]) -> Picture:
    """Which class is taken for which; the colour is the square root of the share of the row."""
    of_class = confusion.sum(1).tolist()
    share = (confusion / confusion.sum(1, keepdim=True).clamp(min=1)).sqrt()
    places = [(t, p, int(n)) for t, row in enumerate(confusion.tolist()) for p, n in enumerate(row)]
    return Picture(
        "confusion", share, colour.Scale(colour.MAGNITUDE, 0.0, 1.0), "true class ↓, predicted class →",
        [Outline([picked])], [str(n) if n else "" for _, _, n in places], axes="t p",
        notes=[taken_for(t, p, n, of_class[t], (t, p) == picked) for t, p, n in places],
    )  # fmt: skip


def taken_for(true: int, predicted: int, count: int, of_class: int, shown: bool) -> str:
    """What a cell of the matrix counts."""
    what = (
        f"images of a {true} are recognised" if true == predicted else f"images of a {true} are taken for a {predicted}"
    )
    share = f", {count / of_class:.1%} of that class" if of_class else ""
    here = "; they stand on the right" if shown and count else "; a click shows them" if count else ""
    return f"**{count}** of {of_class} {what}{share}{here}."


def small_images(run: Run, shown: list[int]) -> Panel:
    """The images in a column, each level with its row of classes."""
    side = SIDE * (PROJECTED if link.projector() else 1)
    return gallery.panel(
        "images", run.images[shown], [placed(run, i) for i in shown], [str(i) for i in shown], axes="n", across=1,
        pixel=side / (run.images.shape[-1] + gallery.GAP), margins=(MARGIN_TOP, MARGIN_BOTTOM),
    )  # fmt: skip


def placed(run: Run, i: int) -> str:
    """Where an image's true class stands among all."""
    place = order(run, i).index(int(run.y[i])) + 1
    return (
        f"Image {i}: true class **{int(run.y[i])}**, predicted **{int(run.scores[i].argmax())}**. The true class stands "
        f"in place **{place}**: right from k = {place} on, so {'right' if place <= run.topk else 'wrong'} for k = "
        f"{run.topk}."
    )


def order(run: Run, i: int) -> list[int]:
    """The classes of an image, the most probable first."""
    return run.scores[i].argsort(descending=True, stable=True).tolist()


def ranks(run: Run, shown: list[int], count: int) -> Picture:
    """For each image the classes from the best to the worst, coloured by their probability."""
    p = softmax(run.scores[shown], 1)
    orders = [order(run, i) for i in shown]
    places = [(n, i, r, c) for n, i in enumerate(shown) for r, c in enumerate(orders[n])]
    trues = [(n, orders[n].index(int(run.y[i]))) for n, i in enumerate(shown)]
    best = [(n, r) for n in range(len(shown)) for r in range(run.topk)]
    first = f"; the first {len(shown)} of {count} images" if count > len(shown) else ""
    return Picture(
        "ranks", p.gather(1, torch.tensor(orders)), colour.Scale(colour.MAGNITUDE, 0.0, 1.0),
        f"classes from the best, the true one framed{first}",
        [Outline(best, colour.MUTED, 2), Outline(trues, colour.INK, 2)], [str(c) for _, _, _, c in places],
        axes="n r", origin=(0, 1), picks=[str(i) for _, i, _, _ in places],
        notes=[
            f"Image {i}: class **{c}** stands in place {r + 1} with probability **{number(p[n, c].item())}**"
            + (", and is the true one." if c == run.y[i] else ".") for n, i, r, c in places
        ],
    )  # fmt: skip


def by_batches(run: Run) -> None:
    """Each batch's accuracy, the accuracy over all, and the mean of the batches'."""
    each = [ops.accuracy(run.predict(X), y, run.topk).item() for X, y in run.batches]
    whole = ops.evaluate(run.batches, run.predict, run.topk).accuracy
    mean = sum(each) / len(each)
    sizes = [len(y) for _, y in run.batches]
    figure = curves.lines(
        {"one batch": (range(len(each)), each)},
        curves.Axis(f"batch (the last one has {sizes[-1]} samples)", step=max(1, len(each) // 10)),
        curves.Axis("accuracy"), title="Batch by batch", markers=True, height=260,
        targets={f"right / all: {number(whole, 5)}": whole, f"mean of the batches: {number(mean, 5)}": mean},
    )  # fmt: skip
    cells = Cells(
        "batch", (len(each),), torch.tensor(each, dtype=torch.float64), spots=list(enumerate(each)),
        notes=[f"batch {b}: {round(share * n)} of {n} right" for b, (share, n) in enumerate(zip(each, sizes, strict=True))],
    )  # fmt: skip
    alt = (
        f"Accuracy of {len(each)} batches, from {number(min(each))} to {number(max(each))}; over all samples "
        f"{number(whole, 5)}, mean of the batches {number(mean, 5)}."
    )
    board.show(
        Panel("batches", figure, alt, cells, stretch=760), spelled="{note:batches}, **{batches}**", name="batches"
    )


def best_and_classes(run: Run, confusion: Tensor) -> None:
    """Accuracy among the k best for all k, and each class's own."""
    ks = range(1, CLASSES + 1)
    among = [value.item() for value in ops.topk_accuracy(run.scores, run.y, ks).values()]
    own = ops.per_class_accuracy(run.scores, run.y)
    best = curves.lines(
        {"true class among the k best": (ks, among), f"k = {run.topk}": ([run.topk] * 2, [0, 1])},
        curves.Axis("k"), curves.Axis("accuracy", range=(0, 1.03)), title="The larger k, the more is right",
        targets={"guessing, k = 1: 1/10": 0.1},
    )  # fmt: skip
    classes = curves.bars(
        {"share recognised": (list(range(CLASSES)), own.nan_to_num(0))}, curves.Axis("true class"),
        curves.Axis(range=(0, 1)), title="Class by class",
    )  # fmt: skip
    board.show(
        Panel("k best", best, f"Accuracy among the k best: {', '.join(number(v) for v in among)}.", stretch=440),
        Panel(
            "by class", classes, f"Share of each class recognised: {', '.join(number(v) for v in own.tolist())}.",
            stretch=440,
        ),
        name="best and classes",
    )  # fmt: skip
    frequent = int(confusion.sum(1).argmax())
    known = own[~own.isnan()]
    st.markdown(
        f"Worst: class **{int(own.nan_to_num(2).argmin())}** with {number(known.min().item())}. The classes' mean is "
        f"**{number(known.mean().item(), 4)}**, not the accuracy, since they are not equally frequent: class "
        f"{frequent} has {int(confusion.sum(1)[frequent])} of {len(run.y)} samples."
    )


def training(samples: int, lr: float, seed: int, epochs: int) -> None:
    """Accuracy over the epochs."""
    found = training_curves(samples, lr, seed)
    board.alone(
        curves.lines(
            {name: (range(EPOCHS + 1), values) for name, values in found.items()}
            | {"on this page": ([epochs] * 2, [0, 1])},
            curves.Axis("epochs"), curves.Axis("accuracy", range=(0, 1.03)), markers=True,
            title="Softmax regression on MNIST, trained by hand-written SGD",
        ),
        "; ".join(f"{name}: {number(v[0])} before, {number(v[-1])} after" for name, v in found.items()),
        name="over epochs", width=640,
    )  # fmt: skip
    st.markdown(
        f"784 × 10 weights and 10 biases, from N(0, 0.01²) and 0; batches of 128; {samples} training images, 2,000 "
        f"test images. Untrained it guesses: **{number(found['test images'][0])}** of the test images are right. "
        f"After {EPOCHS} epochs {number(found['training images'][-1], 4)} of the training images are right and "
        f"**{number(found['test images'][-1], 4)}** of the test images, which alone tell what it has learnt."
    )


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(run: Run) -> list[Pitfall]:
    """What people believe of accuracy, the tutorial's own first."""
    return [
        Pitfall("The tutorial's `evaluate_accuracy(data_iter, y_hat)` works over batches", lambda: same_y_hat(run)),
        Pitfall("The tutorial's commented-out line: with `.mean()` it goes “in one step”", lambda: mean_of_sums(run)),
        Pitfall("The tutorial: right predictions / “the samples of this batch”", lambda: all_batches(run)),
        Pitfall("The accuracy is the mean of the batches' accuracies", lambda: last_batch(run)),
        Pitfall("The scores must go through softmax first", lambda: no_softmax(run)),
        Pitfall("Accuracy is what is trained", lambda: no_gradient(run)),
        Pitfall("A high accuracy means that every class is recognised", lambda: rare_class(run)),
    ]


def same_y_hat(run: Run) -> None:
    """The tutorial's function with the first batch's predictions, over all batches."""
    y_hat = run.predict(run.batches[0][0])
    full = [(X, y) for X, y in run.batches if len(y) == len(y_hat)]
    theirs = ops.evaluate_accuracy(full, y_hat)
    ours = ops.evaluate(full, run.predict)
    try:
        ops.evaluate_accuracy(run.batches, y_hat)
        end = "Here all batches are of one size, so it runs through."
    except RuntimeError as refusal:
        end = f"At the smaller last batch it breaks: “{str(refusal).split(' at non')[0]}”."
    st.markdown(
        f"`y_hat` comes from outside and stays the first batch's, while X is never used. Over {len(full)} full "
        f"batches it says **{number(theirs, 4)}**; with predictions for each batch it is "
        f"**{number(ours.accuracy, 4)}**. {end}"
    )


def mean_of_sums(run: Run) -> None:
    """The tutorial's alternative on one batch, and on perfect predictions."""
    X, y = run.batches[0]
    y_hat = run.predict(X)
    once, right = ops.evaluate_accuracy_mean([(X, y)], y_hat), ops.evaluate_accuracy([(X, y)], y_hat)
    perfect = ops.evaluate_accuracy_mean([(X, y)], torch.nn.functional.one_hot(y, CLASSES))
    st.markdown(
        f"It divides twice. First batch: **{number(once)}** instead of **{number(right)}**, too small by the batch "
        f"size ({len(y)}). Perfect predictions would score {number(perfect)} = 1/{len(y)}."
    )


def all_batches(run: Run) -> None:
    """What the sum over all batches gives when divided by the last one's size."""
    outcome = ops.evaluate(run.batches, run.predict)
    last = len(run.batches[-1][1])
    st.markdown(
        f"Its comment says so, its code does not: n grows over all batches. {outcome.right} right by this batch's "
        f"{last} would be **{number(outcome.right / last, 4)}**; by all {outcome.samples} it is "
        f"**{number(outcome.accuracy, 4)}**."
    )


def last_batch(run: Run) -> None:
    """The mean of batch accuracies, on screen and with one sample left over."""
    whole, mean = (ops.evaluate(run.batches, run.predict).accuracy,
                   ops.mean_of_batch_accuracies(run.batches, run.predict))  # fmt: skip
    wrong = int((~ops.correct(run.scores, run.y)).float().argmax())
    order = torch.cat([torch.arange(len(run.y))[torch.arange(len(run.y)) != wrong], torch.tensor([wrong])])
    size = len(run.y) - 1
    uneven = [(run.X[part], run.y[part]) for part in order.split(size)]
    st.markdown(
        f"On screen: mean **{number(mean, 6)}**, right over all **{number(whole, 6)}**; the batches have "
        f"{len(run.batches[0][1])} samples, the last {len(run.batches[-1][1])}. At worst, {size} in one batch and a "
        f"wrong one left over: mean **{number(ops.mean_of_batch_accuracies(uneven, run.predict), 4)}**, right over "
        f"all {number(ops.evaluate(uneven, run.predict).accuracy, 4)}."
    )


def no_softmax(run: Run) -> None:
    """Predictions from scores and from probabilities."""
    p = softmax(run.scores, 1)
    differ = int((p.argmax(1) != run.scores.argmax(1)).sum())
    huge = softmax(run.scores * 1000, 1)
    ties = int(((huge == huge.amax(1, keepdim=True)).sum(1) > 1).sum())
    st.markdown(
        f"Softmax rises with every score and keeps the order: **{differ} of {len(p)}** predictions differ. It can "
        f"only do harm: with scores 1000 times as large, {int((huge == 0).sum())} of {huge.numel()} probabilities are "
        f"0 and the order among them, which the k best need, is lost ({ties} rows have no single largest)."
    )


def no_gradient(run: Run) -> None:
    """A small step of the weights: what changes."""
    W = run.model.W.clone().requires_grad_()
    scores = logits(Model(W, run.model.b), run.X)
    accuracy = ops.accuracy(scores, run.y)
    loss = cross_entropy(scores, run.y)
    loss.backward()
    assert W.grad is not None
    stepped = logits(Model((W - 1e-4 * W.grad).detach(), run.model.b), run.X)
    same = ops.accuracy(stepped, run.y).item() - accuracy.item()
    st.markdown(
        f"`argmax` has no gradient: the accuracy's `requires_grad` is **{accuracy.requires_grad}**, the loss's "
        f"{loss.requires_grad}. A step of 10⁻⁴ down the loss's gradient changes the loss by "
        f"**{number(cross_entropy(stepped, run.y).item() - loss.item())}** and the accuracy by **{number(same)}**: it "
        "moves only when a prediction flips."
    )


def rare_class(run: Run) -> None:
    """A data set of nearly one class, and a model that always says it."""
    own = ops.per_class_accuracy(run.scores, run.y)
    y = torch.tensor([0] * 99 + [1])
    lazy = torch.zeros(100, 2)
    classes = ops.per_class_accuracy(lazy, y).tolist()
    st.markdown(
        f"On screen the classes reach {number(own.nan_to_num(2).min().item())} to "
        f"{number(own.nan_to_num(-1).max().item())}. Where 99 of 100 samples are of one class, always saying it "
        f"scores **{number(ops.accuracy(lazy, y).item())}** and recognises **{number(classes[1])}** of the other."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def tutorial_walk(run: Run) -> None:
    """The tutorial's loop on three small batches, with the first one's predictions throughout."""
    st.caption("The tutorial's loop over three batches of 6 of these images, with the first batch's scores as `y_hat`.")
    batches = list(zip(run.X[:18].split(6), run.y[:18].split(6), strict=True))
    y_hat = run.predict(batches[0][0])

    def note(now: Moment) -> str:
        return ", ".join(f"{name} = {now.names[name]:g}" for name in ("acc_sum", "n") if name in now.names)

    steps = record(ops.evaluate_accuracy, [(None, y) for _, y in batches], y_hat, panels=("y_hat", "y"), note=note)
    walk.show(steps, {"y_hat": colour.signed(y_hat), "y": colour.identity(CLASSES)}, key="walk")


def questions(run: Run, confusion: Tensor) -> list:
    """Questions on what is on screen."""

    def recognised(draw: random.Random) -> Question:
        c = draw.choice([c for c in range(CLASSES) if confusion[c].sum()])
        row = confusion[c].tolist()
        return Question(
            f"Row {c} of the matrix is {', '.join(map(str, row))}. Which share of the {c}s is recognised?",
            f"{ops.per_class_accuracy(run.scores, run.y)[c].item():.4g}", f"{row[c]} of {sum(row)}.", tolerance=0.02,
        )  # fmt: skip

    def best(draw: random.Random) -> Question:
        k = draw.choice((CLASSES, 1))
        value = ops.accuracy(run.scores, run.y, k).item()
        ask = f"With k = {k}, which share of the samples is right?"
        return Question(ask, f"{value:.4g}", "All classes are among the 10 best." if k > 1 else "That is the accuracy.")

    def uneven(draw: random.Random) -> Question:
        n, last = draw.choice((9, 19, 99)), draw.choice((1, 2))
        y = torch.zeros(n + last, dtype=torch.long)
        scores = torch.tensor([[1.0, 0.0]] * n + [[0.0, 1.0]] * last)
        batches = list(zip(scores.split(n), y.split(n), strict=True))
        whole, mean = ops.evaluate(batches, lambda s: s), ops.mean_of_batch_accuracies(batches, lambda s: s)
        return Question(
            f"A batch of {n}, all right, and a last one of {last}, all wrong. What is the accuracy?",
            f"{whole.accuracy:.4g}", f"{n} of {n + last}; the mean of both batches would say {number(mean)}.",
            tolerance=0.005,
        )  # fmt: skip

    def twice(draw: random.Random) -> Question:
        size = draw.choice((4, 8, 32))
        y = torch.arange(size) % CLASSES
        value = ops.evaluate_accuracy_mean([(None, y)], torch.nn.functional.one_hot(y, CLASSES))
        return Question(
            f"Perfect predictions for one batch of {size}: what does the tutorial's line with `.mean()` return?",
            f"{value:.4g}", "The mean is 1, and it is divided by the number of samples once more.",
        )  # fmt: skip

    return [recognised, best, uneven, twice]


def take(run: Run, confusion: Tensor) -> TakeAway:
    """The counts on screen as a script, from the model's scores; and the tensors."""
    share = ops.accuracy(run.scores, run.y, run.topk)
    script = Script(
        title="Accuracy",
        inputs={"scores": run.scores, "target": run.y},
        functions=(ops.accuracy, ops.confusion_matrix),
        calls=(
            f"share_right = accuracy(scores, target, topk={run.topk})",
            "confusion = confusion_matrix(scores, target)",
        ),
        results=("share_right", "confusion"),
        reference={
            "share_right": f"(scores.topk({run.topk}, 1).indices == target[:, None]).any(1).float().mean()",
            "confusion": f"torch.zeros({CLASSES}, {CLASSES}, dtype=torch.int64).index_put("
            "(target, scores.argmax(1)), torch.tensor(1), accumulate=True)",
        },
    )
    tensors = {"scores": run.scores, "target": run.y, "share_right": share, "confusion": confusion, "W": run.model.W}
    return TakeAway(script, tensors)


frame.page("accuracy", lesson)
