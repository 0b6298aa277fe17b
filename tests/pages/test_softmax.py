"""The softmax page shows what torch computes, for the settings in the link."""

import json

import numpy as np
import pytest
import torch

from tests.linking import partners
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, sound, words


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
def test_the_probabilities_are_torchs_and_sum_to_1_along_dim(dim, cell):
    app = open_page("softmax", dim=dim, cell=cell, T="2", seed="7")
    expected = torch.softmax(example(7) / 2, int(dim))
    assert figure(app, "softmax along")["data"][0]["z"] == pytest.approx(expected.numpy())
    index = tuple(map(int, cell.split(",")))
    assert boards(app)["board"].pinned == ("softmax", index)
    assert f"Sums along dim {dim}: 1, 1, 1" in words(app)
    other = expected.sum(1 - int(dim))
    assert f"Along dim {1 - int(dim)}, which nothing made 1: {other[0].item():.4g}".rstrip("0") in words(app)


@pytest.mark.parametrize("dim", [0, 1])
def test_a_probability_hangs_together_with_what_it_is_made_of(dim):
    shown = boards(open_page("softmax", dim=str(dim)))["board"]
    cells = {panel.name: panel.cells for panel in shown.panels}
    z = example().requires_grad_()
    output = torch.softmax(z, dim)
    for index in np.ndindex(3, 4):
        row = index[1 - dim]
        (grad,) = torch.autograd.grad(output[index], z, retain_graph=True)
        group = {i for i in np.ndindex(3, 4) if i[cells["z"].axes.split().index(cells["z"].group)] == row}
        assert group == set(map(tuple, grad.nonzero().tolist()))
        found = partners(shown, "softmax", index)
        assert [found[name] for name in ("z", "shifted", "exp")] == [{index}] * 3
        assert found["total"] == {(row, 0) if dim else (0, row)}
        assert partners(shown, "softmax", index, "winner")["z"] == {
            tuple(int(z.argmax(dim)[row]) if d == dim else row for d in range(2))
        }


def test_a_vector_is_one_group():
    app = open_page("softmax", x_from="typed", x="1 3 2", cell="2")
    shown = boards(app)["board"]
    found = partners(shown, "softmax", (2,))
    assert (found["total"], found["z"], found["J"]) == ({(0,)}, {(2,)}, {(2, 0), (2, 1), (2, 2)})
    assert partners(shown, "exp", (0,), "winner")["z"] == {(1,)}
    assert partners(shown, "total", (0,))["exp"] == {(0,), (1,), (2,)}
    assert figure(app, "softmax along")["data"][0]["z"][0] == pytest.approx(
        torch.softmax(torch.tensor([1.0, 3, 2]), 0).tolist()
    )


@pytest.mark.parametrize(
    ("scores", "said"),
    [
        ("[[88.5, 88.5, 88.5]]", "**3 of 3** results that are 0 and should not be"),
        ("[[-110, -110, -105]]", "0/0 is nan"),
        ("[[100, 0, 0]]", "∞/∞ is nan"),
    ],
)
def test_the_naive_version_fails_for_the_reason_given(scores, said):
    assert said in words(open_page("softmax", x_from="typed", x=scores))


def test_the_naive_version_fails_where_exp_overflows():
    app = open_page("softmax", magnitude="50", tab="Without the largest")
    exp = (50 * example()).exp()
    naive = exp / exp.sum(1, keepdim=True)
    bad = int(naive.isnan().sum())
    assert bad > 0
    assert f"**{bad} of 12** results that are no numbers" in words(app)
    assert "exp overflows above 88.72 in float32" in words(app)
    assert torch.equal(panels(app)["naive"].cells.values.isnan(), naive.isnan())
    assert "it comes to the same" in words(open_page("softmax"))


def test_the_jacobian_is_autograds():
    app = open_page("softmax", cell="1,1")
    z = example()[1].requires_grad_()
    expected = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), z)
    assert figure(app, "Jacobian")["data"][0]["z"] == [pytest.approx(row, abs=1e-6) for row in expected.tolist()]
    shown = boards(app)["board"]
    for i, j in np.ndindex(4, 4):
        assert partners(shown, "J", (1, i, j))["softmax"] == {(1, i)}
        assert partners(shown, "J", (1, i, j), "origin")["z"] == {(1, j)}
    assert partners(shown, "softmax", (1, 2))["J"] == {(1, 2, j) for j in range(4)}
    assert partners(shown, "softmax", (0, 2))["J"] == set(), "the Jacobian on screen is row 1's"


def test_the_curves_hold_the_probabilities_at_the_temperatures():
    app = open_page("softmax", cell="2,0")
    curves = panels(app)["curves"]
    expected = torch.stack([torch.softmax(example()[2].double() / t, 0) for t in (0.1, 0.2, 0.5, 1, 2, 5, 10)], 1)
    torch.testing.assert_close(curves.cells.values, expected)
    assert [y for _, y in curves.cells.spots] == pytest.approx(expected.flatten().tolist())
    assert partners(boards(app)["board"], "softmax", (2, 1))["curves"] == {(2, 1, t) for t in range(7)}


def test_sliders_typed_numbers_and_a_vector():
    app = open_page("softmax")
    sound(control(app, "z0").set_value(-2.0).run())
    row = torch.softmax(torch.tensor([-2.0, 1.0, 0.1, -1.5]), 0)
    assert figure(app, "softmax along")["data"][0]["z"][0] == pytest.approx(row.tolist())
    app = open_page("softmax", x_from="typed or pasted", x="1 2 3", cell="2")
    sound(app.text_area(key="x").set_value("1 2 three").run())
    assert "Showing the last good tensor" in words(app)
    expected = torch.softmax(torch.tensor([1.0, 2, 3]), 0)
    assert figure(app, "softmax along")["data"][0]["z"][0] == pytest.approx(expected.tolist())


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
@pytest.mark.parametrize(
    "tab", ["Pitfalls", "Walk through", "Predict", "Without the largest", "Sigmoid", "Log softmax"]
)
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
