"""The softmax page shows what torch computes, for the settings in the link."""

import json

import pytest
import torch

from tests.pages.opening import charts, control, open_page, ran_alone, sound, words


def example(seed=0):
    others = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed)) * 2
    return torch.cat([torch.tensor([[2.0, 1.0, 0.1, -1.5]]), others.round(decimals=1)])


def figure(app, start):
    return next(spec for alt, spec in charts(app).items() if alt.startswith(start))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
@pytest.mark.parametrize(("magnitude", "dim"), [("1", "1"), ("100", "0"), ("1000", "1")])
def test_agrees_with_torch_however_large_the_scores(dtype, magnitude, dim):
    app = open_page("softmax", dtype=dtype, magnitude=magnitude, dim=dim)
    assert "manual softmax agrees with torch" in words(app)


@pytest.mark.parametrize(("dim", "cell"), [("1", "2,3"), ("0", "1,0")])
def test_the_picked_cell_is_torchs_own_number(dim, cell):
    app = open_page("softmax", dim=dim, cell=cell, T="2", seed="7")
    expected = torch.softmax(example(7) / 2, int(dim))
    index = tuple(map(int, cell.split(",")))
    assert f"**{expected[index].item():.3g}**" in words(app)
    assert f"Sums along dim {dim}: 1, 1, 1" in words(app)
    other = expected.sum(1 - int(dim))
    assert f"Along dim {1 - int(dim)}, which nothing made 1: {other[0].item():.4g}".rstrip("0") in words(app)


def test_the_naive_version_fails_where_exp_overflows():
    app = open_page("softmax", magnitude="50")
    exp = (50 * example()).exp()
    bad = int((exp / exp.sum(1, keepdim=True)).isnan().sum())
    assert bad > 0
    assert f"**{bad} of 12** results that are no numbers" in words(app)
    assert "exp overflows above 88.72 in float32" in words(app)
    assert "Both agree" in words(open_page("softmax"))


def test_the_jacobian_is_autograds():
    app = open_page("softmax", cell="1,1")
    z = example()[1].requires_grad_()
    expected = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), z)
    drawn = figure(app, "Jacobian")["data"][1]["text"]
    for i in range(4):
        for j in range(4):
            label = drawn[4 * i + j]
            assert label.startswith(f"∂s/∂z[{i}, {j}]")
            value = float(label.split("= ")[1])
            assert value == pytest.approx(expected[i, j].item(), rel=1e-3, abs=1e-6)


def test_sliders_typed_numbers_and_a_vector():
    app = open_page("softmax")
    sound(control(app, "z0").set_value(-2.0).run())
    row = torch.softmax(torch.tensor([-2.0, 1.0, 0.1, -1.5]), 0)
    assert f"**{row[0].item():.3g}**" in words(app)
    app = open_page("softmax", x_from="typed or pasted", x="1 2 3", cell="2")
    assert f"**{torch.softmax(torch.tensor([1.0, 2, 3]), 0)[2].item():.3g}**" in words(app)
    sound(app.text_area(key="x").set_value("1 2 three").run())
    assert "Showing the last good tensor" in words(app)


@pytest.mark.parametrize(
    "link", [{"cell": "9,9"}, {"cell": "x"}, {"dim": "7"}, {"T": "0"}, {"magnitude": "1e400"}, {"dtype": "int8"}]
)
def test_a_hostile_link_shows_the_page(link):
    assert "agrees with torch" in words(open_page("softmax", **link))


def test_the_tabs_of_the_page():
    two = torch.sigmoid(torch.tensor(1.0)).item()
    assert f"**{two:.6g}**" in words(open_page("softmax", tab="Sigmoid"))
    assert "In two steps **0 of 12**" in words(open_page("softmax", tab="Log softmax"))
    hard = open_page("softmax", tab="Log softmax", magnitude="200")
    lost = int(torch.softmax(200 * example(), 1).log().isinf().sum())
    assert f"**{lost} of 12**" in words(hard)
    assert "In one step **12** are finite" in words(hard)


@pytest.mark.parametrize("x", ["[[5, -3]]", "[7]", "[[1], [2]]", "[[1, 1], [1, 1]]", "[[1e30, -1e30]]"])
@pytest.mark.parametrize("tab", ["Pitfalls", "Walk through", "Predict", "Sigmoid", "Log softmax"])
def test_small_and_extreme_scores_open_every_tab(x, tab):
    open_page("softmax", x_from="typed or pasted", x=x, tab=tab)


def test_the_pitfalls_tell_what_torch_guesses():
    said = words(open_page("softmax"))
    assert "rank 1: dim 0; rank 2: dim 1; rank 3: dim 0; rank 4: dim 1" in said
    assert "raises RuntimeError" in said


def test_questions_are_answered_by_torch():
    app = open_page("softmax", tab="Predict", cell="0,1")
    expected = torch.softmax(example()[0] + 3, 0)[1].item()
    app.text_input(key="answer softmax 0 0 given").set_value(f"{expected:.4g}")
    sound(app.button[[b.label for b in app.button].index("Commit")].click().run())
    assert any("Right" in message.value for message in app.success)
    ask = next(m.value for m in app.markdown if "What is ∂s" in m.value)
    i, j = ("₀₁₂₃".index(part[0]) for part in ask.split("What is ∂s")[1].split("/∂z"))
    jacobian = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), example()[0])
    app.text_input(key="answer softmax 2 0 given").set_value(f"{jacobian[i, j].item():.4g}")
    sound([b for b in app.button if b.label == "Commit"][2].click().run())
    assert "2 of 2" in words(app)


def test_the_script_reproduces_the_numbers(tmp_path):
    app = open_page("softmax", tab="Take away", seed="5", T="0.5", dim="0")
    out, said = ran_alone(app, tmp_path)
    torch.testing.assert_close(out["output"], torch.softmax(example(5) / 0.5, 0))
    assert "DIFFERS" not in said


def test_a_rerun_is_small():
    assert sum(len(json.dumps(spec)) for spec in charts(open_page("softmax")).values()) < 150_000
