"""The pictures of the network by hand: from pixel to probability and back, its weights as images, its training."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from core.experiments.mlp import CLASSES, HIDDEN, Measured, Parameters
from core.experiments.mlp_lesson import Mistakes, Seen, strongest_units
from core.figures import board, colour, curves, gallery
from core.figures.board import Cells, Panel
from core.figures.colour import Scale
from core.figures.heatmap import PROJECTED_TEXT, SMALLEST_TEXT, Outline, Picture
from core.tensors.digits import SIDE
from core.words import _, partly, say
from core.words.numbers import number

GRID = 16  # the 256 hidden units are drawn as a grid of 16×16
PIXEL, DIGIT, ROW = 5, 26, 11  # pixels: of an image's pixel, of a class's cell, of a row of the first layer's units
MOST_POINTS = 250  # of a curve
SHOWN = 24  # mistakes
LONGEST = 4  # characters in a class's cell
SHARE = Scale(colour.MAGNITUDE, 0.0, 1.0)


def short(value: float) -> str:
    """A number in at most four characters where that can be: .02, -.31, 4.7, -12."""
    if value == 0 or abs(value) >= 1000 or value != value:
        return number(value, 2)
    for places in (2, 1, 0):
        text = f"{value:.{places}f}".replace("0.", ".", 1) if abs(value) < 1 else f"{value:.{places}f}"
        if len(text) <= LONGEST:
            return text if float(text or 0) else ".00"
    return text


def grey(image: Tensor) -> Tensor:
    """Shares as bytes."""
    return (image * 255).round().to(torch.uint8)


def pixels(
    name: str, values: Tensor, shown: Tensor, title: str, colours: Sequence[str], says: str, pixel: int
) -> Panel:
    """Numbers for each pixel (28, 28), drawn as an image of bytes."""
    figure = gallery.gallery(shown[None], across=1, pixel=pixel, title=title, colours=colours)
    return Panel(name, figure, says, Cells("i j", (SIDE, SIDE), values))


def image(seen: Seen, pixel: int) -> Panel:
    """The image on screen."""
    said = say("your image" if seen.label is None else "an {label}" if seen.label == 8 else "a {label}", seen)
    return pixels(
        "x",
        seen.image,
        grey(seen.image),
        f"x: {said}",
        gallery.GREY,
        say("The image: {said}, 28×28.", said=said),
        pixel,
    )


def weights_of(unit: int, W1: Tensor, pixel: int, name: str = "W1", title: str = "W1") -> Panel:
    """The weights (784, 256) into one hidden unit as an image."""
    weights = W1[:, unit].view(SIDE, SIDE)
    reach = number(weights.abs().max().item())
    shown = gallery.signed_bytes(weights.nan_to_num())
    says = say(
        "{title} of unit {unit}: an image of 28×28, at most {reach} in size.", title=title, unit=unit, reach=reach
    )
    return pixels(name, weights, shown, f"{title}[:, {unit}] ±{reach}", colour.SIGNED, says, pixel)


# ---- the first board -----------------------------------------------------------------------------------------------


def hidden(seen: Seen, zoom: float = 1) -> Picture:
    """What the hidden units are for this image; enlarged no further than leaves the weights below it on the screen."""
    values = seen.forward.hidden[0].view(GRID, GRID)
    return Picture(
        "hidden", values, colour.magnitude(values), say("{hidden} hidden units, {value} above 0", hidden=HIDDEN, value=int((values > 0).sum())),
        axes="r s", side=10 if zoom == 1 else 8,
        notes=[number(value, 4) for value in seen.forward.hidden_pre[0].tolist()],
    )  # fmt: skip


def logits(seen: Seen, zoom: float = 1) -> Panel:
    """The scores of the ten classes."""
    values = seen.forward.logits[0]
    notes = [f"{'−' if b < 0 else '+'} {number(abs(b))}" for b in seen.net.b2.tolist()]
    return _of_classes(Picture("logits", values, colour.signed(values), "logits", axes="class", notes=notes), zoom)


def probabilities(seen: Seen, zoom: float = 1) -> Panel:
    """Softmax of the logits, the predicted class and the true one outlined."""
    truth = [] if seen.label is None else [Outline([(seen.label,)], colour.USED, 2)]
    outlines = [Outline([(seen.predicted,)], width=5), *truth]
    title = _("softmax (solid: predicted, dashed: true)")
    return _of_classes(Picture("p", seen.probabilities, SHARE, title, outlines, axes="class"), zoom)


def _of_classes(picture: Picture, zoom: float) -> Panel:
    """A row of ten cells with short numbers in them; sentences say them in full."""
    written = replace(picture, texts=list(map(short, picture.values.tolist())))
    panel = board.panel(written, int(DIGIT * zoom), least=PROJECTED_TEXT if zoom > 1 else SMALLEST_TEXT)
    return replace(panel, cells=board.panel(picture, DIGIT).cells)


def second_layer(net: Parameters, zoom: float = 1) -> Picture:
    """The weights from each hidden unit to each class, a grid of units for every class."""
    W2 = net.W2.T.reshape(CLASSES, GRID, GRID)
    title = _("W2: the weights from the hidden units to each class")
    return Picture("W2", W2, colour.signed(W2), title, axes="class r s", across=True, side=5 if zoom == 1 else 4)


def network_spelled(seen: Seen) -> dict[str, str]:
    """The arithmetic of a cell of each picture of the first board."""
    j = seen.unit
    pixel = partly(
        "`{at:x}` = {x}, times its weight to unit {unit}, {W1}, is **{total:x*W1}**; unit {unit} adds up all {pixels} of them and b = {bias}: {sum}.",
        unit=str(j), pixels=str(SIDE**2), bias=number(seen.net.b1[j].item()),
        sum=number(seen.forward.hidden_pre[0, j].item(), 4),
    )  # fmt: skip
    return {
        "x": pixel, "W1": pixel,
        "hidden": "`{at:hidden}` = max(0, Σ x·w + b) = max(0, {note:hidden}) = **{hidden}**",
        "W2": _("`{at:W2}`: {hidden} · {sum:W2} = **{total:hidden*W2}** is this unit's part of `{at:logits}`, {logits}."),
        "logits": "`{at:logits}` = {sum:hidden*W2} {note:logits} = **{logits}**",
        "p": "`{at:p}` = exp({logits}) / Σ exp(logits) = **{p}**",
    }  # fmt: skip


# ---- the first layer as images -------------------------------------------------------------------------------------


def first_layer(seen: Seen) -> tuple[float, Panel, Picture, Picture]:
    """The weights into the strongest hidden units as images, what those units are, and their weights to the classes.

    Also where the colours of the images end.
    """
    units = strongest_units(seen.net)
    weights = seen.net.W1[:, units].T.nan_to_num()  # (units, 784)
    reach = weights.abs().quantile(0.995).item()
    images = gallery.panel(
        "units", gallery.signed_bytes(weights.view(-1, SIDE, SIDE), reach), [say("unit {j}", j=j) for j in units],
        [f"{j // GRID}, {j % GRID}" for j in units], pixel=2.3, title="weights as images", colours=colour.SIGNED,
    )  # fmt: skip
    values, out, places = seen.forward.hidden[0, units, None], seen.net.W2[units], images.picks or ()
    return reach, images, Picture(
        "unit", values, colour.magnitude(seen.forward.hidden), "hidden", axes="tile one", side=ROW, picks=places
    ), Picture(
        "weights", out, colour.signed(out), "W2 of these", axes="tile class", side=ROW,
        picks=[place for place in places for _ in range(CLASSES)],
    )  # fmt: skip


# ---- backward ------------------------------------------------------------------------------------------------------


def backward(seen: Seen, label: int) -> tuple[Picture, Picture, Picture, Tensor]:
    """The gradients of the logits, of the hidden units, and of what came before their ReLU; and that of W1."""
    steps = seen.backward(label)
    after, before, above = steps.hidden[0].view(GRID, GRID), steps.hidden_pre[0].view(GRID, GRID), steps.logits[0]
    scale = colour.signed(after)
    passes = [
        _("the unit is above 0 and lets it pass") if h > 0 else _("the unit is 0 and stops it")
        for h in seen.forward.hidden[0]
    ]
    notes = [number(p) + (" − 1" if c == label else "") for c, p in enumerate(seen.probabilities.tolist())]
    title = f"d logits = softmax − onehot({label})"
    return (
        Picture("dlogits", above, colour.signed(above), title, axes="class", side=36, notes=notes),
        Picture("dhidden", after, scale, "d hidden = d logits · W2ᵀ", axes="r s", side=11),
        Picture("dpre", before, scale, "where the unit is above 0", axes="r s", side=11, notes=passes),
        steps.parameters.W1,
    )  # fmt: skip


def backward_spelled(seen: Seen, arrived: float) -> dict[str, str]:
    """The arithmetic of a cell of each gradient."""
    product = partly(
        "{x} · {arrived} = **{dW1}**: the pixel times what reached unit {unit}",
        arrived=number(arrived, 4), unit=str(seen.unit),
    )  # fmt: skip
    return {
        "dlogits": "`{at:dlogits}` = {note:dlogits} = **{dlogits}**",
        "x": product,
        "dW1": f"`{{at:dW1}}` = {product}",
        "": "`{at:dhidden}`: **{dhidden}** arrives; {note:dpre}: **{dpre}**.",
    }


# ---- trainings and mistakes ----------------------------------------------------------------------------------------


def losses(pairs: Sequence[tuple[float, float]]) -> Panel:
    """The loss of each step's batch, by hand and torch.nn's."""
    stride = -(-len(pairs) // MOST_POINTS)
    steps = torch.arange(1, len(pairs) + 1)[::stride]
    ours, theirs = torch.tensor(pairs, dtype=torch.float64)[::stride].T
    figure = curves.lines(
        {"by hand": (steps, ours), "torch.nn": (steps, theirs)},
        curves.Axis(say("step (one in {stride} is drawn)", stride=stride) if stride > 1 else "step"),
        curves.Axis("loss of the batch"), title="Loss: two curves, one on the other", height=250,
    )  # fmt: skip
    apart = max(abs(a - b) for a, b in pairs)
    said = say(
        "Loss of {count} steps, from {pairs} to {pairs2}; the two networks differ by at most {apart}.",
        count=len(pairs),
        pairs=number(pairs[0][0]),
        pairs2=number(pairs[-1][0]),
        apart=number(apart),
    )
    return Panel("loss", figure, said, stretch=435)


def accuracies(found: Sequence[Measured]) -> Panel:
    """Accuracy on training and test images at each measurement."""
    steps, last = [m.step for m in found], found[-1]
    figure = curves.lines(
        {
            "training images": (steps, [m.train for m in found]),
            "test images": (steps, [m.test for m in found]),
            "test, torch.nn": (steps, [m.test_of_torch for m in found]),
        },
        curves.Axis("step"), curves.Axis("accuracy", range=(0, 1.02)), title="Accuracy", height=250, markers=True,
    )  # fmt: skip
    said = say(
        "Accuracy after {step} steps: {train} on training images, {test} on test images by hand, {test_of_torch} with torch.nn.",
        step=last.step,
        train=number(last.train, 4),
        test=number(last.test, 4),
        test_of_torch=number(last.test_of_torch, 4),
    )
    return Panel("accuracy", figure, said, stretch=435)


def trainings(found: Mapping[str, Sequence[Measured]]) -> Panel:
    """The accuracy on the test images of several trainings."""
    figure = curves.lines(
        {name: ([m.step for m in measured], [m.test for m in measured]) for name, measured in found.items()},
        curves.Axis("step"), curves.Axis("accuracy on the test images", range=(0, 1.02)), markers=True,
        title="The trainings of this session", height=340,
    )  # fmt: skip
    said = "; ".join(f"{name}: {number(measured[-1].test, 4)}" for name, measured in found.items())
    return Panel("starts", figure, say("Test accuracy at the end: {said}", said=said), stretch=760)


def mistakes(found: Mistakes, X: Tensor, y: Tensor) -> Panel:
    """The first of the test images (X, y) that are taken for another class."""
    shown = found.wrong[:SHOWN]
    says = [
        say("image {i}: a {value} taken for a {said}", i=i, value=int(y[i]), said=said)
        for i, said in zip(shown, found.taken_for, strict=False)
    ]
    images = grey(X[shown].view(-1, SIDE, SIDE))
    return gallery.panel("mistakes", images, says, list(map(str, shown)), across=8, pixel=2.3)
