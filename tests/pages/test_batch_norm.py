"""The page on batch norm shows torch's numbers, and refuses what torch refuses."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.experiments import batch_norm as runs
from core.figures.board import packed
from tests.linking import partners
from tests.pages.opening import boards, control, held, open_page, panels, ran_alone, settings, sound, words

X = torch.tensor([[1.0, 2], [3, 6], [8, 7]])
TYPED = {"x_from": "typed", "x": "[[1., 2], [3, 6], [8, 7]]"}


def bold(text):
    return [float(n.replace("−", "-")) for n in re.findall(r"\*\*(−?\d[\d.e−]*)\*\*", text)]


@pytest.mark.parametrize("kind", runs.KINDS)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_check_agrees_and_the_sentence_states_the_group_of_the_cell(kind, mode):
    app = open_page("batch_norm", kind=kind, mode=mode, weight="1.5", cell="1,2,0,1")
    assert any(m.proto.body and "agrees" in m.proto.body for m in app.markdown) or "agrees" in words(app)
    x, output = held(app, "x"), held(app, "output")
    within = (marks := runs.groups_of(kind, x, 2)) == marks[1, 2, 0, 1]
    stated = bold(next(m.value for m in app.markdown if "outlined" in m.value))
    after = [output[within].mean().item(), output[within].var(correction=0).item()]
    assert stated[0] == within.sum()
    assert stated[-2:] == pytest.approx(after, rel=0.01, abs=1e-5)
    if kind == "batch" and mode == "eval":
        own = [x[within].mean().item(), x[within].var(correction=0).item()]
        assert stated[1:3] == pytest.approx(own, rel=0.01)
    else:
        assert stated[1:3] == pytest.approx([x[within].mean().item(), x[within].var(correction=0).item()], rel=0.01)


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_the_output_is_torchs(kind):
    expected = (
        F.batch_norm(X, None, None, training=True, eps=0.1) if kind == "batch" else F.layer_norm(X, (2,), eps=0.1)
    )
    torch.testing.assert_close(held(open_page("batch_norm", **TYPED, kind=kind, eps="0.1"), "output"), expected)


# ---- what hangs together ---------------------------------------------------------------------------------------

MEANS = {
    "batch": lambda x, groups: x.transpose(0, 1).flatten(1).mean(1),
    "layer": lambda x, groups: x.flatten(1).mean(1),
    "instance": lambda x, groups: x.flatten(2).mean(2),
    "group": lambda x, groups: x.unflatten(1, (groups, -1)).flatten(2).mean(2),
}
SIGNALS = {"x_from": "random", "x_shape": "2x4x3"}
CASES = [("batch", {}, 2), ("layer", {}, 2), ("instance", {}, 2), ("group", {}, 2), ("group", {}, 4)]
CASES += [(kind, {"rank": "rows"}, 2) for kind in ("batch", "layer", "group")]
CASES += [("instance", SIGNALS, 2), ("group", SIGNALS, 2)]


@pytest.mark.parametrize(
    ("kind", "shape", "groups", "mode"),
    [(*case, "train") for case in CASES] + [("batch", {}, 2, "eval"), ("batch", {"rank": "rows"}, 2, "eval")],
)
def test_a_mean_lights_the_numbers_it_is_made_of_and_the_sentence_of_every_output_is_true(kind, shape, groups, mode):
    app = open_page(
        "batch_norm", kind=kind, num_groups=str(groups), mode=mode, weight="1.5", bias="-1", eps="0.1", **shape
    )
    board = boards(app)["board"]
    shown = {name: held(app, name).double() for name in ("x", "mean", "var", "gamma", "beta", "standardized", "output")}
    x = shown["x"].requires_grad_()
    assert panels(app)["x"].cells.group == panels(app)["mean"].cells.axes  # the group that lights up within x
    means = MEANS[kind](x, groups)
    if not (kind == "batch" and mode == "eval"):
        torch.testing.assert_close(shown["mean"], means.detach(), rtol=1e-5, atol=1e-5)
    for index in np.ndindex(*means.shape):
        (grad,) = torch.autograd.grad(means[index], x, retain_graph=True)
        found = partners(board, "mean", index)
        assert found["x"] == found["output"] == {tuple(i) for i in grad.nonzero().tolist()}
    for index in np.ndindex(*shown["output"].shape):
        found = partners(board, "output", index)
        names = ("x", "mean", "var", "gamma", "beta", "standardized")
        one, mean, var, gamma, beta, standardized = (shown[name][next(iter(found[name]))].item() for name in names)
        assert all(len(found[name]) == 1 for name in names)
        assert standardized == pytest.approx((one - mean) / (var + 0.1) ** 0.5, abs=1e-4)
        assert shown["output"][index].item() == pytest.approx(standardized * gamma + beta, abs=1e-4)


def test_every_part_of_the_board_pins_a_cell_of_the_input():
    board = boards(open_page("batch_norm", kind="group"))["board"]
    for panel in board.panels:
        assert panel.pick
        for place, index in enumerate(np.ndindex(*panel.cells.shape)):
            said = panel.picks[place] if panel.picks else ", ".join(map(str, index))
            assert tuple(map(int, said.split(","))) in partners(board, panel.name, index)["x"]


# ---- running statistics ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [{}, {"x_from": "typed", "x": "[[1., 2, 4], [3, 6, 4], [8, 7, 5]]"}])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_this_batch_moves_the_running_statistics_as_torchs_does(mode, asked):
    app = open_page("batch_norm", mode=mode, momentum="0.3", steps="5", cell="0,1" + ",0,0" * (not asked), **asked)
    before = held(app, "running_mean"), held(app, "running_var")
    after = tuple(t.clone() for t in before)
    F.batch_norm(held(app, "x"), *after, training=mode == "train", momentum=0.3)
    said = bold(next(m.value for m in app.markdown if "in channel 1" in m.value.lower()))
    own = held(app, "x").transpose(0, 1).flatten(1).mean(1)[1].item()
    if mode == "eval":
        assert "new_mean" not in panels(app)
        stated = [before[0][1].item(), before[1][1].item(), own]
    else:
        torch.testing.assert_close((held(app, "new_mean"), held(app, "new_var")), after)
        stated = [before[0][1].item(), own, after[0][1].item()]
        found = partners(boards(app)["running"], "batch_mean", (2,))
        assert {cell for cells in found.values() for cell in cells} == {(2,)}
        assert panels(app)["means"].cells.spots[2] == pytest.approx((5, before[0][2].item()))
    assert said == pytest.approx(stated, rel=0.01)


def test_a_readers_own_batch_came_over_and_over():
    app = open_page("batch_norm", **TYPED, momentum="0.5", steps="3", mode="eval", cell="0,1")
    module = torch.nn.BatchNorm1d(2, momentum=0.5)
    for _ in range(3):
        module(X)
    torch.testing.assert_close(held(app, "mean"), module.running_mean)
    torch.testing.assert_close(held(app, "running_var"), module.running_var)
    assert {"N", "C", "rank", "batch"}.isdisjoint(settings(app))  # controls of the example alone


def test_other_norms_show_no_running_statistics():
    assert "running" not in boards(open_page("batch_norm", kind="layer"))


# ---- what torch refuses ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rank": "rows", "N": "1"}, "Expected more than 1 value per channel"),
        ({"rank": "rows", "kind": "instance"}, "Expected more than 1 spatial element"),
        ({"x_from": "typed", "x": "[[1, 2], [3, 4]]"}, "not implemented for 'Long'"),
    ],
)
def test_a_refusal_is_torchs_keeps_the_input_and_is_mended_in_one_click(asked, said):
    app = open_page("batch_norm", **asked)
    assert said in app.error[0].value
    assert {"x", "batch", "layer"} <= set(panels(app))
    assert app.tabs
    mends = [b for b in app.button if (b.key or "").startswith("mend")]
    for mend in mends:
        again = open_page("batch_norm", **asked)
        sound(next(b for b in again.button if b.key == mend.key).click().run())
        assert not again.error
        assert "output" in panels(again)
    assert mends


@pytest.mark.parametrize("dtype", ["f16", "f64"])
def test_the_readers_dtype_is_kept(dtype):
    from core.tensors.link import to_link

    x = X.half() if dtype == "f16" else X.double()
    app = open_page("batch_norm", x_from="typed", x=to_link(x))
    assert not app.error
    assert held(app, "x").dtype in (x.dtype, torch.float32)
    kept = F.batch_norm(x, None, None, training=True)
    torch.testing.assert_close(held(app, "output").to(x.dtype), kept, rtol=1e-2, atol=1e-2)


# ---- below -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "x", ["[[1., 2], [3, 6], [8, 7]]", "[[2., 2], [2, 2]]", "[[1., 2]]", "[[0., nan], [1, inf], [-1, 1]]"]
)
def test_every_verdict_goes_with_its_facts(x):
    app = open_page("batch_norm", x_from="typed", x=x, steps="0")
    boxes = [part.markdown[0].value for part in app.expander if part.label.startswith("**“")]
    x = held(app, "x")
    momentum, variance, parts = runs.turned_momentum(x), runs.biased(x), runs.mean_of_means(x)
    assert (momentum.refusal in boxes[0]) or not momentum.refusal
    stated = [] if momentum.refusal else [momentum.tutorials, momentum.same, momentum.other]
    if not momentum.refusal and momentum.tutorials != momentum.same:
        assert bold(boxes[0]) == pytest.approx(stated, rel=0.01)
    if variance.torchs > 0:
        assert bold(boxes[1]) == pytest.approx([variance.tutorials, variance.torchs], rel=0.01)
    if len(set(parts.sizes)) > 1 and parts.mean == parts.mean:
        assert bold(boxes[3]) == pytest.approx([parts.mean_of_means, parts.mean], rel=0.01)
    assert len(boxes) == 6


def test_the_question_on_the_output_covers_it_and_is_answered_by_torch():
    app = open_page("batch_norm", tab="Predict", rank="rows")
    assert '[data-panel="output"]' in words(app)
    ask = next(m.value for m in app.markdown if "What is the output there" in m.value)
    at = tuple(int(n) for n in re.search(r"\[(\d+), (\d+)\]", ask).groups())
    value = F.batch_norm(held(app, "x"), None, None, training=True)[at].item()
    app.text_input(key="answer batch_norm 0 0 given").set_value(f"{value:.3f}")
    sound(next(b for b in app.button if b.label == "Commit").click().run())
    assert len(app.success) == 1


@pytest.mark.parametrize("kind", runs.KINDS)
def test_the_walk_of_the_manual_version_ends_on_the_output_above(kind, monkeypatch):
    shown = []
    monkeypatch.setattr("core.ui.walk.show", lambda walked, scales, key: shown.append(walked))
    app = open_page("batch_norm", kind=kind, tab="Walk through")
    last = shown.pop().steps[-1].values
    torch.testing.assert_close(last["output"].reshape(3, 4, 2, 2), held(app, "output"))
    open_page("batch_norm", kind=kind, tab="Walk through", walked="textbook")
    assert {"X", "X_hat", "Y"} <= set(shown.pop().steps[-1].values)


def test_the_tries_set_up_what_they_speak_of():
    broken = {"x_from": "typed", "x": "[[1., 2], [nan, 6], [8, 7]]"}
    lost = held(open_page("batch_norm", **broken), "output").isnan().tolist()
    assert lost == [[True, False]] * 3
    lost = held(open_page("batch_norm", **broken, kind="layer"), "output").isnan().tolist()
    assert lost == [[False, False], [True, True], [False, False]]
    app = open_page("batch_norm", mode="eval", steps="0")
    torch.testing.assert_close(held(app, "output"), held(app, "x"), rtol=1e-4, atol=1e-4)
    history = runs.other_batches(4, "1", 8, 0)
    torch.testing.assert_close(history.running_mean[1:], history.mean)
    app = open_page("batch_norm", eps="10")
    after = held(app, "output").transpose(0, 1).flatten(1).var(1, correction=0)
    assert after.max() < 0.6
    assert after.argmin() == held(app, "var").argmin()


MOVES = {"N": 2, "C": 6, "H": 3, "weight": 2.0, "bias": 1.0, "batch": 32, "steps": 3, "momentum": "0.5", "eps": "1"}


def test_every_slider_moves_what_is_shown():
    app = open_page("batch_norm")
    for key, value in MOVES.items():
        before = [packed(board) for board in boards(app).values()]
        control(app, key).set_value(value)
        sound(app.run())
        assert before != [packed(board) for board in boards(app).values()], key


@pytest.mark.parametrize("kind", runs.KINDS)
def test_the_script_gives_what_is_on_screen(kind, tmp_path):
    app = open_page("batch_norm", kind=kind, weight="1.5", bias="-1", tab="Take away")
    out, _ = ran_alone(app, tmp_path)
    torch.testing.assert_close(out["output"], held(app, "output"))
