"""The cross entropy page shows what torch computes, for the settings in the link and for the reader's own numbers."""

import math
import random
import re
from urllib.parse import parse_qsl

import pytest
import torch
import torch.nn.functional as F

from core import words as sentences
from core.experiments import binary_cross_entropy, segmentation
from core.experiments import cross_entropy as runs
from pages.cross_entropy_parts import asked, believed, classes, labels, pixels
from tests.experiments.test_cross_entropy import INPUTS, settings_of
from tests.linking import partners
from tests.pages.opening import boards, control, held, open_page, panels, ran_alone, settings, sound, words

CLASSES, BINARY, LABELS, PIXELS = "classes", "binary", "labels", "images"


def example(c=4):
    x = runs.example(3, c, 0)
    return x, runs.example_targets(x)


def numbers(text):
    return [float(found) for found in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", text.replace("−", "-"))]


def told(text, value, digits=5):
    """Whether the text has this number among its own."""
    return any(found == pytest.approx(value, rel=10 ** (1 - digits)) for found in numbers(text))


# ---- what is on screen -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "given"),
    [
        ({}, {}),
        ({"label_smoothing": "0.3", "reduction": "sum"}, {"label_smoothing": 0.3, "reduction": "sum"}),
        ({"weight": "tensor([1., 2., 3., 0.5])"}, {"weight": torch.tensor([1, 2, 3, 0.5])}),
        ({"y": "tensor([3, 255, 1])", "ignore_index": "255"}, {"y": torch.tensor([3, 255, 1]), "ignore_index": 255}),
        ({"y": "[-100, 0, 0]", "reduction": "none"}, {"y": torch.tensor([-100, 0, 0]), "reduction": "none"}),
        (
            {"label_smoothing": "1.0", "weight": "1 2 3 4", "ignore_index": "0"},
            {"label_smoothing": 1.0, "weight": torch.tensor([1.0, 2, 3, 4]), "ignore_index": 0},
        ),
    ],
)
def test_loss_and_gradient_are_torchs(link, given):
    app = open_page("cross_entropy", **link)
    x, y = example()
    x.requires_grad_()
    loss = F.cross_entropy(x, **({"target": y} | {"target" if k == "y" else k: v for k, v in given.items()}))
    loss.sum().backward()
    torch.testing.assert_close(held(app, "grad"), x.grad, rtol=1e-4, atol=1e-6)
    if loss.dim():
        torch.testing.assert_close(held(app, "loss")[:, 0], loss.detach(), rtol=1e-4, atol=1e-6)
    else:
        assert told(words(app), loss.item())
        assert any(told(part.get("sign", ""), loss.item(), 2) for part in boards(app)["board"].flow)


def test_all_targets_ignored_is_nan_and_said():
    app = open_page("cross_entropy", y="-100, -100, -100")
    assert "**nan**" in words(app)
    x = example()[0].requires_grad_()
    F.cross_entropy(x, torch.full((3,), -100)).backward()
    assert torch.equal(held(app, "grad"), x.grad)
    assert held(app, "loss").eq(0).all()


@pytest.mark.parametrize(
    ("link", "refused", "mended"),
    [
        ({"y": "0, 255, 1"}, "Target 255 is out of bounds.", {"ignore_index": 255}),
        ({"y": "0, 9, 1"}, "Target 9 is out of bounds.", {"y": ""}),
        ({"y": "0, 1"}, "Expected input batch_size (3) to match target batch_size (2).", {"y": ""}),
        ({"weight": "1, 2"}, "got weight tensor of shape: [2]", {"weight": ""}),
        ({"kind": LABELS, "y": "[[1, 0]]"}, "must be the same as input size", {"y": ""}),
    ],
)
def test_what_torch_refuses_leaves_the_pictures_and_is_mended_in_one_click(link, refused, mended):
    app = open_page("cross_entropy", **link)
    assert refused in app.error[0].value
    assert {"x", "grad"} <= panels(app).keys()
    assert len(app.tabs) > 5
    mend = next(button for button in app.button if button.key and button.key.startswith("mend"))
    app = sound(mend.click().run())
    assert not app.error
    assert {key: settings(app)[key].value for key in mended} == mended


@pytest.mark.parametrize(
    "link", [{"y": "1, x, 2"}, {"y": "0.5, 1, 1"}, {"weight": "[[1, 2, 3, 4]]"}, {"weight": "1,,2"}]
)
def test_what_cannot_be_read_gets_a_sentence_and_the_pictures_stay(link):
    app = open_page("cross_entropy", **link)
    torch.testing.assert_close(held(app, "loss").mean(), F.cross_entropy(*example()), rtol=1e-4, atol=1e-6)
    assert ":material/error:" in words(app)


@pytest.mark.parametrize(
    ("x", "dtype"),
    [("[[1, 2], [3, 4]]", "int64"), ("tensor([[1., 2.]], dtype=torch.float16)", ""), ("[1., 2., 3.]", "")],
)
def test_the_readers_dtype_is_kept_or_its_conversion_said(x, dtype):
    app = open_page("cross_entropy", x_from="typed", x=x, tab="Walk through", walk_of="manual")
    captions = " ".join(caption.value for caption in app.caption)
    assert (f"{dtype}, for which" in captions) == bool(dtype)
    assert ("(3,)" in captions) == (x == "[1., 2., 3.]")
    assert {"N", "C", "seed"}.isdisjoint(settings(app))


@pytest.mark.parametrize(
    "x", ["[[nan, 1], [0, -inf]]", "[[5]]", "[[100, -100]]", "[[1e30, -1e30]]", "[[0, 0], [0, 0]]"]
)
@pytest.mark.parametrize("tab", ["Curve and surface", "Equal ways", "Walk through"])
def test_extreme_logits_open_every_tab(x, tab):
    app = open_page("cross_entropy", x_from="typed", x=x, tab=tab)
    assert held(app, "x").shape == held(app, "grad").shape


@pytest.mark.parametrize("kind", [LABELS, BINARY])
@pytest.mark.parametrize(("reduction", "pos_weight"), [("mean", 1.0), ("sum", 3.0), ("none", 0.5)])
def test_yes_or_no_is_torchs(kind, reduction, pos_weight):
    app = open_page("cross_entropy", kind=kind, reduction=reduction, pos_weight=str(pos_weight))
    x = runs.example(3, 4 if kind == LABELS else 1, 0)
    y = binary_cross_entropy.example_targets(x, 0)
    x.requires_grad_()
    loss = F.binary_cross_entropy_with_logits(x, y, reduction=reduction, pos_weight=torch.tensor(pos_weight))
    loss.sum().backward()
    torch.testing.assert_close(held(app, "grad"), x.grad, rtol=1e-4, atol=1e-6)
    if reduction == "none":
        torch.testing.assert_close(held(app, "loss"), loss.detach(), rtol=1e-4, atol=1e-6)
    else:
        assert told(words(app), loss.item())
    badges = [text for text in words(app).splitlines() if "manual binary_cross_entropy" in text]
    assert ("w" in panels(app)) == (pos_weight != 1), badges


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
        counts = str(int(y[i])) != extra.get("ignore_index")
        assert partners(shown, "loss", (i, 0), "winner")["log"] == ({(i, int(y[i]))} if counts else set())
    assert partners(shown, "p", (1, 2))["grad"] == partners(shown, "p", (1, 2))["log"] == {(1, 2)}
    assert partners(shown, "grad", (2, 0))["loss"] == {(2, 0)}


def test_a_pixel_hangs_together_with_its_classes():
    app = open_page("cross_entropy", kind=PIXELS, cell="3,4")
    run = segmentation.run(0, 6.0, -100, 0)
    assert told(words(app), run.loss.item())
    shown = boards(app)["board"]
    assert shown.pinned == ("y", (0, 3, 4))
    y = int(run.y[0, 3, 4])
    assert partners(shown, "y", (0, 3, 4))["p"] == {(0, c, 3, 4) for c in range(3)}
    assert partners(shown, "loss", (0, 3, 4), "winner")["p"] == {(0, y, 3, 4)}
    assert partners(shown, "x", (0, 1, 3, 4))["p"] == {(0, 1, 3, 4)}
    assert (0, 3, 4) in partners(shown, "class", (y, 0), "winner")["loss"]


# ---- the lesson --------------------------------------------------------------------------------------------------


def said(pitfall):
    facts = pitfall.run()
    return sentences.say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts)


def sound_sentence(text):
    return len(text) > 40 and not re.search(r"[{}]|None|-\d", text)


@pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)
def test_every_pitfall_speaks_at_every_end(x):
    logits = runs.logits(x).x
    for given in settings_of(logits):
        run = runs.run(logits, runs.example_targets(logits), **given)
        for pitfall in believed.pitfalls(run, runs.samples(run)):
            assert sound_sentence(said(pitfall)), said(pitfall)
    for answers in (torch.zeros_like(logits), torch.ones_like(logits), torch.full_like(logits, 0.3)):
        run = binary_cross_entropy.run(logits, answers, 5.0)
        for pitfall in labels.pitfalls(LABELS, run, binary_cross_entropy.samples(run)):
            assert sound_sentence(said(pitfall)), said(pitfall)


@pytest.mark.parametrize("sure", [0.0, 20.0])
def test_every_pitfall_of_pixels_speaks_at_every_end(sure):
    for pitfall in pixels.pitfalls(segmentation.run(0, sure, -100, 0)):
        assert sound_sentence(said(pitfall)), said(pitfall)


def test_verdicts_turn_with_the_facts():
    """Where the run does not refute the claim, the sentence is another one."""
    x, y = example()
    turned = {
        believed.without_mean: (runs.tutorials_loss, (x, y), (x[:1], y[:1])),
        believed.two_softmaxes: (runs.softmax_first, (x, y), (torch.zeros(2, 3), torch.tensor([0, 1]))),
        believed.log_of_zero: (runs.log_of_zero, (x,), (x[:, :1],)),
        believed.row_sums: (runs.row_sums, (x,), (torch.tensor([[0.5, 0.5]]),)),
        believed.weighted: (runs.weighted_mean, (x, y), (x, y, torch.ones(4))),
        believed.ignored: (runs.ignored_sample, (x, y), (x[:1], y[:1])),
        believed.smoothed: (runs.smoothed_floor, (4, 0.1), (1, 0.1)),
        labels.softmax: (binary_cross_entropy.softmax_on_labels, (x, torch.ones(3, 4)), (x[:, :3], torch.eye(3))),
        labels.weighted: (binary_cross_entropy.weighted_yes, (x, torch.ones(3, 4)), (x, torch.zeros(3, 4))),
        labels.mean: (binary_cross_entropy.mean_over_labels, (x, torch.ones(3, 4)), (x[:, :1], torch.ones(3, 1))),
    }
    for says, (experiment, usual, other) in turned.items():
        assert says(experiment(*usual)) != says(experiment(*other)), experiment


@pytest.mark.parametrize("make", [*asked.CLASSES, *asked.LABELS, *asked.PIXELS])
def test_questions_take_their_answer_and_nothing_near_it(make):
    for draw in range(20):
        question = make(random.Random(draw))
        assert question.accepts(question.answer)
        first = numbers(question.answer)[0]
        assert not question.accepts(question.answer.replace(f"{first:g}", f"{first + 1:g}", 1))
        assert not question.accepts(f"{first + 0.03 * abs(first) + 0.02:.4g}")


TRIES = [
    *(each.link for each in classes.TRIES), *(each.link for each in pixels.TRIES),
    *(f"kind={kind}&{each.link}" for kind in labels.TRIES for each in labels.TRIES[kind]),
]  # fmt: skip
LOOKS = [
    *(each.look for each in classes.TRIES), *(each.look for each in pixels.TRIES),
    *(each.look for kind in labels.TRIES for each in labels.TRIES[kind]),
]  # fmt: skip


@pytest.mark.parametrize(("link", "look"), list(zip(TRIES, LOOKS, strict=True)), ids=TRIES)
def test_a_try_is_at_its_state_and_speaks_of_it(link, look):
    app = open_page("cross_entropy", hide="predict", **dict(parse_qsl(link)))
    assert not app.error
    assert look in words(app), "the page does not know that it stands at this link"
    seen = [value for name in panels(app) for value in held(app, name).flatten().tolist()]
    seen += numbers(words(app).replace(look, ""))
    for number in re.findall(r"\d+\.\d+", look):
        digits = len(number.split(".")[1])
        assert float(number) in [round(value, digits) for value in seen] or number == "1.277", number


def test_the_try_on_weights_and_smoothing_compares_torchs_losses():
    x, y, weight = torch.tensor([[0.05, 1.0]]), torch.tensor([0]), torch.tensor([0.1, 0.9])
    look = next(each.look for each in classes.TRIES if "label_smoothing" in each.link)
    for smoothing in (0.0, 0.1):
        assert told(look, F.cross_entropy(x, y, weight, label_smoothing=smoothing).item(), 4)


def test_ways_are_equal():
    said = words(open_page("cross_entropy", tab="Equal ways"))
    assert said.count(f"| {F.cross_entropy(*example()).item():.7g} |") >= 5
    said = words(open_page("cross_entropy", kind=LABELS, tab="Equal ways"))
    x = runs.example(3, 4, 0)
    loss = F.multilabel_soft_margin_loss(x, binary_cross_entropy.example_targets(x, 0)).item()
    assert said.count(f"{loss:.6g}") >= 5


@pytest.mark.parametrize("kind", [BINARY, LABELS, PIXELS])
@pytest.mark.parametrize("tab", ["Predict", "Walk through", "Timing"])
def test_every_kind_opens_every_tab(kind, tab):
    app = open_page("cross_entropy", kind=kind, tab=tab)
    assert len([button for button in app.button if button.label == "Commit"]) == (3 if tab == "Predict" else 0)


@pytest.mark.parametrize("kind", [LABELS, PIXELS])
def test_controls_of_the_other_kinds_move(kind):
    for key, value in ({"L": 6, "N": 1} if kind == LABELS else {"sure": 20.0, "digit": 7999}).items():
        app = open_page("cross_entropy", kind=kind)
        before = held(app, "loss")
        after = held(sound(control(app, key).set_value(value).run()), "loss")
        assert after.shape != before.shape or not torch.equal(after, before)


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        (CLASSES, {"weight": "1 2 3 4", "label_smoothing": "0.2", "y": "1, 255, 0", "ignore_index": "255"}),
        (LABELS, {"pos_weight": "2"}),
        (PIXELS, {}),
    ],
)
def test_the_script_reproduces_the_number(tmp_path, kind, extra):
    app = open_page("cross_entropy", tab="Take away", kind=kind, **extra)
    out, printed = ran_alone(app, tmp_path)
    assert told(words(app), out["output"].item())
    assert "!= torch" not in printed
    assert math.isfinite(out["output"].item())
