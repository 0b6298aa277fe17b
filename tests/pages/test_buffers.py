"""The page on buffers and parameters says what torch.nn does with each, for the settings in the link."""

import io
import re

import pytest
import torch
from torch import nn

from core.experiments import buffers
from core.words import spelled as spell
from tests import linking
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, sound, words


class Five(nn.Module):
    """The page's module, written anew."""

    def __init__(self, size=3, grad=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.frozen = nn.Parameter(torch.ones(size), requires_grad=False)
        self.register_buffer("buffer", torch.ones(size, requires_grad=grad))
        self.register_buffer("scratch", torch.ones(size), persistent=False)
        self.plain = torch.ones(size)

    def step(self, x, lr, *handed):
        (x * (self.weight + self.frozen + self.buffer + self.scratch + self.plain)).sum().backward()
        torch.optim.SGD([*self.parameters(), *handed], lr=lr).step()


def bold(text):
    return [part.replace("−", "-") for part in re.findall(r"\*\*([^*]+)\*\*", text)]


def said_of(app, name):
    """What the page tells of the chosen tensor: its bold parts, without its name."""
    return bold(next(m.value for m in app.markdown if m.value.startswith(f"**`{name}`**")))[1:]


def spelled(values):
    return f"({', '.join(f'{v:.3g}' for v in values)}{',' if len(values) == 1 else ''})"


def spelled_fact(values):
    return spell(values).replace("−", "-")


def table(app):
    alt = next(alt for alt in charts(app) if alt.startswith("Columns"))
    return dict(row.split(": ", 1) for row in alt.split(". ", 1)[1].split("; "))


def test_the_table_is_torchs():
    module = Five()
    moved = Five().to(torch.float64)
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.1)
    rows = table(open_page("buffers"))
    for name in ("weight", "frozen", "buffer", "scratch", "plain"):
        tensor = getattr(module, name)
        facts = (
            name in dict(module.named_parameters()), name in dict(module.named_buffers()), name in module.state_dict(),
            getattr(moved, name).dtype == torch.float64, tensor.grad is not None, tensor.tolist() != [1, 1, 1],
        )  # fmt: skip
        assert rows[name] == ", ".join("yes" if fact else "no" for fact in facts)


def test_a_row_of_the_table_and_of_the_step_are_one_tensor():
    app = open_page("buffers", of="buffer")
    board = boards(app)["board"]
    assert board.pinned == ("roles", (2, 0))
    found = linking.partners(board, "grad", (0, 1))
    assert found["before"] == found["after"] == {(0, 1)}
    assert found["roles"] == {(0, column) for column in range(7)}
    assert linking.partners(board, "roles", (4, 2))["after"] == {(4, i) for i in range(3)}
    for panel in board.panels:
        assert panel.picks[:: len(panel.picks) // 5] == ["weight", "frozen", "buffer", "scratch", "plain"]


def test_every_number_has_its_step_spelled_out():
    module = Five()
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.1)
    notes = panels(open_page("buffers"))["after"].cells.notes
    for i, after in enumerate(module.weight.tolist()):
        assert notes[i] == f"`weight[{i}]` = 1 − 0.1 · {i + 1} = **{after:.3g}**"
    assert notes[3] == "`frozen[0]` has no gradient, and the step leaves it at **1**"


@pytest.mark.parametrize("lr", ["0.0", "0.25", "1.0"])
def test_the_step_is_sgds(lr):
    module = Five(2)
    module.step(torch.tensor([0.5, -4.0]), float(lr))
    assert said_of(open_page("buffers", x_from="typed", x="0.5 -4", lr=lr), "weight") == [
        spelled(module.weight.tolist())
    ]


def test_a_buffer_handed_to_the_optimiser_is_changed():
    module = Five(grad=True)
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.1, module.buffer)
    app = open_page("buffers", grad="true", sgd="buffer", of="buffer")
    assert said_of(app, "buffer") == [spelled(module.buffer.tolist())]
    assert table(app)["buffer"] == "no, yes, yes, yes, yes, yes"
    sound(control(app, "sgd").set_value("parameters").run())
    assert said_of(app, "buffer") == ["(1, 1, 1)"]


def test_thawing_reaches_frozen_parameters_and_no_buffers():
    rows = table(open_page("buffers", call="thawed"))
    assert rows["frozen"].endswith("yes, yes")
    assert rows["buffer"].endswith("no, no")


def test_freezing_all_is_refused_keeps_the_pictures_and_is_mended_in_one_click():
    before = table(open_page("buffers"))
    app = open_page("buffers", call="frozen")
    assert "does not require grad" in app.error[0].value
    assert table(app) == before
    assert app.tabs
    for key in [b.key for b in app.button if (b.key or "").startswith("mend")]:
        again = open_page("buffers", call="frozen")
        sound(next(b for b in again.button if b.key == key).click().run())
        assert not again.error


@pytest.mark.parametrize("x", ["[1, 2]", "[inf, 0., nan]", "[0.]"])
@pytest.mark.parametrize("lr", ["0.0", "1.0"])
def test_every_verdict_goes_with_its_facts(x, lr):
    app = open_page("buffers", x_from="typed", x=x, lr=lr)
    boxes = [bold(part.markdown[0].value) for part in app.expander if part.label.startswith("**“")]
    given = torch.tensor(eval(x.replace("inf", "float('inf')").replace("nan", "float('nan')"))), float(lr)
    handed = buffers.optimisers_update_what_they_are_given(*given)
    left = buffers.a_parameter_left_out(*given)
    assert boxes[1] == (
        [spelled_fact(handed.usual), spelled_fact(handed.handed)] if handed.handed != handed.before else []
    )
    assert boxes[2][0] == "None"
    assert boxes[2][1] == boxes[2][2] == spelled_fact(left.gradient)
    assert boxes[4] == [spelled_fact(left.gradient), spelled_fact(left.after)]
    assert len(boxes) == 8


def test_the_code_shown_makes_the_five():
    code = next(block.value for block in open_page("buffers").code if "register_buffer" in block.value)
    module = nn.Module()
    exec(code, {"self": module, "torch": torch, "nn": nn, "size": 3, "buffer_requires_grad": False})
    assert list(module.state_dict()) == list(Five().state_dict())


def test_saved_and_loaded():
    app = open_page("buffers", tab="Save and load")
    file = io.BytesIO()
    torch.save(dict(Five().state_dict()), file)
    assert f"**{len(file.getvalue())}**" in words(app)
    assert "| `scratch` | `register_buffer, persistent=False` | (7, 7, 7) | (1, 1, 1) | :red-badge[no] |" in words(app)
    assert "| `buffer` | `register_buffer` | (7, 7, 7) | (7, 7, 7) | :green-badge[yes] |" in words(app)
    sound(control(app, "without").set_value("buffer").run())
    assert any('Missing key(s) in state_dict: "buffer"' in error.value for error in app.error)
    sound(control(app, "strict").set_value(False).run())
    assert not app.error


@pytest.mark.parametrize(("step", "batch"), [(1, 2), (12, 6)])
def test_moco(step, batch):
    app = open_page("buffers", tab="MoCo", step=str(step), batch=str(batch), m="0.5", seed="3")
    _, steps = buffers.moco_run(step + 1, batch=batch, momentum=0.5, seed=3)
    found = buffers.resumed(step, batch=batch, momentum=0.5, seed=3)
    told = bold(next(m.value for m in app.markdown if m.value.startswith("1. ")))
    assert told == [f"{steps[step - 1].loss:.3g}", str(step * batch % 12)]
    why = next(m.value for m in app.markdown if m.value.startswith("**Why buffers?**"))
    assert bold(why)[1:] == [f"{steps[step].loss:.4f}", f"{found.without_buffers:.4f}"]


@pytest.mark.parametrize("step", [1, 3])
def test_a_row_of_mocos_queue_leads_to_the_key_or_the_row_it_holds(step):
    app = open_page("buffers", tab="MoCo", step=str(step), batch="4")
    board = boards(app)["moco"]
    taken = buffers.moco_run(step, batch=4, momentum=0.9, seed=0)[1][-1]
    for row, values in enumerate(taken.queue_after.tolist()):
        found = linking.partners(board, "after", (row, 2))
        for name, tensor in (("queue", taken.queue_before), ("key", taken.key)):
            for place in found[name]:
                assert tensor[place].item() == pytest.approx(values[2])
        assert len(found["queue"]) + len(found["key"]) == 1


def test_the_walks(monkeypatch):
    shown = []
    monkeypatch.setattr("core.ui.walk.show", lambda walked, scales, key: shown.append(walked))
    module = Five()
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.1)
    open_page("buffers", tab="Walk through")
    last = shown.pop().steps[-1].values
    torch.testing.assert_close(last["weight"], module.weight.detach())
    assert torch.equal(last["buffer"], module.buffer)
    open_page("buffers", tab="Walk through", walked="ring")
    ring = shown.pop()
    assert all(step.note for step in ring.steps)
    assert torch.equal(ring.steps[-1].values["queue"], buffers.write_in_a_ring(*buffers.ring_example(), 2))


def test_the_tries_set_up_what_they_speak_of():
    assert (
        table(open_page("buffers", sgd="buffer", grad="true", of="buffer"))["buffer"] == "no, yes, yes, yes, yes, yes"
    )
    assert table(open_page("buffers", sgd="parameters", grad="true"))["buffer"] == "no, yes, yes, yes, yes, no"
    app = open_page("buffers", tab="Save and load", without="buffer")
    assert app.error
    rows = {line.split("`")[1]: ":green" in line for line in words(app).splitlines() if "-badge[" in line}
    assert rows == {"weight": True, "frozen": True, "buffer": False, "scratch": False, "plain": False}


def test_questions_cover_the_table_and_ask_of_a_tensor_that_is_not_told():
    for draw in range(6):
        app = open_page("buffers", tab="Predict", draw=str(draw), of="buffer")
        assert '[data-panel="roles"]' in words(app)
        ask = next(m.value for m in app.markdown if "With the settings on screen" in m.value)
        assert "`buffer` (" not in ask


def test_questions_are_answered_by_torch():
    app = open_page("buffers", tab="Predict", draw="2")
    ask = next(m.value for m in app.markdown if "The same module with size" in m.value)
    size = int(ask.split("size ")[1].split(":")[0])
    answer = sum(p.numel() for p in Five(size).parameters())
    app.text_input(key="answer buffers 2 2 given").set_value(str(answer))
    sound([b for b in app.button if b.label == "Commit"][2].click().run())
    assert len(app.success) == 1


def test_the_script_reproduces_the_numbers(tmp_path):
    app = open_page("buffers", tab="Take away", grad="true", sgd="buffer", lr="0.5", call="thawed")
    saved, said = ran_alone(app, tmp_path)
    module = Five(grad=True).requires_grad_(True)
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.5, module.buffer)
    for name in ("weight", "frozen", "buffer", "scratch", "plain"):
        assert torch.equal(saved[name], getattr(module, name).detach())
    assert "buffers: ['buffer', 'scratch']" in said
