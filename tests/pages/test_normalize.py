"""The page on normalising shows what torch computes, for every p."""

import random
import re
from itertools import product

import pytest
import torch
from torch.nn.functional import normalize

from core import words as spelling
from core.experiments import normalize as runs
from core.figures import normalize as draw
from pages.normalize_parts import pitfalls, questions
from tests.experiments.test_normalize import INPUTS, SETTINGS, all_inputs
from tests.linking import partners
from tests.pages.opening import boards, control, held, open_page, panels, ran_alone, sound, tried, words

TYPED = {"x_from": "typed", "x": "[[3., 4.], [0., 0.]]"}


@pytest.mark.parametrize("p", ["-1", "0", "2", "inf"])
def test_the_output_is_torchs(p):
    app = open_page("normalize", p=p, seed="3")
    assert "manual normalize agrees with torch" in words(app)
    torch.testing.assert_close(held(app, "output"), normalize(runs.example(2, 3), float(p)))


def test_the_picked_cell_is_torchs_number():
    app = open_page("normalize", **TYPED, cell="0,1")
    assert boards(app)["board"].pinned == ("output", (0, 1))
    assert panels(app)["output"].cells.notes[1] == "4 / 5"
    assert panels(app)["norm"].cells.notes[0] == "√(3² + 4²) = **5**"


def test_eps_raises_a_short_norm_alone():
    notes = panels(open_page("normalize", x_from="typed", x="[[0.3, 0.4], [3, 4]]", eps="1"))["norm"].cells.notes
    assert [("eps" in note) for note in notes] == [True, False]


@pytest.mark.parametrize("numbers", ["2", "3", "4"])
@pytest.mark.parametrize("dim", [0, 1])
def test_a_vector_lights_up_with_its_norm_and_its_arrow(dim, numbers):
    app = open_page("normalize", dim=str(dim), numbers=numbers)
    board = boards(app)["board"]
    length = int(numbers) if dim == 1 else 5
    assert ("arrows" in panels(app)) == (length in (2, 3))
    x = torch.randn(5, int(numbers), dtype=torch.float64).requires_grad_()
    out = normalize(x, dim=dim)
    for cell in product(*map(range, x.shape)):
        (grad,) = torch.autograd.grad(out[cell], x, retain_graph=True)
        found = partners(board, "output", cell)
        assert found["input"] == {tuple(at) for at in grad.nonzero().tolist()}
        vector = cell[1 - dim]
        assert found["norm"] == {(vector, 0) if dim == 1 else (0, vector)}
        assert found.get("arrows", {(vector,)}) == {(vector,)}
        assert partners(board, "output", cell, "winner")["input"] == {cell}, "the number that is divided"
        assert partners(board, "input", cell)["output"] == found["input"]


def test_a_picked_arrow_is_a_cell_of_its_vector():
    assert panels(open_page("normalize"))["arrows"].picks == [f"{v}, 0" for v in range(5)]
    assert panels(open_page("normalize", x_from="typed", x="[[1,2,3],[4,5,6]]", dim="0"))["arrows"].picks == [
        "0, 0", "0, 1", "0, 2",
    ]  # fmt: skip


# ---- the reader's own input ------------------------------------------------------------------------------------


def test_a_vector_is_normalised_along_its_only_dim():
    app = open_page("normalize", x_from="typed", x="3. 4")
    torch.testing.assert_close(held(app, "output"), torch.tensor([0.6, 0.8]))
    shown = boards(app)["board"]
    everything = {(0,), (1,)}
    assert partners(shown, "output", (1,))["input"] == everything
    assert partners(shown, "norm", (0,))["output"] == everything
    assert partners(shown, "input", (0,), "winner")["output"] == {(0,)}
    assert not {"numbers", "seed"} & {c.key for kind in (app.segmented_control, app.number_input) for c in kind}


def test_dim_1_of_a_vector_is_torchs_refusal_and_one_click_mends_it():
    app = open_page("normalize", x_from="typed", x="3. 4", dim="1", tab="Take away")
    assert runs.refusal(torch.tensor([3.0, 4]), 1) in app.error[0].value
    assert list(panels(app)) == ["input"]
    assert any("import torch" in code.value for code in app.code), "the tabs stay"
    sound(next(button for button in app.button if button.label == "dim = 0").click().run())
    assert not app.error
    torch.testing.assert_close(held(app, "output"), torch.tensor([0.6, 0.8]))


def test_the_readers_dtype_is_kept_or_torchs_refusal_quoted():
    half = torch.tensor([[60000.0, 60000.0]], dtype=torch.float16)
    app = open_page("normalize", x_from="typed", x="tensor([[60000., 60000.]], dtype=torch.float16)")
    torch.testing.assert_close(held(app, "output"), normalize(half).float())
    assert not any(runs.taken(torch.ones(1, 2).long())[1] in caption.value for caption in app.caption)
    whole = open_page("normalize", x_from="typed", x="[[3, 4]]")
    assert runs.taken(torch.ones(1, 2).long())[1] in words(whole)


@pytest.mark.parametrize("x", ["[[nan, 1], [inf, 2], [0, 0]]", "[7.]", "[[1e30, 1e30], [1e-30, 1e-30]]"])
@pytest.mark.parametrize("tab", ["Gradient", "Walk through"])
def test_extreme_input_is_shown(x, tab):
    app = open_page("normalize", x_from="typed", x=x, tab=tab)
    expected = runs.rows(held(app, "input"), held(app, "input").dim() - 1)
    torch.testing.assert_close(
        runs.rows(held(app, "output"), held(app, "output").dim() - 1), normalize(expected), equal_nan=True
    )


# ---- the gradient ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eps", ["1e-12", "0.1", "3"])
def test_the_gradient_of_a_zero_row_is_1_over_eps(eps):
    app = open_page("normalize", **TYPED, tab="Gradient", eps=eps)
    x = torch.tensor([[3.0, 4], [0, 0]], requires_grad=True)
    normalize(x, eps=float(eps)).sum().backward()
    torch.testing.assert_close(held(app, "grad"), x.grad)
    assert held(app, "grad")[1].tolist() == pytest.approx([1 / float(eps)] * 2)
    said = next(m.value for m in app.markdown if f"**{spelling.spelled(1 / float(eps))}**" in m.value)
    assert re.findall(r"\*\*(\d+) vector", said) == ["1", "1"], "one at a right angle, one shorter than eps"


# ---- what is said ----------------------------------------------------------------------------------------------


@all_inputs
@pytest.mark.parametrize(("p", "eps"), SETTINGS)
def test_every_pitfall_has_a_sentence_for_any_input(x, p, eps):
    for dim in range(x.dim()):
        for pitfall in pitfalls.of(runs.run(x, p, dim, eps)):
            facts = pitfall.run()
            assert spelling.say(pitfall.says if isinstance(pitfall.says, str) else pitfall.says(facts), facts)


def test_positive_numbers_are_not_said_to_refute_the_range():
    refuted, by_luck = (pitfalls.ranges(runs.ranges(INPUTS[name], 2.0, 1, 1e-12)) for name in ("example", "positive"))
    assert ("{turned_low}" in refuted, "{turned_low}" in by_luck) == (False, True)


@pytest.mark.parametrize("eps", ["1e-12", "3"])
def test_the_sentence_on_lengths_counts_the_vectors(eps):
    app = open_page("normalize", eps=eps)
    norms = torch.linalg.vector_norm(runs.example(2, 0), dim=1)
    long, short = int((norms >= float(eps)).sum()), int((norms < float(eps)).sum())
    assert bool(short) == (eps == "3")
    counts = [re.findall(r"\*\*(\d+)\b", m.value) for m in app.markdown]
    assert [str(n) for n in (long, short) if n] in counts


def test_each_link_to_try_sets_up_what_its_sentence_says():
    largest = held(open_page("normalize", p="inf"), "output").abs().amax(1)
    torch.testing.assert_close(largest, torch.ones(5))
    positive = held(open_page("normalize", p="1", x_from="typed", x="[[1., 3.], [2., 2.], [0.5, 4.5]]"), "output")
    torch.testing.assert_close(positive.sum(1), torch.ones(3))
    turned = normalize(torch.tensor([[1.0, -3.0]]), 1)
    assert turned.abs().sum() == 1 != turned.sum()
    assert runs.at_zero(0.1) == pytest.approx(10)
    assert "0.1" in runs.EPS
    assert runs.lengths(runs.run(runs.example(2, 0), 2.0, 1, 3.0)).raised
    half = torch.tensor([[60000.0, 60000.0]], dtype=torch.float16)
    assert torch.linalg.vector_norm(half.float()).round() == 84853
    assert normalize(half).tolist() == [[0, 0]]


# ---- questions, walk, take away --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_questions_are_answered_by_torch_and_by_nothing_near(seed):
    for make in questions.ALL:
        question = make(random.Random(seed))
        assert question.accepts(question.answer)
        assert not question.accepts(f"{float(question.answer) * 1.02 + 0.01}")


@pytest.mark.parametrize("version", ["textbook", "manual"])
def test_the_walk_ends_on_the_output(version):
    for name, dim in (("positive", 1), ("positive", 0), ("vector", 0)):
        x = INPUTS[name]
        steps, scales = draw.walk(runs.run(x, 2.0, dim, 1e-12), version)
        end = steps.steps[-1].values
        assert set(end) == set(scales)
        torch.testing.assert_close(end["return" if version == "textbook" else "output"], normalize(runs.rows(x, dim)))


def test_the_script_reproduces_the_numbers_for_a_p_that_is_no_literal(tmp_path):
    app = open_page("normalize", tab="Take away", p="-inf", eps="0.1", dim="0")
    out, said = ran_alone(app, tmp_path)
    torch.testing.assert_close(out["output"], held(app, "output"))
    assert "!= torch" not in said


def test_a_link_to_try_is_chosen_only_where_nothing_else_is_moved_and_stays_while_the_reader_moves_more():
    assert not open_page("normalize", eps="3", numbers="4").pills[0].proto.default
    assert list(open_page("normalize", eps="3", seed="5", cell="1,0").pills[0].proto.default) == [3]
    app = tried("normalize", 3)
    sound(control(app, "p").set_value("1").run())
    assert list(app.pills[0].proto.default) == [3]
    sound(control(app, "eps").set_value("1").run())
    assert not app.pills[0].proto.default
