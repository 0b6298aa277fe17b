"""Every pixel of an image: logits (N, C, H, W) and classes (N, H, W), a loss for each pixel."""

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import segmentation as runs
from core.figures import losses as draw
from core.topics import Topic
from core.ui import board, check, controls, frame, link, take_away
from core.ui.frame import Pitfall, Try
from core.words import N_, _, say
from pages.cross_entropy_parts import asked
from pages.cross_entropy_parts.shared import hint, look, narrow

CROSS_ENTROPY = 1  # its place in the topic's operators

FIRST = N_(
    "**Point at a pixel:** its three logits lie in dimension 1, and it costs minus the log of what its target got."
)
MEAN = N_(
    "The logits have shape {logits}, the targets {targets}. The mean over {counted:|pixel|pixels} is **{loss:.5g}**; as a "
    "list of samples, `x.permute(0, 2, 3, 1).reshape(-1, 3)`, it is **{of_list:.5g}**."
)

TRIES = (
    Try("Sure of itself", "kind=images&sure=20",
        "The surer the model is, the fewer pixels cost anything, and the more those cost that are wrong. Where in the "
        "digit do they lie?"),
    Try("It knows nothing", "kind=images&sure=0",
        "All logits are 0. Every pixel costs log 3 = 1.0986, whatever its target."),
    Try("Leave out the background", "kind=images&ignore_index=0",
        "Most pixels are background. Compare the mean with the one of all pixels: what does it say about a model that is "
        "good at black alone?"),
)  # fmt: skip


def part(topic: Topic, main: Any, more: Any) -> None:
    """The lesson on one class a pixel."""
    with main:
        sure = controls.slider("sure", "Confidence", 0.0, 20.0, 6.0, step=1.0, width=narrow())
        indices = {-100: "−100", 0: "0", 1: "1", 2: "2"}
        ignored = controls.choice("ignore_index", "ignore_index", indices)
    with more:
        which = controls.number("digit", "Which digit", 0, 7999, 0, help="Its place among the 8,000 of the data set.")
        seed = controls.seed()
        picked = controls.cell("cell", "Picked pixel", (runs.SIDE, runs.SIDE))
    run = runs.run(which, sure, ignored, seed)
    look(FIRST)
    board.show(
        *draw.pixels_forward(run), board.BREAK, *draw.pixels_losses(run), links=draw.pixels_links(run),
        spelled=draw.PIXELS_SPELLED, picks=dict.fromkeys(("x", "p", "y", "loss"), "cell"),
        pinned=("y", (0, *picked)) if picked else None, cell=6 if link.projector() else 7, hint=hint(),
    )  # fmt: skip
    shapes = {"logits": tuple(run.x.shape), "targets": tuple(run.y.shape)}
    st.markdown(say(MEAN, run, **shapes, loss=run.loss.item()))
    operator = topic.operators[CROSS_ENTROPY]
    check.show(operator, run.call)
    frame.below(
        topic, tries=TRIES, pitfalls=pitfalls(run), questions=asked.PIXELS, operator=operator,
        take=lambda: take_away.of(
            operator, run.call, {"x": run.x, "y": run.y, "output": run.loss}, title="Cross entropy of an image", seed=seed
        ),
    )  # fmt: skip


def pitfalls(run: runs.Run) -> Sequence[Pitfall]:
    """What is believed of losses of images."""
    return (
        Pitfall("The classes are the last dimension, as the colours of a picture file are",
                partial(runs.channels_last, run.x, run.y), CHANNELS),
        Pitfall("`x.reshape(-1, C)` lists the pixels", partial(runs.pixel_list, run.x, run.y), pixel_list),
        Pitfall("The mean treats all classes alike", partial(runs.mean_of_classes, run.x, run.y), classes_alike),
    )  # fmt: skip


CHANNELS = N_(
    "With logits of shape {shape} and targets of shape {targets} torch refuses: “{refused}”. Move the classes to dimension "
    "1, to {moved}, and the loss of all pixels is **{loss}**."
)


def pixel_list(found: runs.PixelList) -> str:
    """Rows of several pixels, where that changes the loss."""
    rows = _("Without `permute`, {mixed} of the {rows} rows hold the logits of several pixels. ")
    if math.isclose(found.permuted, found.reshaped, rel_tol=1e-6):
        return rows + _("All these logits are equal, so that the loss is {permuted} all the same.")
    return rows + (
        _("torch does not complain: the loss of all pixels is **{reshaped}**. After `permute(0, 2, 3, 1)` it is "
        "{permuted}, as for the image itself, {image}.")
    )  # fmt: skip


def classes_alike(found: runs.MeanOfClasses) -> str:
    """The frequent class decides, where the classes cost differently."""
    if math.isclose(found.over_pixels, found.over_classes, rel_tol=1e-6):
        return _(
            "Here every class costs {over_pixels}, so that the mean is the same. It is over the pixels all the same."
        )
    return _(
        "The classes have {counts} pixels and cost {costs}. The mean over all pixels is **{over_pixels}**, the mean of "
        "the classes' own means {over_classes}: a class counts by its number of pixels. `weight` can change that."
    )
