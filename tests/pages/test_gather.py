"""The gather page shows what torch picks, and where scatter puts it."""

import pytest
import torch

from tests.pages.opening import open_page, sound, words


def test_the_tutorials_example():
    assert "`out[1][0]` = `input[1][3]` = **9**" in words(open_page("gather", cell="1,0"))


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("way", ["gather", "scatter"])
def test_the_check_agrees_in_both_ways_and_dims(way, dim):
    app = open_page("gather", way=way, dim=str(dim), preset="reorder each row", seed="3")
    assert f"manual {way} agrees with torch" in words(app)


def test_an_index_out_of_range_is_refused_in_a_sentence():
    app = open_page("gather")
    sound(app.selectbox(key="index_from").set_value("typed").run())
    sound(app.text_area(key="index").set_value("[[0, 9]]").run())
    assert any("index" in error.value for error in app.error)
    assert len(app.get("plotly_chart")) == 3  # the last good picture stays


def test_scatter_says_that_several_writes_to_one_place_are_not_ordered():
    link = {"way": "scatter", "dim": "1", "x_from": "typed or pasted", "x": "[[1, 2, 3]]"}
    app = open_page("gather", **link, index_from="typed or pasted", index="[[0, 0]]", cell="0,1")
    assert "2 places of index lead there: which of them stays is not promised" in words(app)


def test_the_answer_to_the_value_is_torchs():
    app = open_page("gather", tab="Predict")
    x, index = torch.arange(1.0, 16).reshape(3, 5), torch.tensor([[0, 2], [3, 4], [1, 4]])
    ask = next(m.value for m in app.markdown if "what stands at" in m.value)
    i, j = (int(n) for n in ask.split("(")[1].split(")")[0].split(","))
    app.text_input(key="answer gather 0 0 given").set_value(f"{torch.gather(x, 1, index)[i, j].item():g}")
    sound(next(button for button in app.button if button.label == "Commit").click().run())
    assert any("Right" in message.value for message in app.success)
