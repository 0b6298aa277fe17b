"""The attention page shows torch's numbers, whatever the reader gives it."""

import pytest
import torch
import torch.nn.functional as F

from core.experiments import attention as runs
from tests.linking import partners
from tests.pages.opening import boards, held, open_page, tried, words


def test_a_weight_hangs_together_with_its_query_its_key_and_its_value():
    board = boards(open_page("attention"))["board"]
    found = partners(board, "weights", (3, 1))
    assert found["query"] == {(3, e) for e in range(4)}
    assert found["key"] == {(1, e) for e in range(4)}
    assert found["value"] == {(1, 0), (1, 1)}
    assert found["output"] == {(3, 0), (3, 1)}
    assert found["scores"] == {(3, 1)}
    assert board.pinned == ("weights", (3, 1))
    assert partners(board, "output", (2, 1))["weights"] == {(2, j) for j in range(5)}


@pytest.mark.parametrize("mask", ["none", "causal", "padding"])
def test_it_shows_torchs_numbers(mask):
    app = open_page("attention", mask=mask, factor="2")
    made = runs.example(runs.SENTENCE, 0)
    allowed = runs.masked(mask, None, 5, 5)
    theirs = F.scaled_dot_product_attention(made.query, made.key, made.value, attn_mask=allowed, scale=1.0)
    assert "manual scaled_dot_product_attention agrees with torch" in words(app)
    torch.testing.assert_close(held(app, "output"), theirs)


@pytest.mark.parametrize("number", range(4))
def test_links_to_try_stand(number):
    assert not tried("attention", number).error


@pytest.mark.parametrize("tab", ["Heads", "In blocks", "Token by token", "Digits", "Walk through", "Predict"])
@pytest.mark.parametrize(
    "given",
    [
        {"tokens": "one"},
        {f"{name}_from": "typed" for name in "qkv"} | {"q": "[[1, nan], [inf, 0]]", "k": "[[1, 0]]", "v": "[[2]]"},
        {"q_from": "typed", "q": "[[1, 2, 3]]", "mask": "causal"},
        {"q_from": "typed", "q": "[[1, 2, 3, 4]]", "mask": "own", "dropout_p": "0.9"},
    ],
    ids=["one token", "nan", "refused", "one query"],
)  # fmt: skip
def test_input_that_nobody_planned(tab, given):
    open_page("attention", tab=tab, **given)


def test_what_does_not_fit_is_mended_in_one_click():
    app = open_page("attention", q_from="typed", q="[[1, 2, 3]]", mask="own")
    assert app.error
    mend = next(button for button in app.button if button.label == "Keep what fits")
    app = mend.click().run()
    assert not app.error
    assert not app.exception


def test_integers_are_said_to_become_floats():
    app = open_page("attention", **{f"{name}_from": "typed" for name in "qkv"}, q="[[1, 2]]", k="[[1, 0]]", v="[[3]]")
    assert "float32" in words(app)
    assert held(app, "output").tolist() == [[3]]


def test_the_digit_shows_the_network_before_its_first_step_and_what_a_patch_takes():
    app = open_page("attention", tab="Digits", image="3", patch="2,1", patch_heads="4")
    weights = held(app, "looks")
    assert weights.shape == (4, 4, 4)
    torch.testing.assert_close(weights.sum((1, 2)), torch.ones(4))
    found = partners(boards(app)["digit"], "looks", (0, 1, 2))["image"]
    assert found == {(y, x) for y in range(7, 14) for x in range(14, 21)}
