"""The page on no_grad says what torch records, keeps and brings back, for the settings in the link."""

import re
from contextlib import ExitStack

import pytest
import torch

from core import words as spelling
from core.experiments import autograd
from core.experiments.autograd import FUNCTIONS, build_expression
from core.figures.no_grad import listed
from tests import linking
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, settings, sound, tried, words

X, W = [0.5, 1.0, 1.5], [1.0, -1.0, 2.0]


def leaves(x=X, w=W):
    return torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)


def boxes(app):
    """What stands in the boxes of the graph."""
    figure = panels(app)["graph"].figure.to_dict()
    return [note["text"] for note in figure["layout"]["annotations"] if note.get("text")]


def gradients(x=X, w=W, constant=False):
    x, w = leaves(x, w)
    h = x * w
    ((h.exp().detach() if constant else h.exp()) * h).sum().backward()
    return [spelling.spelled(leaf.grad) for leaf in (x, w)]


def stated(app):
    """The lists of numbers in the sentence on what backward brings, those in bold first."""
    said = next(m.value for m in app.markdown if "`y.backward()`" in m.value and "x.grad" in m.value)
    return re.findall(r"\*\*(\[.*?\])\*\*", said) + re.findall(r"(?<!\*)(\[[^\]*]*\])(?!\*)", said)


def held(app):
    """The bytes that the graph behind y holds."""
    return int(next(m.value for m in app.markdown if "autograd saved" in m.value).split("**")[1].removesuffix(" B"))


@pytest.mark.parametrize("context", ["no_grad", "no_grad()", "set_grad_enabled", "detach", ".detach()"])
def test_a_part_taken_out_is_a_constant(context):
    app = open_page("no_grad", a=context)
    assert stated(app) == gradients(constant=True) + gradients()
    assert "| **a** | False | None | True | False |" in words(app)


def test_everything_recorded_is_torchs_own():
    app = open_page("no_grad", a="none")
    assert stated(app) == gradients()
    assert held(app) == 48
    assert "ExpBackward0 (a), keeps result = a 12 B" in next(iter(charts(app)))


@pytest.mark.parametrize(("settings", "nbytes"), [({"a": "detach"}, 36), ({"y": "detach", "a": "none"}, 0)])
def test_what_detach_lets_go_is_not_held(settings, nbytes):
    app = open_page("no_grad", **settings)
    said = next(m.value for m in app.markdown if "autograd saved" in m.value)
    contexts = tuple(settings.get(name, "none") for name in "hay")
    saved = build_expression(contexts).saved
    assert [int(n) for n in re.findall(r"\d+", said)][:2] == [saved.count, saved.nbytes]
    assert held(app) == nbytes


@pytest.mark.parametrize("context", ["no_grad", "inference_mode"])
def test_all_inside_means_no_graph_and_one_click_records(context):
    app = open_page("no_grad", a="none", all=context)
    assert next(iter(charts(app))) == "No graph: the output has no grad_fn"
    assert build_expression(outer=context).error in app.error[0].value
    assert held(app) == 0
    sound(next(b for b in app.button if (b.key or "").startswith("mend")).click().run())
    assert not app.error
    assert stated(app) == gradients()


def test_inference_tensors_are_refused_with_the_graph_so_far_and_mended():
    app = open_page("no_grad", a="inference_mode")
    assert build_expression(("none", "inference_mode", "none")).error in app.error[0].value
    assert "MulBackward0 (h)" in next(iter(charts(app)))
    sound(next(b for b in app.button if (b.key or "").startswith("mend")).click().run())
    assert stated(app) == gradients(constant=True) + gradients()


def test_gradients_are_none_before_backward_and_there_after():
    app = open_page("no_grad", a="none")
    assert sum(".grad = None" in text for text in boxes(app)) == 2
    sound(control(app, "when").set_value("after").run())
    arrived = build_expression()
    assert [f"{name}.grad = {listed(grad)}" in text for name, grad, text in zip(
        "xw", (arrived.x_grad, arrived.w_grad), boxes(app)[-2:], strict=True)] == [True, True]  # fmt: skip
    assert sum("has let go" in text for text in boxes(app)) == 3
    assert held(app) == 0


def test_a_frozen_leaf_is_not_recorded():
    app = open_page("no_grad", leaves="x", a="none", when="after")
    assert any("<b>w</b>" in text and "not recorded" in text for text in boxes(app))
    assert stated(app) == [gradients()[0], *gradients()]
    assert "`w.grad` = **None**" in words(app)
    sound(control(app, "leaves").set_value("neither").run())
    assert build_expression(leaves=()).error in app.error[0].value


def test_nodes_and_tensors_hang_together_by_what_backward_keeps():
    x, w = leaves()
    h = x * w
    a = h.exp()
    product = a * h
    kept = {product.grad_fn: {"a", "h"}, a.grad_fn: {"a"}, h.grad_fn: {"x", "w"}}
    for function, names in kept.items():
        saved = [getattr(function, name) for name in dir(function) if name.startswith("_saved_")]
        tensors = {"x": x, "w": w, "h": h, "a": a}
        assert {n for n, t in tensors.items() if any(s.data_ptr() == t.data_ptr() for s in saved)} == names
    board = boards(open_page("no_grad", a="none"))["board"]
    found = [
        {"xwhay"[row] for row, column in linking.partners(board, "graph", (node,))["tensors"] if column == 0}
        for node in range(6)
    ]
    assert {*map(frozenset, found)} == {frozenset(names) for names in kept.values()} | {frozenset()}


def test_a_click_pins_a_node_or_a_number():
    app = open_page("no_grad")
    assert boards(app)["board"].pinned == ("graph", (2,))  # the step that is not recorded
    graph, numbers = (panels(app)[name] for name in ("graph", "tensors"))
    assert graph.pick
    assert numbers.pick
    pins = {"graph[4]": ("graph", (4,)), "h[1]": ("tensors", (2, 1)), "y[0]": ("tensors", (4, 0))}
    assert pins.keys() <= {*graph.picks, *numbers.picks}
    for cell, pinned in pins.items():
        assert boards(sound(control(app, "cell").set_value(cell).run()))["board"].pinned == pinned


def test_every_number_has_its_arithmetic():
    x, w = leaves()
    h = x * w
    notes = panels(open_page("no_grad"))["tensors"].cells.notes
    assert notes[7] == f"`h[1]` = 1 · (-1) = **{h[1].item():g}**"  # a is a constant: its factor h is not kept
    assert f"**{(h.exp() * h).sum().item():.3g}**" in notes[12]


@pytest.mark.parametrize(("x", "w"), [("2. -1.", "1. 3."), ("2. -1. 0.", "3."), ("0.5", "1.")])
def test_the_readers_numbers(x, w):
    app = open_page("no_grad", x_from="typed", x=x, w_from="typed", w=w, a="none")
    assert stated(app) == gradients(*([float(n) for n in text.split()] for text in (x, w)))


def test_half_is_kept():
    half = "tensor([1., 2.], dtype=torch.float16)"
    assert held(open_page("no_grad", a="none", x_from="typed", x=half, w_from="typed", w=half)) == 4 * 2 * 2


@pytest.mark.parametrize(("x", "refused"), [("1 2 3", "x"), ("1. 2.", "h")])
def test_what_torch_refuses_is_said_in_its_words_and_mended_in_one_click(x, refused):
    app = open_page("no_grad", x_from="typed", x=x)
    given = torch.tensor([1, 2, 3] if refused == "x" else [1.0, 2.0])
    assert build_expression(x=given).error in app.error[0].value
    numbers = panels(app)["tensors"].cells.texts
    assert numbers[: len(given)] == ["1", "2", "3"][: len(given)]
    assert {"Pitfalls", "Predict", "Walk through"} <= {tab.label for tab in app.tabs}
    sound(next(b for b in app.button if (b.key or "").startswith("mend")).click().run())
    assert not app.error
    assert len(stated(app)) == 4


@pytest.mark.parametrize("x", ["nan 1. 2.", "inf -inf 0.", "0. 0. 0."])
def test_numbers_that_are_none_go_through(x):
    app = open_page("no_grad", a="none", x_from="typed", x=x, tab="Walk through")
    assert stated(app) == gradients([float(n) for n in x.split()])


def test_memory_is_what_a_network_saves():
    app = open_page("no_grad", tab="Memory", depth="1", width="16", batch="8")
    found = autograd.saved_by  # the same measure, on torch's own modules
    layers = torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5))
    x = torch.randn(8, 16)
    said = next(m.value for m in app.markdown if "forward pass saves" in m.value)
    stated = [int(n.replace(",", "")) for n in re.findall(r"\*\*([\d,]+) B\*\*", said)]
    assert stated == [found(lambda: layers(x)).nbytes, found(lambda: layers.eval()(x)).nbytes, 0]


def test_how_with_works():
    app = open_page("no_grad", tab="How with works", fail="true")
    assert "| inside | **False** |\n| caught outside | **True** |" in words(app)
    assert any("__enter__" in block.value for block in app.code)


@pytest.mark.parametrize("function", ["h.exp()", "h + 1"])
def test_pitfalls_run_on_the_readers_numbers(function):
    said = words(open_page("no_grad", f=function, x_from="typed", x="2. 3.", w_from="typed", w="0. -1."))
    x, w = leaves([2.0, 3.0], [0.0, -1.0])
    h = x * w
    (FUNCTIONS[function](h).detach() * h).sum().backward()
    assert f"**{spelling.spelled(x.grad)}**" in said
    assert f"**{spelling.spelled(2 * x.detach())}**" in said
    assert f"**{spelling.spelled(w.detach() - 0.5)}**" in said


def test_questions_are_answered_by_torch():
    app = open_page("no_grad", tab="Predict", draw="3")
    ask = next(m.value for m in app.markdown if "is `z = x * w` recorded?" in m.value)
    contexts = [part.split("`")[0] for part in ask.split("`with ")[1:]]
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(eval(f"torch.{context}"))
        answer = "yes" if (leaves()[0] * 2).requires_grad else "no"
    app.radio(key="answer no_grad 2 3 given").set_value(answer)
    sound([b for b in app.button if b.label == "Commit"][2].click().run())
    assert len(app.success) == 1


LOOKS = {
    "Everything recorded": lambda app: sum("keeps" in text for text in boxes(app)) == 4 and held(app) == 48,
    "Everything under no_grad()": lambda app: bool(app.error) and all("not recorded" in text for text in boxes(app)),
    "An inference tensor": lambda app: build_expression(("none", "inference_mode", "none")).error in app.error[0].value,
    "detach() instead": lambda app: stated(app) == gradients(constant=True) + gradients() and held(app) == 36,
    "w is frozen": lambda app: sum("not recorded" in text for text in boxes(app)) == 1 and held(app) == 36,
}


@pytest.mark.parametrize("number", range(5))
def test_each_try_shows_what_it_says(number):
    app = tried("no_grad", number)
    assert LOOKS[app.pills[0].options[number]](app)


@pytest.mark.parametrize("context", ["no_grad", "inference_mode"])
def test_the_script_reproduces_the_numbers(tmp_path, context):
    app = open_page("no_grad", tab="Take away", a=context)
    saved, said = ran_alone(app, tmp_path)
    x, w = leaves()
    h = x * w
    assert torch.equal(saved["h"], h)
    if context == "no_grad":
        (h.exp().detach() * h).sum().backward()
        assert torch.equal(saved["x_grad"], x.grad)
        assert said.startswith("SumBackward0 ()\nMulBackward0 (3,)\nMulBackward0 (3,)\nAccumulateGrad (3,)")
    else:
        assert set(saved) == {"h", "a"}
        assert said.startswith("refused: Inference tensors cannot be saved")


def test_its_settings_stay_on_the_page():
    app = open_page("no_grad", when="after", a="none")
    sound(app.switch_page("pages/cross_entropy.py").run())
    assert not [name for name in ("when", "a", "leaves") if name in settings(app)]
    sound(app.switch_page("pages/no_grad.py").run())
    assert settings(app)["when"].value == "after"


def test_why_there_is_no_way_back_depends_on_what_was_recorded():
    whys = [
        open_page("no_grad", **asked).error[0].value for asked in ({"a": "none", "y": "detach"}, {"all": "no_grad"})
    ]
    error = build_expression(outer="no_grad").error
    assert all(error in why for why in whys)
    assert whys[0] != whys[1]
