"""The page on sets shows what Python's set and torch.unique do."""

import pytest
import torch

from tests.linking import partners
from tests.pages.opening import boards, open_page, panels, sound, words

EXAMPLES = {
    "the tutorial's": [1, 2, 3, 2, 6, 7, 8, 7],
    "not in order": [5, 64, 33, 7, 5, 64, 33],
    "one slot for all": [64, 0, 32, 8, 0, 64],
}


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_the_set_is_pythons_and_the_check_agrees(name):
    app = open_page("sets", example=name)
    text = words(app)
    assert panels(app)["walk"].cells.values.tolist() == list(set(EXAMPLES[name]))
    assert "manual unique agrees with torch" in text


def test_sorted_is_refuted_on_items_that_are_not_in_order():
    board = boards(open_page("sets", example="not in order"))["board"]
    assert any("is not sorted" in part.get("words", "") for part in board.flow)


def test_an_item_lights_up_its_value_its_count_and_its_places():
    items = EXAMPLES["not in order"]
    x = torch.tensor(items)
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    app = open_page("sets", example="scattered")
    board, shown = boards(app)["board"], panels(app)
    for place, item in enumerate(items):
        found = partners(board, "x", (place,))
        assert found["unique"] == found["counts"] == {(int(inverse[place]),)}
        assert [shown["sorted"].cells.values[at].item() for at in found["sorted"]] == [item]
        assert [shown["walk"].cells.values[at].item() for at in found["walk"]] == [item]
        note = shown["x"].cells.notes[place]
        assert f"`unique[{int(inverse[place])}]` = **{item}**" in note
        count = int(counts[inverse[place]])
        assert ("occurs once" if count == 1 else f"occurs {count} times") in note
    for u, value in enumerate(values.tolist()):
        found = partners(board, "unique", (u,))
        alike = {(n,) for n, item in enumerate(items) if item == value}
        assert found["x"] == found["inverse"] == alike
        assert len(found["sorted"]) == int(counts[u])
        assert items[int(shown["unique"].picks[u])] == value


def test_a_set_puts_all_of_one_slot_at_one_slot():
    slots = panels(open_page("sets", example="hashes"))["slots"].cells.values
    assert slots.unique().numel() == 1
    assert slots.numel() > 1


def test_a_thousand_items_are_shown_by_windows_about_the_picked_one():
    x = torch.randint(-300, 300, (1000,), generator=torch.Generator().manual_seed(1))
    app = open_page("sets", x_from="typed")
    sound(app.text_area(key="x").set_value(str(x.tolist())).run())
    sound(app.text_input(key="cell").set_value("500").run())
    assert "manual unique agrees with torch" in words(app)
    board, shown = boards(app)["board"], panels(app)
    assert all(panel.cells.shape[0] <= 24 for panel in shown.values())
    assert shown["x"].cells.values.tolist() == x[480:504].tolist()
    _, inverse = torch.unique(x, return_inverse=True)
    found = partners(board, "x", (500,))
    assert found["unique"] == {(int(inverse[500]),)}
    ((place,),) = found["sorted"]
    assert x.sort().values[place] == x[500]
    assert found["walk"]
    assert board.pinned == ("x", (500,))


def test_only_whole_numbers_in_a_row_are_taken():
    text = words(open_page("sets", x_from="typed or pasted", x="1.5, 2"))
    assert "whole numbers" in text
