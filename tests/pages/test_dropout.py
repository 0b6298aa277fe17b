"""The dropout page shows what torch computes, for the settings in the link."""

import re

import pytest
import torch
import torch.nn.functional as F

from core.experiments import dropout as runs
from core.tensors.dtypes import as_floats
from tests.pages.opening import boards, control, held, open_page, panels, ran_alone, settings, sound, words


def drawn(x, p, training=True, seed=0):
    torch.manual_seed(seed)
    return F.dropout(x, p, training)


def numbers(text):
    return [float(n.replace("−", "-")) for n in re.findall(r"\*\*(−?\d[\d.e−]*)\*\*", text)]


@pytest.mark.parametrize(
    ("p", "mode"), [("0.5", "train"), ("0.2", "train"), ("0", "train"), ("1", "train"), ("0.5", "eval"), ("1", "eval")]
)
def test_the_pictures_and_the_means_are_torchs(p, mode):
    app = open_page("dropout", p=p, mode=mode)
    x, training = runs.example(6, 0), mode == "train"
    expected = drawn(x, float(p), training)
    torch.testing.assert_close(held(app, "y"), expected)
    torch.testing.assert_close(held(app, "grad"), held(app, "mask"))
    check = next(m.value for m in app.markdown if "is rounding" in m.value)
    assert numbers(check) == [0, 0]
    said = next(m.value for m in app.markdown if "mean of" in m.value or "1/0" in m.value)
    mean = x.mean().item()
    if training and p not in ("0", "1"):
        unscaled = (expected * (1 - float(p))).mean().item()
        stated = [(expected == 0).sum().item(), 1 / (1 - float(p)), mean, expected.mean().item(), unscaled]
        assert numbers(said) == pytest.approx(stated, rel=0.01)
    else:
        assert numbers(said) == pytest.approx([36] if (p, mode) == ("1", "train") else [mean], rel=0.01)


def test_the_picked_cell_is_pinned():
    assert boards(open_page("dropout", cell="2,3"))["board"].pinned == ("y", (2, 3))


def test_typed_numbers_are_the_input_and_bad_ones_keep_the_last_good():
    app = open_page("dropout", x_from="typed", x="[[1., 2], [3, 4]]", cell="1,1", p="0")
    assert held(app, "x").tolist() == held(app, "y").tolist() == [[1, 2], [3, 4]]
    assert "size" not in settings(app)  # it would change nothing
    sound(app.text_area(key="x").set_value("1 2\n3 4 5").run())
    assert held(app, "y").tolist() == [[1, 2], [3, 4]]


def test_integers_are_refused_in_torchs_words_and_mended_in_one_click():
    app = open_page("dropout", x_from="typed", x="[[1, 2], [3, 4]]")
    with pytest.raises(RuntimeError) as refused:
        F.dropout(torch.tensor([[1, 2], [3, 4]]))
    assert str(refused.value) in app.error[0].value
    assert held(app, "x").tolist() == [[1, 2], [3, 4]]
    assert app.tabs
    sound(next(b for b in app.button if (b.key or "").startswith("mend")).click().run())
    assert not app.error
    torch.testing.assert_close(held(app, "y"), drawn(torch.tensor([[1.0, 2], [3, 4]]), 0.5))


@pytest.mark.parametrize(("p", "mode"), [("0", "train"), ("1", "train"), ("0.5", "eval")])
def test_integers_keep_their_dtype_where_torch_takes_them(p, mode):
    app = open_page("dropout", x_from="typed", x="[[1, 2], [3, 4]]", p=p, mode=mode)
    assert not app.error
    assert held(app, "y").dtype == torch.int64
    assert "grad" not in panels(app)


def test_infinity_is_dropped_to_nan():
    app = open_page("dropout", x_from="typed", x="[[1, inf], [nan, -2]]", p="1")
    assert torch.isnan(held(app, "y")).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("p", ["0", "0.5", "1"])
@pytest.mark.parametrize("x", ["[0., 0.]", "[[2.5]]", "[[1, -2], [inf, nan]]"])
def test_every_verdict_goes_with_its_facts(p, x):
    app = open_page("dropout", x_from="typed", x=x, p=p)
    boxes = [part for part in app.expander if part.label.startswith("**“")]
    given = as_floats(held(app, "x")), float(p), 0
    facts = [f(*given) for f in (runs.two_draws, runs.shifts_the_mean, runs.after_eval, runs.no_grad_is_not_eval)]
    stated = [numbers(box.markdown[0].value) for box in boxes]
    draws, shift, after, stopped = facts
    assert stated[0] == ([draws.changed, draws.dropped] if draws.p else [])
    assert stated[2] == ([after.by_careless, after.by_careful] if after.by_careless else [])
    assert stated[3] == ([stopped.under_no_grad, stopped.after_eval] if stopped.under_no_grad else [])
    whole = shift.mean > 0 and shift.mean < float("inf")
    if whole and 0 < shift.p < 1:
        assert stated[1] == pytest.approx([shift.mean, shift.scaled, shift.unscaled, shift.factor], rel=0.01)
    if shift.p == 0:
        assert stated[1] == []
    assert ("careless" in panels(app)) == ("careful" in panels(app))


def answer(app, number, text):
    app.text_input(key=f"answer dropout {number} 0 given").set_value(text)
    sound([b for b in app.button if b.label == "Commit"][number].click().run())


def test_questions_are_answered_by_torch_and_their_pictures_covered_till_then():
    app = open_page("dropout", tab="Predict", seed="3", p="0.35")
    assert '[data-panel="y"]' in words(app)
    ask = next(m.value for m in app.markdown if "the output hold there" in m.value)
    cell = tuple(int(n) for n in ask.split("[")[1].split("]")[0].split(","))
    answer(app, 0, f"{drawn(runs.example(6, 3), 0.35, seed=3)[cell].item():.3f}")
    assert len(app.success) == 1
    assert '[data-panel="y"]' not in words(app)
    answer(app, 1, "12.5")  # 36 · 0.35 is 12.6
    assert "**12.6**" in app.error[0].value


def test_the_walk_shows_the_mask_above_and_in_evaluation_none(monkeypatch):
    shown = []
    monkeypatch.setattr("core.ui.walk.show", lambda walked, scales, key: shown.append(walked))
    app = open_page("dropout", tab="Walk through", seed="4")
    last = shown.pop().steps[-1].values
    assert torch.equal(last["scaled_mask"], held(app, "mask"))
    assert torch.equal(last["output"], held(app, "y"))
    open_page("dropout", tab="Walk through", mode="eval")
    assert torch.equal(shown.pop().steps[-1].values["return"], runs.example(6, 0))
    open_page("dropout", tab="Walk through", walked="textbook")
    assert set(shown.pop().steps[-1].values) == {"X", "mask", "return"}


def test_the_tries_set_up_what_they_speak_of():
    app = open_page("dropout", p="0.8", masks="1000")
    x = runs.example(6, 0)
    assert held(app, "mask").max() == pytest.approx(5)
    found = runs.over_masks(x, 0.8, 1000, 0)
    assert found.mean_unscaled / found.mean_x == pytest.approx(0.2, rel=0.1)
    assert held(open_page("dropout", p="0.8", mode="eval"), "mask").eq(1).all()
    found = runs.over_masks(x, 0.95, 1000, 0)
    assert found.mean == pytest.approx(found.mean_x, rel=0.1)
    assert found.expected_variance == pytest.approx(19 * (x.double() ** 2).mean().item())
    assert abs(found.means[0] - found.mean_x) > 0.2 * found.mean_x


def test_the_script_reproduces_the_numbers(tmp_path):
    app = open_page("dropout", tab="Take away", seed="5", p="0.3")
    out, _ = ran_alone(app, tmp_path)
    assert torch.equal(out["output"], drawn(runs.example(6, 5), 0.3, seed=5))
    assert control(app, "p").value == 0.3
