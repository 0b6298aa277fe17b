"""The convolution page shows what torch computes, for the settings in the link."""

import re

import pytest
import torch
from torch.nn.functional import conv2d

from core.data import digit
from core.figures import board as figures
from core.ops.convolution import FAMOUS_KERNELS
from core.ui.board import hand_over
from tests.linking import partners
from tests.pages.opening import boards, charts, control, kept, open_page, panels, ran_alone, sound, words

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def example(channels: int = 1, size: int = 5, seed: int = 0) -> torch.Tensor:
    shape = (size, size) if channels == 1 else (channels, size, size)
    return torch.randint(0, 5, shape, generator=torch.Generator().manual_seed(seed)).reshape(-1, size, size).float()


def counting(out_channels: int, *rest: int) -> torch.Tensor:
    count = torch.Size(rest).numel()
    return torch.stack([torch.arange(o, o + count).reshape(rest) for o in range(out_channels)]).float()


def shown(app, title: str) -> list[str]:
    """The numbers in a picture's cells, in reading order, gaps and cells of padding left out."""
    figure = next(figure for alt, figure in charts(app).items() if alt.startswith(title))
    return [text for row in figure["data"][0]["text"] for text in row if text]


@pytest.mark.parametrize(
    ("link", "arguments"),
    [
        ({}, {"padding": 1}),
        ({"stride": "2", "padding": "0"}, {"stride": 2}),
        ({"padding": "same", "dilation": "2"}, {"padding": "same", "dilation": 2}),
        ({"padding": "valid"}, {"padding": "valid"}),
        ({"padding": "3", "stride": "3"}, {"padding": 3, "stride": 3}),
    ],
)
def test_the_pictures_hold_torchs_numbers(link, arguments):
    app = open_page("convolution", **link)
    output = conv2d(example(), counting(1, 1, 3, 3), **arguments)
    assert shown(app, "y: output") == [f"{value:g}" for value in output.flatten().tolist()]
    assert shown(app, "x: input") == [f"{value:g}" for value in example().flatten().tolist()]
    assert "manual conv2d agrees with torch" in words(app)
    assert "largest difference in values **0**" in words(app)


def test_channels_groups_and_bias_are_torchs():
    link = {"in_channels": "4", "out_channels": "2", "groups": "2", "bias": "true", "cell": "y[1, 3, 2]"}
    app = open_page("convolution", **link)
    output = conv2d(example(4), counting(2, 2, 3, 3), torch.tensor([1.0, 2.0]), padding=1, groups=2)
    assert shown(app, "y: output") == [f"{value:g}" for value in output.flatten().tolist()]
    assert f"+ bias 2 = **{output[1, 3, 2].item():g}**" in words(app)
    assert "- channel 2:" in words(app)
    assert "- channel 1:" not in words(app)  # the other group's


def test_only_divisors_of_both_channel_counts_are_offered_as_groups():
    app = open_page("convolution", in_channels="4", out_channels="2")
    assert control(app, "groups").options == ["1", "2"]
    assert not [
        s for s in open_page("convolution", in_channels="3", out_channels="2").select_slider if s.key == "groups"
    ]


@pytest.mark.parametrize("name", FAMOUS_KERNELS)
def test_every_famous_kernel_runs(name):
    app = open_page("convolution", kernel=name)
    kernel = torch.tensor(FAMOUS_KERNELS[name], dtype=torch.float32)
    output = conv2d(example(), kernel[None, None], padding=1)
    assert [float(text) for text in shown(app, "y: output")] == pytest.approx(output.flatten().tolist(), rel=6e-3)


def test_a_kernel_of_ones_own_is_used():
    app = open_page("convolution", kernel="my own", w_from="typed or pasted", w="[[0, 1], [2, 3]]", padding="0",
                    x_from="typed or pasted", x="[[0,1,2],[3,4,5],[6,7,8]]")  # fmt: skip
    assert shown(app, "y: output") == ["19", "25", "37", "43"]


def test_height_and_width_of_the_kernel_come_apart():
    app = open_page("convolution", apart="true", kernel_height="2", kernel_width="4", padding="0")
    output = conv2d(example(), counting(1, 1, 2, 4))
    assert shown(app, "y: output") == [f"{value:g}" for value in output.flatten().tolist()]
    sound(control(app, "apart").set_value(False).run())
    assert control(app, "kernel_size").value == 3


LINKS = [
    {}, {"stride": "2"}, {"padding": "same", "dilation": "2"}, {"padding": "valid", "kernel_size": "2"},
    {"in_channels": "4", "out_channels": "2", "groups": "2", "bias": "true"}, {"in_channels": "3"},
    {"x_from": "digit", "stride": "3", "out_channels": "2", "o": "1"},
]  # fmt: skip


@pytest.mark.parametrize("link", LINKS, ids=str)
def test_outputs_and_inputs_light_each_other_as_gradients_say(link):
    board = boards(open_page("convolution", **link))["board"]
    cells = {panel.name: panel.cells for panel in board.panels}
    run = kept_run(link)
    x, weight, settings = run
    leaf, kernel = torch.ones_like(x).requires_grad_(), torch.ones_like(weight).requires_grad_()
    output = conv2d(leaf, kernel, **settings)
    shape, origin = cells["y"].shape, cells["y"].origin or (0,) * len(cells["y"].shape)
    index = tuple(start + n // 2 for n, start in zip(shape, origin, strict=True))
    whole = (0,) * (3 - len(index)) + index
    grads = torch.autograd.grad(output[whole], (leaf, kernel))
    found = partners(board, "y", index)
    lit = {(0,) * (3 - len(at)) + at for at in found["x"]}
    inside = {at for at in lit if all(0 <= i < n for i, n in zip(at, x.shape, strict=True))}
    assert inside == {tuple(at) for at in grads[0].nonzero().tolist()}
    assert {(0,) * (4 - len(at)) + at for at in found["w"]} == {tuple(at) for at in grads[1].nonzero().tolist()}
    for at in list(found["x"])[:5]:
        assert index in partners(board, "x", at)["y"]


def kept_run(link: dict) -> tuple[torch.Tensor, torch.Tensor, dict]:
    """Input, a weight and settings in torch's words."""
    x = digit(0)[None] if link.get("x_from") == "digit" else example(int(link.get("in_channels", 1)))
    groups, k = int(link.get("groups", 1)), int(link.get("kernel_size", 3))
    padding = link.get("padding", "1")
    settings = {"stride": int(link.get("stride", 1)), "padding": int(padding) if padding.isdecimal() else padding}
    settings |= {"dilation": int(link.get("dilation", 1)), "groups": groups}
    return x, torch.ones(int(link.get("out_channels", 1)), len(x) // groups, k, k), settings


def pick(app, board: str, panel: str, index: tuple[int, ...]) -> None:
    """What the browser reports where a reader pins a cell."""
    app.session_state["cell"] = ""
    taken: dict[str, str] = {}
    shown_board = boards(app)[board]
    hand_over(shown_board, {panel: lambda said: taken.update(said=said)}, {"panel": panel, "index": list(index)})
    name = {"kernel": "w", "columns": "y", "product": "y"}.get(panel, panel)
    app.session_state["cell"] = f"{name}[{taken['said']}]"
    sound(app.run())


def test_a_cell_pinned_in_any_picture_is_pinned_on_both_boards():
    app = open_page("convolution", out_channels="2", tab="im2col")
    pick(app, "board", "y", (1, 2, 3))
    assert boards(app)["board"].pinned == ("y", (1, 2, 3))
    assert boards(app)["im2col"].pinned == ("product", (1, 13))
    pick(app, "im2col", "columns", (4, 7))
    assert boards(app)["board"].pinned == ("y", (1, 1, 2)), "the eighth window of the channel looked at"
    pick(app, "im2col", "kernel", (1, 5))
    assert boards(app)["board"].pinned == ("w", (1, 0, 1, 2))
    pick(app, "board", "x", (0, -1, 5))
    assert boards(app)["board"].pinned == ("x", (0, -1, 5)), "padding too"
    assert all(place is not None for place in placed(app))


def placed(app) -> list[int | None]:
    """The place of each board's pinned cell; None where its picture has no such cell."""
    return [
        figures.place_of(panels_of(board)[board.pinned[0]].cells, board.pinned[1]) for board in boards(app).values()
    ]


def panels_of(board) -> dict:
    return {panel.name: panel for panel in board.panels}


def test_a_pinned_cell_stays_when_channels_come_and_go():
    app = open_page("convolution", cell="x[2, 3]")
    sound(control(app, "in_channels").set_value(3).run())
    assert boards(app)["board"].pinned == ("x", (0, 2, 3))
    sound(control(app, "in_channels").set_value(1).run())
    assert boards(app)["board"].pinned == ("x", (2, 3))
    assert control(app, "cell").value == "x[2, 3]"


def test_the_kernel_of_an_image_finds_edges_at_first_and_the_readers_own_choice_stays():
    app = open_page("convolution", x_from="photo")
    assert control(app, "kernel").value == "Sobel x"
    assert "kernel" not in kept(app).address
    sound(control(app, "x_from").set_value("example").run())
    assert control(app, "kernel").value == "counting"
    sound(control(app, "x_from").set_value("digit").run())
    assert control(app, "kernel").value == "Sobel x"
    sound(control(app, "kernel").set_value("emboss").run())
    sound(control(app, "x_from").set_value("example").run())
    assert control(app, "kernel").value == "emboss"


def test_a_photograph_is_as_large_as_96_pixels():
    assert panels(open_page("convolution", x_from="photo"))["x"].cells.shape == (64, 96)


def test_one_move_changes_only_the_pictures_that_it_concerns():
    app = open_page("convolution", x_from="photo")
    before = drawings(app)
    sound(control(app, "kernel").set_value("emboss").run())
    changed = {name for name, drawn in drawings(app).items() if drawn != before[name]}
    assert changed == {"w", "y"}


def drawings(app) -> dict[str, str]:
    return {panel.name: str(panel.figure.to_dict()) for panel in boards(app)["board"].panels}


def test_a_refused_setting_gives_both_reasons_and_keeps_the_last_good_picture():
    app = open_page("convolution", padding="same")
    before = shown(app, "y: output")
    sound(control(app, "stride").set_value(2).run())
    assert "argument 'stride' must be 1 for padding='same', but got 2" in words(app)
    assert "torch says: “padding='same' is not supported for strided convolutions”" in words(app)
    assert "the last one that worked" in words(app)
    assert shown(app, "y: output") == before


@pytest.mark.parametrize(
    "link", [{"size": "2", "kernel_size": "7", "padding": "0"}, {"padding": "same", "stride": "2"}]
)
def test_a_refusal_on_a_fresh_page_leaves_the_page_with_settings_that_work(link):
    app = open_page("convolution", **link)
    assert "torch says: “" in words(app)
    size = int(link.get("size", 5))
    output = conv2d(example(size=size), counting(1, 1, *[int(link.get("kernel_size", 3))] * 2), padding="same")
    assert shown(app, "y: output") == [f"{value:g}" for value in output.flatten().tolist()]
    assert len(app.tabs) > 5


@pytest.mark.parametrize("value", ["y[9, 9]", "y", "y[a, b]", "x[-2, 0]", "q[1, 1]", "9, 9", "y[[", "y[1, 2"])
def test_a_cell_that_is_not_there_is_said_so_and_the_middle_is_pinned(value):
    app = open_page("convolution", cell=value)
    wrong = "There is no cell" in words(app) or "is no cell" in words(app)
    assert wrong != (value == "y[1, 2")
    assert boards(app)["board"].pinned == ("y", (1, 2) if value == "y[1, 2" else (2, 2))


@pytest.mark.parametrize("tab", ["im2col", "Flipped kernel", "Pitfalls", "Walk through", "Predict", "Take away"])
@pytest.mark.parametrize(
    "link",
    [
        {"x_from": "a digit (MNIST)", "kernel": "Sobel x", "cell": "x[9, 12]"},
        {
            "x_from": "a photograph",
            "colour": "true",
            "out_channels": "3",
            "groups": "3",
            "stride": "3",
            "cell": "y[0, 2, 3]",
        },
        {"size": "1", "kernel_size": "1", "padding": "0"},
        {"size": "1", "kernel_size": "3", "in_channels": "2", "bias": "true", "dilation": "2", "padding": "same"},
    ],
)
def test_every_tab_opens_on_images_and_on_the_smallest_inputs(link, tab):
    open_page("convolution", tab=tab, **link)


def test_a_digit_is_convolved_as_an_image():
    app = open_page("convolution", x_from="a digit (MNIST)", x_digit="3", kernel="Sobel y")
    kernel = torch.tensor(FAMOUS_KERNELS["Sobel y"], dtype=torch.float32)
    output = conv2d(digit(3)[None], kernel[None, None], padding=1)[0]
    assert torch.allclose(panels(app)["y"].cells.values, output)
    alt = next(alt for alt in charts(app) if alt.startswith("y: output 28×28"))
    assert f"{output.min().item():.3g} to {output.max().item():.3g}" in alt


def test_the_matrix_of_windows_times_the_kernel_is_the_output():
    app = open_page("convolution", tab="im2col", size="4", cell="y[1, 2]")
    columns = torch.nn.functional.unfold(example(size=4)[None], 3, padding=1)[0]
    assert shown(app, "columns") == [f"{value:g}" for value in columns.flatten().tolist()]
    output = conv2d(example(size=4), counting(1, 1, 3, 3), padding=1)
    assert shown(app, "= one output") == [f"{value:g}" for value in output.flatten().tolist()]
    found = partners(boards(app)["im2col"], "product", (0, 6))
    assert found["columns"] == {(k, 6) for k in range(9)}
    assert found["kernel"] == {(0, k) for k in range(9)}
    assert boards(app)["im2col"].pinned == ("product", (0, 6))


def test_the_flipped_kernel_gives_the_convolution_of_mathematics():
    app = open_page("convolution", tab="Flipped kernel")
    turned = conv2d(example(), counting(1, 1, 3, 3).flip(-1, -2), padding=1)
    assert shown(app, "convolution") == [f"{value:g}" for value in turned.flatten().tolist()]
    assert partners(boards(app)["flip"], "conv2d", (1, 2))["difference"] == {(1, 2)}
    assert partners(boards(app)["flip"], "kernel", (0, 2))["turned"] == {(2, 0)}
    apart = conv2d(example(), counting(1, 1, 3, 3), padding=1) - turned
    assert f"**{int((apart != 0).sum())} of 25**" in words(app)
    assert f"**{apart.abs().max().item():g}**" in words(app)
    assert "unchanged by the turn" in words(open_page("convolution", tab="Flipped kernel", kernel="box blur"))


def test_pitfalls_are_runs_on_the_input():
    said = words(open_page("convolution", size="6"))
    assert "it gives **float32** where torch and the manual version give **float64**" in said
    assert "| 2 | 3 | **2** | 1 | **3** |" in said  # 6 rows, kernel 3: torch's own sizes
    assert conv2d(example(size=6), counting(1, 1, 3, 3), stride=2).shape[1] == 2
    assert "`corr2d` gives an **empty tensor** of shape (0, 0)" in said
    assert "padding='same' is not supported for strided convolutions" in said
    assert "has a bias of shape **(1,)**" in said


def test_questions_are_answered_by_torch():
    app = open_page("convolution", tab="Predict", bias="true")
    asked = [m.value for m in app.markdown]
    ask = next(value for value in asked if "meets a weight" in value)
    shape = [int(n) for n in re.search(r"weight ([\d×]+) with", ask)[1].split("×")]
    s, p, d = (int(re.search(rf"{name} (\d)", ask)[1]) for name in ("stride", "padding", "dilation"))
    expected = conv2d(example(), torch.zeros(shape), None, s, p, d).shape
    ask = next(value for value in asked if "What is its value" in value)
    cell = tuple(int(n) for n in re.search(r"cell \((\d+), (\d+)\)", ask).groups())
    value = conv2d(example(), counting(1, 1, 3, 3), torch.tensor([1.0]), padding=1)[(0, *cell)].item()
    ask = next(value for value in asked if "How many parameters" in value)
    into, out, k, groups = (int(n) for n in re.search(r"\((\d+), (\d+), kernel_size=(\d+), groups=(\d+)", ask).groups())
    ask = next(value for value in asked if "are made with the input" in value)
    at = tuple(int(n) for n in re.search(r"at \((\d+), (\d+), (\d+)\)", ask).groups())
    changed = example()
    changed[at] += 1
    readers = int((conv2d(changed - example(), counting(1, 1, 3, 3) + 1, padding=1) != 0).sum())
    ask = next(value for value in asked if "Which input rows" in value)
    row = int(re.search(r"output row (\d+)", ask)[1])
    answers = [
        ", ".join(map(str, expected)), f"{value:g}", str(out * (into // groups) * k * k + out), str(readers),
        f"{row - 1}, {row + 1}",
    ]  # fmt: skip
    for number, answer in enumerate(answers):
        app.text_input(key=f"answer convolution {number} 0 given").set_value(answer)
        sound([b for b in app.button if b.label == "Commit"][number].click().run())
    assert len(app.success) == len(answers)
    assert "5 of 5" in words(app)


@pytest.mark.parametrize(
    "link",
    [{"padding": "same", "dilation": "2"}, {"in_channels": "2", "out_channels": "2", "groups": "2", "bias": "true"}],
)
def test_the_script_reproduces_the_numbers(link, tmp_path):
    app = open_page("convolution", tab="Take away", **link)
    out, said = ran_alone(app, tmp_path)
    assert "equal to torch's" in said or "agrees with torch's" in said
    if "groups" in link:
        expected = conv2d(example(2), counting(2, 1, 3, 3), torch.tensor([1.0, 2.0]), padding=1, groups=2)
    else:
        expected = conv2d(example(), counting(1, 1, 3, 3), padding="same", dilation=2)
    assert torch.equal(out["output"], expected)
