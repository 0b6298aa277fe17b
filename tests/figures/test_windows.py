"""Which cells of a convolution hang together, proven by runs: by gradients, and by torch's own outputs."""

import base64
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import conv2d

from core.experiments.convolution import Run, convolve, unroll
from core.experiments.windows import padding_cells
from core.figures import board
from core.figures.board import Board
from core.figures.images import image, shades
from core.figures.montage import Montage, cell_size
from core.figures.slide import corr2d_walk, slide, slide_walk
from core.figures.windows import (
    bias_picture,
    column_pictures,
    costs,
    equation,
    image_panels,
    input_picture,
    kernel_picture,
    links,
    output_arithmetic,
    output_picture,
    pinned_in_columns,
    sentences,
    sizes,
    spelled,
    turned,
)
from core.ops.convolution import corr2d
from tests.convolutions import runs
from tests.figures.checking import valid
from tests.linking import partners

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def board_of(run: Run) -> Board:
    pictures = [input_picture(run), kernel_picture(run), output_picture(run)]
    pictures += [bias_picture(run)] if run.bias is not None else []
    return Board([board.panel(picture, 20) for picture in pictures], [], links(run), sentences(run))


def a_cell(draw: st.DrawFn, *ranges: int) -> tuple[int, ...]:
    return tuple(draw(st.integers(0, n - 1)) for n in ranges)


def full(run: Run, index: tuple[int, ...]) -> tuple[int, ...]:
    """An index with its channels again, where the pictures are matrices."""
    return (0,) * (4 - len(index)) + index


def of(run: Run, name: str, index: tuple[int, ...]) -> tuple[int, ...]:
    """The index as the picture `name` counts it: without channels where there is one of each."""
    return index[-2:] if run.flat else index


def reached(grad: torch.Tensor, before: tuple[int, ...] = ()) -> set[tuple[int, ...]]:
    """Where a gradient is not 0, counted from this origin."""
    before = (0,) * (grad.dim() - len(before)) + before
    return {tuple(i + b for i, b in zip(index, before, strict=True)) for index in grad.nonzero().tolist()}


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_an_output_lights_what_its_gradient_reaches_and_its_sum_is_the_output(data):
    run = data.draw(runs())
    cell = a_cell(data.draw, *run.output.shape)
    padded = torch.ones_like(run.steps.padded[0]).requires_grad_()
    weight = run.weight.clone().requires_grad_()
    conv2d(padded, weight, None, **run.settings | {"padding": 0})[cell].backward()
    shown, index = board_of(run), of(run, "y", cell)
    found = partners(shown, "y", index)
    (top, _), (left, _) = run.windows.pads
    assert {full(run, i)[1:] for i in found["x"]} == reached(padded.grad, (-top, -left))
    assert {full(run, i) for i in found["w"]} == reached(weight.grad)
    x, w = (board.panel(picture, 20) for picture in (input_picture(run), kernel_picture(run)))
    pairs = [(at, tap) for at in found["x"] for tap in found["w"] if meets(run, cell, at, tap)]
    terms = [number_at(x, at) * number_at(w, tap) for at, tap in pairs]
    assert len(terms) == run.weight[0].numel()
    assert sum(terms) + (0 if run.bias is None else run.bias[cell[0]].item()) == run.output[cell].item()
    if run.bias is not None:
        assert found["b"] == {() if run.flat else cell[:1]}


def meets(run: Run, output: tuple[int, ...], at: tuple[int, ...], tap: tuple[int, ...]) -> bool:
    """Whether the tables tie this output, weight and input together, as {sum:x*w} pairs them."""
    (o, p, q), (c, y, x), (_, g, u, v) = output, full(run, at)[1:], full(run, tap)
    tables = [set(map(tuple, relation.rows.tolist())) for relation in links(run)]
    return all(row in table for row, table in zip([(o, g, c), (p, u, y), (q, v, x)], tables, strict=True))


def number_at(panel: board.Panel, index: tuple[int, ...]) -> float:
    picture = panel.cells
    values = input_values(panel)
    return values[board.place_of(picture, index)]


def input_values(panel: board.Panel) -> list[float]:
    """All numbers of a heatmap in reading order, from what travels to the browser."""
    drawn = unpacked(panel.figure.data[0]["z"]) if panel.cells.values is None else panel.cells.values
    if panel.cells.values is not None:
        return drawn.flatten().tolist()
    rows, columns = Montage(panel.cells.shape, panel.cells.across).places
    return drawn[rows, columns].tolist()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_an_input_lights_the_outputs_that_it_changes_and_the_weights_that_it_feeds(data):
    run = data.draw(runs())
    cell = a_cell(data.draw, *run.x.shape)
    changed, lone = run.x.clone(), torch.zeros_like(run.x)
    changed[cell] += 1
    lone[cell] = 1
    weight = run.weight.clone().requires_grad_()
    conv2d(lone, weight, **run.settings).sum().backward()
    after = conv2d(changed, run.weight, run.bias, **run.settings)
    found = partners(board_of(run), "x", of(run, "x", cell))
    assert {full(run, i)[1:] for i in found["y"]} == reached(after - run.output)
    assert {full(run, i) for i in found["w"]} == reached(weight.grad)
    leaf = run.x.clone().requires_grad_()
    conv2d(leaf, run.weight, **run.settings).sum().backward()
    weights = sum(run.weight[full(run, i)].item() for i in found["w"])
    assert weights == leaf.grad[cell].item(), "the weights' sum is the gradient, as the sentence says"


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_weight_lights_the_inputs_it_meets_and_their_sum_is_its_gradient(data):
    run = data.draw(runs())
    cell = a_cell(data.draw, *run.weight.shape)
    weight = run.weight.clone().requires_grad_()
    conv2d(run.x, weight, **run.settings).sum().backward()
    found = partners(board_of(run), "w", of(run, "w", cell))
    x = board.panel(input_picture(run), 20)
    assert sum(number_at(x, i) for i in found["x"]) == weight.grad[cell].item()
    assert {full(run, i)[1:] for i in found["y"]} == {
        (cell[0], p, q) for p in range(run.windows.outputs[0]) for q in range(run.windows.outputs[1])
    }


def test_images_hang_together_like_numbers_without_the_padding():
    x = torch.rand(2, 20, 18)
    run = convolve(x, torch.ones(4, 1, 3, 3), None, {"stride": 2, "padding": 1, "dilation": 2, "groups": 2})
    left, right = image_panels(run, 3, 600, 400)
    shown = Board([left, board.panel(kernel_picture(run, 3), 30), right], [], links(run))
    leaf = x.clone().requires_grad_()
    conv2d(leaf, run.weight, **run.settings)[3, 0, 4].backward()
    assert partners(shown, "y", (3, 0, 4))["x"] == reached(leaf.grad)
    assert partners(shown, "y", (3, 0, 4))["w"] == {(3, 0, u, v) for u in range(3) for v in range(3)}
    assert partners(shown, "x", (0, 5, 5))["y"] == set(), "channel 0 is read by the other group"
    for panel in (left, right):
        valid(panel.figure)
        assert torch.equal(panel.cells.values.reshape(panel.cells.shape), (x if panel is left else run.output[3:]))


@settings(max_examples=30, deadline=None)
@given(runs())
def test_the_layout_gives_the_largest_cells(run):
    def fit(way):
        return cell_size([picture.montage for picture in way])

    parts = [part for part in equation(run, fit) if not isinstance(part, str)]
    as_they_come = [input_picture(run), kernel_picture(run), output_picture(run)]
    as_they_come += [bias_picture(run)] if run.bias is not None else []
    assert fit(parts) >= fit(as_they_come)


def test_many_channels_keep_their_digits_within_the_screen():
    settings_ = {"stride": 1, "padding": 1, "dilation": 1, "groups": 4}
    run = convolve(torch.ones(4, 5, 5), torch.ones(4, 1, 3, 3), None, settings_)
    shown = equation(run, lambda way: cell_size([picture.montage for picture in way]))
    parts = [part for part in shown if not isinstance(part, str)]
    cell = cell_size([part.montage for part in parts])
    for part in parts:
        drawn = board.panel(part, cell).figure
        assert drawn.layout["height"] <= 400
        assert drawn.data[0]["text"] is not None
    assert sum(board.panel(part, cell).figure.layout["width"] for part in parts) <= 890


@settings(max_examples=30, deadline=None)
@given(runs())
def test_an_outputs_arithmetic_adds_up(run):
    o = len(run.output) - 1
    said = output_arithmetic(run, o, (0, 0))
    value = run.output[o, 0, 0].item()
    assert said.endswith(f"**{value:g}**")
    if "more" not in said:
        terms = [float(a) * float(b) for a, b in re.findall(r"\(?(-?[\d.]+)\)?·\(?(-?[\d.]+)\)?", said)]
        assert len(terms) == run.weight[0].numel()
        assert sum(terms) + (0 if run.bias is None else run.bias[o].item()) == value


@settings(max_examples=30, deadline=None)
@given(runs())
def test_the_padding_is_muted_and_noted(run):
    picture = input_picture(run)
    assert len(set(padding_cells(run.steps.padded[0].shape, run.windows.pads))) == picture.notes.count(" (padding)")
    assert len(picture.notes) - picture.notes.count(" (padding)") == run.x.numel()


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_column_hangs_together_with_its_window_its_output_and_the_kernel(data):
    run = data.draw(runs())
    o, p, q = a_cell(data.draw, *run.output.shape)
    length = run.windows.outputs[0] * run.windows.outputs[1]
    unrolled = unroll(run, o, range(length), run.weight[0].numel())
    drawn = column_pictures(run, unrolled)
    pictures = [drawn.kernel, drawn.columns, drawn.outputs, input_picture(run)]
    shown = Board([board.panel(picture, 20) for picture in pictures], [], drawn.links)
    at = p * run.windows.outputs[1] + q
    found = partners(shown, "product", (o, at))
    assert {at} == {column for _, column in found["columns"]}
    assert len(found["columns"]) == len(found["kernel"]) == run.weight[0].numel()
    assert found["x"] == partners(board_of(run), "y", of(run, "y", (o, p, q)))["x"]
    x = board.panel(input_picture(run), 20)
    for k in range(run.weight[0].numel()):
        (copied,) = partners(shown, "columns", (k, at))["x"]
        assert number_at(x, copied) == unrolled.columns[k, at].item()
    assert pinned_in_columns(run, o, ("y", of(run, "y", (o, p, q)))) == ("product", (o, at))
    assert drawn.columns.picks[at] == ", ".join(map(str, of(run, "y", (o, p, q))))


def test_a_place_of_the_kernel_hangs_together_with_its_turned_place():
    settings_ = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1}
    run = convolve(torch.ones(1, 5, 5), torch.ones(1, 1, 2, 3), None, settings_)
    down, across = (dict(map(tuple, relation.rows.tolist())) for relation in turned(run))
    numbers = torch.arange(6).reshape(2, 3)
    for u, v in numbers.flip(-2, -1).argwhere().tolist():
        assert numbers.flip(-2, -1)[down[u], across[v]] == numbers[u, v]


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
    figure = image(values, shades(values), 10, pads=((1, 0), (2, 1)), title="x")
    valid(figure)
    assert unpacked(figure.data[0].z).tolist() == [[0, 128, 255], [255, 64, 0]]
    assert list(figure.layout.xaxis.range) == [-2.5, 3.5]
    assert list(figure.layout.yaxis.range) == [1.5, -1.5]


def test_the_channels_of_an_image_stand_where_their_cells_are():
    values = torch.rand(3, 4, 5)
    figure = image(values, shades(values), 8, pads=((1, 1), (2, 2)), across=2)
    montage = Montage((3, 4, 5), 2, 4 + 2)  # the widest padding, and room for a label of 16 pixels
    for c, trace in enumerate(figure.data):
        assert (trace.y0, trace.x0) == montage.place((c, 0, 0))


def test_shades_are_grey_for_images_and_diverge_for_signed_maps():
    assert shades(torch.tensor([0.0, 2.0])).colours == ["#000000", "#FFFFFF"]
    signed = shades(torch.tensor([-1.0, 0.5]))
    assert signed.low == -signed.high
    assert len(signed.colours) > 2
    outlier = torch.cat([torch.linspace(-1, 1, 999), torch.tensor([1000.0])])
    assert shades(outlier).high <= 1
    assert shades(torch.zeros(4)).high == 1
