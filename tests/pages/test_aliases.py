"""The page on copies and aliases says what torch and numpy do, for the way in the link."""

import copy
import re

import numpy as np
import pytest
import torch

from core import words as spelling
from core.experiments import memory
from core.experiments.memory import WAYS
from tests import linking
from tests.pages.opening import boards, charts, open_page, panels, ran_alone, settings, sound, tried, words

pytestmark = pytest.mark.filterwarnings("ignore")  # torch.tensor(a) advises a.detach().clone()
NAMES = {"torch": torch, "np": np, "copy": copy}
A = [1.0, 2.0, 3.0, 4.0]


def made(code, a):
    return eval(code, {**NAMES, "a": a})


def paragraph(app, name):
    """The paragraph that begins with this name."""
    return next(m.value for m in app.markdown if m.value.startswith(f"**{name}"))


def lists(text):
    return re.findall(r"\[[^\]]*\]", text)


def mend(app, number=0):
    return sound([b for b in app.button if (b.key or "").startswith("mend")][number].click().run())


def stated_gradient(app):
    """The list in bold that the paragraph on the gradient states, if any."""
    found = re.search(r"`a\.grad` = \*\*(\[.*?\])\*\*", paragraph(app, "The gradient"))
    return found and found.group(1)


@pytest.mark.parametrize("code", ["a.detach()", "a[1:]", "a[[0, 1]]", "a.clone()", "a.detach().numpy()", "a"])
def test_a_write_to_b_shows_what_it_does(code):
    app = open_page("aliases", way=code, cell="0", value="-7", grad="false")
    a = torch.tensor(A)
    b = made(code, a)
    b[0] = -7
    said = paragraph(app, "The write")
    assert lists(said)[-2:] == [spelling.spelled(a), spelling.spelled(torch.as_tensor(b))]
    assert ("**both**" in said) == (-7 in a.tolist())


def test_a_leaf_refuses_in_torchs_words_and_one_click_mends_it():
    app = open_page("aliases", way="a.view(-1)")
    with pytest.raises(RuntimeError) as refused:
        torch.tensor(A, requires_grad=True).view(-1)[0] = 99
    assert str(refused.value) in app.error[0].value
    assert not mend(app).error


@pytest.mark.parametrize("code", ["a.clone()", "a[1:]"])
@pytest.mark.parametrize("grad", [True, False])
def test_the_gradient_is_torchs(code, grad):
    app, a = open_page("aliases", way=code, grad=str(grad).lower()), torch.tensor(A, requires_grad=grad)
    if grad:
        (made(code, a) ** 2).sum().backward()
        assert stated_gradient(app) == spelling.spelled(a.grad)
        return
    with pytest.raises(RuntimeError) as refused:
        (made(code, a) ** 2).sum().backward()
    assert str(refused.value) in paragraph(app, "The gradient")
    assert stated_gradient(app) is None


def test_a_gradient_may_end_in_b():
    assert "`a.grad` stays **None**" in paragraph(open_page("aliases", way="copy.deepcopy(a)"), "The gradient")


@pytest.mark.parametrize(
    ("code", "x", "outcome"),
    [
        ("a.detach()", A, "refused"), ("a.data", A, "wrong"), ("a.clone()", A, "right"),
        ("a.data", [-200.0, -300.0], "right"), ("copy.deepcopy(a)", A, "not made"),
    ],
)  # fmt: skip
def test_a_kept_number_overwritten(code, x, outcome):
    said = paragraph(
        open_page("aliases", way=code, x_from="typed", x=str(x), grad="false"), "A number that backward keeps"
    )
    found = memory.overwrite_saved(WAYS[code], torch.tensor(x))
    assert found.outcome == outcome
    stated = [] if found.gradient is None else [spelling.spelled(found.gradient)]
    stated += [spelling.spelled(found.expected)] if outcome == "wrong" else []
    assert [text for text in lists(said) if text != "[:]" and not text.startswith("[torch.")] == stated
    assert found.error is None or found.error in said
    assert ("memory is shared" in said) == (x != A)


def test_making_b_can_be_refused_and_is_mended():
    app = open_page("aliases", way="a.numpy()")
    with pytest.raises(RuntimeError) as refused:
        torch.tensor(A, requires_grad=True).numpy()
    assert str(refused.value) in app.error[0].value
    assert len(charts(app)) == 2
    assert {"Pitfalls", "Predict"} <= {tab.label for tab in app.tabs}
    assert settings(mend(app))["way"].value == "a.detach().numpy()"
    app = mend(open_page("aliases", way="a.numpy()"), 1)
    assert "**both**" in paragraph(app, "The write")
    assert not app.error


def test_the_picture_names_memory_and_path():
    alt = panels(open_page("aliases", way="a.clone()"))["sharing"].alt
    assert alt.startswith("b = a.clone() has memory of its own; a gradient at b reaches a by CloneBackward0.")
    alt = panels(open_page("aliases"))["sharing"].alt
    assert "a: [1, 2, 3, 4], then [99, 2, 3, 4]" in alt


@pytest.mark.parametrize("code", ["a", "a[1:]", "a[[0, 1]]", "a.clone()", "a.detach().numpy()"])
def test_elements_hang_together_where_they_are_one_number_in_memory(code):
    a = torch.tensor(A)
    b = made(code, a)
    app = open_page("aliases", way=code, grad="false")
    board = boards(app)["sharing"]
    notes = panels(app)["sharing"].cells.notes
    elements = {f"`b[{i}]`" for i in range(len(b))}
    for i in range(4):
        a[i] = -1.0  # b changes where it reads this very cell
        reading = {f"`b[{j}]`" for j in range(len(b)) if b[j] == -1.0} if b is not a else set()
        assert {word for word in elements if word in notes[i]} == reading
        (tie,) = board.relations
        address = dict(tie.rows.tolist())
        assert len([cell for cell in address if address[cell] == address[i]]) == 2 + len(reading)
        a[i] = float(i + 1)
    assert linking.partners(board, "sharing", (0,))["sharing"] == {(0,)}


def test_a_pin_writes_through_the_name_that_was_pinned():
    picks = panels(open_page("aliases", way="a[1:]"))["sharing"].picks
    assert picks == ["a 0", "a 1", "a 2", "a 3", "a 0", "b 0", "b 1", "b 2", "b 0", "b 1", "b 2"]
    assert boards(open_page("aliases", way="a[1:]", cell="2"))["sharing"].pinned == ("sharing", (10,))


def test_the_readers_own_numbers():
    app = open_page("aliases", x_from="typed", x="5 6.5 nan", way="a[1:]", grad="false", cell="0", value="0")
    assert lists(paragraph(app, "The write"))[-2:] == ["[5, 0, nan]", "[0, nan]"]


def test_integers_cannot_require_a_gradient_and_are_kept_without_one():
    app = open_page("aliases", x_from="typed", x="5 6", way="a.double()")
    assert memory.leaf_refusal(torch.tensor([5, 6])) in app.error[0].value
    assert not mend(app).error
    app = mend(open_page("aliases", x_from="typed", x="5 6", way="a.double()"), 1)
    assert not app.error
    assert "int64" not in words(app)  # nothing was converted
    app = open_page("aliases", x_from="typed", x="tensor([5, 6], dtype=torch.uint8)", grad="false", value="999")
    assert (
        memory.try_out(WAYS["a.detach()"], torch.tensor([5, 6]).byte(), False, "b", 0, 999).writing_error
        in app.error[0].value
    )
    assert lists(paragraph(mend(app), "The write"))[-1] == "[1, 6]"


def test_one_number_has_an_empty_rest():
    app = open_page("aliases", x_from="typed", x="5.", way="a[1:]", tab="Walk through")
    assert "cell" not in settings(app)  # there is no place to write to
    assert stated_gradient(app) == "[0]"
    app = open_page("aliases", x_from="typed", x="5.", way="a[[0, 1]]")
    assert memory.facts(WAYS["a[[0, 1]]"], torch.tensor([5.0])).error in app.error[0].value
    assert not mend(app).error


def test_a_cell_that_b_lacks_is_refused_in_words():
    app = open_page("aliases", way="a[[0, 1]]", cell="3")
    assert "`3`" in words(app)
    assert not any(m.value.startswith("**The write") for m in app.markdown)


def test_pitfalls_run_on_the_readers_numbers():
    said = words(open_page("aliases", x_from="typed", x="0. 1. 2.", value="9"))
    expected = spelling.spelled(torch.tensor([0.0, 1.0, 2.0]).exp())
    assert {"**[0, 1, 2]**", "**[9, 1, 2]**", "**[0, 0, 0]**", "**[0, 2, 4]**"} <= set(
        re.findall(r"\*\*\[.*?\]\*\*", said)
    )
    assert expected in said


def test_questions_are_about_other_ways_and_answered_by_torch():
    app = open_page("aliases", tab="Predict", draw="5")
    ask = next(m.value for m in app.markdown if "what is a?" in m.value)
    code, value = re.search(r"`b = (.*?)` and `b\[0\] = (-\d+)`", ask).groups()
    assert code != "a.detach()"
    a = torch.tensor([float(n) for n in re.search(r"a is \[(.*?)\]", ask).group(1).split(",")])
    made(code, a)[0] = int(value)
    app.text_input(key="answer aliases 0 5 given").set_value(str(a.tolist()))
    sound(next(b for b in app.button if b.label == "Commit").click().run())
    assert len(app.success) == 1
    assert 'data-panel="ways"' in words(app)  # covered: it answers the others


LOOKS = {
    "a.clone()": lambda app: "reaches a by CloneBackward0" in panels(app)["sharing"].alt and stated_gradient(app),
    "a.detach().clone()": lambda app: "own; b is not in a graph" in panels(app)["sharing"].alt,
    "a.data": lambda app: "**wrong" in paragraph(app, "A number that backward keeps"),
    "a[1:]": lambda app: lists(paragraph(app, "The write"))[-2:] == ["[1, 99, 3, 4]", "[99, 3, 4]"],
    "a.detach().numpy()": lambda app: "**both**" in paragraph(app, "The write"),
}


@pytest.mark.parametrize("number", range(5))
def test_each_try_shows_what_it_says(number):
    app = tried("aliases", number)
    assert LOOKS[settings(app)["way"].value](app)


@pytest.mark.parametrize(
    ("code", "a", "b"),
    [
        ("a.detach()", [1, 2, 5, 4], [1, 2, 5, 4]),
        ("copy.deepcopy(a)", [1, 2, 3, 4], [1, 2, 3, 4]),  # a leaf: the write is refused
        ("a.numpy()", [1, 2, 3, 4], None),
    ],
)
def test_the_script_reproduces_the_numbers(tmp_path, code, a, b):
    app = open_page("aliases", tab="Take away", way=code, cell="2", value="5")
    saved, said = ran_alone(app, tmp_path)
    assert saved["a"].tolist() == a
    assert ("b_numbers" in saved) == (b is not None)
    if b is not None:
        assert saved["b_numbers"].tolist() == b
        assert f"shared memory: {code == 'a.detach()'}" in said
    assert ("refused:" in said) == (code == "copy.deepcopy(a)")
