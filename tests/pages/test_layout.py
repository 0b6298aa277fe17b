"""The memory page tells what torch's own tensors say, for any chain in the link."""

import numpy as np
import pytest
import torch

from core.experiments.chain import large
from core.experiments.chain.claims import moved
from core.experiments.chain.operations import default_step
from core.experiments.chain.presets import PRESETS
from core.experiments.chain.run import run_chain
from core.experiments.chain.table import OPERATIONS
from core.experiments.chain.text import format_chain, format_step, parse_chain, start_tensor
from core.experiments.layout.rule import Layout
from pages.layout_parts.cost import walked
from tests import linking
from tests.pages.opening import boards, charts, control, open_page, panels, ran_alone, sound, tried, words


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
    shape = {"channels_last": (2, 3, 4, 4), "channels_last_3d": (2, 3, 2, 2, 2)}.get(op, (4, 6))
    step = default_step(op, Layout.of(start_tensor(shape)))
    app = open_page("layout", shape=",".join(map(str, shape)), dtype="float32", fill="arange", chain=format_step(step))
    assert "our reasoning agrees with torch" in words(app)
    assert not app.error


def addresses(stage):
    """Where each element of a stage lies in the machine's memory, by its index."""
    return {index: stage.tensor[index].data_ptr() for index in np.ndindex(tuple(stage.tensor.shape))}


def there(places, address):
    return {index for index, at in places.items() if at == address}


@pytest.mark.parametrize("name", list(PRESETS))
def test_a_cell_lights_up_all_that_lie_at_its_address(name):
    preset = PRESETS[name]
    board = boards(open_page("layout", **preset_link(preset)))["board"]
    lie = {f"x{s.number}": addresses(s) for s in run_chain(preset.start(), preset.steps) if s.tensor is not None}
    shown = {panel.name for panel in board.panels} & set(lie)
    assert len(shown) == len(lie)
    for picture in shown:
        for index in list(lie[picture])[:: 1 + len(lie[picture]) // 10]:
            found = linking.partners(board, picture, index)
            for other in shown - {picture}:
                assert found[other] == there(lie[other], lie[picture][index]), (picture, index, other)


@pytest.mark.parametrize("chain", ["transpose(0,1)>clone>flip(1)", "transpose(0,1)>contiguous>T>reshape(12)"])
def test_a_copied_cell_leads_back_to_the_number_it_came_from(chain):
    app = open_page("layout", shape="3,4", dtype="int64", fill="arange", chain=chain)
    board = boards(app)["board"]
    pictures = {panel.name: panel.cells for panel in board.panels}
    strips = [name for name in pictures if not name.startswith("x")]
    assert strips == ["A", "B", "C"]
    last = strips[-1]
    for cell in range(12):
        found = linking.partners(board, last, (cell,), "origin")
        for earlier in strips[:-1]:  # arange: a number stands in a storage once
            (origin,) = found[earlier]
            assert pictures[earlier].texts[origin[0]] == pictures[last].texts[cell]
        (first,) = found["x0"]
        assert f"{4 * first[0] + first[1]}" == pictures[last].texts[cell]
        (came,) = found[strips[-2]]
        assert f"copied from `{strips[-2]}[{came[0]}]`" in pictures[last].notes[cell]


def test_a_copy_has_colours_of_its_own():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="clone>flip(1)")
    scales = {name: charts(app)[panels(app)[name].alt]["data"][0]["colorscale"] for name in ("x0", "x1", "x2", "B")}
    assert scales["x1"] == scales["B"]
    assert len({str(scale) for scale in scales.values()}) == 3


def test_every_cell_has_its_address_spelled_out():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)")
    cells = panels(app)["x1"].cells
    assert cells.notes[3 * 3 + 2] == "0 + 3·1 + 2·4 = 11 of A, byte 44, cache line 0"
    assert "{each:x0}" in boards(app)["board"].spelled["x1"]


def test_cells_that_share_an_address_are_one_group():
    app = open_page("layout", **preset_link(PRESETS["expand"]), cell="1,2")
    cells = panels(app)["x1"].cells
    assert cells.group == "A"
    assert "read by 4 elements of this tensor" in cells.notes[5 + 2]
    assert panels(app)["x0"].cells.group == ""


def test_a_long_vector_stands_in_rows_with_its_digits():
    app = open_page("layout", shape="6,5", fill="rows", chain="flatten(0,-1)")
    panel = panels(app)["x1"]
    drawn = charts(app)[panel.alt]["data"][0]["text"]
    assert panel.cells.wrap == 8
    assert [text for row in drawn for text in row if text] == [str(n) for n in range(5)] * 6


@pytest.mark.parametrize(("chain", "cell", "moved"), [
    ("transpose(0,1)", "3,2", "2, 3"), ("transpose(0,1)>clone", "3,2", "2, 3"), ("slice(0,1,None,None)", "1,1", "2, 1"),
])  # fmt: skip
def test_a_picked_cell_keeps_its_number_from_stage_to_stage(chain, cell, moved):
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain=chain, cell=cell)
    last = control(app, "stage").value
    sound(control(app, "stage").set_value("x0").run())
    assert control(app, "cell").value == moved
    sound(control(app, "stage").set_value(last).run())
    assert control(app, "cell").value.replace(" ", "") == cell


def test_a_picked_cell_that_the_stage_does_not_read_is_let_go():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="slice(0,1,None,None)", cell="0,0",
                    stage="x0")  # fmt: skip
    sound(control(app, "stage").set_value("x1").run())
    assert control(app, "cell").value == ""
    assert "There is no cell" not in words(app)


def test_adding_a_step_keeps_the_picked_number():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)", cell="3,2")
    opened(app, "add")
    sound(app.button(key="add contiguous").click().run())
    assert control(app, "stage").value == "x2"
    assert control(app, "cell").value == "3, 2"


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


def test_a_step_added_after_a_refused_one_goes_before_it():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)>view(12)>unsqueeze(0)")
    opened(app, "add")
    assert "Step 2 is refused" in words(app)
    sound(app.button(key="add contiguous").click().run())
    assert control(app, "chain").value == "transpose(0,1)>contiguous>view(12)>unsqueeze(0)"
    assert not app.error


def test_a_chain_that_cannot_be_read_leaves_the_steps_of_the_last():
    app = open_page("layout", shape="3,4", dtype="float32", fill="arange", chain="transpose(0,1)>flip(1)")
    sound(control(app, "chain").set_value("transpose(0;1)").run())
    assert "can't read" in words(app)
    sound(opened(app, "step 1").button(key="step 1 Remove").click().run())
    assert control(app, "chain").value == "transpose(0,1)"


def test_a_preset_can_be_chosen_twice():
    app = open_page("layout", cell="3,4")
    for _ in range(2):
        sound(app.selectbox(key="preset").set_value("flip").run())
        assert control(app, "chain").value == "flip(1)"
        assert control(app, "cell").value == ""
        sound(control(app, "chain").set_value("T").run())


@pytest.mark.parametrize(
    ("parameter", "value", "said"),
    [
        ("chain", "view(5;6)", "can't read"),
        ("chain", "fly(1)", "there is no operation"),
        ("chain", ">".join(["T"] * 40), "at most 12"),
        ("shape", "0x1f", "can't read"),
        ("shape", "2000000,1000000", "1,099,511,627,776 are the most"),
        ("shape", "2,2,2,2,2,2,2,2,2", "8 are the most"),
        ("cell", "9,9", "There is no cell"),
        ("cell", "one", "is not an index"),
    ],
)
def test_bad_input_gets_a_sentence_and_keeps_a_picture(parameter, value, said):
    app = open_page("layout", **{parameter: value})
    assert said in words(app)
    assert len(panels(app)) >= 3


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


@pytest.mark.parametrize("number", range(5))
def test_the_links_to_try_show_what_they_are_for(number):
    app = tried("layout", number)
    assert "our reasoning agrees with torch" in words(app)


@pytest.mark.parametrize(
    ("chain", "shape"), [("transpose(0,1)>view(12)", "3,4"), ("view(2,4,2,3)>transpose(1,2)>view(2,4,6)", "2,4,6")]
)
def test_each_mend_of_a_refused_step_lets_the_chain_go_on_and_says_what_it_copies(chain, shape):
    asked = {"shape": shape, "dtype": "float32", "fill": "arange"}
    labels = [b.label for b in open_page("layout", chain=chain, **asked).button if (b.key or "").startswith("mend")]
    assert len(labels) >= 4
    for label in labels:
        app = open_page("layout", chain=chain, **asked)
        sound(next(b for b in app.button if b.label == label).click().run())
        assert not app.error, label
        made = run_chain(start_tensor(tuple(map(int, shape.split(",")))), parse_chain(control(app, "chain").value))
        assert all(stage.tensor is not None for stage in made)
        copied = moved(list(made)).bytes
        assert label == "leave it out" or (f"copies {copied} B" if copied else "no copy") in label


def test_the_verdict_and_the_pair_stand_above_the_pictures():
    app = open_page("layout", shape="32,12,512,64", dtype="float16", chain="transpose(1,2)>view(32,512,768)")
    (verdict,) = [error.value for error in app.error]
    assert verdict.index("32768 ≠ 1·64 = 64") < verdict.index("torch says: RuntimeError: view size is not compatible")
    assert list(boards(app))[:2] == ["refused", "board"]
    labels = [b.label for b in app.button if (b.key or "").startswith("mend")]
    assert labels[:2] == [
        "`x.reshape(32, 512, 768)` instead: copies 24 MiB",
        "`.contiguous()` after x1: copies 24 MiB",
    ]


def test_a_line_of_python_is_read_as_a_chain():
    app = open_page("layout", shape="2,3,4", chain="x.transpose(1, 2).contiguous().view(2, -1)[:, ::2]")
    assert "our reasoning agrees with torch" in words(app)
    assert "(2, 6) | (12, 2)" in words(app)


def test_equal_strides_and_a_busy_machine_give_no_verdict():
    def found(*ratios, stride=(1, 4)):
        return large.Walked((4, 4), stride, (4, 1), tuple(map(float, ratios)), (1.0,) * len(ratios))

    said = {walked(found(*r)) for r in ((2, 2.1, 2.2), (0.5, 0.6, 0.7), (0.9, 1, 1.1), (1, 2, 5))}
    assert len(said | {walked(found(1, 2, 5, stride=(4, 1)))}) == 5


LARGE = {"shape": "32,512,768", "dtype": "bfloat16", "chain": "view(32,512,12,64)>transpose(1,2)>contiguous"}


def test_a_tensor_of_any_size_is_told_by_torchs_meta_tensors():
    app = open_page("layout", **LARGE, cell="3,5,100,7")
    text = words(app)
    assert "our reasoning agrees with torch" in text
    y = torch.empty(32, 512, 768, device="meta").view(32, 512, 12, 64).transpose(1, 2)
    assert f"| {tuple(y.shape)} | {y.stride()} | 0 | no |" in text
    assert "12,582,912 numbers were copied** (25,165,824 bytes)" in text
    assert "meta tensors" in text
    cells = panels(app)["x3"].cells
    place = np.ravel_multi_index([i - a for i, a in zip((3, 5, 100, 7), cells.origin, strict=True)], cells.shape)
    assert cells.notes[place].startswith("0 + 3·393216 + 5·32768 + 100·64 + 7·1 = 1349895")
    assert "write" not in [box.key for box in app.text_input]


def test_the_same_number_stays_picked_in_a_large_chain():
    app = open_page("layout", **LARGE, cell="3,5,100,7")
    sound(control(app, "stage").set_value("x1").run())
    assert control(app, "cell").value == "3, 100, 5, 7"
    sound(control(app, "stage").set_value("x0").run())
    assert control(app, "cell").value == "3, 100, 327"


@pytest.mark.parametrize(
    "tab", ["What view may join", "Cache lines", "On a GPU", "Who holds the memory", "Predict", "Take away", "Pitfalls"]
)
@pytest.mark.parametrize("shape", ["1048576,1048576", "2,3,4,5,6,7,8,9", "1099511627776"])
def test_every_tab_takes_a_large_tensor(shape, tab):
    app = open_page("layout", shape=shape, chain="unsqueeze(0)>squeeze()>flatten(0,-1)", tab=tab)
    assert "our reasoning agrees with torch" in words(app)


def test_the_script_of_a_large_chain_prints_its_strides(tmp_path):
    saved, _ = ran_alone(open_page("layout", tab="Take away", **LARGE), tmp_path)
    assert saved["x2_stride"].tolist() == [512 * 768, 64, 768, 1]


def test_the_cache_of_a_large_tensor_is_counted():
    app = open_page("layout", shape="1048576,1048576", dtype="float32", chain="T", tab="Cache lines")
    assert "| `x0` | 68,719,476,736 | 68,719,476,736 | 0 | 68,719,476,736 |" in words(app)
    assert "| `x1` | 68,719,476,736 | 1,099,511,627,776 | 1,030,792,151,040 | 68,719,476,736 |" in words(app)


def test_a_warp_says_what_it_fetches_and_how_the_tile_is_mended():
    app = open_page("layout", shape="64,64", dtype="float32", chain="T", tab="On a GPU")
    text = words(app)
    assert "want **128 bytes** and **32 sectors come**, 1,024 bytes in 32 lines" in text
    assert "not coalesced" in text
    assert "| as it is | 32 | 1 | 4,096 |" in text
    assert "| padded by 1 | 1 | 1 | 4,220 |" in text
    app = open_page("layout", shape="64,64", dtype="float32", chain="T", tab="On a GPU", threads="0")
    assert "The load is **coalesced**" in words(app)
    board = boards(app)["warp"]
    assert linking.partners(board, "thread", (9,))["memory"] == {(9,)}
    app = open_page("layout", shape="64,64", dtype="float32", chain="", tab="On a GPU", cell="0,3", tile="33")
    assert "begins in the middle of a sector" in words(app)
    assert "no conflict as it is" in words(app)
    app = open_page("layout", shape="1", dtype="float32", chain="expand(64)", tab="On a GPU")
    assert "one sector serves them all" in words(app)


def test_a_small_view_is_told_to_hold_a_large_storage_and_a_clone_lets_go():
    asked = {"shape": "4096,4096", "dtype": "float32", "tab": "Who holds the memory"}
    app = open_page("layout", chain="T>contiguous>flip(0)>select(0,5)", **asked)
    text = words(app)
    assert "while `x3 = x2.flip(0)` runs, the chain holds **192 MiB**; afterwards **128 MiB** stay" in text
    assert "reads **16 KiB** and keeps **64 MiB** alive" in text
    sound(app.button(key="let go").click().run())
    assert control(app, "chain").value == "T>contiguous>flip(0)>select(0,5)>clone"
    assert "reads all **16 KiB**" in words(app)
    assert "from `x2 = x1.contiguous()` on" not in words(open_page("layout", chain="T", kept="all", **asked))


@pytest.mark.parametrize(("pasted", "chain", "says"), [
    ("torch.Size([2, 3]) (1, 2) 4 torch.int64", "as_strided((2,3),(1,2),4)", "offset 4"),
    ("b = 3\ny = x.transpose(0, 1).reshape(b, -1)", "transpose(0,1)>reshape(3,-1)", "2 steps of Python"),
    ("RuntimeError: shape '[2, -1]' is invalid for input of size 7", "view(2,-1)", "7 elements"),
])  # fmt: skip
def test_what_is_pasted_becomes_the_chain_and_is_said(pasted, chain, says):
    app = open_page("layout", shape="3,4")
    sound(app.text_area(key="pasted").set_value(pasted).run())
    assert control(app, "chain").value == chain
    assert any(says in caption.value for caption in app.caption)


def test_what_cannot_be_pasted_is_said_and_the_chain_stays():
    app = open_page("layout", shape="3,4", chain="transpose(0,1)")
    sound(app.text_area(key="pasted").set_value("hello").run())
    assert control(app, "chain").value == "transpose(0,1)"
    assert "none of what is read here" in words(app)


@pytest.mark.parametrize(("typed", "float16"), [("0.1", "0.0999755859"), ("70000", "∞"), ("nan", "nan"), ("1e-9", "0")])
def test_a_number_is_shown_as_the_bits_of_each_dtype(typed, float16):
    app = open_page("layout", tab="As bits", number=typed)
    shown = panels(app)
    assert len(shown["float32"].cells.texts) == 32
    assert f"float16: {float16}" in str(shown["float16"].figure.layout.title.text)


def test_the_picked_number_is_the_one_that_is_shown_and_words_are_no_number():
    app = open_page("layout", tab="As bits", shape="2,2", cell="1,1")
    assert "".join(panels(app)["float16"].cells.texts) == "0" + "10000" + "1000000000"  # 3 = 2 · 1.5
    assert open_page("layout", tab="As bits", number="three").error


@pytest.mark.parametrize("kind", ["coo", "csr", "jagged"])
@pytest.mark.parametrize(
    "start",
    [
        {"shape": "3,4", "dtype": "float16"},
        {"shape": "5", "chain": ""},
        {"shape": "9,30", "chain": "T"},
        {"shape": "4096,4096", "chain": ""},
        {"shape": "0,3", "chain": ""},
        {"shape": "2,2", "dtype": "complex64", "chain": ""},
        {"shape": "2,3", "dtype": "bool", "chain": ""},
    ],
    ids=lambda start: start["shape"],
)
def test_the_sparse_tab_takes_any_tensor(start, kind):
    for share in ("0", "1"):
        app = open_page("layout", **({"chain": "T"} | start), tab="Sparse", held=kind, zeros=share)
        assert (panels(app)["values"].cells is None) == (share == "1")
