"""The pictures of a chain and its storages, what of them fits, and the boxes of dimensions."""

import base64

import numpy as np
import pytest
import torch

from core.experiments.chain.presets import PRESETS
from core.experiments.chain.run import run_chain
from core.experiments.chain.text import parse_chain, start_tensor
from core.experiments.layout.rule import Layout, view_refusals
from core.figures import memory
from core.figures.memory import Room, draw_chain, pair, plan, row_length, row_of
from tests.figures.checking import valid

ROOM = Room(950, 412, 40, 10)


def stages(shape, chain, dtype=torch.float32):
    return [s for s in run_chain(start_tensor(shape, dtype), parse_chain(chain)) if s.tensor is not None]


def strip_of(drawn, name):
    return next(panel for panel in drawn.strips if panel.name == name)


@pytest.mark.parametrize(("dtype", "cells"), [(torch.float32, 16), (torch.int64, 8), (torch.int8, 32)])
def test_a_row_of_the_storage_is_a_cache_line_as_far_as_that_can_be_read(dtype, cells):
    assert row_length(stages((8, 8), "", dtype)[0]) == cells


def test_the_storage_shows_all_cells_and_greys_those_not_read():
    ran = stages((4, 5), "slice(1,None,None,2)")
    panel = strip_of(draw_chain(ran, ran[-1], ROOM), "A")
    drawn = [trace["z"] for trace in valid(panel.figure)["data"]]
    cells, greys = (np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"])[:20] for z in drawn)
    assert not np.isnan(cells).any()
    assert np.flatnonzero(~np.isnan(greys)).tolist() == [address for address in range(20) if address % 5 % 2]
    assert panel.picks[:3] == ["x1 0, 0", "x0 0, 1", "x1 0, 1"]


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_fits_above_the_fold_with_its_digits(name):
    ran = [s for s in run_chain(PRESETS[name].start(), PRESETS[name].steps) if s.tensor is not None]
    made = plan(ran, ran[-1].number, ROOM)
    tensors, held = map(memory.block, ran), memory.storages(ran).values()
    strips = [memory.strip_block(stage, made.lines) for stage in held]
    wide, high = memory.extent(list(tensors), strips, made.side, made.beside, ROOM.width)
    assert list(made.stages) == ran
    assert wide <= ROOM.width
    assert high <= ROOM.height
    drawn = draw_chain(ran, ran[-1], ROOM)
    for panel in [*drawn.tensors, *drawn.strips]:
        assert "text" in panel.figure.data[0]


def test_of_many_stages_the_chosen_one_and_its_neighbours_are_shown():
    ran = stages((6, 16), "T>clone>T>clone>T>clone>T")
    shown = [stage.number for stage in plan(ran, 4, ROOM).stages]
    assert 4 in shown
    assert 3 in shown
    assert len(shown) < 8


def test_what_cannot_be_read_is_shown_all_the_same():
    ran = stages((64, 64), "T")
    made = plan(ran, 1, ROOM)
    assert made.side >= memory.SMALLEST_OF_ALL
    assert [stage.number for stage in made.stages][-1] == 1


@pytest.mark.parametrize(("shape", "across"), [((12,), 0), ((30,), 8), ((1, 96), 16), ((2, 48), 0), ((4096,), 64)])
def test_long_vectors_are_broken_into_rows(shape, across):
    assert row_of(shape) == across


def test_a_colour_is_an_address_at_every_stage_though_the_storage_grows():
    ran = stages((3, 4), "resize_(2,3)>resize_(4,4)")
    drawn = draw_chain(ran, ran[0], ROOM)
    assert {panel.figure.data[0]["zmax"] for panel in [*drawn.tensors, *drawn.strips]} == {15.0}


def test_a_written_cell_of_a_broken_line_is_outlined_in_its_row():
    ran = stages((30,), "")
    panel = memory.tensor(ran[0], memory.trace(ran), 20, 10, [(17,)])
    (box,) = panel.figure.layout.shapes
    assert (box["x0"], box["y0"]) == (0.5, 1.5)


def test_the_boxes_mark_the_pair_that_breaks_the_rule():
    layout = Layout.of(torch.zeros(2, 3, 1, 4).transpose(1, 3))  # (2, 4, 1, 3), strides 12, 1, 4, 4
    (refusal,) = [r for r in view_refusals(layout, (2, 12)) if r.left_dim == 1]
    drawn = valid(pair(layout, refusal.left_dim, refusal.right_dim, refusal))
    texts = [a["text"] for a in drawn["layout"]["annotations"]]
    assert [text.split("</b>")[0] for text in texts[:3]] == ["<b>dim 1", "<b>dim 2", "<b>dim 3"]
    assert "1 ≠ 4·3" in texts
    assert "do not merge" in texts
    assert any("would span both" in text for text in texts)
    fits = [a["text"] for a in valid(pair(Layout.of(torch.zeros(3, 4)), 0, 1))["layout"]["annotations"]]
    assert "merge" in fits
    assert "4 = 1·4" in fits
