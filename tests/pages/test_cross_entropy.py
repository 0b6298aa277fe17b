"""The cross entropy page shows what torch computes, for the settings in the link."""

import json

import pytest
import torch
import torch.nn.functional as F

from core.figures import board as figures
from core.figures.board import Board
from tests.linking import partners
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, readable, sound, words

LABELS, PIXELS, BINARY = "several labels", "every pixel", "yes or no"


def example(seed=0, n=3, c=4):
    logits = torch.randn(n, c, generator=torch.Generator().manual_seed(seed)) * 2
    targets = torch.randint(c, (n,), generator=torch.Generator().manual_seed(seed + 1))
    return logits.round(decimals=1), targets


def labels(seed=0, n=3, c=4):
    logits, _ = example(seed, n, c)
    return logits, torch.randint(2, (n, c), generator=torch.Generator().manual_seed(seed + 1)).float()


def drawn(app, start):
    return next(spec for alt, spec in charts(app).items() if alt.startswith(start))


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "extra",
    [{}, {"label_smoothing": "0.3"}, {"weight": "1, 2, 3, 0.5"}, {"ignore_index": "1"},
     {"label_smoothing": "0.1", "weight": "1 2 3 4", "ignore_index": "0"}],
)  # fmt: skip
def test_the_loss_is_torchs(reduction, extra):
    app = open_page("cross_entropy", reduction=reduction, **extra)
    assert "manual cross_entropy agrees with torch" in words(app)
    x, y = example()
    weight = torch.tensor([float(w) for w in extra["weight"].replace(",", " ").split()]) if "weight" in extra else None
    expected = F.cross_entropy(
        x, y, weight, ignore_index=int(extra.get("ignore_index", -100)), reduction=reduction,
        label_smoothing=float(extra.get("label_smoothing", 0)),
    )  # fmt: skip
    if reduction != "none":
        assert f"**{expected.item():.5g}**" in words(app)
        assert any(part.get("sign", "").endswith(f" = {expected.item():.3g}") for part in boards(app)["board"].flow)
    else:
        assert drawn(app, "4 loss")["data"][0]["z"] == [pytest.approx([v]) for v in expected.tolist()]


SETTINGS = [
    {},
    {"label_smoothing": "0.3"},
    {"weight": "1, 2, 3, 0.5"},
    {"ignore_index": "1"},
    {"label_smoothing": "0.1", "weight": "1 2 3 4", "ignore_index": "0", "reduction": "sum"},
]


@pytest.mark.parametrize("extra", SETTINGS)
def test_the_gradient_is_softmax_less_target_by_the_divisor_on_screen(extra):
    app = open_page("cross_entropy", seed="4", **extra)
    x, y = example(4)
    x.requires_grad_()
    weight = torch.tensor([float(w) for w in extra["weight"].replace(",", " ").split()]) if "weight" in extra else None
    F.cross_entropy(
        x, y, weight, ignore_index=int(extra.get("ignore_index", -100)),
        label_smoothing=float(extra.get("label_smoothing", 0)), reduction=extra.get("reduction", "mean"),
    ).backward()  # fmt: skip
    shown = {name: torch.tensor(panel_numbers(panel)) for name, panel in panels(app).items()}
    torch.testing.assert_close(shown["grad"], x.grad, rtol=1e-4, atol=1e-7)
    signs = " ".join(part.get("sign", "") for part in boards(app)["board"].flow)
    divisor = float(signs.split(") ÷ ")[1].split(" =")[0]) if ") ÷ " in signs else 1.0
    equation = (shown.get("w", torch.ones(1)) * shown["p"] - shown["target"]) / divisor
    torch.testing.assert_close(equation, x.grad, rtol=1e-3, atol=1e-4)
    assert ("w" in shown) == ("weight" in extra or "ignore_index" in extra)


def panel_numbers(panel):
    """What the cells hold: the heatmap's own numbers, or those beside it."""
    if panel.cells.values is not None:
        return panel.cells.values.tolist()
    drawn = json.loads(figures.packed(Board([panel], [])))["panels"][0]["figure"]
    return readable(drawn)["data"][0]["z"]


@pytest.mark.parametrize("extra", [{}, {"weight": "1, 2, 3, 0.5"}, {"ignore_index": "1"}])
def test_a_loss_hangs_together_with_its_row_and_its_target(extra):
    shown = boards(open_page("cross_entropy", **extra))["board"]
    x, y = example()
    leaf = x.clone().requires_grad_()
    log_p = F.log_softmax(leaf, 1)
    for i in range(3):
        found = partners(shown, "loss", (i, 0))
        (grad,) = torch.autograd.grad(log_p[i, y[i]], leaf, retain_graph=True)
        assert found["x"] == set(map(tuple, grad.nonzero().tolist())), "the loss depends on all logits of its row"
        assert partners(shown, "loss", (i, 0), "winner")["log"] == {(i, int(y[i]))}
    assert partners(shown, "p", (1, 2))["grad"] == partners(shown, "p", (1, 2))["log"] == {(1, 2)}
    assert partners(shown, "grad", (2, 0))["loss"] == {(2, 0)}
    assert partners(shown, "p", (0, 3), "winner")["log"] == {(0, int(y[0]))}


@pytest.mark.parametrize("extra", SETTINGS)
def test_each_loss_is_the_sum_that_its_sentence_spells(extra):
    app = open_page("cross_entropy", **extra)
    for i, note in enumerate(panels(app)["loss"].cells.notes):
        said = note.split("**")[1]
        assert float(said) == pytest.approx(panel_numbers(panels(app)["loss"])[i][0], rel=1e-3)
        terms = note.split(" = ")[1].split(" + ")
        if "·" in note:
            summed = sum(float(a) * float(b) for a, b in (term.split("·") for term in terms))
            assert summed == pytest.approx(float(said), rel=2e-3)


def test_targets_and_weights_can_be_typed_and_bad_ones_are_refused():
    app = open_page("cross_entropy", y="3, 3, 3")
    expected = F.cross_entropy(example()[0], torch.tensor([3, 3, 3])).item()
    assert f"**{expected:.5g}**" in words(app)
    for key, text in (("y", "9, 9, 9"), ("y", "1"), ("weight", "1, x"), ("weight", "1, 2"), ("weight", "nan 1 1 1")):
        app = open_page("cross_entropy", **{key: text})
        assert "give" in words(app)
        assert f"**{F.cross_entropy(*example()).item():.5g}**" in words(app)


def test_all_targets_ignored_is_nan_and_said():
    app = open_page("cross_entropy", y="1, 1, 1", ignore_index="1")
    assert "**nan**" in words(app)


def test_ways_are_equal():
    said = words(open_page("cross_entropy", tab="Equal ways"))
    loss = F.cross_entropy(*example()).item()
    assert said.count(f"| {loss:.7g} |") >= 6
    x, y = labels()
    said = words(open_page("cross_entropy", kind=LABELS, tab="Equal ways"))
    assert f"| {F.multilabel_soft_margin_loss(x, y).item():.6g}" in said
    assert "manual multilabel_soft_margin_loss agrees with torch" in said


@pytest.mark.parametrize("kind", [LABELS, BINARY])
@pytest.mark.parametrize(("reduction", "pos_weight"), [("mean", 1.0), ("sum", 3.0), ("none", 0.5)])
def test_yes_or_no_is_torchs(kind, reduction, pos_weight):
    app = open_page("cross_entropy", kind=kind, reduction=reduction, pos_weight=str(pos_weight))
    x, y = labels() if kind == LABELS else labels(c=1)
    expected = F.binary_cross_entropy_with_logits(x, y, reduction=reduction, pos_weight=torch.tensor(pos_weight))
    assert "manual binary_cross_entropy_with_logits agrees with torch" in words(app)
    assert "manual binary_cross_entropy agrees with torch" in words(app)
    if reduction != "none":
        assert f"All together: **{expected.item():.5g}**" in words(app)
    leaf = x.clone().requires_grad_()
    factor = torch.tensor(pos_weight)
    each = F.binary_cross_entropy_with_logits(leaf, y, reduction="none", pos_weight=factor)
    (each.mean() if reduction == "mean" else each.sum()).backward()
    shown = {name: torch.tensor(panel_numbers(panel)) for name, panel in panels(app).items()}
    torch.testing.assert_close(shown["loss"], each.detach(), rtol=1e-4, atol=1e-5)
    equation = shown.get("w", torch.ones(1)) * (shown["p"] - shown["y"]) / (x.numel() if reduction == "mean" else 1)
    torch.testing.assert_close(equation, leaf.grad, rtol=1e-4, atol=1e-6)
    assert ("w" in shown) == (pos_weight != 1)


def test_every_pixel_has_a_loss_and_a_list_of_pixels_gives_the_same():
    app = open_page("cross_entropy", kind=PIXELS, cell="3,4")
    said = words(app)
    whole = said.split("pixels is **")[1].split("**")[0]
    assert said.split("reshape(-1, 3)`: **")[1].split("**")[0] == whole
    assert "manual cross_entropy agrees with torch" in said
    shown = boards(app)["board"]
    assert shown.pinned == ("y", (0, 3, 4))
    y = panel_numbers(panels(app)["y"])[0][3][4]
    assert partners(shown, "y", (0, 3, 4))["p"] == {(0, c, 3, 4) for c in range(3)}
    assert partners(shown, "loss", (0, 3, 4), "winner")["p"] == {(0, int(y), 3, 4)}
    assert partners(shown, "x", (0, 1, 3, 4))["p"] == {(0, 1, 3, 4)}
    ignoring = words(open_page("cross_entropy", kind=PIXELS, ignore_index="0"))
    assert ignoring.split("pixels is **")[1].split("**")[0] != whole


@pytest.mark.parametrize("kind", ["one of C classes", LABELS, BINARY, PIXELS])
@pytest.mark.parametrize("tab", ["Pitfalls", "Predict", "Take away", "Curve and surface", "Walk through"])
def test_every_kind_opens_every_tab(kind, tab):
    open_page("cross_entropy", kind=kind, tab=tab)


@pytest.mark.parametrize("x", ["[[100, -100]]", "[[0, 0], [0, 0]]", "[[5]]", "[[1e30, -1e30]]"])
@pytest.mark.parametrize("tab", ["Pitfalls", "Curve and surface", "Equal ways"])
def test_small_and_extreme_logits_open_every_tab(x, tab):
    open_page("cross_entropy", x_from="typed or pasted", x=x, tab=tab)


def test_controls_of_the_other_kinds_move():
    for kind, moves in {LABELS: {"L": 6, "N": 1, "pos_weight": 5.0}, PIXELS: {"sure": 20.0, "digit": 7999}}.items():
        for key, value in moves.items():
            app = open_page("cross_entropy", kind=kind)
            sound(control(app, key).set_value(value).run())


@pytest.mark.parametrize("link", [{"cell": "9,9"}, {"N": "99"}, {"label_smoothing": "7"}, {"kind": "x"}])
def test_a_hostile_link_shows_the_page(link):
    assert "agrees with torch" in words(open_page("cross_entropy", **link))


def test_pitfalls_tell_what_torch_gives():
    said = words(open_page("cross_entropy"))
    x, y = example()
    twice = F.cross_entropy(F.softmax(x, 1), y).item()
    assert f"**{twice:.3g}**, without an error" in said
    assert "refuses: “grad can be implicitly created only for scalar outputs”" in said
    weighted = F.cross_entropy(x, y, torch.tensor([1.0, 2, 3, 4])).item()
    assert f"torch gives **{weighted:.4g}**" in said


def test_questions_are_answered_by_torch():
    app = open_page("cross_entropy", tab="Predict")
    x, y = example()
    ask = next(m.value for m in app.markdown if "What does it cost" in m.value)
    i = int(ask.split("Sample ")[1].split()[0])
    value = F.cross_entropy(x, y, reduction="none")[i].item()
    app.text_input(key="answer cross_entropy 0 0 given").set_value(f"{value:.4g}")
    sound(app.button[[b.label for b in app.button].index("Commit")].click().run())
    assert any("Right" in message.value for message in app.success)


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("one of C classes", {"weight": "1 2 3 4", "label_smoothing": "0.2"}),
        (LABELS, {"pos_weight": "2"}),
        (PIXELS, {}),
    ],
)
def test_the_script_reproduces_the_number(tmp_path, kind, extra):
    app = open_page("cross_entropy", tab="Take away", kind=kind, **extra)
    out, said = ran_alone(app, tmp_path)
    loss = out["loss"].item()
    assert f"**{loss:.5g}**" in words(app)
    assert "DIFFERS" not in said


def test_a_rerun_is_small():
    assert sum(len(json.dumps(spec)) for spec in charts(open_page("cross_entropy")).values()) < 150_000
