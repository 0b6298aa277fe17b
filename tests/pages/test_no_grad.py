"""The page on no_grad says what torch records, keeps and brings back, for the settings in the link."""

from contextlib import ExitStack

import pytest
import torch

from tests import linking
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, sound, words

X, W = [0.5, 1.0, 1.5], [1.0, -1.0, 2.0]
OFF = {"no_grad()": torch.no_grad, "set_grad_enabled(False)": lambda: torch.set_grad_enabled(False)}


def leaves(x=X, w=W):
    return torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)


def listed(tensor):
    return f"[{', '.join(f'{v + 0:.3g}' for v in tensor.tolist())}]"


@pytest.mark.parametrize("context", [*OFF, ".detach()"])
def test_a_part_taken_out_is_a_constant(context):
    x, w = leaves()
    h = x * w
    (h.exp().detach() * h).sum().backward()
    said = words(open_page("no_grad", a=context))
    assert f"`x.grad` = **{listed(x.grad)}**" in said
    assert f"`w.grad` = **{listed(w.grad)}**" in said
    assert "| **a** | False | None | True | False |" in said


def test_everything_recorded_is_torchs_own():
    x, w = leaves()
    h = x * w
    (h.exp() * h).sum().backward()
    app = open_page("no_grad", a="recorded")
    assert f"**Backward**: `x.grad` = **{listed(x.grad)}**, `w.grad` = **{listed(w.grad)}**." in words(app)
    assert "**48 B** of the 48 B" in words(app)
    assert "ExpBackward0 (a), keeps result = a 12 B" in next(iter(charts(app)))


@pytest.mark.parametrize("context", [*OFF, "inference_mode()"])
def test_all_inside_means_no_graph(context):
    app = open_page("no_grad", a="recorded", all=context)
    assert next(iter(charts(app))) == "No graph: the output has no grad_fn"
    assert any("`y.backward()` is refused: element 0 of tensors does not require grad" in e.value for e in app.error)
    assert "**0 B** of the 48 B" in words(app)


def test_inference_tensors_are_refused_with_the_graph_so_far():
    app = open_page("no_grad", a="inference_mode()")
    assert any("`y` is refused: Inference tensors cannot be saved for backward" in e.value for e in app.error)
    assert "MulBackward0 (h)" in next(iter(charts(app)))
    assert "Kept for backward" not in words(app)


@pytest.mark.parametrize(
    ("function", "node", "kept"), [("h + 1", "Add", 48), ("h.sin()", "Sin", 48), ("h ** 2", "Pow", 48)]
)
def test_each_function_keeps_its_own(function, node, kept):
    x, w = leaves()
    h = x * w
    a = {"h + 1": h + 1, "h.sin()": h.sin(), "h ** 2": h**2}[function]
    assert type(a.grad_fn).__name__ == f"{node}Backward0"
    app = open_page("no_grad", f=function, a="recorded")
    assert f"{node}Backward0 (a)" in next(iter(charts(app)))
    assert f"**{kept} B** of the {kept} B" in words(app)


def test_leaves_and_after_backward():
    app = open_page("no_grad", leaves="x", a="recorded", when="after")
    assert "`w.grad` = **None**" in words(app)
    figure = next(iter(charts(app).values()))
    texts = [note["text"] for note in figure["layout"]["annotations"] if note.get("text")]
    assert any("has let go" in text for text in texts)
    assert any("<b>w</b>" in text and "not recorded" in text for text in texts)
    sound(control(app, "leaves").set_value("neither").run())
    assert any("does not require grad" in error.value for error in app.error)


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
    board = boards(open_page("no_grad", a="recorded"))["board"]
    found = [
        {"xwhay"[row] for row, column in linking.partners(board, "graph", (node,))["tensors"] if column == 0}
        for node in range(len(panels_of(board)["graph"].cells.boxes))
    ]
    assert {*map(frozenset, found)} == {frozenset(names) for names in kept.values()} | {frozenset()}


def panels_of(board):
    return {panel.name: panel for panel in board.panels}


def test_every_number_has_its_arithmetic():
    x, w = leaves()
    h = x * w
    notes = panels(open_page("no_grad"))["tensors"].cells.notes
    assert notes[7] == f"`h[1]` = 1 · (-1) = **{h[1].item():g}**"  # a is a constant: its factor h is not kept
    y = (h.exp() * h).sum().item()
    assert f"**{y:.3g}**" in notes[12]


def test_before_backward_there_is_no_gradient_yet():
    def said(app):
        figure = panels(app)["graph"].figure.to_dict()
        return [note["text"] for note in figure["layout"]["annotations"] if note.get("text")]

    app = open_page("no_grad", a="recorded")
    assert any("x.grad = None" in text for text in said(app))
    sound(control(app, "when").set_value("after").run())
    assert not any("x.grad = None" in text for text in said(app))


def test_what_detach_lets_go_is_not_kept():
    x, w = leaves()
    h = x * w
    y = (h.exp().detach() * h).sum()
    (product,) = (f for f, _ in y.grad_fn.next_functions)
    held = {saved.data_ptr() for saved in (product._saved_self, product._saved_other) if saved is not None}
    app = open_page("no_grad", a=".detach()")
    assert f"**{12 * (len(held) + 2)} B** of the 48 B" in words(app)  # and x and w, kept by x * w


def test_unequal_lengths_are_refused_in_words():
    app = open_page("no_grad", x_from="typed or pasted", x="1 2")
    assert any("x has 2 numbers and w 3" in error.value for error in app.error)
    assert charts(app)


def test_the_readers_numbers():
    app = open_page("no_grad", x_from="typed or pasted", x="2 -1", w_from="typed or pasted", w="1 3", a="recorded")
    x, w = leaves([2.0, -1.0], [1.0, 3.0])
    h = x * w
    (h.exp() * h).sum().backward()
    assert f"`x.grad` = **{listed(x.grad)}**" in words(app)


def test_memory_is_what_a_network_keeps():
    app = open_page("no_grad", tab="Memory")
    before = words(app)
    assert "**0 B** under `no_grad()`" in before
    sound(app.slider(key="depth").set_value(1).run())
    assert words(app) != before
    kept = []
    layers = [torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(0.5)]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        torch.nn.Sequential(*layers)(torch.randn(32, 64))
    total = sum({t.data_ptr(): t.nbytes for t in kept}.values())
    assert f"**{total:,} B** are kept in training" in words(app)


def test_how_with_works():
    app = open_page("no_grad", tab="How with works")
    assert "| inside | **False** |\n| after | **True** |" in words(app)
    sound(app.toggle(key="fail").set_value(True).run())
    assert "| caught outside | **True** |" in words(app)
    assert any("__enter__" in block.value for block in app.code)


def test_pitfalls():
    said = words(open_page("no_grad"))
    assert "“no_grad and eval() do the same.”" in said
    kept = {}
    for name in ("detached", "off"):
        x, w = leaves()
        kept[name] = []
        with torch.autograd.graph.saved_tensors_hooks(kept[name].append, lambda t: t):
            h = x * w
            with torch.set_grad_enabled(name == "detached"):
                a = h.exp()
            (a.detach() * h).sum()
    counts = f"{len(kept['detached'])} savings are made; with a under `no_grad()`, {len(kept['off'])}."
    assert f"With a detached, {counts}" in said
    assert "Inference tensors cannot be saved for backward" in said
    assert "x.grad = **[1, 2, 3]**" in said


def test_questions_are_answered_by_torch():
    app = open_page("no_grad", tab="Predict", draw="3")
    ask = next(m.value for m in app.markdown if "is `z = x * w` recorded?" in m.value)
    contexts = [part.split("`")[0] for part in ask.split("`with ")[1:]]
    makers = OFF | {"inference_mode()": torch.inference_mode, "enable_grad()": torch.enable_grad}
    with ExitStack() as stack:
        for context in contexts:
            stack.enter_context(makers[context]())
        answer = "yes" if (leaves()[0] * 2).requires_grad else "no"
    app.radio(key="answer no_grad 2 3 given").set_value(answer)
    sound([b for b in app.button if b.label == "Commit"][2].click().run())
    assert any(f"Right: **{answer}**" in message.value for message in app.success)


@pytest.mark.parametrize("context", ["no_grad()", "inference_mode()"])
def test_the_script_reproduces_the_numbers(tmp_path, context):
    app = open_page("no_grad", tab="Take away", a=context)
    saved, said = ran_alone(app, tmp_path)
    x, w = leaves()
    h = x * w
    assert torch.equal(saved["h"], h)
    if context == "no_grad()":
        (h.exp().detach() * h).sum().backward()
        assert torch.equal(saved["x_grad"], x.grad)
        assert said.startswith("SumBackward0 ()\nMulBackward0 (3,)\nMulBackward0 (3,)\nAccumulateGrad (3,)")
    else:
        assert set(saved) == {"h", "a"}
        assert said.startswith("refused: Inference tensors cannot be saved")
