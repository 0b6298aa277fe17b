"""The activations page shows what torch computes, for the settings in the link."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.experiments.depth import through_depth
from core.figures.board import packed, place_of
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, ran_alone, sound, words

TORCHS = {
    "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu, "silu": F.silu, "softplus": F.softplus,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "logsigmoid": F.logsigmoid,
}  # fmt: skip


def example(seed=0, size=5):
    return (torch.randn(size, size, generator=torch.Generator().manual_seed(seed)) * 1.5).round(decimals=1)


def drawn(app, start):
    return next(spec for alt, spec in charts(app).items() if alt.startswith(start))


@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, {}) for name in TORCHS]
    + [("leaky_relu", {"negative_slope": 0.3}), ("elu", {"alpha": 2.0}), ("softplus", {"beta": 3.0}),
       ("gelu", {"approximate": "tanh"})],
)  # fmt: skip
def test_values_and_gradients_are_torchs(name, settings):
    app = open_page("activations", f=name, seed="3", **{k: str(v) for k, v in settings.items()})
    assert f"manual {name} agrees with torch" in words(app)
    x = example(3).requires_grad_()
    y = TORCHS[name](x, **settings)
    y.sum().backward()
    torch.testing.assert_close(held(app, "y"), y.detach())
    torch.testing.assert_close(held(app, "slope"), x.grad)


@pytest.mark.parametrize("x", ["[[0.5, -1], [3, 0]]", "[-7, 2, 30]"])
def test_a_number_lights_its_points_on_both_curves(x):
    app = open_page("activations", f="tanh", x_from="typed", x=x)
    board, cells = boards(app)["board"], panels(app)["curve"].cells
    numbers = held(app, "x")
    for index in np.ndindex(*numbers.shape):
        found = partners(board, "x", index)
        assert found["y"] == found["slope"] == {index}
        points = [cells.spots[place_of(cells, i)] for i in sorted(found["curve"])]
        at, y = numbers[index].item(), torch.tanh(numbers[index]).item()
        assert points == [pytest.approx((at, y)), pytest.approx((at, 1 - y**2), abs=1e-6)]
    low, high = panels(app)["curve"].figure.to_dict()["layout"]["xaxis"]["range"]
    assert low <= numbers.min() <= numbers.max() <= high  # no point lies outside the picture


def test_a_point_of_a_curve_pins_its_number():
    panel = panels(open_page("activations"))["curve"]
    for place, index in enumerate(np.ndindex(*panel.cells.shape)):
        assert panel.picks[place] == f"{index[0]}, {index[1]}"


def test_the_curve_has_the_tangent_and_the_function_beside_it():
    app = open_page("activations", f="elu", beside="silu", cell="0,4")
    curve = drawn(app, "elu from")["data"]
    assert [line["name"] for line in curve] == ["elu(x)", "slope", "tangent at 1.3", "silu", "slope of silu"]


def test_through_depth_tells_who_dies():
    said = words(open_page("activations", tab="Through depth", bias="-2", depth="10"))
    assert "in layer 10 **100%** with relu, 0% with leaky_relu" in said
    app = open_page("activations", tab="Through depth")
    for key, value in (("depth", 30), ("gain", 2.0), ("bias", 1.0)):
        sound(control(app, key).set_value(value).run())
    sound(control(app, "against").set_value("tanh").run())


def test_what_a_logarithmic_axis_leaves_out_is_said():
    app = open_page("activations", tab="Through depth", bias="-1", depth="10")
    layers = through_depth(F.relu, 10, bias=-1.0)
    dead = [k for k, layer in enumerate(layers, 1) if layer.std == 0]
    assert len(dead) == dead[-1] - dead[0] + 1 > 1
    assert f"relu is exactly 0 in {len(dead)} of 10 layers, {dead[0]}–{dead[-1]}" in words(app)
    spots = panels(app)["std"].cells.spots[:10]
    assert [k for k, spot in enumerate(spots, 1) if spot is None] == dead
    assert "exactly 0" not in words(open_page("activations", tab="Through depth", bias="0", against="tanh", depth="3"))


def test_a_layer_lights_up_in_all_charts():
    found = partners(boards(open_page("activations", tab="Through depth"))["depth"], "std", (1, 4))
    assert found == {"dead": {(1, 4)}, "std": {(1, 4)}, "gradient": {(1, 4)}}


def test_the_slopes_at_0_are_torchs_and_the_tutorials_is_one_half():
    said = words(open_page("activations", tab="At 0"))
    for name, function in TORCHS.items():
        zero = torch.zeros(1, requires_grad=True)
        function(zero).backward()
        slope = f"{zero.grad.item():.3g}"
        assert f"| `{name}` | {function(zero).item():.3g} | **{slope}** | {slope} |" in said
    assert "| tutorial's relu | 0 | **0.5** |" in said


def test_pitfalls_tell_what_torch_does():
    said = words(open_page("activations"))
    x = example().trunc().requires_grad_()
    torch.max(x, torch.tensor(0.0)).sum().backward()
    assert f"**{int((x.grad == 0.5).sum())}** slopes are ½" in said
    assert "modified by an inplace operation" in said
    assert "From int64 it makes **float32**" in said


@pytest.mark.parametrize("x", ["[0]", "[[1e30, -1e30]]", "[[0, 0], [0, 0]]", "[-1, -2, -3]"])
@pytest.mark.parametrize("name", ["relu", "gelu"])
@pytest.mark.parametrize("tab", ["Pitfalls", "Predict", "Walk through"])
def test_small_and_extreme_inputs_open_every_tab(x, name, tab):
    open_page("activations", x_from="typed or pasted", x=x, f=name, tab=tab)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "elu"])
def test_walks_of_the_textbooks(name):
    open_page("activations", f=name, tab="Walk through")


@pytest.mark.parametrize("link", [{"f": "swishh"}, {"cell": "9,9"}, {"beside": "relu"}, {"size": "-1"}])
def test_a_hostile_link_shows_the_page(link):
    assert "manual relu agrees with torch" in words(open_page("activations", **link))


def test_a_digit_goes_through():
    assert "manual gelu agrees" in words(open_page("activations", f="gelu", x_from="a digit (MNIST)"))


def test_questions_are_answered_by_torch():
    app = open_page("activations", tab="Predict", f="relu")
    count = int((example() <= 0).sum())
    app.text_input(key="answer activations 2 0 given").set_value(str(count))
    sound([b for b in app.button if b.label == "Commit"][2].click().run())
    assert any("Right" in message.value for message in app.success)


@pytest.mark.parametrize(("name", "settings"), [("relu", {}), ("softplus", {"beta": 2.0}), ("tanh", {})])
def test_the_script_reproduces_the_numbers(tmp_path, name, settings):
    app = open_page("activations", tab="Take away", f=name, seed="5", **{k: str(v) for k, v in settings.items()})
    out, said = ran_alone(app, tmp_path)
    output = out["output"]
    torch.testing.assert_close(output, TORCHS[name](example(5), **settings))
    assert "DIFFERS" not in said


def test_a_rerun_is_small():
    assert sum(len(packed(board)) for board in boards(open_page("activations")).values()) < 60_000
