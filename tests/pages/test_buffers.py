"""The page on buffers and parameters says what torch.nn does with each, for the settings in the link."""

import io

import pytest
import torch
from torch import nn

from core.experiments import buffers
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


def listed(values):
    return f"[{', '.join(f'{v:.3g}' for v in values)}]"


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
    app = open_page("buffers", x_from="typed or pasted", x="0.5 -4", lr=lr)
    assert f"**{listed(module.weight.tolist())}**" in words(app)


def test_a_buffer_handed_to_the_optimiser_is_changed():
    module = Five(grad=True)
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.1, module.buffer)
    app = open_page("buffers", grad="true", sgd="and the buffer", of="buffer")
    assert f"= **{listed(module.buffer.tolist())}**" in words(app)
    sound(control(app, "sgd").set_value("parameters()").run())
    assert "the step leaves it at **[1, 1, 1]**" in words(app)


def test_thawing_reaches_frozen_parameters_and_no_buffers():
    rows = table(open_page("buffers", call="requires_grad_(True)"))
    assert rows["frozen"].endswith("yes, yes")
    assert rows["buffer"].endswith("no, no")


def test_freezing_all_is_refused_and_keeps_the_picture():
    app = open_page("buffers")
    before = table(app)
    sound(control(app, "call").set_value("requires_grad_(False)").run())
    assert any("does not require grad" in error.value for error in app.error)
    assert table(app) == before
    assert "Shown is the module as made." in words(open_page("buffers", call="requires_grad_(False)"))


def test_the_code_shown_makes_the_five():
    code = next(block.value for block in open_page("buffers").code if "register_buffer" in block.value)
    module = nn.Module()
    exec(code, {"self": module, "torch": torch, "nn": nn, "size": 3, "buffer_requires_grad": False})
    assert list(module.state_dict()) == list(Five().state_dict())


def test_the_tutorials_seven_points_have_their_runs():
    said = words(open_page("buffers"))
    for point in range(1, 8):
        assert f"“4.{point} " in said
    assert said.count(":green[:material/check:]") == 2  # 4.1 and 4.4 hold


def test_saved_and_loaded():
    app = open_page("buffers", tab="Save and load")
    file = io.BytesIO()
    torch.save(dict(Five().state_dict()), file)
    assert f"**{len(file.getvalue())} bytes** for `weight`, `frozen`, `buffer`" in words(app)
    assert "| `scratch` | `register_buffer, persistent=False` | [7, 7, 7] | [1, 1, 1] | :red-badge[no] |" in words(app)
    assert "| `buffer` | `register_buffer` | [7, 7, 7] | [7, 7, 7] | :green-badge[yes] |" in words(app)
    sound(control(app, "without").set_value("buffer").run())
    assert any('Missing key(s) in state_dict: "buffer"' in error.value for error in app.error)
    sound(control(app, "strict").set_value(False).run())
    assert not app.error


@pytest.mark.parametrize(("step", "batch"), [(1, 2), (5, 3), (12, 6)])
def test_moco(step, batch):
    app = open_page("buffers", tab="MoCo", step=str(step), batch=str(batch), m="0.5", seed="3")
    model, steps = buffers.moco_run(step + 1, batch=batch, momentum=0.5, seed=3)
    assert f"with label 0 is **{steps[step - 1].loss:.3g}**" in words(app)
    assert f"mod 12 = **{step * batch % 12}**" in words(app)
    assert f"the next loss is {steps[step].loss:.4f}. Saved" in words(app)
    assert f"gone on, it is **{steps[step].loss:.4f}**" in words(app)
    assert "| `queue` | (12, 4) | no | no | yes | yes |" in words(app)
    assert "| `key_encoder.weight` | (4, 8) | yes | no | no | yes |" in words(app)
    assert int(model.pointer) == (step + 1) * batch % 12


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


def test_pitfalls_beyond_the_tutorial():
    said = words(open_page("buffers"))
    layer = nn.BatchNorm1d(2)
    layer(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    assert f"running_mean = **{listed(layer.running_mean.tolist())}**" in said
    assert "parameters() gives **2** tensors; with `nn.ParameterList`, **3**" in said
    assert "cannot assign 'torch.FloatTensor' as parameter 'weight'" in said
    assert "`module.weight` is the same object: **True**" in said


def test_questions_are_answered_by_torch():
    app = open_page("buffers", tab="Predict", draw="2")
    ask = next(m.value for m in app.markdown if "The same module with size" in m.value)
    size = int(ask.split("size ")[1].split(":")[0])
    answer = sum(p.numel() for p in Five(size).parameters())
    app.text_input(key="answer buffers 2 2 given").set_value(str(answer))
    sound([b for b in app.button if b.label == "Commit"][2].click().run())
    assert any(f"Right: **{answer}**" in message.value for message in app.success)


def test_the_script_reproduces_the_numbers(tmp_path):
    app = open_page(
        "buffers", tab="Take away", grad="true", sgd="and the buffer", lr="0.5", call="requires_grad_(True)"
    )
    saved, said = ran_alone(app, tmp_path)
    module = Five(grad=True).requires_grad_(True)
    module.step(torch.tensor([1.0, 2.0, 3.0]), 0.5, module.buffer)
    for name in ("weight", "frozen", "buffer", "scratch", "plain"):
        assert torch.equal(saved[name], getattr(module, name).detach())
    assert "buffers: ['buffer', 'scratch']" in said
