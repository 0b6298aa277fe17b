"""The activations page shows what torch computes, for the settings in the link."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.experiments import activations as runs
from core.experiments.activations import Activation
from core.experiments.depth import through_depth
from core.figures.board import packed, place_of
from core.tensors.text import parse as read
from pages.activations_parts.tabs import spans
from tests.experiments.test_activations import TORCHS
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, ran_alone, settings, sound, words

TRIES = {
    "The corner at 0": {"f": "relu", "x_from": "typed", "x": "[-2.0, -0.5, 0.0, 0.5, 2.0]"},
    "Where gelu falls": {"f": "gelu", "beside": "relu", "x_from": "typed", "x": "[-3.0, -1.5, -0.75, -0.25, 0.5]"},
    "A saturated sigmoid": {"f": "sigmoid", "x_from": "typed", "x": "[-10.0, -4.0, 0.0, 4.0, 10.0]"},
    "Infinity and NaN": {"f": "silu", "x_from": "typed", "x": "[-inf, -1.0, 1.0, inf, nan]"},
    "A network that dies": {"f": "relu", "tab": "Through depth", "bias": "-1", "depth": "10"},
}


def numbers(text):
    """All numbers in a text, as they are written."""
    return [float(found) for found in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text.replace("−", "-"))]


@pytest.mark.parametrize(
    ("name", "chosen"),
    [("relu", {}), ("sigmoid", {}), ("leaky_relu", {"negative_slope": 0.3}), ("gelu", {"approximate": "tanh"})],
)
def test_values_and_gradients_are_torchs(name, chosen):
    app = open_page("activations", f=name, seed="3", claim1="false", **{k: str(v) for k, v in chosen.items()})
    x = runs.example(5, 3).requires_grad_()
    y = TORCHS[name](x, **chosen)
    y.sum().backward()
    torch.testing.assert_close(held(app, "y"), y.detach())
    torch.testing.assert_close(held(app, "slope"), x.grad)
    found = next(m.value for m in app.markdown if str(m.value).startswith(f"**{int((y == 0).sum())}** of 25"))
    assert numbers(found)[:3] == [int((y == 0).sum()), 25, int((x.grad == 0).sum())]


@pytest.mark.parametrize("x", ["[[0.5, -1], [3, 0]]", "[-7.0, 2, 30]"])
def test_a_number_lights_its_points_on_both_curves(x):
    app = open_page("activations", f="tanh", x_from="typed", x=x, tab="Code")
    board, cells = boards(app)["board"], panels(app)["curve"].cells
    given = held(app, "x")
    for index in np.ndindex(*given.shape):
        found = partners(board, "x", index)
        assert found["y"] == found["slope"] == {index}
        points = [cells.spots[place_of(cells, i)] for i in sorted(found["curve"])]
        at, y = given[index].item(), torch.tanh(given[index]).item()
        assert points == [pytest.approx((at, y)), pytest.approx((at, 1 - y**2), abs=1e-6)]


def test_a_point_of_a_curve_pins_its_number():
    panel = panels(open_page("activations", tab="Code"))["curve"]
    for place, index in enumerate(np.ndindex(*panel.cells.shape)):
        assert panel.picks[place] == f"{index[0]}, {index[1]}"


def test_the_curve_has_the_tangent_and_the_function_beside_it():
    app = open_page("activations", f="elu", beside="silu", cell="0,4", tab="Code")
    curve = next(spec for alt, spec in charts(app).items() if alt.startswith("elu from"))["data"]
    assert [line["name"] for line in curve] == ["elu(x)", "slope", "tangent at 1.3", "silu", "slope of silu"]


# ---- the reader's own input ------------------------------------------------------------------------------------


def test_nan_and_infinity_go_through():
    app = open_page("activations", f="gelu", x_from="typed", x="[-inf, -1.0, 1.0, inf, nan]")
    y, x = held(app, "y"), held(app, "x")
    torch.testing.assert_close(x, torch.tensor([-torch.inf, -1, 1, torch.inf, torch.nan]), equal_nan=True)
    assert y.isnan().tolist() == [True, False, False, False, True]
    assert y[3] == torch.inf


@pytest.mark.parametrize(("name", "x"), [("relu", "[1, -2, 0]"), ("tanh", "tensor([1, -2], dtype=torch.int32)")])
def test_integers_stay_integers_and_the_conversion_of_their_slopes_is_said(name, x):
    app = open_page("activations", f=name, x_from="typed", x=x)
    given = torch.tensor([1, -2, 0]) if name == "relu" else torch.tensor([1, -2], dtype=torch.int32)
    torch.testing.assert_close(held(app, "y"), TORCHS[name](given))
    assert held(app, "y").dtype == TORCHS[name](given).dtype
    assert str(given.dtype).removeprefix("torch.") in words(app)


def test_what_torch_refuses_is_said_in_its_words_and_mended_by_one_click():
    app = open_page("activations", f="gelu", x_from="typed", x="[1, -2, 0]")
    with pytest.raises(NotImplementedError) as refusal:
        F.gelu(torch.tensor([1, -2, 0]))
    assert str(refusal.value) in app.error[0].value
    assert {"x", "slope", "curve"} == set(panels(app))
    assert "Pitfalls" in [tab.label for tab in app.tabs]
    app = sound(next(b for b in app.button if b.label == "Make the input float32").click().run())
    assert not app.error
    torch.testing.assert_close(held(app, "y"), F.gelu(torch.tensor([1.0, -2, 0])))


@pytest.mark.parametrize(("x", "name"), [("[0]", "gelu"), ("[[1e30, -1e30]]", "gelu"), ("[-inf, nan]", "relu")])
@pytest.mark.parametrize("tab", ["Pitfalls", "Walk through", "Take away"])
def test_small_and_extreme_inputs_open_every_tab(x, name, tab):
    open_page("activations", x_from="typed", x=x, f=name, tab=tab)


def test_a_digit_goes_through():
    assert held(open_page("activations", f="gelu", x_from="digit", tab="Code"), "y").shape == (28, 28)


# ---- the parts below -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("title", TRIES)
def test_a_link_to_try_is_found_again_by_what_the_page_stands_at(title):
    app = open_page("activations", **({"tab": "Code"} | TRIES[title]))
    pills = next(group for group in app.button_group if group.label == "Try")
    assert pills.options[pills.value] == title
    app = sound(control(app, "f").set_value("elu").run())
    assert next(group for group in app.button_group if group.label == "Try").value is None


def test_what_the_links_to_try_promise_is_there():
    corner, falls, saturated, odd = (
        runs.run(Activation(found["f"]), read(found["x"], limits=runs.LIMITS))
        for found in TRIES.values()
        if "x" in found
    )
    assert (corner.x[2], corner.slope[2]) == (0, 0)
    assert [slope < 0 for slope in falls.slope.tolist()] == [True, True, False, False, False]
    assert saturated.slope.argmax() == 2
    assert odd.y.isnan().tolist() == [True, False, False, False, True]
    assert runs.run(Activation("relu"), odd.x).y.isnan().tolist() == [False] * 4 + [True]
    dead = [layer.dead for layer in through_depth(F.relu, 10, bias=-1.0)]
    assert dead == sorted(dead)
    assert dead[-1] == 1


def test_through_depth_tells_who_dies_and_which_points_are_missing():
    app = open_page("activations", tab="Through depth", bias="-1", depth="10")
    layers = through_depth(F.relu, 10, bias=-1.0)
    dead = [k for k, layer in enumerate(layers, 1) if layer.std == 0]
    assert len(dead) > 1
    spots = panels(app)["std"].cells.spots[:10]
    assert [k for k, spot in enumerate(spots, 1) if spot is None] == dead
    said = [str(caption.value) for caption in app.caption]
    assert any(f"{len(dead)} layers ({spans(dead)})" in caption for caption in said)
    assert f"**{layers[-1].dead:.0%}**" in words(app)
    whole = open_page("activations", tab="Through depth", bias="0", against="tanh", depth="3")
    assert all(spot is not None for spot in panels(whole)["std"].cells.spots)
    assert not any("layers (" in str(caption.value) for caption in whole.caption)


def test_runs_of_layers_are_written_short():
    assert spans([1, 2, 3, 7, 9, 10]) == "1–3, 7, 9–10"


def test_a_layer_lights_up_in_all_charts():
    found = partners(boards(open_page("activations", tab="Through depth"))["depth"], "std", (1, 4))
    assert found == {"dead": {(1, 4)}, "std": {(1, 4)}, "gradient": {(1, 4)}}


def test_the_table_at_0_has_torchs_slopes():
    table = next(str(m.value) for m in open_page("activations", tab="At 0").markdown if "|--:|" in str(m.value))
    rows = {cells[1].strip(" `"): numbers("|".join(cells[2:])) for line in table.split("\n")[2:]
            if (cells := line.split("|"))}  # fmt: skip
    for name, function in TORCHS.items():
        zero = torch.zeros(1, requires_grad=True)
        function(zero).backward()
        assert rows[name][1:3] == [pytest.approx(zero.grad.item(), rel=1e-2)] * 2
        assert (rows[name][3] != rows[name][4]) == (name in ("relu", "leaky_relu"))
    assert list(rows.values())[-1] == [0, 0.5, 0, 0, 1]


def test_code_has_every_activation_and_opens_at_the_chosen_one():
    app = open_page("activations", tab="Code", f="gelu")
    (choice,) = [group for group in app.button_group if group.label == "Operator"]
    assert set(choice.options) == set(TORCHS)
    assert choice.value == "gelu"


@pytest.mark.parametrize("name", ["relu", "gelu", "logsigmoid"])
def test_questions_take_torchs_answers_and_no_near_miss(name):
    app = open_page("activations", tab="Predict", f=name)
    covered = next(str(html.proto.body) for html in app.get("html") if "covered until" in html.proto.body)
    assert all(f'data-panel="{panel}"' in covered for panel in ("y", "slope", "curve"))
    asked = [m.value for m in app.markdown if str(m.value).startswith("**") and str(m.value).endswith("?**")]
    x = float(re.search(r"\((.*?)\)", asked[0].replace("−", "-"))[1])
    y = TORCHS[name](torch.tensor(x)).item()
    for off, right in ((1.05, False), (1, True)):
        again = open_page("activations", tab="Predict", f=name)
        again.text_input(key="answer activations 0 0 given").set_value(f"{y * off if y else off - 1:.4g}")
        sound(next(b for b in again.button if b.label == "Commit").click().run())
        assert bool(again.success) == right


@pytest.mark.parametrize(("name", "chosen", "x"), [("softplus", {"beta": 2.0}, None), ("tanh", {}, "[1, -2, 0]")])
def test_the_script_reproduces_the_numbers(tmp_path, name, chosen, x):
    typed = {} if x is None else {"x_from": "typed", "x": x}
    app = open_page("activations", tab="Take away", f=name, seed="5", **{k: str(v) for k, v in chosen.items()}, **typed)
    out, said = ran_alone(app, tmp_path)
    expected = TORCHS[name](runs.example(5, 5) if x is None else torch.tensor([1, -2, 0]), **chosen)
    torch.testing.assert_close(out["output"], expected)
    assert "!= torch" not in said


@pytest.mark.parametrize("link", [{"f": "swishh"}, {"cell": "9,9"}, {"size": "-1"}])
def test_a_hostile_link_shows_the_example(link):
    assert settings(open_page("activations", tab="Code", **link))["f"].value == "relu"


def test_a_rerun_is_small():
    assert sum(len(packed(board)) for board in boards(open_page("activations")).values()) < 60_000
