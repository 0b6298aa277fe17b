"""The page on batch norm shows torch's numbers, and refuses what torch refuses."""

import subprocess
import sys

import pytest
import torch

from core.tensors.script import to_python
from core.ui import take_away
from tests.pages.opening import control, open_page, sound, words

TYPED = {"x_from": "typed or pasted", "x": "[[1, 2], [3, 6], [8, 7]]", "rank": "N×C"}


@pytest.mark.parametrize("kind", ["batch", "layer", "instance", "group"])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_the_check_agrees_for_every_kind(kind, mode):
    assert f"manual {kind}_norm agrees with torch" in words(open_page("batch_norm", kind=kind, mode=mode, weight="1.5"))


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_the_picked_cell_is_torchs_number(kind):
    x = torch.tensor([[1.0, 2], [3, 6], [8, 7]])
    if kind == "batch":
        expected = torch.nn.functional.batch_norm(x, None, None, training=True, eps=0.1)[1, 1]
    else:
        expected = torch.nn.functional.layer_norm(x, (2,), eps=0.1)[1, 1]
    text = words(open_page("batch_norm", **TYPED, kind=kind, cell="1,1", eps="0.1"))
    assert f"+ 0 = **{expected.item():.3g}**" in text


def test_running_statistics_are_those_of_torchs_module():
    module, generator = torch.nn.BatchNorm1d(2, momentum=None), torch.Generator().manual_seed(5)
    c = torch.arange(2).float()
    for _ in range(7):
        module(c + (1 + c / 2) * torch.randn((16, 2), generator=generator))
    text = words(
        open_page("batch_norm", **TYPED, momentum="None", steps="7", batch="16", seed="5", cell="0,1", mode="eval")
    )
    assert f"running_mean[1] = **{module.running_mean[1].item():.3g}**" in text
    assert f"running_var[1] = **{module.running_var[1].item():.3g}**" in text


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
    before = [chart.proto.spec for chart in app.get("plotly_chart")]
    control(app, key).set_value(value)
    after = [chart.proto.spec for chart in sound(app.run()).get("plotly_chart")]
    assert before != after


@pytest.mark.parametrize("kind", ["batch", "layer", "instance", "group"])
def test_the_script_gives_what_is_on_screen(kind, tmp_path, monkeypatch):
    taken = []
    monkeypatch.setattr(take_away, "show", lambda _, take: taken.append(take))
    open_page("batch_norm", kind=kind, weight="1.5", bias="-1", tab="Take away")
    (take,) = taken
    (tmp_path / "script.py").write_text(to_python(take.script))
    subprocess.run([sys.executable, "script.py", "out.pt"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    assert torch.allclose(torch.load(tmp_path / "out.pt")["output"], take.tensors["output"])
