"""The embedding page shows which rows torch picks, and what comes back to them."""

import json
from itertools import product

import pytest
import torch

from core.experiments import embedding as runs
from core.figures.embedding import label, walk
from tests.linking import partners
from tests.pages.opening import boards, held, open_page, panels, ran_alone, sound, tried, words

WEIGHT = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]


def typed(input, weight=WEIGHT):
    return {"input_from": "typed", "input": str(input), "weight_from": "typed", "weight": str(weight)}


@pytest.mark.parametrize("input", [[2, 0, 2], [[1, 1], [0, 3]]])
def test_a_token_lights_up_what_its_gradient_reaches(input):
    board = boards(open_page("embedding", **typed(input)))["board"]
    table = torch.tensor(WEIGHT, requires_grad=True)
    index = torch.tensor(input)
    out = torch.nn.functional.embedding(index, table)
    for place in product(*map(range, index.shape)):
        (grad,) = torch.autograd.grad(out[place].sum(), table, retain_graph=True)
        row = {tuple(cell) for cell in grad.nonzero().tolist()}
        found = partners(board, "input", place)
        assert found["weight"] == found["grad"] == row
        assert found["output"] == {(*place, d) for d in range(2)}
    for v in range(4):
        places = {tuple(place) for place in (index == v).nonzero().tolist()}
        assert partners(board, "weight", (v, 0))["input"] == places


def test_the_first_state_shows_a_row_that_is_picked_three_times():
    app = open_page("embedding")
    assert held(app, "grad")[:, 0].tolist() == [3, 1, 2]
    assert held(app, "input").tolist() == [1, 0, 2, 0, 2, 0]
    assert boards(app)["board"].pinned == ("input", (1,))


@pytest.mark.parametrize(
    "link",
    [
        {"text": "x"}, {"text": "a b"}, {"text": "to be or not to be", "unit": "words", "padding_idx": "3"},
        {"text": "<b>&</b> `x` [y](z)", "unit": "words"},
        {"weight_from": "typed", "weight": "[[1, 2], [3, 4], [5, 6]]"},
        {"weight_from": "typed", "weight": "[[nan, inf], [-inf, 0], [1, 2]]", "max_norm": "1", "loss": "squares"},
        {"weight_from": "typed", "weight": "[[0., 0.], [0., 0.], [0., 0.]]", "max_norm": "0.5"},
        {"weight_from": "typed", "weight": "tensor([[1., 2.], [3., 4.], [5., 6.]], dtype=torch.float16)"},
        {"dim": "1", "scale_grad_by_freq": "true", "padding_idx": "0", "norm_type": "inf", "max_norm": "0.5"},
        {"dim": "8", "text": "the quick brown fox jumps over the lazy dog"},
    ],
    ids=str,
)  # fmt: skip
def test_any_text_and_table_is_taken(link):
    app = open_page("embedding", **link)
    assert not app.error
    assert "output" in panels(app)
    open_page("embedding", tab="Predict", **link)


def test_a_text_without_a_token_is_refused_in_a_sentence():
    app = open_page("embedding", text="  ")
    assert "banana" in words(app)
    assert "output" in panels(app)


def test_a_label_holds_no_markup():
    assert label("<b>") == "·b·"
    assert len(label("x" * 50)) < 12


@pytest.mark.parametrize("input", ["[0, 9]", "[0.0, 1.0]", "[-1]"])
def test_a_refusal_is_torchs_and_is_mended_by_one_click(input):
    app = open_page("embedding", input_from="typed", input=input)
    said = runs.misfit(torch.tensor(json.loads(input)), torch.zeros(3, 4)).says
    assert said
    assert said in app.error[0].value
    assert set(panels(app)) == {"input", "weight"}
    sound(next(button for button in app.button if (button.key or "").startswith("mend")).click().run())
    assert not app.error
    assert "output" in panels(app)


def test_max_norm_shows_the_table_after_the_call():
    app = open_page("embedding", max_norm="0.5", **typed([0, 1]))
    table = torch.tensor(WEIGHT)
    torch.nn.functional.embedding(torch.tensor([0, 1]), table, max_norm=0.5)
    torch.testing.assert_close(held(app, "weight").float(), table)


def test_each_link_to_try_shows_what_it_says():
    divided, padding, unpicked, shorter, refused = (tried("embedding", number) for number in range(5))
    assert held(divided, "grad").eq(1).all()
    assert held(padding, "grad")[0].eq(0).all()
    assert held(padding, "output")[1].ne(0).any()
    assert held(unpicked, "grad")[:, 0].tolist() == [3, 0, 1]
    assert held(shorter, "weight").norm(dim=1).max() < 1.001
    assert "max_norm" in words(shorter)
    assert "index out of range in self" in refused.error[0].value


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_both_loops_walk_to_their_result(way):
    open_page("embedding", tab="Walk through", way=way)
    run = runs.run(torch.tensor([1, 0, 1]), torch.tensor(WEIGHT), runs.Options())
    steps = walk(run, way == "backward")[0].steps
    outs = [step.values["out"] for step in steps if "out" in step.values]
    assert not outs[0].any()
    assert torch.equal(outs[-1], run.grad if way == "backward" else run.output)


def test_the_script_to_take_away_runs_alone(tmp_path):
    saved, _ = ran_alone(open_page("embedding", tab="Take away", max_norm="1"), tmp_path)
    index, weight = runs.tokens_of(runs.TEXT, words=False).input, runs.example_weight(3, 4, 0)
    torch.testing.assert_close(saved["output"], torch.nn.functional.embedding(index, weight, max_norm=1.0))
