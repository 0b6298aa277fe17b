"""The page on sets shows what Python's set and torch.unique do."""

import pytest
import torch

from core.experiments import sets as runs
from tests.linking import partners
from tests.pages.opening import boards, held, open_page, panels, settings, sound, tried, words


@pytest.mark.parametrize("name", runs.EXAMPLES)
def test_the_set_is_pythons_and_unique_is_torchs(name):
    app = open_page("sets", example=name)
    items = runs.EXAMPLES[name]
    assert held(app, "walk").tolist() == list(set(items))
    assert held(app, "unique").tolist() == torch.unique(torch.tensor(items)).tolist()
    table = held(app, "table")
    assert [table[slot] for slot in runs.set_order(items).slots] == list(set(items))


def test_the_page_opens_with_a_set_that_is_not_sorted():
    order = held(open_page("sets"), "walk")
    assert order.tolist() != order.sort().values.tolist()


def test_an_item_lights_up_its_value_its_count_and_its_places():
    items = runs.EXAMPLES[runs.SCATTERED]
    x = torch.tensor(items)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    app = open_page("sets", example="scattered")
    board, shown = boards(app)["board"], panels(app)
    for place, item in enumerate(items):
        found = partners(board, "x", (place,))
        assert found["unique"] == found["counts"] == {(int(inverse[place]),)}
        assert [shown["sorted"].cells.values[at].item() for at in found["sorted"]] == [item]
        assert [held(app, "walk")[at].item() for at in found["walk"]] == [item]
        assert [held(app, "table")[at].item() for at in found["table"]] == [item]
        assert f"`unique[{int(inverse[place])}]` = **{item}**" in shown["x"].cells.notes[place]
    for u, value in enumerate(values.tolist()):
        found = partners(board, "unique", (u,))
        alike = {(n,) for n, item in enumerate(items) if item == value}
        assert found["x"] == found["inverse"] == alike
        assert len(found["sorted"]) == int(counts[u])
        assert items[int(shown["unique"].picks[u])] == value
    empty = [slot for slot, pin in enumerate(shown["table"].picks) if not pin]
    assert len(empty) == 8 - len(values)
    assert not any(partners(board, "table", (empty[0],))[name] for name in ("x", "unique", "walk"))


@pytest.mark.parametrize(
    "typed",
    ["1.5, 2, 1.5", "[1, nan, nan]", "[inf, -inf, 0.0, -0.0]", "[[3, 1], [1, 2]]", "7", "[True, False]",
     "[2305843009213693951, 0]"],
)  # fmt: skip
def test_numbers_of_any_kind_are_taken(typed):
    app = open_page("sets", x_from="typed", x=typed, tab="Predict")
    assert "example" not in settings(app)
    x = held(app, "x").double()
    assert held(app, "unique").double().nan_to_num(7).tolist() == torch.unique(x).nan_to_num(7).tolist()
    assert len(held(app, "walk")) == len(held(app, "unique"))


def test_a_thousand_items_are_shown_by_windows_about_the_picked_one():
    x = torch.randint(-300, 300, (1000,), generator=torch.Generator().manual_seed(1))
    app = open_page("sets", x_from="typed")
    sound(app.text_area(key="x").set_value(str(x.tolist())).run())
    sound(app.text_input(key="cell").set_value("500").run())
    board, shown = boards(app)["board"], panels(app)
    assert all(panel.cells.shape[0] <= 24 for panel in shown.values())
    assert shown["x"].cells.values.tolist() == x[480:504].tolist()
    _, inverse = torch.unique(x, return_inverse=True)
    found = partners(board, "x", (500,))
    assert found["unique"] == {(int(inverse[500]),)}
    ((place,),) = found["sorted"]
    assert x.sort().values[place] == x[500]
    assert found["walk"]
    assert found["table"]
    assert board.pinned == ("x", (500,))


def test_each_link_to_try_shows_what_it_says():
    ascending, meeting, fifth, negative, nans = (tried("sets", number) for number in range(5))
    assert held(ascending, "walk").diff().gt(0).all()
    assert held(ascending, "table").numel() == 16  # of 32 slots so many are shown
    assert set(runs.set_order(runs.EXAMPLES[runs.HASHES]).first) == {0}
    assert held(meeting, "walk").diff().lt(0).any()
    assert held(fifth, "walk").tolist() == [1, 2, 3, 4, 8]
    assert runs.set_order([8, 1, 2, 3]).order == (8, 1, 2, 3)
    assert runs.slot_of(-1, 8).slot == runs.slot_of(-2, 8).slot
    assert held(negative, "walk").numel() == 4
    assert held(nans, "unique").isnan().sum() == held(nans, "walk").isnan().sum() == 2


def test_the_inverse_is_covered_until_it_is_given_and_a_neighbour_is_not_right():
    app = open_page("sets", tab="Predict")
    assert '"inverse"' in words(app)
    ask = next(m.value for m in app.markdown if "inverse[" in m.value and "?" in m.value)
    place = int(ask.split("inverse[")[1].split("]")[0])
    right = torch.unique(torch.tensor(runs.EXAMPLES[runs.SCATTERED]), return_inverse=True)[1][place]
    app.text_input(key="answer sets 0 0 given").set_value(str(int(right) + 1))
    sound(next(button for button in app.button if button.label == "Commit").click().run())
    assert not app.success
    assert f"**{int(right)}**" in words(app)
