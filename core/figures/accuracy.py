"""The pictures of the accuracy page: the confusion matrix, the images of one of its cells, and what was counted."""

import torch

from core.experiments.accuracy import CLASSES, EPOCHS, ClassShares, Learnt, Means, Run
from core.figures import colour, curves, gallery
from core.figures.board import Cells, Panel, Relation
from core.figures.heatmap import Outline, Picture
from core.figures.montage import MARGIN_BOTTOM, MARGIN_TOP
from core.ops.softmax import softmax
from core.words import N_, _, say
from core.words.numbers import number

SHARE = colour.Scale(colour.MAGNITUDE, 0.0, 1.0)


def matrix(run: Run, picked: tuple[int, int]) -> Picture:
    """Which class counts as which; the colour is the square root of the share of the row."""
    of_class = run.confusion.sum(1)
    share = (run.confusion / of_class.clamp(min=1)[:, None]).sqrt()
    places = [(t, p, int(n)) for t, row in enumerate(run.confusion.tolist()) for p, n in enumerate(row)]
    return Picture(
        "confusion", share, SHARE, "true class ↓, predicted class →", [Outline([picked])],
        [str(n) if n else "" for _, _, n in places], axes="t p",
        notes=[_taken_for(t, p, n, int(of_class[t]), run.topk, (t, p) == picked) for t, p, n in places],
    )  # fmt: skip


def _taken_for(true: int, predicted: int, count: int, of_class: int, topk: int, shown: bool) -> str:
    """What a cell of the matrix counts."""
    if not of_class:
        return say("None of these images is of a {true}.", true=true)
    told = N_("**{count}** of {all} images of a {true} are taken for a {predicted} ({share:.1%} of that class).")
    if true == predicted:
        told = N_("**{count}** of {all} images of a {true} are recognised ({share:.1%} of that class).")
    if true == predicted and topk > 1:
        told = N_(
            "**{count}** of {all} images of a {true} are right: {true} is among the {topk} best ({share:.1%} of that class)."
        )
    here = "" if not count else _(" They stand on the right.") if shown else _(" A click shows them.")
    said = say(told, count=count, all=of_class, true=true, predicted=predicted, topk=topk, share=count / of_class)
    return said + here


def images(run: Run, shown: list[int], side: int) -> Panel:
    """The images in a column, each level with its row of classes, in cells of `side` pixels."""
    return gallery.panel(
        "images", run.images[shown], [_placed(run, i) for i in shown], [str(i) for i in shown], axes="n", across=1,
        pixel=side / (run.images.shape[-1] + gallery.GAP), margins=(MARGIN_TOP, MARGIN_BOTTOM),
    )  # fmt: skip


def _placed(run: Run, i: int) -> str:
    """Where an image's true class stands among all."""
    place = run.place(i)
    return say(
        "Image {i}: true class **{true}**, predicted **{predicted}**. The true class stands in place **{place}**: the image counts as right from k = {place} on, so it is right for k = {k}."
        if place <= run.topk
        else "Image {i}: true class **{true}**, predicted **{predicted}**. The true class stands in place **{place}**: the image counts as right from k = {place} on, so it is wrong for k = {k}.",
        i=i,
        true=int(run.y[i]),
        predicted=int(run.scores[i].argmax()),
        place=place,
        k=run.topk,
    )


def ranks(run: Run, shown: list[int], count: int) -> Picture:
    """For each image the classes from the best to the worst, coloured by their probability."""
    p, orders = softmax(run.scores[shown], 1), [run.order(i) for i in shown]
    places = [(n, i, r, c) for n, i in enumerate(shown) for r, c in enumerate(orders[n])]
    trues = [(n, run.place(i) - 1) for n, i in enumerate(shown)]
    best = [(n, r) for n in range(len(shown)) for r in range(run.topk)]
    title = N_("each image's classes, the best first; {shown} of {count} images")
    if count == len(shown):
        title = N_("each image's classes, the best first")
    return Picture(
        "ranks", p.gather(1, torch.tensor(orders)), SHARE, say(title, shown=len(shown), count=count),
        [Outline(best, colour.MUTED, 2), Outline(trues, colour.INK, 2)], [str(c) for _, _, _, c in places],
        axes="n r", origin=(0, 1), picks=[str(i) for _, i, _, _ in places],
        notes=[
            say(
                "Image {i}: class **{c}** stands in place {r} with probability **{p}**, and is the true one (framed)."
                if c == run.y[i] else
                "Image {i}: class **{c}** stands in place {r} with probability **{p}**.",
                i=i, c=c, r=r + 1, p=number(p[n, c].item()),
            ) for n, i, r, c in places
        ],
    )  # fmt: skip


def in_cell(cell: tuple[int, int], shown: list[int]) -> Relation:
    """The images shown and the cell of the matrix that counts them hang together."""
    return Relation("n t p", torch.tensor([(n, *cell) for n in range(len(shown))]).view(-1, 3).numpy())


def by_batches(found: Means, sizes: list[int]) -> Panel:
    """Each batch's accuracy, the accuracy over all, and the mean of the batches'."""
    ends = [0, len(sizes) - 1]
    figure = curves.lines(
        {
            "one batch": (range(len(sizes)), found.shares),
            say("mean of the batches: {mean}", mean=number(found.mean, 5)): (ends, [found.mean] * 2),
        },
        curves.Axis(say("batch (the first has {sizes} images, the last {sizes2})", sizes=sizes[0], sizes2=sizes[-1]), step=max(1, len(sizes) // 10)),
        curves.Axis("accuracy"), markers=True, height=280,
        targets={say("right / all: {whole}", whole=number(found.whole, 5)): found.whole},
    )  # fmt: skip
    cells = Cells(
        "batch", (len(sizes),), torch.tensor(found.shares, dtype=torch.float64), spots=list(enumerate(found.shares)),
        notes=[
            say("batch {b}: {right} of {n} right", b=b, right=round(share * n), n=n)
            for b, (share, n) in enumerate(zip(found.shares, sizes, strict=True))
        ],
    )  # fmt: skip
    alt = say(
        "Accuracy of the batches, from {shares} to {shares2}; over all images {whole}, mean of the batches {mean}.",
        shares=number(min(found.shares)),
        shares2=number(max(found.shares)),
        whole=number(found.whole, 5),
        mean=number(found.mean, 5),
    )
    return Panel("batches", figure, alt, cells, stretch=760)


def k_best(among: list[float], topk: int) -> Panel:
    """The accuracy for each k."""
    figure = curves.lines(
        {"true class among the k best": (range(1, CLASSES + 1), among), f"k = {topk}": ([topk] * 2, [0, 1]),
         "guessing": ([1, CLASSES], [1 / CLASSES, 1])},
        curves.Axis("k"), curves.Axis("accuracy", range=(0, 1.03)), title="The larger k, the more is right",
    )  # fmt: skip
    return Panel(
        "k best", figure, say("Accuracy among the k best: {terms}.", terms=", ".join(map(number, among))), stretch=440
    )


def by_class(found: ClassShares) -> Panel:
    """Each class's share of right images."""
    figure = curves.bars(
        {"share that is right": (list(range(len(found.own))), found.own.nan_to_num(0))}, curves.Axis("true class"),
        curves.Axis(range=(0, 1)), title="Class by class",
    )  # fmt: skip
    said = ", ".join(number(share) for share in found.own.tolist())
    return Panel("by class", figure, say("Share of each class that is right: {said}.", said=said), stretch=440)


def training(found: Learnt, epochs: int) -> Panel:
    """Accuracy over the epochs, and where the page stands."""
    sets = {N_("training images"): found.training, N_("test images"): found.test}
    figure = curves.lines(
        {name: (range(EPOCHS + 1), values) for name, values in sets.items()} | {N_("on this page"): ([epochs] * 2, [0, 1])},
        curves.Axis("epochs"), curves.Axis("accuracy", range=(0, 1.03)), markers=True,
        title="Softmax regression on MNIST, trained by hand-written SGD",
    )  # fmt: skip
    said = say(
        "training images: {training[0]} before, {training[1]} after; test images: {test[0]} before, {test[1]} after",
        training=[number(found.training[i]) for i in (0, -1)], test=[number(found.test[i]) for i in (0, -1)],
    )  # fmt: skip
    return Panel("over epochs", figure, said, stretch=640)
