"""The convolution page shows what torch computes, for the settings in the link."""

import random
import re
from urllib.parse import parse_qsl

import pytest
import torch
from torch.nn.functional import conv2d

from core.data import digit
from core.experiments.convolution import FAMOUS_KERNELS
from core.figures import board as figures
from core.tensors import text as tensor_text
from core.tensors.limits import Limits
from core.ui import frame, predict
from core.ui.board import hand_over
from tests.linking import partners
from tests.pages.opening import (
    boards,
    charts,
    control,
    held,
    kept,
    open_page,
    panels,
    ran_alone,
    settings,
    sound,
    words,
)

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


@pytest.mark.parametrize(
    ("link", "mended"),
    [
        ({"padding": "same", "stride": "2"}, {"stride": 2, "padding": 1}),
        ({"size": "2", "kernel_size": "7", "padding": "0"}, {"padding": 3}),
        ({"op": "conv1d", "padding": "same", "stride": "3"}, {"stride": 3, "padding": 1}),
        ({"op": "conv_transpose2d", "output_padding": "3"}, {"output_padding": 1}),
    ],
)
def test_a_refusal_is_torchs_keeps_the_inputs_and_the_tabs_and_is_mended_by_one_click(link, mended):
    app = open_page("convolution", **link)
    tabs = len(app.tabs)
    assert app.error[0].value.startswith("RuntimeError: ")
    assert set(panels(app)) >= {"x", "w"}
    assert "y" not in panels(app)
    sound(next(button for button in app.button if (button.key or "").startswith("mend ")).click().run())
    assert not app.error
    assert "y" in panels(app)
    assert len(app.tabs) == tabs > 5
    assert {name: settings(app)[name].value for name in mended} == mended


def test_the_words_of_a_refusal_are_those_of_torchs_own_call():
    with pytest.raises(RuntimeError) as theirs:
        conv2d(example(), counting(1, 1, 3, 3), padding="same", stride=2)
    assert str(theirs.value) in open_page("convolution", padding="same", stride="2").error[0].value


@pytest.mark.parametrize("value", ["y[9, 9]", "y", "y[a, b]", "x[-2, 0]", "q[1, 1]", "9, 9", "y[[", "y[1, 2"])
def test_a_cell_that_is_not_there_is_said_so_and_the_middle_is_pinned(value):
    app = open_page("convolution", cell=value)
    wrong = "There is no cell" in words(app) or "is no cell" in words(app)
    assert wrong != (value == "y[1, 2")
    assert boards(app)["board"].pinned == ("y", (1, 2) if value == "y[1, 2" else (2, 2))


@pytest.mark.parametrize("tab", ["im2col", "Pitfalls", "Walk through", "Predict", "Take away"])
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
    app = open_page("convolution")
    turned = conv2d(example(), counting(1, 1, 3, 3).flip(-1, -2), padding=1)
    assert shown(app, "convolution") == [f"{value:g}" for value in turned.flatten().tolist()]
    assert partners(boards(app)["flip"], "conv2d", (1, 2))["difference"] == {(1, 2)}
    assert partners(boards(app)["flip"], "kernel", (0, 2))["turned"] == {(2, 0)}


def asked(monkeypatch, **link) -> list:
    """The questions of a page in this state."""
    found = []
    monkeypatch.setattr(predict, "show", lambda _, draws: found.extend(draws))
    open_page("convolution", tab="Predict", **link)
    return found


def test_questions_are_answered_by_torch_and_their_answers_are_covered(monkeypatch):
    shape, value, parameters, readers, read = asked(monkeypatch, bias="true", padding="2")
    for number in range(6):
        question = shape(random.Random(number))
        weight = [int(n) for n in re.search(r"weight ([\d×]+) ", question.ask)[1].split("×")]
        s, p, d = (int(re.search(rf"{name} (\d)", question.ask)[1]) for name in ("stride", "padding", "dilation"))
        assert question.accepts(str(tuple(conv2d(example(), torch.zeros(weight), None, s, p, d).shape)))
        question = value(random.Random(number))
        cell = tuple(int(n) for n in re.search(r"\((\d+), (\d+)\)", question.ask).groups())
        output = conv2d(example(), counting(1, 1, 3, 3), torch.tensor([1.0]), padding=2)[(0, *cell)].item()
        assert question.accepts(str(output))
        assert not question.accepts(str(output + 1))
        question = parameters(random.Random(number))
        arguments = [
            int(n) for n in re.search(r"\((\d+), (\d+), kernel_size=(\d+), groups=(\d+)", question.ask).groups()
        ]
        layer = torch.nn.Conv2d(*arguments[:3], groups=arguments[3])
        assert question.accepts(str(sum(p.numel() for p in layer.parameters())))
        question = readers(random.Random(number))
        at = tuple(int(n) for n in re.search(r"\((\d+), (\d+), (\d+)\)", question.ask).groups())
        lone = torch.zeros(1, 5, 5)
        lone[at] = 1
        assert question.accepts(str(int(conv2d(lone, torch.ones(1, 1, 3, 3), padding=2).count_nonzero())))
        question = read(random.Random(number))
        row = int(re.search(r"output row (\d+)", question.ask)[1])
        assert question.accepts(f"{row - 2}, {row}")
        assert all("y" in draw(random.Random(number)).covers for draw in (value, readers, read))


@pytest.mark.parametrize("op", ["conv1d", "conv_transpose2d"])
def test_the_other_convolutions_ask_what_torch_answers(op, monkeypatch):
    size, value, last = asked(monkeypatch, op=op, bias="true", in_channels="2")
    for number in range(6):
        question = size(random.Random(number))
        numbers = [int(n) for n in re.findall(r"\b\d+\b", question.ask)]
        if op == "conv1d":
            length, k, s, p, d = numbers
            expected = torch.nn.functional.conv1d(torch.zeros(1, length), torch.zeros(1, 1, k), None, s, p, d).shape[1]
        else:
            rows, k, s, p, extra = numbers
            layer = torch.nn.ConvTranspose2d(1, 1, k, s, p, extra)
            expected = layer(torch.zeros(1, rows, rows)).shape[1]
        assert question.accepts(str(expected))
        assert not question.accepts(str(expected + 1))
        assert value(random.Random(number)).covers == ("y",)
        assert last(random.Random(number)).tolerance == 0


@pytest.mark.parametrize(
    "link",
    [
        {"padding": "same", "dilation": "2"}, {"in_channels": "2", "out_channels": "2", "groups": "2", "bias": "true"},
        {"op": "conv1d"}, {"op": "conv_transpose2d", "padding_t": "1", "output_padding": "1"},
    ],
)  # fmt: skip
def test_the_script_reproduces_the_numbers(link, tmp_path):
    app = open_page("convolution", tab="Take away", **link)
    out, _ = ran_alone(app, tmp_path)
    assert torch.equal(out["output"].reshape(-1), held(app, "y").reshape(-1))
    if "op" in link:
        return
    if "groups" in link:
        expected = conv2d(example(2), counting(2, 1, 3, 3), torch.tensor([1.0, 2.0]), padding=1, groups=2)
    else:
        expected = conv2d(example(), counting(1, 1, 3, 3), padding="same", dilation=2)
    assert torch.equal(out["output"], expected)


@pytest.mark.parametrize(
    ("link", "dtype"),
    [
        ({"x": "[[1,2,3],[4,5,6],[7,8,9]]"}, torch.int64),
        ({"x": "[[1,2,3],[4,5,6],[7,8,9]]", "kernel": "box blur"}, torch.float32),
        ({"x": "tensor([[16777217., 1.]], dtype=torch.float64)", "kernel_size": "1"}, torch.float64),
        ({"x": "[[true, false], [true, true]]"}, torch.float32),
        ({"x": "[[1, nan], [inf, 2]]"}, torch.float32),
    ],
)
def test_the_readers_dtype_is_kept_or_its_conversion_said(link, dtype):
    app = open_page("convolution", x_from="typed", **link)
    given = tensor_text.parse(link["x"], limits=Limits(allow_nonfinite=True))
    said = [caption.value for caption in app.caption if str(given.dtype).removeprefix("torch.") in caption.value]
    assert bool(said) == (given.dtype != dtype)
    size = int(link.get("kernel_size", 3))
    kernel = counting(1, 1, size, size) if "kernel" not in link else torch.full((1, 1, 3, 3), 1 / 9)
    expected = conv2d(given[None].to(dtype), kernel.to(dtype), padding=1)[0]
    assert torch.allclose(held(app, "y").double(), expected.double(), equal_nan=True)


EVENTS = {
    "Edges in a photograph": lambda y: y.min() < 0 < y.max(),
    "A flat image grows an edge": lambda y: [y[0, 0], y[0, 1], y[1, 1]] == [36, 54, 81],
    "A kernel that shifts": lambda y: torch.equal(y[:, 1:], example()[0, :, :-1]),
    "Cells that nobody reads": lambda y: y.shape == (2, 2),
    "One kernel a channel": lambda y: y.shape == (4, 5, 5),
    "Where the signal changes": lambda y: 0 < int((y[0, 1:-1] == 0).sum()) < 10 and y[0, 0] and y[0, -1],
    "A moving average": lambda y: y.shape == (1, 12),
    "Every second number": lambda y: y.shape == (1, 6),
    "A hole in the kernel": lambda y: y.shape == (1, 9),
    "The checkerboard": lambda y: set(y[2:7, 2:7].flatten().tolist()) == {1, 2, 4},
    "Twice as large": lambda y: torch.equal(y[::2, ::2], y[1::2, 1::2]),
    "A window each, summed": lambda y: y.shape == (4, 4),
    "Back to an even size": lambda y: y.shape == (6, 6),
}


@pytest.mark.parametrize("op", ["conv2d", "conv1d", "conv_transpose2d"])
def test_the_links_to_try_show_what_they_promise(op, monkeypatch):
    shown_tries = []
    monkeypatch.setattr(frame, "show_tries", shown_tries.extend)
    open_page("convolution", op=op)
    assert 3 <= len(shown_tries) <= 5
    monkeypatch.undo()
    for each in shown_tries:
        app = open_page("convolution", **dict(parse_qsl(each.link)))
        assert EVENTS[each.title](held(app, "y")), each.title
        assert each.look in words(app), "the page knows that it stands there"


@pytest.mark.parametrize("link", [{"x_from": "file"}, {"op": "conv_transpose2d", "t_from": "file"}], ids=str)
def test_share_says_that_an_upload_is_in_no_link(link):
    def shared(**asked) -> str:
        app = open_page("convolution", share="true", **asked)
        return next(
            each.value
            for each in sound(app.run()).markdown
            if "of this page" in each.value or "This page" in each.value
        )

    assert shared(**link) != shared(**link | {key: "example" for key in link if key.endswith("_from")})


def test_padding_falls_back_where_a_smaller_kernel_takes_less():
    app = open_page("convolution", kernel_size="5", padding="4")
    sound(control(app, "kernel_size").set_value(1).run())
    assert control(app, "padding").value == 1
    assert "`4` does not fit here" in " ".join(m.value for m in app.markdown)
