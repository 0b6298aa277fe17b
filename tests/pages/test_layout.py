"""The memory page tells what torch's own tensors say, for any chain in the link."""

import pytest
import torch

from core.ops.chain import OPERATIONS, PRESETS, default_step, format_chain, format_step, start_tensor
from core.ops.layout import Layout
from tests.pages.opening import charts, control, open_page, ran_alone, sound, words


def preset_link(preset):
    return {
        "shape": ",".join(map(str, preset.shape)),
        "dtype": str(preset.dtype).removeprefix("torch."),
        "fill": preset.fill,
        "chain": preset.chain,
    }


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_is_told_by_torch(name):
    preset = PRESETS[name]
    app = open_page("layout", **preset_link(preset))
    text = words(app)
    assert "our reasoning agrees with torch" in text
    x, said = preset.start(), ""
    for number, step in enumerate(preset.steps, start=1):
        try:
            x = step.operation.call(x, *step.args)
        except RuntimeError as refusal:
            said = str(refusal).split("\n")[0]
            break
        if step.op != "resize_":
            assert f"x{number} = {step.code(f'x{number - 1}')}" in text
            assert f"| {tuple(x.shape)} |".replace(",)", ",)") in text
            assert f"| {tuple(x.stride())} |" in text
    assert said in "\n".join(error.value for error in app.error)


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_preset_menu_writes_the_link(name):
    app = open_page("layout")
    sound(app.selectbox(key="preset").set_value(name).run())
    assert control(app, "chain").value == format_chain(PRESETS[name].steps)
    assert control(app, "shape").value == preset_link(PRESETS[name])["shape"]


@pytest.mark.parametrize("op", list(OPERATIONS))
def test_every_operation_of_the_menu_runs(op):
    shape = (2, 3, 4, 4) if op == "channels_last" else (4, 6)
    step = default_step(op, Layout.of(start_tensor(shape)))
    app = open_page("layout", shape=",".join(map(str, shape)), dtype="float32", fill="arange", chain=format_step(step))
    assert "our reasoning agrees with torch" in words(app)
    assert not app.error


def test_picking_a_cell_spells_its_address():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)", cell="3,2")
    assert "**0 + 3·1 + 2·4 = 11**, byte 44, cache line 0" in words(app)


def test_expand_shows_all_cells_that_share_an_address():
    app = open_page("layout", **preset_link(PRESETS["expand"]), cell="1,2")
    assert "The same cell is read by (0, 2), (2, 2), (3, 2)" in words(app)


def test_writing_through_a_view_changes_what_shares_its_cell():
    link = {"shape": "3,4", "dtype": "float32", "fill": "arange", "chain": "transpose(0,1)>clone", "cell": "1,2"}
    assert "**x0 (1), x1 (1)**" in words(open_page("layout", **link, stage="x1", write="99"))
    assert "**x2 (1)**" in words(open_page("layout", **link, stage="x2", write="99"))
    assert "can't be written here" in words(open_page("layout", **link, write="many"))
    assert "can't be written here" in words(open_page("layout", **(link | {"dtype": "uint8"}), write="1e400"))


def test_a_refused_view_names_the_pair_that_breaks_the_rule():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)>view(12)")
    text = words(app)
    assert "1 ≠ 4·3 = 12" in text
    assert "`reshape` would make a **copy** instead, of shape (12,) with strides (1,)" in text
    drawn = [
        figure
        for figure in charts(app).values()
        if any("would span" in str(a) for a in figure["layout"]["annotations"])
    ]
    assert len(drawn) == 1


def opened(app, popover):
    """The app with this popover open: it closes when its step changes."""
    app.session_state[popover] = True
    return sound(app.run())


def test_steps_are_added_edited_moved_and_removed():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)>flip(1)")
    opened(app, "add")
    add = [b for b in app.button if b.key and b.key.startswith("add ")]
    assert {b.key for b in add} >= {"add contiguous", "add unsqueeze"}
    sound(next(b for b in add if b.key == "add unsqueeze").click().run())
    assert control(app, "chain").value == "transpose(0,1)>flip(1)>unsqueeze(0)"
    sound(opened(app, "step 1").button(key="step 1 Earlier").click().run())
    assert control(app, "chain").value == "flip(1)>transpose(0,1)>unsqueeze(0)"
    sound(opened(app, "step 1").text_input(key="edit 1 transpose(0,1)").set_value("permute(1,0)").run())
    assert control(app, "chain").value == "flip(1)>permute(1,0)>unsqueeze(0)"
    sound(opened(app, "step 1").text_input(key="edit 1 permute(1,0)").set_value("permute(1;0)").run())
    assert "permute(1;0)" in words(app)
    assert control(app, "chain").value == "flip(1)>permute(1,0)>unsqueeze(0)"
    sound(opened(app, "step 1").button(key="step 1 Remove").click().run())
    assert control(app, "chain").value == "flip(1)>unsqueeze(0)"


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("chain", "view(5;6)", "can't read"),
        ("chain", "fly(1)", "there is no operation"),
        ("chain", ">".join(["T"] * 40), "at most 12"),
        ("shape", "0x1f", "can't read"),
        ("shape", "100,100", "4096"),
        ("shape", "2,2,2,2,2", "at most 4"),
        ("cell", "9,9", "There is no cell"),
        ("cell", "one", "is not an index"),
    ],
)
def test_bad_input_gets_a_sentence_and_keeps_a_picture(parameter, value, said):
    app = open_page("layout", **{parameter: value})
    assert said in words(app)
    assert len(app.get("plotly_chart")) >= 2


def test_empty_and_single_tensors_are_shown():
    for shape in ("", "0,3", "1"):
        open_page("layout", shape=shape, chain="")


def test_the_script_reproduces_the_chain(tmp_path):
    app = open_page("layout", tab="Take away", **preset_link(PRESETS["nhwc"]))
    saved, _ = ran_alone(app, tmp_path)
    x = PRESETS["nhwc"].start().permute(0, 2, 3, 1)
    assert torch.equal(saved["x1"], x)
    assert tuple(saved["x1_stride"].tolist()) == x.stride()
    assert tuple(saved["x2_stride"].tolist()) == x.contiguous().stride()


def test_a_question_is_answered_by_the_real_tensor():
    app = open_page("layout", tab="Predict", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)")
    ask = next(m.value for m in app.markdown if "At which address" in m.value)
    i, j = (int(n) for n in ask.split("[")[1].split("]")[0].split(","))
    answer = start_tensor((3, 4)).t()[i, j].item()  # arange: the number is the address
    app.text_input(key="answer layout 0 0 given").set_value(f"{answer:g}")
    sound(next(b for b in app.button if b.label == "Commit").click().run())
    assert any("Right" in message.value for message in app.success)
