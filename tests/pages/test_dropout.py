"""The dropout page shows what torch computes, for the settings in the link."""

import pytest
import torch

from tests.pages.opening import boards, control, held, open_page, ran_alone, sound, words


@pytest.mark.parametrize(
    ("p", "mode"), [("0.5", "train"), ("0.2", "train"), ("0", "train"), ("1", "train"), ("0.5", "eval")]
)
def test_says_that_it_agrees_with_torch(p, mode):
    app = open_page("dropout", p=p, mode=mode)
    assert all(f"largest difference in {kind} **0**" in words(app) for kind in ("values", "gradients"))


def test_the_picked_cell_is_torchs_own_number():
    app = open_page("dropout", p="0.25", cell="2,3", seed="7")
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(7)).round(decimals=2)
    torch.manual_seed(7)
    expected = torch.nn.functional.dropout(x, 0.25)
    pinned = boards(app)["board"].pinned
    assert pinned == ("y", (2, 3))
    torch.testing.assert_close(held(app, "y"), expected)


def test_typed_numbers_are_the_input_and_bad_ones_keep_the_last_good():
    app = open_page("dropout", x_from="typed or pasted", x="[[1, 2], [3, 4]]", cell="1,1", p="0")
    assert held(app, "x").tolist() == held(app, "y").tolist() == [[1, 2], [3, 4]]
    sound(app.text_area(key="x").set_value("1 2\n3 4 5").run())
    assert "Row 2 has 3 numbers" in words(app)
    assert held(app, "y").tolist() == [[1, 2], [3, 4]]


def test_mode_moves_the_check_and_pitfalls():
    app = open_page("dropout")
    sound(control(app, "mode").set_value("eval").run())
    assert "activations are 0" in words(app)


def test_questions_are_answered_by_torch():
    app = open_page("dropout", tab="Predict", seed="3")
    torch.manual_seed(3)
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(3)).round(decimals=2)
    torch.manual_seed(3)
    output = torch.nn.functional.dropout(x, 0.5)
    ask = next(m.value for m in app.markdown if "The input at" in m.value)
    cell = tuple(int(n) for n in ask.split("(")[1].split(")")[0].split(","))
    app.text_input(key="answer dropout 0 0 given").set_value(f"{output[cell].item():.3g}")
    sound(app.button[[b.label for b in app.button].index("Commit")].click().run())
    assert any("Right" in message.value for message in app.success)
    app.text_input(key="answer dropout 1 0 given").set_value("1")
    sound([b for b in app.button if b.label == "Commit"][1].click().run())
    assert any("it is **18**" in message.value for message in app.error)
    assert "1 of 2" in words(app)


def test_the_script_reproduces_the_numbers(tmp_path):
    app = open_page("dropout", tab="Take away", seed="5", p="0.3")
    out, _ = ran_alone(app, tmp_path)
    torch.manual_seed(5)
    x = torch.randn(6, 6, generator=torch.Generator().manual_seed(5)).round(decimals=2)
    torch.manual_seed(5)
    assert torch.equal(out["output"], torch.nn.functional.dropout(x, 0.3))
