"""Which cells a convolution reads and writes, proven by runs: by gradients, and by torch's own outputs."""

import base64
import re

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d

from core.figures import colour
from core.figures.images import image, shades
from core.figures.slide import corr2d_walk, slide, slide_walk
from core.figures.windows import (
    Picked,
    Run,
    arithmetic,
    convolve,
    costs,
    input_picture,
    kernel_picture,
    output_picture,
    padding_cells,
    sizes,
    spelled,
)
from core.ops.convolution import corr2d
from tests.figures.checking import valid

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")
small = st.integers(1, 3)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Convolutions of whole numbers, with all settings."""
    groups = draw(st.integers(1, 2))
    in_group, out_group = draw(st.integers(1, 2)), draw(st.integers(1, 2))
    kh, kw = draw(small), draw(small)
    stride, dilation, padding = draw(small), draw(st.integers(1, 2)), draw(st.sampled_from([0, 1, 2, "valid", "same"]))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    pad = padding if isinstance(padding, int) else 0
    assume(padding != "same" or stride == 1)
    assume(padding == "same" or min(height - dilation * (kh - 1), width - dilation * (kw - 1)) + 2 * pad >= 1)
    generator = torch.Generator().manual_seed(draw(st.integers(0, 999)))
    x = torch.randint(-4, 5, (groups * in_group, height, width), generator=generator).float()
    weight = torch.randint(1, 9, (groups * out_group, in_group, kh, kw), generator=generator).float()
    bias = torch.arange(1.0, len(weight) + 1) if draw(st.booleans()) else None
    return convolve(x, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups})


@st.composite
def runs_with_an_output(draw: st.DrawFn) -> tuple[Run, Picked]:
    run = draw(runs())
    o, y, x = (draw(st.integers(0, n - 1)) for n in run.output.shape)
    return run, Picked(o, (y, x), None)


@st.composite
def runs_with_an_input(draw: st.DrawFn) -> tuple[Run, Picked]:
    run = draw(runs())
    cell = tuple(draw(st.integers(0, n - 1)) for n in run.x.shape)
    return run, Picked(draw(st.integers(0, len(run.output) - 1)), None, cell)


def full_index(channels: int, cell: tuple[int, ...]) -> tuple[int, ...]:
    """An index (c, y, x) again, where a picture of a single channel leaves the channel out."""
    return cell if len(cell) == 3 else (0, *cell)


def outlined(picture, hue: str, channels: int) -> set[tuple[int, ...]]:
    return {full_index(channels, cell) for line in picture.outlines if line.colour == hue for cell in line.cells}


@settings(max_examples=100, deadline=None)
@given(runs())
def test_the_run_is_torchs(run):
    expected = conv2d(run.x, run.weight, run.bias, **run.settings)
    assert torch.equal(run.output, expected)
    assert run.windows.outputs == expected.shape[1:]


@settings(max_examples=100, deadline=None)
@given(runs_with_an_output())
def test_the_window_outlined_is_what_the_gradient_reaches(drawn):
    run, picked = drawn
    padded = run.steps.padded[0].clone().requires_grad_()
    bare = run.settings | {"padding": 0}
    conv2d(padded, run.weight, run.bias, **bare)[(picked.channel, *picked.output)].backward()
    reached = {tuple(index) for index in padded.grad.nonzero().tolist()}  # no weight is 0
    assert outlined(input_picture(run, picked), colour.USED, len(padded)) == reached
    assert outlined(output_picture(run, picked), colour.PICKED, len(run.output)) == {(picked.channel, *picked.output)}


@settings(max_examples=100, deadline=None)
@given(runs_with_an_input())
def test_the_outputs_outlined_are_those_that_a_change_of_the_input_changes(drawn):
    run, picked = drawn
    changed = run.x.clone()
    changed[picked.input] += 1
    after = conv2d(changed, run.weight, run.bias, **run.settings)
    assert outlined(output_picture(run, picked), colour.USED, len(after)) == {
        tuple(index) for index in (after != run.output).nonzero().tolist()
    }
    (top, _), (left, _) = run.windows.pads
    c, y, x = picked.input
    assert outlined(input_picture(run, picked), colour.PICKED, len(run.x)) == {(c, y + top, x + left)}


@settings(max_examples=100, deadline=None)
@given(runs_with_an_input())
def test_the_kernel_cells_outlined_are_the_weights_whose_gradient_the_input_feeds(drawn):
    run, picked = drawn
    lone = torch.zeros_like(run.x)
    lone[picked.input] = 1
    weight = run.weight.clone().requires_grad_()
    conv2d(lone, weight, **run.settings)[picked.channel].sum().backward()
    fed = {tuple(index) for index in weight.grad[picked.channel].nonzero().tolist()}
    assert outlined(kernel_picture(run, picked), colour.USED, weight.shape[1]) == fed


@settings(max_examples=100, deadline=None)
@given(runs_with_an_output())
def test_an_outputs_arithmetic_adds_up(drawn):
    run, picked = drawn
    said = arithmetic(run, picked)
    value = run.output[(picked.channel, *picked.output)].item()
    assert said.endswith(f"**{value:g}**")
    if "more" not in said:
        terms = [float(a) * float(b) for a, b in re.findall(r"\(?(-?[\d.]+)\)?·\(?(-?[\d.]+)\)?", said)]
        assert len(terms) == run.weight[0].numel()
        assert sum(terms) + (0 if run.bias is None else run.bias[picked.channel].item()) == value


@settings(max_examples=50, deadline=None)
@given(runs_with_an_input())
def test_an_inputs_arithmetic_gives_its_gradient(drawn):
    run, picked = drawn
    leaf = run.x.clone().requires_grad_()
    conv2d(leaf, run.weight, run.bias, **run.settings).sum().backward()
    said = arithmetic(run, picked)
    grad = leaf.grad[picked.input].item()
    assert (f"**{grad:g}** arrives here" in said) if grad else "**no output**" in said


@settings(max_examples=50, deadline=None)
@given(runs())
def test_a_click_on_the_padded_input_names_the_input_cell(run):
    picture = input_picture(run, Picked(0, (0, 0), None))
    named = [pick for pick in picture.picks if pick]
    assert len(named) == run.x.numel()
    values = picture.values.flatten().tolist()
    for value, pick in zip(values, picture.picks, strict=True):
        if pick:
            assert run.x[full_index(len(run.x), tuple(map(int, pick.split(", "))))].item() == value
    assert len(set(padding_cells(run.steps.padded[0].shape, run.windows.pads))) == len(values) - len(named)


@settings(max_examples=50, deadline=None)
@given(runs())
def test_sizes_and_costs_are_those_of_the_run(run):
    said = sizes(run.x.shape, run.weight.shape, run.settings)
    ends = [int(end) for end in re.findall(r"= (-?\d+)\$", said)]
    assert ends[0] == run.output.shape[1]
    assert ends[-1] == run.output.shape[2]
    layer = torch.nn.Conv2d(
        len(run.x), len(run.weight), run.windows.kernel_size, groups=run.settings["groups"], bias=run.bias is not None
    )
    assert f"**{sum(p.numel() for p in layer.parameters()):,} parameters**" in costs(run)
    ones = conv2d(run.steps.padded[0] * 0 + 1, run.weight * 0 + 1, **run.settings | {"padding": 0})
    assert f"**{int(ones.sum()):,} multiply-adds**" in costs(run)  # 1·1 for each


def test_a_refusal_says_what_torch_says():
    weight = torch.ones(1, 1, 3, 3)
    settings_ = {"stride": 2, "padding": "same", "dilation": 1, "groups": 1}
    with pytest.raises(RuntimeError, match="padding='same' is not supported for strided convolutions"):
        convolve(torch.ones(1, 5, 5), weight, None, settings_)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        convolve(torch.ones(1, 2, 2), weight, None, settings_ | {"padding": 0})


def test_long_sums_are_cut_and_negative_numbers_bracketed():
    assert spelled(torch.tensor([1.0, 2.0]), torch.tensor([-3.0, 0.5])) == "1·(-3) + 2·0.5"
    assert spelled(torch.ones(12), torch.arange(12.0)) == "1·0 + 1·1 + 1·2 + 1·3 + … 6 more … + 1·10 + 1·11"


@settings(max_examples=30, deadline=None)
@given(runs())
def test_the_slide_gives_the_outputs_in_reading_order(run):
    padded = run.steps.padded[0][list(run.read_channels(0))]
    bias = torch.tensor(0.0) if run.bias is None else run.bias[0]
    stride, dilation = run.settings["stride"], run.settings["dilation"]
    assert torch.equal(slide(padded, run.weight[0], bias, stride, dilation, run.windows.outputs), run.output[0])
    walk = slide_walk(padded, run.weight[0], bias, run.windows)
    assert len(walk.steps) == run.output[0].numel()
    for place, step in enumerate(walk.steps):
        value = run.output[0].flatten()[place].item()
        assert step.values["output"].flatten()[place].item() == value
        assert step.note.endswith(f"= {value:g}")
        read = padded.flatten()[step.reads["padded"]].reshape(run.weight[0].shape)
        assert (read * run.weight[0]).sum() + bias == value


def test_the_textbooks_walk_marks_the_window_that_it_reads():
    X, K = torch.arange(9.0).reshape(3, 3), torch.arange(4.0).reshape(2, 2)
    sums = [step for step in corr2d_walk(X, K).steps if step.note]
    assert sums[0].note == "Y[0, 0] = 0·0 + 1·1 + 3·2 + 4·3 = 19"
    assert [step.reads["X"] for step in sums] == [[0, 1, 3, 4], [1, 2, 4, 5], [3, 4, 6, 7], [4, 5, 7, 8]]
    assert torch.equal(sums[-1].values["Y"], corr2d(X, K))


def unpacked(packed):
    """The numbers that plotly reads out of its form for bytes."""
    numbers = np.frombuffer(base64.b64decode(packed["bdata"]), packed["dtype"])
    return numbers.reshape([int(n) for n in packed["shape"].split(",")]) if "shape" in packed else numbers


def test_an_image_has_a_shade_a_cell_and_its_padding_around_it():
    values = torch.tensor([[0.0, 0.5, 1.0], [1.0, 0.25, 0.0]])
    figure = image(values, shades(values), 10, pads=((1, 0), (2, 1)), title="x", pickable=True)
    valid(figure)
    assert unpacked(figure.data[0].z).tolist() == [[0, 128, 255], [255, 64, 0]]
    assert list(figure.layout.xaxis.range) == [-2.5, 3.5]
    assert list(figure.layout.yaxis.range) == [1.5, -1.5]
    places = zip(unpacked(figure.data[1].y).tolist(), unpacked(figure.data[1].x).tolist(), strict=True)
    assert list(places) == [(y, x) for y in range(2) for x in range(3)]


def test_shades_are_grey_for_images_and_diverge_for_signed_maps():
    assert shades(torch.tensor([0.0, 2.0])).colours == ["#000000", "#FFFFFF"]
    signed = shades(torch.tensor([-1.0, 0.5]))
    assert signed.low == -signed.high
    assert len(signed.colours) > 2
    outlier = torch.cat([torch.linspace(-1, 1, 999), torch.tensor([1000.0])])
    assert shades(outlier).high <= 1
    assert shades(torch.zeros(4)).high == 1
