"""What the gather page states, against torch: at every preset and dim, and on input nobody planned."""

import math

import pytest
import torch

from core.experiments import gather as runs

INPUTS = {
    "the tutorial's": runs.TUTORIALS_INPUT,
    "integers": torch.arange(12).reshape(3, 4),
    "half": torch.arange(6, dtype=torch.float16).reshape(2, 3),
    "small integers": torch.arange(6, dtype=torch.int8).reshape(2, 3),
    "flags": torch.tensor([[True, False], [False, True]]),
    "one number": torch.tensor([[2.5]]),
    "equal rows": torch.ones(3, 3),
    "zeros": torch.zeros(2, 2),
    "infinite": torch.tensor([[math.nan, math.inf], [-math.inf, 0.0]]),
    "a vector": torch.tensor([3.0, 1.0, 2.0]),
    "rank 3": torch.arange(24.0).reshape(2, 3, 4),
}
CASES = [pytest.param(x, dim, id=f"{name}, dim {dim}") for name, x in INPUTS.items() for dim in range(x.dim())]
every_input = pytest.mark.parametrize(("x", "dim"), CASES)
every_preset = pytest.mark.parametrize("preset", [runs.TUTORIAL, runs.LOSS, runs.SORT])


def same(ours, theirs):
    return ours.dtype == theirs.dtype and torch.equal(ours.nan_to_num(7), theirs.nan_to_num(7))


@every_input
@every_preset
def test_the_example_index_fits_every_input(preset, x, dim):
    index = runs.example_index(preset, x, dim, 0)
    assert runs.misfit(x, dim, index) is None
    assert not runs.theirs("gather", x, dim, index)


def test_the_tutorials_index_is_the_tutorials_along_dim_1_alone():
    x = runs.TUTORIALS_INPUT
    assert runs.example_index(runs.TUTORIAL, x, 1, 0) is runs.TUTORIALS_INDEX
    assert runs.example_index(runs.TUTORIAL, x, 0, 0) is not runs.TUTORIALS_INDEX
    assert runs.run("gather", x, 1, runs.TUTORIALS_INDEX).output.tolist() == [[1, 3], [9, 10], [12, 15]]


@every_input
@pytest.mark.parametrize("way", ["gather", "scatter"])
def test_the_run_is_torchs_and_names_what_is_read_and_written(way, x, dim):
    index = runs.example_index(runs.TUTORIAL, x, dim, 1)
    run = runs.run(way, x, dim, index)
    assert same(run.output, run.call.of(torch.gather if way == "gather" else torch.scatter))
    leaf = torch.zeros(x.shape, requires_grad=True)
    torch.gather(leaf, dim, index).sum().backward()
    assert torch.equal(run.reads, leaf.grad)
    for cell in {*run.cells}:
        assert len(run.naming(cell)) == run.reads[cell]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int8, torch.uint8, torch.int64])
def test_scatter_writes_numbers_that_tell_where_they_came_from(dtype):
    index = torch.zeros(6, 12, dtype=torch.int64)
    src = runs.source(torch.zeros(6, 12, dtype=dtype), index)
    assert src.unique().numel() == 72
    assert (src > 0).all()


def test_of_several_writes_the_one_that_stays_is_found_in_the_output():
    run = runs.run("scatter", torch.zeros(1, 3), 1, torch.tensor([[0, 0, 2]]))
    stays = runs.staying(run)
    assert len(stays) == 2
    assert all(run.output[0, int(run.index[place])] == run.src[place] for place in stays)


@pytest.mark.parametrize(
    ("kind", "index"),
    [
        ("dtype", torch.tensor([[0.0, 2.0]])), ("dtype", torch.tensor([[1.5]])), ("dtype", torch.tensor([[math.nan]])),
        ("dtype", torch.tensor([[True]])), ("rank", torch.tensor([0, 1])), ("rank", torch.zeros(2, 2, 2).long()),
        ("size", torch.zeros(4, 2).long()), ("range", torch.tensor([[0, 5]])), ("range", torch.tensor([[-1]])),
    ],
)  # fmt: skip
@pytest.mark.parametrize("way", ["gather", "scatter"])
def test_what_does_not_fit_is_what_torch_refuses_and_the_mended_index_is_taken(way, kind, index):
    x = torch.zeros(3, 5)
    found = runs.misfit(x, 1, index)
    assert found.kind == kind
    assert runs.theirs(way, x, 1, index)
    assert not runs.theirs(way, x, 1, found.mended)
    assert runs.misfit(x, 1, found.mended) is None
    assert found.kind != "range" or found.wrong in (5, -1)


def test_an_index_in_range_keeps_its_numbers_when_its_dtype_is_mended():
    assert runs.misfit(torch.zeros(3, 5), 1, torch.tensor([[0.0, 4.0]])).mended.tolist() == [[0, 4]]


# ---- pitfalls --------------------------------------------------------------------------------------------------


@every_input
def test_zeros_read_the_first_place_whatever_stands_there(x, dim):
    found = runs.places_not_values(x, dim)
    assert same(found.picked, x.narrow(dim, 0, 1))
    assert same(found.other, x.narrow(dim, x.shape[dim] - 1, 1))
    assert "int64" in found.refusal


def test_the_dims_are_counted_from_0():
    found = runs.dims_count_from_0()
    assert torch.equal(found.along_1, torch.tensor([[1.0, 1], [7, 6]]))
    assert torch.equal(found.along_0, torch.tensor([[1.0, 2], [6, 2]]))


@every_input
def test_the_output_has_the_size_of_index(x, dim):
    found = runs.index_has_its_own_size(x, dim)
    assert found.small == (1,) * x.dim()
    assert found.long[dim] == 2 * x.shape[dim]
    assert bool(found.refusal) == (x.dim() > 1)


@every_input
def test_a_negative_index_is_refused_by_both(x, dim):
    found = runs.negative_index(x, dim)
    assert found.refusal
    assert found.ours
    assert same(found.by_brackets, x.select(dim, -1))


def test_the_tutorials_loss_is_one_a_sample_and_infinite_where_the_probability_rounds_to_0():
    found = runs.loss_by_gather()
    assert found.shape == (4, 1)
    assert found.mean == pytest.approx(found.loss)
    assert found.confident == math.inf
    truth = torch.nn.functional.cross_entropy(torch.tensor([[0.0, 150.0]]), torch.tensor([0]))
    assert found.confident_loss == truth.item()


@every_input
@every_preset
def test_scatter_brings_back_what_index_named(preset, x, dim):
    index = runs.example_index(preset, x, dim, 2)
    found = runs.scatter_back(x, dim, index)
    back = torch.scatter(torch.zeros_like(x), dim, index, torch.gather(x, dim, index))
    assert found.undone == same(back, x)
    assert found.restored >= found.named
    assert found.named + found.unnamed == found.cells == x.numel()
    assert found.fewer <= found.restored
    leaf = torch.zeros(x.shape, requires_grad=True)
    torch.gather(leaf, dim, index).sum().backward()
    assert found.most == leaf.grad.max()


def test_a_permutation_is_undone_and_a_repeated_place_is_not():
    x = torch.tensor([[1.0, 2.0, 3.0]])
    assert runs.scatter_back(x, 1, torch.tensor([[2, 0, 1]])).undone
    found = runs.scatter_back(x, 1, torch.tensor([[2, 2]]))
    assert (found.undone, found.restored, found.most) == (False, 1, 2)


def test_the_questions_facts_are_torchs():
    run = runs.run("gather", runs.TUTORIALS_INPUT, 1, runs.TUTORIALS_INDEX)
    for number, value in enumerate(torch.gather(run.input, 1, run.index).flatten().tolist()):
        assert runs.picked(run, number).value == value
    assert runs.shaped((3, 4), (2, 5), 1).output == (2, 5)
    assert runs.shaped((3, 4), (2, 5), 0).output is None
