"""The broadcasting page shows torch's numbers and which cell of a and b each of them reads."""

from itertools import product

import pytest
import torch

from core.experiments import broadcasting as runs
from tests.linking import partners
from tests.pages.opening import boards, held, open_page, tried, words


@pytest.mark.parametrize("pair", ["row", "outer", "surprise", "batch"])
def test_a_cell_lights_up_what_it_reads(pair):
    app = open_page("broadcasting", pair=pair)
    board = boards(app)["board"]
    a, b = runs.example(pair, 0), runs.example(pair, 1)
    torch.testing.assert_close(held(app, "c"), a + b)
    for place in product(*map(range, (a + b).shape)):
        found = partners(board, "c", place)
        assert found["a"] == {runs.read_cell(a.shape, place)}
        assert found["b"] == {runs.read_cell(b.shape, place)}
        assert found["a_read"] == found["b_read"] == {place}
    for place in product(*map(range, b.shape)):
        read = {at for at in product(*map(range, (a + b).shape)) if runs.read_cell(b.shape, at) == place}
        assert partners(board, "b", place)["c"] == read
        assert held(app, "b_grad")[place] == len(read)


def test_what_does_not_fit_is_mended_in_one_click():
    app = open_page("broadcasting", pair="refused")
    assert app.error
    button = next(button for button in app.button if "unsqueeze(1)" in button.label)
    app = button.click().run()
    assert not app.error
    assert held(app, "c").shape == (3, 4)


@pytest.mark.parametrize("number", range(4))
def test_links_to_try_stand(number):
    tried("broadcasting", number)


@pytest.mark.parametrize("tab", ["Walk through", "Predict", "Take away"])
@pytest.mark.parametrize(
    ("a", "b"),
    [("3", "[1, 2]"), ("[[1, nan]]", "[[inf], [2]]"), ("tensor([], size=(0,))", "[1]"), ("[true]", "[1, 2]")],
)
def test_input_that_nobody_planned(tab, a, b):
    app = open_page("broadcasting", tab=tab, a_from="typed", a=a, b_from="typed", b=b)
    assert words(app)
