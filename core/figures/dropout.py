"""Pictures of dropout: input, mask, output and gradient; averages over masks; two modules after eval()."""

import math

from core.experiments.dropout import AfterEval, Averages, Run
from core.figures import colour, curves
from core.figures.board import Panel
from core.figures.heatmap import Picture
from core.words import _, say
from core.words.numbers import number


def equation(run: Run, axes: str) -> list[Picture | str]:
    """input ⊙ mask = output, and the gradient that goes back through the same mask."""
    scale, factors = colour.signed(run.x, run.y), colour.magnitude(run.mask)
    fates = ["kept" if kept else "dropped" for kept in run.kept.flatten().tolist()]
    title = "mask: 0 or 1/(1 − p)" if run.drawn else _("mask: nothing is drawn")
    parts: list[Picture | str] = [
        Picture("x", run.x, scale, "input", axes=axes), "⊙",
        Picture("mask", run.mask, factors, title, axes=axes, notes=fates), "=",
        Picture("y", run.y, scale, "output", axes=axes),
    ]  # fmt: skip
    if run.grad is not None:
        parts += ["", Picture("grad", run.grad, factors, "gradient at the input", axes=axes)]
    return parts


def input_alone(run: Run, axes: str) -> Picture:
    """The input of a call that torch refuses."""
    return Picture(
        "x", run.given, colour.signed(run.given), f"input, {str(run.dtype).removeprefix('torch.')}", axes=axes
    )


def after_eval(found: AfterEval, axes: str) -> list[Picture | str]:
    """The input, and what the two modules make of it after eval()."""
    scale = colour.signed(found.x, found.careless, found.careful)
    return [
        Picture("x", found.x, scale, "input", axes=axes), "→",
        Picture("careless", found.careless, scale, "F.dropout(x, p)", axes=axes), "",
        Picture("careful", found.careful, scale, "F.dropout(x, p, self.training)", axes=axes),
    ]  # fmt: skip


def averages(found: Averages) -> list[Panel]:
    """Mean and variance of the output over more and more masks, against what they should come to."""
    count = range(1, found.masks + 1)
    means = curves.lines(
        {"scaled by 1/(1 − p)": (count, found.means), "not scaled": (count, found.unscaled)},
        curves.Axis("masks averaged", log=True), curves.Axis("mean output"), height=270,
        title="The mean of the output", targets=target(_("mean of the input"), found.mean_x),
    )  # fmt: skip
    variances = curves.lines(
        {"variance over the masks": (count, found.variances)},
        curves.Axis("masks averaged", log=True), curves.Axis("variance"), height=270,
        title="How far the output varies", targets=target("p/(1 − p) · mean x²", found.expected_variance),
    )  # fmt: skip
    return [
        Panel("means", means, say("Mean output after {masks} masks: {mean} scaled, {mean_unscaled} not scaled; the input's mean is {mean_x}.", masks=found.masks, mean=number(found.mean), mean_unscaled=number(found.mean_unscaled), mean_x=number(found.mean_x)), stretch=440),
        Panel("variances", variances, say("Variance of the output over {masks} masks: {variance}; p/(1 − p) times the mean square of the input is {expected_variance}.", masks=found.masks, variance=number(found.variance), expected_variance=number(found.expected_variance)), stretch=440),
    ]  # fmt: skip


def target(name: str, value: float) -> dict[str, float]:
    """A horizontal line where the value is a place on the axis."""
    return {f"{name}: {number(value)}": value} if math.isfinite(value) else {}
