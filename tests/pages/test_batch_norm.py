"""The page on batch norm shows torch's numbers, and refuses what torch refuses."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from core.figures.board import packed
from core.tensors.script import to_python
from core.ui import take_away
from tests.linking import partners
from tests.pages.opening import boards, control, held, open_page, panels, sound, words

TYPED = {"x_from": "typed or pasted", "x": "[[1, 2], [3, 6], [8, 7]]", "rank": "N×C"}


@pytest.mark.parametrize("kind", ["batch", "layer", "instance", "group"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_check_agrees_for_every_kind(kind, mode):
    assert f"manual {kind}_norm agrees with torch" in words(open_page("batch_norm", kind=kind, mode=mode, weight="1.5"))


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_the_output_is_torchs(kind):
    x = torch.tensor([[1.0, 2], [3, 6], [8, 7]])
    if kind == "batch":
        expected = torch.nn.functional.batch_norm(x, None, None, training=True, eps=0.1)
    else:
        expected = torch.nn.functional.layer_norm(x, (2,), eps=0.1)
    torch.testing.assert_close(held(open_page("batch_norm", **TYPED, kind=kind, eps="0.1"), "output"), expected)


# ---- what hangs together ---------------------------------------------------------------------------------------

MEANS = {
    "batch": lambda x, groups: x.transpose(0, 1).flatten(1).mean(1),
    "layer": lambda x, groups: x.flatten(1).mean(1),
    "instance": lambda x, groups: x.flatten(2).mean(2),
    "group": lambda x, groups: x.unflatten(1, (groups, -1)).flatten(2).mean(2),
}
CASES = [("batch", "N×C×H×W", 2), ("layer", "N×C×H×W", 2), ("instance", "N×C×H×W", 2), ("group", "N×C×H×W", 2)]
CASES += [("group", "N×C×H×W", 4), ("batch", "N×C", 2), ("layer", "N×C", 2), ("group", "N×C", 2)]


@pytest.mark.parametrize(("kind", "rank", "groups"), CASES)
def test_a_mean_lights_the_numbers_that_autograd_says_it_is_made_of(kind, rank, groups):
    app = open_page("batch_norm", kind=kind, rank=rank, num_groups=str(groups), W="1")
    board = boards(app)["board"]
    x = held(app, "x").double().requires_grad_()
    means = MEANS[kind](x, groups)
    torch.testing.assert_close(held(app, "mean").double(), means.detach())
    assert panels(app)["x"].cells.group == panels(app)["mean"].cells.axes  # the group that lights up within x
    for index in np.ndindex(*means.shape):
        (grad,) = torch.autograd.grad(means[index], x, retain_graph=True)
        found = partners(board, "mean", index)
        assert found["x"] == found["output"] == {tuple(i) for i in grad.nonzero().tolist()}


@pytest.mark.parametrize(("kind", "rank", "groups"), CASES)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_sentence_of_every_output_is_true(kind, rank, groups, mode):
    app = open_page(
        "batch_norm", kind=kind, rank=rank, num_groups=str(groups), mode=mode, weight="1.5", bias="-1", eps="0.1"
    )
    board = boards(app)["board"]
    shown = {name: held(app, name).double() for name in ("x", "mean", "var", "gamma", "beta", "standardized", "output")}
    for index in np.ndindex(*shown["output"].shape):
        found = partners(board, "output", index)
        x, mean, var, gamma, beta, standardized = (
            shown[name][next(iter(found[name]))].item() if len(found[name]) == 1 else None
            for name in ("x", "mean", "var", "gamma", "beta", "standardized")
        )
        assert standardized == pytest.approx((x - mean) / (var + 0.1) ** 0.5, abs=1e-4)
        assert shown["output"][index].item() == pytest.approx(standardized * gamma + beta, abs=1e-4)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_this_batch_moves_the_running_statistics_as_torchs_does(mode):
    app = open_page("batch_norm", mode=mode, momentum="0.3")
    before = held(app, "running_mean"), held(app, "running_var")
    after = tuple(t.clone() for t in before)
    torch.nn.functional.batch_norm(held(app, "x"), *after, training=mode == "train", momentum=0.3)
    if mode == "eval":
        assert "new_mean" not in panels(app)
        torch.testing.assert_close(after, before)
        return
    torch.testing.assert_close((held(app, "new_mean"), held(app, "new_var")), after)
    found = partners(boards(app)["running"], "batch_mean", (2,))
    assert {cell for cells in found.values() for cell in cells} == {(2,)}
    assert panels(app)["means"].cells.spots[2] == pytest.approx((40, before[0][2].item()))


def test_every_part_of_the_board_pins_a_cell_of_the_input():
    app = open_page("batch_norm", kind="group")
    board = boards(app)["board"]
    for panel in board.panels:
        assert panel.pick
        for place, index in enumerate(np.ndindex(*panel.cells.shape)):
            said = panel.picks[place] if panel.picks else ", ".join(map(str, index))
            assert tuple(map(int, said.split(","))) in partners(board, panel.name, index)["x"]


def test_other_norms_show_no_running_statistics():
    assert "running" not in boards(open_page("batch_norm", kind="layer"))
    assert "running" in boards(open_page("batch_norm", kind="batch"))


def test_running_statistics_are_those_of_torchs_module():
    module, generator = torch.nn.BatchNorm1d(2, momentum=None), torch.Generator().manual_seed(5)
    c = torch.arange(2).float()
    for _ in range(7):
        module(c + (1 + c / 2) * torch.randn((16, 2), generator=generator))
    app = open_page("batch_norm", **TYPED, momentum="None", steps="7", batch="16", seed="5", cell="0,1", mode="eval")
    for name, expected in (("mean", module.running_mean), ("var", module.running_var)):
        torch.testing.assert_close(held(app, name), expected)
        torch.testing.assert_close(held(app, f"running_{name}"), expected)
    assert f"in channel 1: running_mean = **{module.running_mean[1].item():.3g}**" in words(app)


def test_pitfalls_give_both_numbers():
    x = torch.tensor([[1.0, 2], [3, 6], [8, 7]])
    text = words(open_page("batch_norm", **TYPED))
    assert (
        f"gives **{0.1 * x[:, 0].mean().item():.3g}**, torch's 0.9 gives **{0.9 * x[:, 0].mean().item():.3g}**" in text
    )
    assert f"**{x[:, 0].var(correction=0).item():.5g}** there" in text
    assert f"**{x[:, 0].var().item():.5g}** in torch" in text
    assert "Expected more than 1 value per channel when training" in text


def test_a_batch_of_one_is_refused_next_to_the_picture_and_taken_in_eval():
    app = open_page("batch_norm", rank="N×C", N="1")
    assert any("ValueError" in error.value for error in app.error)
    control(app, "mode").set_value("eval")
    assert not sound(app.run()).error


MOVES = {"N": 2, "C": 6, "H": 3, "W": 1, "weight": 2.0, "bias": 1.0}
MOVES |= {"batch": 32, "steps": 3, "momentum": "0.5", "eps": "1"}


@pytest.mark.parametrize(("key", "value"), MOVES.items())
def test_every_slider_moves_what_is_shown(key, value):
    app = open_page("batch_norm")
    before = [packed(board) for board in boards(app).values()]
    control(app, key).set_value(value)
    sound(app.run())
    assert before != [packed(board) for board in boards(app).values()]


@pytest.mark.parametrize("kind", ["batch", "layer", "instance", "group"])
def test_the_script_gives_what_is_on_screen(kind, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(take_away, "show", lambda _, take: taken.append(take))
    open_page("batch_norm", kind=kind, weight="1.5", bias="-1", tab="Take away")
    (take,) = taken
    (tmp_path / "script.py").write_text(to_python(take.script))
    subprocess.run([sys.executable, "script.py", "out.pt"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    assert torch.allclose(torch.load(tmp_path / "out.pt")["output"], take.tensors["output"])
