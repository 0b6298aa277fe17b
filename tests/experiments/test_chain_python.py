"""A line of Python gives the chain that makes the tensor which Python itself makes of that line."""

import pytest
import torch
from torch.nn import functional as F

from core.experiments.chain.python import is_python, parse_python, read_python
from core.experiments.chain.run import run_chain
from core.experiments.chain.text import format_chain, parse_chain

LINES = [
    "x.transpose(1, 2).contiguous().view(2, -1)", "x[:, ::2]", "x.swapaxes(0, -1).flatten()", "x.moveaxis(0, 2)",
    "y = x.permute(2, 0, 1)", "x.permute((2, 0, 1))", "x.permute(dims=(2, 0, 1))", "x.transpose(dim0=0, dim1=2)",
    "x[1]", "x[-1, 1:3]", "x[..., 0]", "x[0, ..., ::2]", "x[..., 1:3, 0]", "x[:, None]", "x[..., None]",
    "x[None, 1, :, -1, None]", "x[..., None, 1]", "x[0].T", "x[0].t()", "x.mT", "x.flatten(1)",
    "x.flatten(start_dim=1)", "x.flatten(end_dim=1)",
    "x.clone().reshape(-1)", "x.unsqueeze(0).to(memory_format=torch.channels_last)", "x.narrow(1, 0, 2)",
    "x.unsqueeze(0).contiguous(memory_format=torch.channels_last)", "x.clone(memory_format=torch.contiguous_format)",
    "x.unfold(2, 2, 1)", "x.unfold(dimension=2, size=2, step=1)", "x.unflatten(2, (2, 2))", "x.squeeze()",
    "x.as_strided((2, 2), (1, 1))", "x.expand(2, 2, 3, 4)", "x.flip(0, 1)", "x[:]", "x.select(1, index=2)",
    "x[[1, 0, 1]]", "x[:, [2, 0]]", "x[..., [3, 1]]", "x.repeat(2, 1, 1)", "x.tile(2)", "x.diagonal(0, 1, 2)",
    "x.roll(1)", "x.roll(1, 0)", "x.roll((1, -2), dims=(0, 2))", "x.rot90()", "x.rot90(3, (1, 2))", "x.tril(-1)",
    "x.repeat_interleave(2)", "x.repeat_interleave(3, dim=1)", "torch.cat([x, x], -1)", "torch.stack((x, x))",
    "torch.stack([x.mT, x.mT], dim=1)", "F.pad(x, (1, 2))", "F.pad(x, (1, 0, -1, 2))", "x[[1, -1], ..., 1:]",
    "x.permute(2, 0, 1)[:, [0, 1, 0]]", "x[:, [True, False, True]]", "x[0, :, [False, True, True, False]]",
    "torch.roll(x, 2, -1)", "x.permute(1, 2, 0)[..., [1, 0], None]", "x[:, 1:, [2, 0]]",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_the_chain_of_a_line_makes_pythons_tensor(line):
    x = torch.arange(24.0).reshape(2, 3, 4)
    theirs = eval(line.removeprefix("y = "), {"x": x, "torch": torch, "F": F})
    steps = parse_python(line)
    assert is_python(line)
    assert parse_chain(format_chain(steps)) == steps == parse_chain(line)
    ours = run_chain(x, steps)[-1].tensor
    assert ours.equal(theirs)
    assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())


@pytest.mark.parametrize("text", ["permute(1,0)>view(5,6)", "T", "view( 5, 6 )", "", "slice(0,None,None,2)", "T>T"])
def test_the_compact_form_is_not_taken_for_python(text):
    assert not is_python(text)
    parse_chain(text)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("x.view(2, n)", "only whole numbers"),
        ("x.__class__", "no operation"),
        ("x.cuda()", "no operation"),
        ("x.to('cuda')", "memory_format"),
        ("x.to(memory_format=torch.sparse)", "channels_last"),
        ("x[mask]", "only whole numbers"),
        ("x[..., ...]", "once at most"),
        ("x[x > 5]", "hangs on the numbers"),
        ("x[[0, 1], [1, 0]]", "in pairs"),
        ("torch.cat([x, y])", "stands there twice"),
        ("torch.cat([x, x, x])", "stands there twice"),
        ("x.permute(order=(1, 0))", "no argument"),
        ("x.view(2,", "not a line of Python"),
        ("(x + 1).view(2)", "not of the form|no operation|start with|can't read"),
        ("x.f(__import__('os'))", "only whole numbers"),
        ("x." + "T." * 5000 + "T", "characters"),
        ("x.view(" + "(" * 300 + ")" * 300 + ")", "not a line|can't read|only whole|must be"),
    ],
)
def test_what_cannot_be_read_is_said(line, says):
    with pytest.raises(ValueError, match=says):
        parse_chain(line)


PARTS = [
    "x.chunk(2, -1)[1]", "x.chunk(3, dim=2)[-1]", "torch.chunk(x, 2)[0]", "x.split(2, 1)[1]", "x.chunk(9, 1)[2]",
    "x.unbind(1)[2]", "x.unbind()[0].t()", "torch.unbind(x, -1)[0]", "x.split(3, dim=1)[0].contiguous()",
    "x.split([1, 3], -1)[1].T",
]  # fmt: skip


@pytest.mark.parametrize("line", PARTS)
def test_one_of_several_parts(line):
    x = torch.arange(24.0).reshape(2, 3, 4)
    theirs = eval(line, {"x": x, "torch": torch})
    ours = run_chain(x, read_python(line, (2, 3, 4)).steps)[-1].tensor
    assert ours.equal(theirs)
    assert (ours.stride(), ours.storage_offset()) == (theirs.stride(), theirs.storage_offset())


def test_names_for_several_parts():
    lines = "x = torch.zeros(2, 3, 12)\nq, k, v = x.chunk(3, -1)\nk.transpose(1, 2)"
    assert format_chain(parse_python(lines)) == "chunk(3,-1,1)>transpose(1,2)"
    assert format_chain(read_python("q, k, v = x.chunk(3, -1)", (2, 6)).steps) == "chunk(3,-1,2)"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("q, k, v = x.chunk(2, -1)", "as many"),
        ("x.chunk(0)[0]", "at least 1"),
        ("x.chunk(2, 5)[0]", "out of range"),
        ("x.split([1, 1], -1)[0]", "add up"),
        ("x.unbind()[7]", "no part"),
        ("x.unbind()[0:1]", "whole numbers"),
    ],
)
def test_parts_that_cannot_be_read_are_said(line, says):
    with pytest.raises(ValueError, match=says):
        read_python(line, (2, 3, 4))
