"""Pictures of dropout: input, mask, output and gradient; averages over masks; two modules after eval()."""

import math

from core.experiments.dropout import AfterEval, Averages, Run
from core.figures import colour, curves
from core.figures.board import Panel
from core.figures.heatmap import Picture
from core.words import N_, _, say


def equation(run: Run, axes: str) -> list[Picture | str]:
    """input ⊙ mask = output, and the gradient that goes back through the same mask."""
    scale, factors = colour.signed(run.x, run.y), colour.magnitude(run.mask)
    fates = [_("kept") if kept else _("dropped") for kept in run.kept.flatten().tolist()]
    title = N_("mask: 0 or 1/(1 − p)") if run.drawn else N_("mask: nothing is drawn")
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
    return Picture("x", run.given, colour.signed(run.given), say("input, {dtype}", run), axes=axes)


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
        title="The mean of the output", targets=target(N_("mean of the input: {value}"), found.mean_x),
    )  # fmt: skip
    variances = curves.lines(
        {"variance over the masks": (count, found.variances)},
        curves.Axis("masks averaged", log=True), curves.Axis("variance"), height=270,
        title="How far the output varies", targets=target(N_("p/(1 − p) · mean x²: {value}"), found.expected_variance),
    )  # fmt: skip
    return [
        Panel("means", means, say("Mean output after {masks} masks: {mean} scaled, {mean_unscaled} not scaled; "
              "the input's mean is {mean_x}.", found), stretch=440),
        Panel("variances", variances, say("Variance of the output over {masks} masks: {variance}; "
              "p/(1 − p) times the mean square of the input is {expected_variance}.", found), stretch=440),
    ]  # fmt: skip


def target(says: str, value: float) -> dict[str, float]:
    """A horizontal line where the value is a place on the axis."""
    return {say(says, value=value): value} if math.isfinite(value) else {}
