"""What the pictures of losses say of their cells: done as it is written, it gives torch's number."""

import math
import re

import pytest
import torch
import torch.nn.functional as F

from core.experiments import binary_cross_entropy as binary
from core.experiments import cross_entropy as classes
from core.experiments import segmentation
from core.figures import losses as draw
from core.figures.board import Panel
from core.figures.heatmap import Picture


def done(arithmetic: str) -> float:
    """The number that written arithmetic gives: "2·(1 − 0.1) + log 0.5"."""
    python = arithmetic.replace("−", "-").replace("·", "*").replace("e^", "math.e**")
    return float(eval(re.sub(r"log ([\d.e-]+)", r"math.log(\1)", python).replace("log(", "math.log("), {"math": math}))


def pictures(parts) -> dict[str, Picture]:
    return {part.name: part for part in parts if isinstance(part, (Picture, Panel))}


X = classes.example(3, 4, 0)
Y = classes.example_targets(X)
SETTINGS = [
    {}, {"smoothing": 0.3}, {"smoothing": 1.0}, {"weight": torch.tensor([1.0, 2, 3, 0.5])}, {"ignore_index": int(Y[0])},
    {"weight": torch.tensor([0.1, 0.9, -0.2, 4]), "smoothing": 0.1, "reduction": "sum"},
    {"weight": torch.tensor([0.1, 0.9, 2, 4]), "smoothing": 1.0, "ignore_index": int(Y[1])},
]  # fmt: skip


@pytest.mark.parametrize("given", SETTINGS)
def test_a_loss_done_as_written_is_torchs(given):
    run = classes.run(X, Y, **given)
    loss = F.cross_entropy(
        X, Y, given.get("weight"), ignore_index=given.get("ignore_index", -100),
        reduction=given.get("reduction", "mean"), label_smoothing=given.get("smoothing", 0),
    ).item()  # fmt: skip
    assert done(draw.mean_spelled(run)) == pytest.approx(loss, rel=1e-3)
    for note, kept, one in zip(draw.losses_spelled(run), run.kept, run.losses.tolist(), strict=True):
        if kept:
            _, arithmetic, said = note.split(" = ")
            assert done(arithmetic) == pytest.approx(one, rel=2e-3)
            assert done(said.strip("*")) == pytest.approx(one, rel=1e-3)
        else:
            assert "**0**" in note
    target = pictures(draw.classes_backward(run))["target"]
    for note, value in zip(target.notes, target.values.flatten().tolist(), strict=True):
        assert done(note.split(" (the")[0]) == pytest.approx(value, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("given", SETTINGS)
def test_the_second_line_is_an_equation(given):
    run = classes.run(X, Y, **given)
    parts = draw.classes_backward(run)
    shown = pictures(parts)
    signs = "".join(part for part in parts if isinstance(part, str))
    divisor = float(signs.split("÷ ")[1].split(" =")[0]) if "÷" in signs else 1.0
    off, factor = shown["target"].values, shown["w"].values if "w" in shown else torch.ones(3, 1)
    inside = factor * run.p - off if signs.startswith("(·") else factor * (run.p - off)
    torch.testing.assert_close(inside / divisor, run.grad, rtol=1e-3, atol=1e-4)
    assert ("w" in shown) == ("weight" in given or "ignore_index" in given)


def test_a_case_that_was_told_wrongly():
    run = classes.run(torch.tensor([[0.05, 1.0]]), torch.tensor([0]), torch.tensor([0.1, 0.9]), smoothing=0.1)
    (note,) = draw.losses_spelled(run)
    loss = F.cross_entropy(run.x, run.y, run.weight, label_smoothing=0.1).item()
    assert done(note.split(" = ")[1]) / 0.1 == pytest.approx(loss, rel=1e-3)
    assert done(draw.mean_spelled(run)) == pytest.approx(loss, rel=1e-3)


@pytest.mark.parametrize("y", [[1.0, 0.0, 1.0], [0.3, 0.7, 0.5]])
@pytest.mark.parametrize("pos_weight", [1.0, 3.0])
def test_an_answer_done_as_written_is_torchs(y, pos_weight):
    x, y = torch.tensor([[2.0, -1.5, 30.0]]), torch.tensor([y])
    run = binary.run(x, y, pos_weight)
    each = F.binary_cross_entropy_with_logits(x, y, reduction="none", pos_weight=torch.tensor(pos_weight))
    for note, value in zip(draw.answers_spelled(run), each.flatten().tolist(), strict=True):
        assert done(note) == pytest.approx(value, rel=1e-3, abs=1e-6)
    shown = pictures(draw.binary_backward(run))
    assert ("w" in shown) == (pos_weight != 1)


def test_what_is_ignored_or_undefined_is_grey_and_unframed():
    x = X.clone()
    x[2, 0] = math.nan
    run = classes.run(x, Y, ignore_index=int(Y[0]))
    assert pictures(draw.classes_backward(run))["target"].muted == [
        (i, j) for i in range(3) if not run.kept[i] for j in range(4)
    ]
    forward = pictures(draw.classes_forward(run))
    assert forward["p"].muted == [(2, j) for j in range(4)]
    assert list(forward["log"].outlines[0].cells) == [(i, int(Y[i])) for i in range(3) if run.kept[i]]


def test_the_colours_of_the_targets_have_a_legend_that_lights_their_pixels():
    run = segmentation.run(0, 6.0, -100, 0)
    shown = pictures(draw.pixels_losses(run))
    assert tuple(shown["class"].figure.to_dict()["layout"]["yaxis"]["ticktext"]) == draw.REGIONS
    rows = next(r.rows for r in draw.pixels_links(run) if r.role == "winner").tolist()
    assert {tuple(row) for row in rows} == {
        (*i, int(run.y[tuple(i)])) for i in torch.ones_like(run.y).nonzero().tolist()
    }
