"""The page on products shows what torch computes, and what torch refuses, with a way out."""

import json

import pytest
import torch

from core.experiments import products as runs
from tests.pages.opening import boards, control, held, open_page, panels, settings, sound, tried, words

TYPED = {"a_from": "typed", "b_from": "typed"}


def mends(app):
    """The buttons that mend a refusal."""
    return [button for button in app.button if (button.key or "").startswith("mend")]


@pytest.mark.parametrize(
    ("operation", "shapes"), [("matmul", "batches"), ("bmm", "bmm"), ("dot", "vectors"), ("mul", "broadcast")]
)
def test_the_result_on_screen_is_torchs(operation, shapes):
    app = open_page("products", op=operation, shapes=shapes)
    assert torch.equal(held(app, "C"), getattr(torch, operation)(held(app, "A"), held(app, "B")))


@pytest.mark.parametrize("equation", ["i,j->ij", "ii->i", "bi,ij,bj->b", "...ij->...ji"])
def test_an_equation_of_the_readers_is_torchs(equation):
    app = open_page("products", op="einsum", equation=equation)
    shown = panels(app)
    operands = [held(app, name) for name in runs.NAMES if name in shown]
    assert len(operands) == runs.operands_named(equation)
    assert torch.equal(held(app, "C"), torch.einsum(equation, *operands))


def test_a_link_may_name_the_shapes_by_their_label():
    app = open_page("products", shapes="3×4 times 5×4×2, batches")
    assert panels(app)["C"].cells.shape == (5, 3, 2)


def test_the_tutorials_product_is_spelled():
    board = boards(open_page("products", cell="0,1"))["board"]
    assert board.pinned == ("C", (0, 1))
    assert "{sum:A*B}" in board.spelled["C"]


# ---- the reader's input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "a", "b"),
    [
        ("matmul", "[[16777217, 1]]", "[[1], [1]]"), ("matmul", "[[nan, inf]]", "[[0.0], [1.0]]"),
        ("mul", "2.5", "[1.0, -0.0]"), ("mul", "[1, 2]", "[0.5, 2]"), ("dot", "[0.5]", "[4.0]"),
        ("mm", "tensor([[60000., 1.]], dtype=torch.float16)", "tensor([[2.], [0.]], dtype=torch.float16)"),
    ],
)  # fmt: skip
def test_what_torch_computes_is_shown_in_the_readers_dtype(op, a, b):
    app = open_page("products", op=op, a=a, b=b, tab="Predict", **TYPED)
    inf, nan = torch.inf, torch.nan
    A, B = (eval(t, {"tensor": torch.tensor, "torch": torch}) if "tensor" in t
            else torch.tensor(eval(t, {"inf": inf, "nan": nan})) for t in (a, b))  # fmt: skip
    theirs = getattr(torch, op)(A, B)
    assert torch.equal(held(app, "C").double().nan_to_num(7), theirs.double().nan_to_num(7))
    title = panels(app)["C"].figure.to_dict()["layout"]["title"]["text"]
    assert theirs.dtype == torch.float32 or str(theirs.dtype).removeprefix("torch.") in title


def test_large_integers_are_spelled_in_full():
    app = open_page("products", a="[[16777217, 1]]", b="[[1], [1]]", **TYPED)
    assert list(panels(app)["C"].cells.texts) == ["16777218"]


def test_controls_of_the_example_are_gone_with_tensors_of_the_readers():
    assert {"shapes", "seed"} <= set(settings(open_page("products")))
    assert not {"shapes", "seed"} & set(settings(open_page("products", a="[[1.]]", b="[[2.]]", **TYPED)))


# ---- refusals --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        {"op": "dot"}, {"op": "mul"}, {"op": "einsum", "equation": "ik,kj->iq"},
        {"a": "[[1, 2]]", "b": "[[0.5], [2]]", **TYPED},
        {"op": "einsum", "a": "[[1.0, 2.0]]", "b": "[[0.5], [2.0], [1.0]]", **TYPED},
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_refusal_keeps_the_inputs_and_the_tabs_and_every_way_out_leads_out(link):
    app = open_page("products", **link)
    assert {"A"} <= set(panels(app)) <= {"A", "B"}
    assert {"Pitfalls", "Walk through", "Predict", "Take away"} <= {tab.label for tab in app.tabs}
    words_of_torch = app.error[0].value
    for number in range(len(mends(app))):
        mended = open_page("products", **link)
        assert mended.error[0].value == words_of_torch
        sound(mends(mended)[number].click().run())
        assert not mended.error, number
        assert "C" in panels(mended)
    assert mends(app)


def test_the_words_are_those_of_the_call():
    app = open_page("products", op="bmm", shapes="batches")
    with pytest.raises(RuntimeError) as refusal:
        torch.bmm(torch.ones(3, 4), torch.ones(5, 4, 2))
    assert str(refusal.value).splitlines()[0] in app.error[0].value


def test_another_operation_is_offered_for_the_same_shapes():
    app = open_page("products", op="dot")
    sound(mends(app)[0].click().run())
    assert control(app, "op").value == "matmul"
    assert torch.equal(held(app, "C"), held(app, "A") @ held(app, "B"))


def test_which_operations_take_the_tensors_is_what_torch_and_numpy_do():
    text = words(open_page("products", shapes="broadcast", takes="true"))
    with pytest.raises(RuntimeError) as refused:
        torch.mm(torch.ones(3, 4), torch.ones(4))
    assert str(refused.value).splitlines()[0][:100] in text
    assert sum(line.startswith("| `") for line in text.splitlines()) == len(runs.ALL)


# ---- what stands below -----------------------------------------------------------------------------------------


def test_each_link_to_try_shows_what_it_says():
    batches, star, trace, three, refused = (tried("products", number) for number in range(5))
    assert panels(batches)["A"].cells.shape == (3, 4)
    assert panels(batches)["C"].cells.shape == (5, 3, 2)
    assert star.error
    assert len(mends(star)) == 2
    assert held(trace, "C").tolist() == [held(trace, "A").trace().item()]
    assert held(three, "C").shape == held(three, "A").shape[:1]
    assert len(mends(refused)) == 1


def test_the_walk_is_of_the_tutorials_matrices_where_the_readers_do_not_fit():
    open_page("products", tab="Walk through", op="einsum", equation="ii->", way="manual")


@pytest.mark.parametrize("link", [{"shapes": "vectors", "op": "dot"}, {"op": "bmm"}])
def test_questions_and_script_are_there_for_a_number_and_under_a_refusal(link):
    app = open_page("products", tab="Predict", **link)
    assert len([button for button in app.button if button.label == "Commit"]) == (2 if "shapes" not in link else 3)
    open_page("products", tab="Take away", **link)


def test_a_wrong_value_close_to_the_right_one_does_not_pass():
    app = open_page("products", tab="Predict", a="[[1000, 1]]", b="[[1], [1]]", **TYPED)
    app.text_input(key="answer products 0 0 given").set_value("1002")
    sound(next(button for button in app.button if button.label == "Commit").click().run())
    assert not app.success
