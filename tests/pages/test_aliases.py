"""The page on copies and aliases says what torch and numpy do, for the way in the link."""

import copy

import numpy as np
import pytest
import torch

from core.experiments.memory import WAYS
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, sound, words

NAMES = {"torch": torch, "np": np, "copy": copy}


def made(code, a):
    return eval(code, {**NAMES, "a": a})


def listed(values):
    return f"[{', '.join(f'{v:g}' for v in values)}]"


@pytest.mark.parametrize("code", [code for code in WAYS if code != "a.numpy()"])
def test_a_write_to_b_shows_what_it_does(code):
    app = open_page("aliases", way=code, cell="1" if code != "a[1:]" else "0", value="-7", grad="false")
    a = torch.tensor([1.0, 2.0, 3.0, 4.0])
    b = made(code, a)
    b[1 if code != "a[1:]" else 0] = -7
    said = words(app)
    assert f"a = {listed(a.tolist())}, b = {listed(b.tolist())}" in said
    assert ("**both** changed" in said) == (-7 in a.tolist())


def test_a_leaf_refuses_and_says_why():
    said = words(open_page("aliases", way="a.view(-1)"))
    assert "a view of a leaf Variable that requires grad is being used in an in-place operation" in said
    assert "torch.no_grad()" in said


@pytest.mark.parametrize(("code", "expected"), [("a.clone()", [2, 4, 6, 8]), ("a[1:]", [0, 4, 6, 8])])
def test_the_gradient_is_torchs(code, expected):
    a = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    (made(code, a) ** 2).sum().backward()
    assert a.grad.tolist() == expected
    assert f"`a.grad` is **{listed(expected)}**" in words(open_page("aliases", way=code))


@pytest.mark.parametrize(
    ("code", "said"),
    [("a.detach()", "backward is **refused**"), ("a.data", "wrong without a word"), ("a.clone()", "backward is right")],
)
def test_a_kept_number_overwritten(code, said):
    x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
    a = x.exp()
    b = made(code, a)
    b *= 0
    if said == "backward is **refused**":
        with pytest.raises(RuntimeError, match="is at version 1; expected version 0"):
            a.sum().backward()
    else:
        a.sum().backward()
        assert (x.grad.tolist() == x.exp().tolist()) == (said == "backward is right")
    assert said in words(open_page("aliases", way=code))


def test_making_b_can_be_refused():
    app = open_page("aliases", way="a.numpy()")
    assert any("`b = a.numpy()` is refused" in error.value for error in app.error)
    assert len(charts(app)) == 2
    sound(control(app, "grad").set_value(False).run())
    assert not app.error
    assert "**both** changed" in words(app)


def test_the_picture_names_memory_and_path():
    alt = next(alt for alt in charts(open_page("aliases", way="a.clone()")) if alt.startswith("b = "))
    assert alt.startswith("b = a.clone() has memory of its own; a gradient at b reaches a by CloneBackward0.")
    alt = next(alt for alt in charts(open_page("aliases")) if alt.startswith("b = "))
    assert "shares memory; b is not in a graph. a: [1, 2, 3, 4], then [99, 2, 3, 4]" in alt


@pytest.mark.parametrize("code", [code for code in WAYS if code != "a.numpy()"])
def test_elements_hang_together_where_they_are_one_number_in_memory(code):
    a = torch.tensor([1.0, 2.0, 3.0, 4.0])
    b = made(code, a)
    app = open_page("aliases", way=code, grad="false")
    board = boards(app)["sharing"]
    (tie,) = board.relations
    address = dict(tie.rows.tolist())
    notes = panels(app)["sharing"].cells.notes
    elements = {f"`b[{i}]`" for i in range(len(b))}
    for i in range(4):
        a[i] = -1.0  # b changes where it reads this very cell
        reading = {f"`b[{j}]`" for j in range(len(b)) if b[j] == -1.0} if b is not a else set()
        assert {word for word in elements if word in notes[i]} == reading
        assert len([cell for cell in address if address[cell] == address[i]]) == 2 + len(reading)
        a[i] = float(i + 1)


def test_a_pin_writes_through_the_name_that_was_pinned():
    picks = panels(open_page("aliases", way="a[1:]"))["sharing"].picks
    assert picks == ["a 0", "a 1", "a 2", "a 3", "a 0", "b 0", "b 1", "b 2", "b 0", "b 1", "b 2"]
    assert boards(open_page("aliases", way="a[1:]", cell="2"))["sharing"].pinned == ("sharing", (10,))


def test_without_a_gradient_backward_is_refused_as_torch_does():
    app = open_page("aliases", way="a.clone()", grad="false")
    with pytest.raises(RuntimeError) as refusal:
        (torch.ones(4).clone() ** 2).sum().backward()
    assert str(refusal.value) in words(app)
    assert "`a.grad` is" not in words(app)


def test_the_readers_own_numbers():
    app = open_page("aliases", x_from="typed or pasted", x="5 6.5 7", way="a[1:]", grad="false", cell="1", value="0")
    assert "a = [5, 6.5, 0], b = [6.5, 0]" in words(app)
    sound(app.text_area(key="x").set_value("5").run())
    assert "a needs two numbers or more" in words(app)


def test_a_cell_that_b_lacks_is_refused_in_words():
    app = open_page("aliases", way="a[[0, 1]]", cell="3")
    assert "There is no cell `3`" in words(app)
    assert "**Write**" not in words(app)


def test_pitfalls_run_on_the_readers_numbers():
    said = words(open_page("aliases", x_from="typed or pasted", x="0 1 2", value="9"))
    assert "`torch.tensor(array)[0] = 9` leaves the array at [0, 1, 2]" in said
    assert "`torch.as_tensor(array)[0] = 9` leaves the array at [9, 1, 2]" in said
    assert "“A view shares the storage but not the memory address.”" in said
    assert "x.grad = **[0, 0, 0]** where [1, 2.72, 7.39] is right" in said


def test_questions_are_answered_by_torch():
    app = open_page("aliases", tab="Predict", draw="5")
    ask = next(m.value for m in app.markdown if "(no gradient)" in m.value)
    code = ask.split("`b = ")[1].split("` and")[0]
    a = torch.tensor([1.0, 2.0, 3.0, 4.0])
    made(code, a)[0] = 99
    app.text_input(key="answer aliases 0 5 given").set_value(str(a.tolist()))
    sound(next(b for b in app.button if b.label == "Commit").click().run())
    assert any("Right" in message.value for message in app.success)


@pytest.mark.parametrize(
    ("code", "a", "b"),
    [
        ("a.detach()", [1, 2, 5, 4], [1, 2, 5, 4]),
        ("a.detach().numpy().copy()", [1, 2, 3, 4], [1, 2, 5, 4]),
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
