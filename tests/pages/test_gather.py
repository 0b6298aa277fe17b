"""The gather page shows what torch picks, and where scatter puts it."""

from itertools import product

import pytest
import torch

from tests.linking import partners
from tests.pages.opening import boards, open_page, panels, sound, words


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


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("way", ["gather", "scatter"])
def test_the_check_agrees_in_both_ways_and_dims(way, dim):
    app = open_page("gather", way=way, dim=str(dim), preset="sort", seed="3")
    assert f"manual {way} agrees with torch" in words(app)


def test_an_index_out_of_range_keeps_the_inputs_and_offers_a_mend():
    app = open_page("gather")
    sound(app.selectbox(key="index_from").set_value("typed").run())
    sound(app.text_area(key="index").set_value("[[0, 9]]").run())
    with pytest.raises(RuntimeError) as refusal:
        torch.gather(torch.zeros(3, 5), 1, torch.tensor([[0, 9]]))
    assert str(refusal.value).splitlines()[0] in app.error[0].value
    assert set(panels(app)) == {"input", "index"}
    sound(next(button for button in app.button if button.label.startswith("Wrap")).click().run())
    assert not app.error
    assert panels(app)["index"].cells.values.tolist() == [[0, 4]]


@pytest.mark.parametrize("dim", ["0", "1"])
@pytest.mark.parametrize("preset", ["tutorial", "loss", "sort"])
def test_the_examples_index_fits_an_input_of_the_readers(preset, dim):
    app = open_page("gather", preset=preset, dim=dim, x_from="typed", x="[[1, 2], [3, 4]]")
    assert not app.error
    assert "is wrapped and cut to fit" in words(app)
    assert "manual gather agrees with torch" in words(app)


def test_scatter_says_that_several_writes_to_one_place_are_not_ordered():
    link = {"way": "scatter", "dim": "1", "cell": "0,1"}
    notes = panels(open_page("gather", **link, **typed([[1, 2, 3]], [[0, 0]])))
    assert notes["input"].cells.notes[0].endswith("2 writes to one place, and which of them stays is not promised.")
    assert "keeps input's **3**" in notes["input"].cells.notes[2]


def test_the_answer_to_the_value_is_torchs():
    app = open_page("gather", tab="Predict")
    x, index = torch.arange(1.0, 16).reshape(3, 5), torch.tensor([[0, 2], [3, 4], [1, 4]])
    ask = next(m.value for m in app.markdown if "what stands at" in m.value)
    i, j = (int(n) for n in ask.split("(")[1].split(")")[0].split(","))
    app.text_input(key="answer gather 0 0 given").set_value(f"{torch.gather(x, 1, index)[i, j].item():g}")
    sound(next(button for button in app.button if button.label == "Commit").click().run())
    assert any("Right" in message.value for message in app.success)
