"""The convolution page shows what torch computes, for the settings in the link."""

import re

import pytest
import torch
from torch.nn.functional import conv2d

from core.data import digit
from core.ops.convolution import FAMOUS_KERNELS
from tests.pages.opening import charts, control, open_page, ran_alone, sound, words

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
    assert shown(app, "output") == [f"{value:g}" for value in output.flatten().tolist()]
    assert shown(app, "input") == [f"{value:g}" for value in example().flatten().tolist()]
    assert "manual conv2d agrees with torch" in words(app)
    assert "largest difference in values **0**" in words(app)


def test_channels_groups_and_bias_are_torchs():
    link = {"in_channels": "4", "out_channels": "2", "groups": "2", "bias": "true", "o": "1", "out": "3,2"}
    app = open_page("convolution", **link)
    output = conv2d(example(4), counting(2, 2, 3, 3), torch.tensor([1.0, 2.0]), padding=1, groups=2)
    assert shown(app, "output") == [f"{value:g}" for value in output.flatten().tolist()]
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
    app = open_page("convolution", kernel=name, out="2,2")
    kernel = torch.tensor(FAMOUS_KERNELS[name], dtype=torch.float32)
    value = conv2d(example(), kernel[None, None], padding=1)[0, 2, 2].item()
    assert f"**{value:.3g}**" in words(app)


def test_a_kernel_of_ones_own_is_used():
    app = open_page("convolution", kernel="my own", w_from="typed or pasted", w="[[0, 1], [2, 3]]", padding="0",
                    x_from="typed or pasted", x="[[0,1,2],[3,4,5],[6,7,8]]", out="0,0")  # fmt: skip
    assert "`0·0 + 1·1 + 3·2 + 4·3` = **19**" in words(app)
    assert shown(app, "output") == ["19", "25", "37", "43"]


def test_height_and_width_of_the_kernel_come_apart():
    app = open_page("convolution", apart="true", kernel_height="2", kernel_width="4", padding="0")
    output = conv2d(example(), counting(1, 1, 2, 4))
    assert shown(app, "output") == [f"{value:g}" for value in output.flatten().tolist()]
    sound(control(app, "apart").set_value(False).run())
    assert control(app, "kernel_size").value == 3


def test_a_picked_input_cell_names_the_outputs_that_read_it():
    app = open_page("convolution", **{"in": "2,2"}, stride="2")
    x = example().requires_grad_()
    conv2d(x, counting(1, 1, 3, 3), padding=1, stride=2).sum().backward()
    assert "is read by **1** outputs: `[0, 1, 1]` times 4" in words(app)
    assert f"**{x.grad[0, 2, 2].item():g}** arrives here" in words(app)


def test_a_click_in_a_picture_moves_the_picked_cell_and_takes_back_the_other():
    app = open_page("convolution", out_channels="2", **{"in": "1,1"})
    app.session_state["click out"] = "1, 2, 3"
    sound(app.run())
    assert control(app, "out").value == "2, 3"
    assert control(app, "o").value == 1
    assert control(app, "in").value == ""
    app.session_state["click in"] = "4, 4"
    sound(app.run())
    assert control(app, "in").value == "4, 4"
    assert control(app, "out").value == ""


def test_a_picked_input_cell_stays_when_channels_come_and_go():
    app = open_page("convolution", **{"in": "2,3"})
    sound(control(app, "in_channels").set_value(3).run())
    assert control(app, "in").value == "0, 2, 3"
    assert "`input[0, 2, 3]`" in words(app)
    sound(control(app, "in_channels").set_value(1).run())
    assert control(app, "in").value == "2, 3"


def test_a_refused_setting_gives_both_reasons_and_keeps_the_last_good_picture():
    app = open_page("convolution", padding="same")
    before = shown(app, "output")
    sound(control(app, "stride").set_value(2).run())
    assert "argument 'stride' must be 1 for padding='same', but got 2" in words(app)
    assert "torch says: “padding='same' is not supported for strided convolutions”" in words(app)
    assert "the last one that worked" in words(app)
    assert shown(app, "output") == before


def test_a_kernel_larger_than_the_input_is_a_sentence_even_on_a_fresh_page():
    app = open_page("convolution", size="2", kernel_size="7", padding="0")
    assert "Kernel size can't be greater than actual input size" in words(app)
    assert "= -4$" in words(app)


@pytest.mark.parametrize("value", ["9,9", "1", "a,b", "-1,0", "1,2,3,4,5"])
@pytest.mark.parametrize("key", ["in", "out"])
def test_a_cell_that_is_not_there_is_said_so(key, value):
    app = open_page("convolution", **{key: value})
    assert "There is no cell" in words(app) or "is not an index" in words(app)
    assert "`output[0, 0, 0]`" in words(app)


@pytest.mark.parametrize("tab", ["im2col", "Flipped kernel", "Pitfalls", "Walk through", "Predict", "Take away"])
@pytest.mark.parametrize(
    "link",
    [
        {"x_from": "a digit (MNIST)", "kernel": "Sobel x", "in": "9,12"},
        {"x_from": "a photograph", "colour": "true", "out_channels": "3", "groups": "3", "stride": "3", "out": "2,3"},
        {"size": "1", "kernel_size": "1", "padding": "0"},
        {"size": "1", "kernel_size": "3", "in_channels": "2", "bias": "true", "dilation": "2", "padding": "same"},
    ],
)
def test_every_tab_opens_on_images_and_on_the_smallest_inputs(link, tab):
    open_page("convolution", tab=tab, **link)


def test_a_digit_is_convolved_as_an_image():
    app = open_page("convolution", x_from="a digit (MNIST)", x_digit="3", kernel="Sobel y", out="10,9")
    kernel = torch.tensor(FAMOUS_KERNELS["Sobel y"], dtype=torch.float32)
    output = conv2d(digit(3)[None], kernel[None, None], padding=1)[0]
    assert f"**{output[10, 9].item():.3g}**" in words(app)
    alt = next(alt for alt in charts(app) if alt.startswith("Output channel 0, 28×28"))
    assert f"{output.min().item():.3g} to {output.max().item():.3g}" in alt


def test_the_matrix_of_windows_times_the_kernel_is_the_output():
    app = open_page("convolution", tab="im2col", size="4", out="1,2")
    columns = torch.nn.functional.unfold(example(size=4)[None], 3, padding=1)[0]
    assert shown(app, "columns") == [f"{value:g}" for value in columns.flatten().tolist()]
    output = conv2d(example(size=4), counting(1, 1, 3, 3), padding=1)
    assert shown(app, "= one output") == [f"{value:g}" for value in output.flatten().tolist()]
    figure = next(figure for alt, figure in charts(app).items() if alt.startswith("columns"))
    assert (figure["layout"]["shapes"][0]["x0"], figure["layout"]["shapes"][0]["x1"]) == (5.5, 6.5)


def test_the_flipped_kernel_gives_the_convolution_of_mathematics():
    app = open_page("convolution", tab="Flipped kernel")
    turned = conv2d(example(), counting(1, 1, 3, 3).flip(-1, -2), padding=1)
    assert shown(app, "convolution") == [f"{value:g}" for value in turned.flatten().tolist()]
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
