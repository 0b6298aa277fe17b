"""Copies and aliases: the facts against what torch and numpy say of themselves."""

import copy

import numpy as np
import pytest
import torch

from core.experiments import memory
from core.experiments.memory import WAYS, equal

every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
ALIASES = {"a", "a.view(-1)", "a[1:]", "a.reshape(-1)", "a.contiguous()", "a.to(a.dtype)", "torch.as_tensor(a)"}
UNTRACKED = {
    *("a.data", "a.detach().numpy()", "np.asarray(a.detach())"),
    "torch.from_numpy(a.detach().numpy())",
}
SHARING = ALIASES | UNTRACKED | {"a.detach()", "a.numpy()"}
A = torch.tensor([1.0, 2.0, 3.0])
INPUTS = {
    "floats": A, "one number": torch.tensor([2.5]), "zeros": torch.zeros(2), "half": torch.tensor([1.0, -2.0]).half(),
    "float64": torch.tensor([1.0, 2.0], dtype=torch.float64), "bfloat16": torch.tensor([1.0, 2.0]).bfloat16(),
    "integers": torch.tensor([1, 2, 3]), "booleans": torch.tensor([True, False]),
    "nan and inf": torch.tensor([float("nan"), float("-inf"), float("inf")]),
    "underflow": torch.tensor([-200.0, -300.0]), "part of a larger one": torch.arange(8.0)[3:7:2],
}  # fmt: skip
pytestmark = pytest.mark.filterwarnings("ignore")  # torch.tensor(a) advises a.detach().clone()
every_input = pytest.mark.parametrize("a", INPUTS.values(), ids=INPUTS.keys())
NAMES = {"torch": torch, "np": np, "copy": copy}


def made(way, a):
    return eval(way.code, {**NAMES, "a": a})


@every_way
def test_the_code_is_the_function(way):
    a = A.clone()
    ours, evaluated = memory._make(way, a), made(way, a)
    assert type(ours) is type(evaluated)
    assert (ours is a) == (evaluated is a)
    assert memory.shares_memory(a, ours) == memory.shares_memory(a, evaluated) == np.shares_memory(a, ours)
    assert ours.tolist() == evaluated.tolist()
    assert memory.facts(way, requires_grad=False).shares_memory == (way.code in SHARING)


@every_input
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("to", ["a", "b"])
def test_a_trial_is_one_run_of_torch(a, requires_grad, to):
    if requires_grad and memory.leaf_refusal(a):
        with pytest.raises(RuntimeError) as refused:
            a.clone().requires_grad_()
        assert memory.leaf_refusal(a) == str(refused.value)
        return
    for way in WAYS.values():
        theirs = a.clone().requires_grad_(requires_grad)
        try:
            b, error = made(way, theirs), None
        except Exception as refusal:
            b, error = None, str(refusal)
        trial = memory.try_out(way, a, requires_grad, None if b is not None and not len(b) else to, 0, 9.0)
        found = memory.facts(way, a, requires_grad)
        assert trial.making_error == found.error == error
        if b is None:
            assert trial.b is None
            continue
        refusal = None
        if len(b):
            try:
                {"a": theirs, "b": b}[to][0] = 9.0
            except Exception as refused:
                refusal = str(refused)
        assert trial.writing_error == refusal
        assert equal(trial.a.after, theirs.detach())
        assert equal(trial.b.after, torch.as_tensor(b).detach())
        assert trial.same_object == found.same_object == (b is theirs)
        assert (trial.first is not None) == found.shares_memory
        assert trial.b.kind == found.kind == type(b).__name__
        if found.shares_memory and trial.b.versions and len(b) and not refusal:
            counted = [seen.versions[1] - seen.versions[0] for seen in (trial.a, trial.b)]
            assert counted == ([1, 1] if found.shares_version else [0, 1] if to == "b" else [1, 0])


def test_a_number_beyond_the_dtype_is_refused_in_torchs_words():
    a = torch.tensor([1, 2], dtype=torch.uint8)
    for code in ("a.detach()", "a.numpy()"):
        trial = memory.try_out(WAYS[code], a, False, "b", 0, 999)
        with pytest.raises((RuntimeError, OverflowError)) as refused:
            made(WAYS[code], a.clone())[0] = 999
        assert trial.writing_error == str(refused.value)
        assert not trial.a.changed


def test_a_trial_without_a_write_changes_nothing():
    trial = memory.try_out(WAYS["a.data"], INPUTS["nan and inf"], to=None)
    assert not trial.a.changed
    assert not trial.b.changed
    assert trial.writing_error is None


@every_input
def test_gradients_are_torchs(a):
    floats = memory.as_floats(a)
    for way in WAYS.values():
        for requires_grad in (True, False):
            found = memory.backward_through(way, floats, requires_grad)
            theirs, error = floats.clone().requires_grad_(requires_grad), None
            try:
                (made(way, theirs) ** 2).sum().backward()
            except Exception as refusal:
                error = str(refusal)
            assert found.error == error
            assert (found.a_grad is None) == (theirs.grad is None)
            assert theirs.grad is None or equal(found.a_grad, theirs.grad)
            assert requires_grad or found.a_grad is None


def test_which_ways_pass_a_gradient():
    arriving = {code for code, way in WAYS.items() if memory.backward_through(way).a_grad is not None}
    assert arriving == ALIASES | {"a[[0, 1]]", "a.double()", "a.clone()"}
    deep = memory.backward_through(WAYS["copy.deepcopy(a)"])  # a leaf of its own
    assert (deep.a_grad, deep.error) == (None, None)


@every_way
def test_what_autograd_makes_of_a_write_to_a_saved_tensor(way):
    found = memory.overwrite_saved(way)
    if way.code in {"a.numpy()", "copy.deepcopy(a)"}:  # numpy wants no graph, deepcopy no result of a computation
        assert found.outcome == "not made"
        assert found.error
    elif way.code in ALIASES | {"a.detach()"}:
        assert (found.outcome, found.reached) == ("refused", True)
        assert "modified by an inplace operation" in found.error
        assert memory.facts(way).shares_version
    elif way.code in UNTRACKED:
        assert (found.outcome, found.reached, found.gradient.tolist()) == ("wrong", True, [0, 0, 0, 0])
        assert not memory.facts(way).shares_version
    else:
        assert (found.outcome, found.reached) == ("right", False)
        assert equal(found.gradient, memory.EXAMPLE.exp())


def test_zeros_over_zeros_are_right_by_luck():
    found = memory.overwrite_saved(WAYS["a.data"], INPUTS["underflow"])
    assert (found.outcome, found.reached) == ("right", False)
    assert found.expected.tolist() == [0, 0]


@every_input
def test_the_table_is_of_the_readers_own_a(a):
    requires_grad = not memory.leaf_refusal(a)
    every = memory.every_way(a, requires_grad)
    assert list(every) == list(WAYS)
    assert every["a.double()"][0].shares_memory == (a.dtype == torch.float64)
    assert (every["a[[0, 1]]"][0].error is None) == (len(a) > 1)
    assert (every["a.detach().numpy()"][0].error is None) == (a.dtype != torch.bfloat16)
    assert (every["a.clone()"][1].a_grad is not None) == requires_grad


def test_single_facts():
    by_slice = memory.facts(WAYS["a[1:]"])
    assert (by_slice.address_offset, by_slice.grad_fn, by_slice.is_leaf) == (4, "SliceBackward0", False)
    assert memory.facts(WAYS["a"]).same_object
    assert memory.facts(WAYS["a.contiguous()"]).same_object
    assert not memory.facts(WAYS["a.view(-1)"]).same_object
    assert memory.facts(WAYS["a.numpy()"], requires_grad=False).kind == "ndarray"


def test_pieces_of_memory():
    assert memory.pieces_of_memory([]) == 1
    assert memory.pieces_of_memory([WAYS[code] for code in ("a", "a.data", "a.numpy()")]) == 1
    assert memory.pieces_of_memory([WAYS[code] for code in ("a.clone()", "a[1:]", "a.double()")]) == 3


# ---- what people believe ---------------------------------------------------------------------------------------


@every_input
@pytest.mark.parametrize("value", [-999.0, 0.0, 999.0])
def test_writes_reach_what_shares(a, value):
    a = memory.as_floats(a)
    written = a.clone()
    written[0] = value
    found = memory.assign_and_write(a, value)
    assert (found.same, found.view_same, found.view_shares) == (True, False, True)
    assert equal(found.after, written)
    arrays = memory.write_through_numpy(a, value)
    assert equal(arrays.tensor, a)
    assert equal(arrays.as_tensor, written)
    assert equal(arrays.from_numpy, written)
    pieces = memory.write_to_pieces(a, value)
    assert equal(pieces.by_slice, written)
    assert equal(pieces.by_list, a)


@every_input
def test_detach_counts_and_data_does_not(a):
    a = memory.as_floats(a)
    found = memory.detach_or_data(a)
    assert found.detach.outcome == "refused"
    assert found.error == found.detach.error
    assert found.data.outcome == ("right" if equal(a.exp(), torch.zeros_like(a)) else "wrong")
    assert equal(found.gradient, torch.zeros_like(a))
    assert equal(found.expected, a.exp())


@every_input
def test_a_clone_stays_in_the_graph(a):
    a = memory.as_floats(a)
    found = memory.clone_or_detach(a)
    assert found.grad_fn == a.clone().requires_grad_().clone().grad_fn.name()
    assert equal(found.gradient, 2 * a)
    with pytest.raises(RuntimeError) as refused:
        a.sum().backward()
    assert found.error == str(refused.value)


def test_views_begin_where_they_begin():
    a = torch.arange(6.0)
    found = memory.addresses_of_views()
    assert found.same_address == (a.data_ptr() == a.view(2, 3).data_ptr())
    assert found.offset == a[2:].data_ptr() - a.data_ptr() == 2 * a.element_size()
    assert (found.same_storage, found.same_object) == (True, False)


def test_which_writes_reach_a():
    assert memory.write_to_each(torch.tensor([1.0, 2.0, 3.0])).tolist() == [10, 20, 3]
