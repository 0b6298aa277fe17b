"""The softmax page shows what torch computes, for the settings in the link."""

import random
import re

import numpy as np
import pytest
import torch

from core import words as spelling
from core.compare import operator
from core.experiments import softmax as runs
from core.figures import softmax as draw
from core.ops import softmax as ops
from pages.softmax_parts import pitfalls, questions
from tests.experiments.test_softmax import SCORES, all_scores
from tests.linking import partners
from tests.pages.opening import boards, control, held, open_page, panels, ran_alone, sound, words


def example(seed=0):
    others = torch.randn(2, 4, generator=torch.Generator().manual_seed(seed)) * 2
    return torch.cat([torch.tensor([[2.0, 1.0, 0.1, -1.5]]), others.round(decimals=1)])


@all_scores
@pytest.mark.parametrize("magnitude", [1, 1000])
def test_the_check_agrees_whatever_the_scores(x, magnitude):
    for dim in range(x.dim()):
        run = runs.run(x, magnitude, 1.0, dim)
        assert operator(ops.OPERATORS[0], run.call).agrees
        assert operator(ops.OPERATORS[1], run.call).agrees


@pytest.mark.parametrize(("dim", "cell"), [("1", "2,3"), ("0", "1,0")])
def test_the_probabilities_are_torchs_along_dim(dim, cell):
    app = open_page("softmax", dim=dim, cell=cell, T="2", seed="7")
    assert "manual softmax agrees with torch" in words(app)
    torch.testing.assert_close(held(app, "softmax"), torch.softmax(example(7) / 2, int(dim)))
    assert boards(app)["board"].pinned == ("softmax", tuple(map(int, cell.split(","))))


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
    app = open_page("softmax", x_from="typed", x="1. 3 2", cell="2")
    shown = boards(app)["board"]
    found = partners(shown, "softmax", (2,))
    assert (found["total"], found["z"], found["J"]) == ({(0,)}, {(2,)}, {(2, 0), (2, 1), (2, 2)})
    assert partners(shown, "exp", (0,), "winner")["z"] == {(1,)}
    assert partners(shown, "total", (0,))["exp"] == {(0,), (1,), (2,)}
    torch.testing.assert_close(held(app, "softmax"), torch.softmax(torch.tensor([1.0, 3, 2]), 0))


def test_the_jacobian_is_autograds():
    app = open_page("softmax", cell="1,1")
    z = example()[1].requires_grad_()
    expected = torch.autograd.functional.jacobian(lambda z: torch.softmax(z, 0), z)
    torch.testing.assert_close(held(app, "J")[0], expected)
    shown = boards(app)["board"]
    for i, j in np.ndindex(4, 4):
        assert partners(shown, "J", (1, i, j))["softmax"] == {(1, i)}
        assert partners(shown, "J", (1, i, j), "origin")["z"] == {(1, j)}
    assert partners(shown, "softmax", (1, 2))["J"] == {(1, 2, j) for j in range(4)}
    assert partners(shown, "softmax", (0, 2))["J"] == set(), "the Jacobian on screen is row 1's"


def test_the_curves_hold_the_probabilities_at_the_temperatures():
    app = open_page("softmax", cell="2,0", T="0.5")
    curves = panels(app)["curves"]
    expected = torch.stack([torch.softmax(example()[2].double() / t, 0) for t in (0.1, 0.2, 0.5, 1, 2, 5, 10)], 1)
    torch.testing.assert_close(curves.cells.values, expected)
    assert [y for _, y in curves.cells.spots] == pytest.approx(expected.flatten().tolist())
    assert partners(boards(app)["board"], "softmax", (2, 1))["curves"] == {(2, 1, t) for t in range(7)}
    offered = control(app, "T").options
    assert set(curves.picks) == set(offered), "a click on the curves gives a temperature that the slider has"


# ---- the reader's own scores -----------------------------------------------------------------------------------


def test_sliders_belong_to_the_example():
    app = open_page("softmax")
    sound(control(app, "z0").set_value(-2.0).run())
    torch.testing.assert_close(held(app, "softmax")[0], torch.softmax(torch.tensor([-2.0, 1.0, 0.1, -1.5]), 0))
    own = open_page("softmax", x_from="typed", x="1. 2 3")
    assert not {"z0", "rows", "seed"} & {widget.key for kind in (own.slider, own.number_input) for widget in kind}
    sound(own.text_area(key="x").set_value("1. 2 three").run())
    torch.testing.assert_close(held(own, "softmax"), torch.softmax(torch.tensor([1.0, 2, 3]), 0))


MASKED = "[[0, -inf, -inf], [-inf, -inf, -inf]]"


@pytest.mark.parametrize(
    "tab", ["Without the largest", "Sigmoid", "Log softmax", "Walk through", "Predict", "Take away"]
)
def test_masked_rows_are_shown_in_every_tab(tab):
    app = open_page("softmax", x_from="typed", x=MASKED, tab=tab)
    assert "manual softmax agrees with torch" in words(app)
    expected = torch.softmax(SCORES["masked"], 1)
    torch.testing.assert_close(held(app, "softmax"), expected, equal_nan=True)


@pytest.mark.parametrize("x", ["[7.]", "[[1], [2]]", "[[1e30, -1e30]]", "[[nan, 1], [inf, 2]]"])
def test_small_and_extreme_scores_open_the_page(x):
    open_page("softmax", x_from="typed", x=x, cell="0" if x == "[7.]" else "0,0")


@pytest.mark.parametrize(("dtype", "converted"), [("int64", True), ("float16", False), ("float64", False)])
def test_the_readers_dtype_is_kept_or_torchs_refusal_quoted(dtype, converted):
    app = open_page("softmax", x_from="typed", x=f"tensor([[1, 2], [3, 5]], dtype=torch.{dtype})", tab="Take away")
    refusal = runs.taken(torch.zeros(1, 2, dtype=getattr(torch, dtype)), "given")[1]
    assert bool(refusal) == converted
    assert (refusal in words(app)) or not converted
    script = next(code.value for code in app.code if "import torch" in code.value)
    assert f"torch.{'float32' if converted else dtype}" in script


# ---- what is said ----------------------------------------------------------------------------------------------


@all_scores
@pytest.mark.parametrize("magnitude", [1, 1000])
def test_every_pitfall_has_a_sentence_for_any_scores(x, magnitude):
    cells = [(0,) * x.dim(), tuple(n - 1 for n in x.shape)]
    for dim in range(x.dim()):
        for cell in cells:
            for pitfall in pitfalls.of(runs.run(x, magnitude, 1.0, dim, cell)):
                facts = pitfall.run()
                said = spelling.say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts)
                assert said
                assert "None" not in said


@pytest.mark.parametrize("name", ["example", "only the sum overflows", "all small", "huge"])
def test_the_naive_outcome_names_the_counts_of_the_run(name):
    x = SCORES[name]
    facts = runs.naive(x, 1)
    app = open_page("softmax", x_from="typed", x=str(x.tolist()), tab="Without the largest")
    said = next(m.value for m in app.markdown if f"{facts.limit:.4g}" in m.value)
    counts = [n for n in (facts.inf_by_inf, facts.zero_by_zero, facts.by_inf) if n]
    assert [int(n) for n in re.findall(r"\*\*(\d+) ", said)] == counts
    assert ("warning" in said) == bool(counts)
    torch.testing.assert_close(held(app, "naive"), facts.output, equal_nan=True)


@pytest.mark.parametrize("magnitude", ["1", "200"])
def test_log_softmax_gives_a_cause_only_for_what_is_lost(magnitude):
    app = open_page("softmax", tab="Log softmax", magnitude=magnitude)
    facts = runs.log_softmax(int(magnitude) * example(), 1)
    assert bool(facts.lost) == (magnitude == "200")
    said = next(m.value for m in app.markdown if "of 12**" in m.value)
    assert (f"**{facts.lost} of 12**" in said, "float32" in said) == (bool(facts.lost),) * 2
    torch.testing.assert_close(held(app, "log"), facts.two)


def test_each_link_to_try_sets_up_what_its_sentence_says():
    app = open_page("softmax", x_from="typed", x="[[88.5, 88.5, 88.5]]")
    assert torch.equal(runs.naive(held(app, "z"), 1).output, torch.zeros(1, 3))
    assert runs.naive(held(app, "z"), 1).exp.isfinite().all()
    assert (held(open_page("softmax", T="0.1"), "softmax").amax(1) > 0.99).all()
    assert runs.over_temperature(example()[0], torch.tensor([1.0, 2.0]))[:, 0].gt(0.5).tolist() == [True, False]
    assert runs.naive(held(open_page("softmax", magnitude="100"), "z"), 1).wrong
    assert runs.both_dims(example()).moved
    shifted = held(open_page("softmax", x_from="typed", x=MASKED), "shifted")
    assert shifted[1].isnan().all()


# ---- questions, walk, take away --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_questions_are_answered_by_torch_and_by_nothing_near(seed):
    run = runs.run(example(), 1, 1.0, 1)
    asked = [make(random.Random(seed)) for make in questions.of(run, 1)]
    for question in asked:
        assert question.accepts(question.answer)
        if not question.options:
            value = float(question.answer)
            assert not question.accepts(f"{value * 1.03 + 0.02}")
        else:
            assert question.answer in question.options
    assert all(question.tolerance == 0 for question in asked[-2:]), "counts are exact"


def test_an_answer_is_taken():
    app = open_page("softmax", tab="Predict")
    asked = questions.ratio(random.Random("softmax 1 0"))
    app.text_input(key="answer softmax 1 0 given").set_value(asked.answer)
    sound([b for b in app.button if b.label == "Commit"][1].click().run())
    assert len(app.success) == 1


@pytest.mark.parametrize("version", ["textbook", "manual"])
def test_the_walk_ends_on_the_softmax(version):
    for x, dim in ((example(), 1), (example(), 0), (SCORES["vector"], 0), (SCORES["masked"], 1)):
        steps, scales = draw.walk(runs.run(x, 1, 1.0, dim), version)
        end = steps.steps[-1].values
        assert set(end) == set(scales)
        rows = torch.atleast_2d(x if dim == x.dim() - 1 else x.T)
        torch.testing.assert_close(end[list(scales)[-1]], torch.softmax(rows, 1), equal_nan=True)


def test_the_script_reproduces_the_numbers(tmp_path):
    app = open_page("softmax", tab="Take away", seed="5", T="0.5", dim="0")
    out, said = ran_alone(app, tmp_path)
    torch.testing.assert_close(out["output"], torch.softmax(example(5) / 0.5, 0))
    assert "!= torch" not in said
