"""The gather page shows what torch picks, and where scatter puts it."""

import json
import re
from itertools import product

import pytest
import torch

from core.experiments import gather as runs
from core.figures.gather import walk
from tests.linking import partners
from tests.pages.opening import boards, held, kept, open_page, panels, sound, tried, words


def typed(x, index):
    return {"x_from": "typed", "x": str(x), "index_from": "typed", "index": str(index)}


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("index", [[[0, 2], [1, 1], [2, 0], [0, 0]], [[2]], [[1, 1, 1]]])
def test_places_of_index_light_up_what_a_gradient_reaches(dim, index):
    x = torch.arange(12.0).reshape(3, 4) if len(index) < 4 or dim == 0 else torch.arange(12.0).reshape(4, 3)
    board = boards(open_page("gather", dim=str(dim), **typed(x.tolist(), index)))["board"]
    leaf = x.requires_grad_()
    out = torch.gather(leaf, dim, torch.tensor(index))
    picked_by = {cell: set() for cell in product(*map(range, x.shape))}
    for place in product(*map(range, out.shape)):
        (grad,) = torch.autograd.grad(out[place], leaf, retain_graph=True)
        read = {tuple(cell) for cell in grad.nonzero().tolist()}
        found = partners(board, "output", place)
        assert found["input"] == found["grad"] == read
        assert found["index"] == {place}
        for cell in read:
            picked_by[cell].add(place)
    (grad,) = torch.autograd.grad(out.sum(), leaf)
    shown = next(panel for panel in board.panels if panel.name == "grad")
    for flat, (cell, readers) in enumerate(picked_by.items()):
        found = partners(board, "input", cell)
        assert found["output"] == found["index"] == readers
        assert len(readers) == grad[cell]
        assert bool(readers) == bool(shown.picks[flat])


@pytest.mark.parametrize("dim", [0, 1])
def test_scatter_links_what_is_written_with_where_it_stays(dim):
    index = [[0, 2], [2, 1], [0, 0]]
    x = torch.zeros(3, 4)
    board = boards(open_page("gather", way="scatter", dim=str(dim), **typed(x.tolist(), index)))["board"]
    src = torch.arange(100.0, 106).reshape(3, 2)
    out = torch.scatter(x, dim, torch.tensor(index), src)
    for cell in product(*map(range, out.shape)):
        stays = partners(board, "output", cell, "winner")["src"]
        assert stays == {tuple(place) for place in (src == out[cell]).nonzero().tolist()}
        assert stays <= partners(board, "output", cell)["src"]


def test_the_pinned_place_is_the_readers():
    assert boards(open_page("gather", cell="1,0"))["board"].pinned == ("index", (1, 0))


@pytest.mark.parametrize(
    ("way", "dim", "x"),
    [
        ("gather", "0", "[[1, 2, 3], [4, 5, 6]]"), ("scatter", "1", "[[True, False], [False, True]]"),
        ("scatter", "0", "[[nan, inf], [-inf, 0]]"), ("gather", "0", "[3, 1, 2]"), ("scatter", "0", "[1.5, 2.5]"),
        ("gather", "2", "[[[1., 2.], [3., 4.]], [[5., 6.], [7., 8.]]]"), ("gather", "1", "[[2.5]]"),
    ],
)  # fmt: skip
def test_any_input_is_taken_in_its_dtype_with_an_example_index_that_fits(way, dim, x):
    app = open_page("gather", way=way, dim=dim, x_from="typed", x=x)
    assert not app.error
    shown = kept(app).own["good x"]
    index = runs.example_index(runs.TUTORIAL, shown, int(dim), 0)
    theirs = runs.run(way, shown, int(dim), index).call.of(torch.gather if way == "gather" else torch.scatter)
    output = held(app, "output")
    assert torch.equal(output.nan_to_num(7).double(), theirs.nan_to_num(7).double())
    titles = [panel.figure.to_dict()["layout"]["title"]["text"] for panel in panels(app).values()]
    assert any(str(shown.dtype).removeprefix("torch.") in title for title in titles) or shown.dtype == torch.float32
    open_page("gather", way=way, dim=dim, x_from="typed", x=x, tab="Predict")


@pytest.mark.parametrize(
    ("way", "index"),
    [("gather", "[[0, 9]]"), ("gather", "[[0.0, 2.0]]"), ("scatter", "[0, 1]"), ("scatter", "[[0], [0], [0], [0]]")],
)
def test_a_refusal_is_torchs_keeps_inputs_and_tabs_and_is_mended_by_one_click(way, index):
    app = open_page("gather", way=way, index_from="typed", index=index)
    said = runs.theirs(way, torch.zeros(3, 5), 1, torch.tensor(json.loads(index)))
    assert said
    assert said in app.error[0].value
    assert set(panels(app)) == {"input", "index"}
    assert {"Pitfalls", "Predict", "Take away"} <= {tab.label for tab in app.tabs}
    sound(next(button for button in app.button if (button.key or "").startswith("mend")).click().run())
    assert not app.error
    assert "output" in panels(app)


def test_the_tutorials_index_is_not_clamped_unasked():
    for way in ("gather", "scatter"):
        assert panels(open_page("gather", way=way))["index"].cells.values.tolist() == [[0, 2], [3, 4], [1, 4]]


def test_scatter_says_of_each_cell_how_many_numbers_are_written_there():
    link = {"way": "scatter", "dim": "1", "cell": "0,1"}
    notes = panels(open_page("gather", **link, **typed([[1, 2, 3]], [[0, 0]])))["input"].cells.notes
    assert "2 writes" in notes[0]
    assert "**3**" in notes[2]


def test_each_link_to_try_shows_what_it_says():
    sort, loss, thrice, twice, refused = (tried("gather", number) for number in range(5))
    assert held(sort, "grad").eq(1).all()
    assert held(sort, "output").diff(dim=1).le(0).all()
    assert held(loss, "grad").sum(1).eq(1).all()
    assert held(thrice, "grad")[0, 0] == 3
    assert "2 writes" in panels(twice)["input"].cells.notes[0]
    assert "index 3" in refused.error[0].value


def test_the_answer_to_the_value_is_torchs_and_the_picture_is_covered_until_it_is_given():
    app = open_page("gather", tab="Predict")
    assert '"output"' in words(app)
    x, index = torch.arange(1.0, 16).reshape(3, 5), torch.tensor([[0, 2], [3, 4], [1, 4]])
    ask = next(m.value for m in app.markdown if "what stands at" in m.value)
    i, j = map(int, re.search(r"output\[(\d), (\d)\]", ask).groups())
    right = torch.gather(x, 1, index)[i, j].item()
    app.text_input(key="answer gather 0 0 given").set_value(f"{right:g}")
    sound(next(button for button in app.button if button.label == "Commit").click().run())
    assert app.success


@pytest.mark.parametrize("way", ["gather", "scatter"])
@pytest.mark.parametrize("tier", ["textbook", "manual"])
def test_both_versions_walk_to_the_output_and_start_from_zeros(way, tier):
    open_page("gather", tab="Walk through", way=way, tier=tier)
    run = runs.run(way, torch.full((3, 5), 7.0), 1, torch.tensor([[0, 2], [3, 4], [1, 4]]))
    steps = walk(run, tier == "textbook")[0].steps
    first = next((step.values["out"] for step in steps if "out" in step.values), None)
    assert first is None or first.eq(0).all() or first.eq(run.input).all()
