"""Copies and aliases: the facts against what torch and numpy say of themselves."""

import copy

import numpy as np
import pytest
import torch

from core.experiments import memory
from core.experiments.memory import WAYS

every_way = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
ALIASES = {"a", "a.view(-1)", "a[1:]", "a.reshape(-1)", "a.contiguous()", "a.to(a.dtype)", "torch.as_tensor(a)"}
UNTRACKED = {
    *("a.data", "a.detach().numpy()", "np.asarray(a.detach())"),
    "torch.from_numpy(a.detach().numpy())",
}
SHARING = ALIASES | UNTRACKED | {"a.detach()", "a.numpy()"}


@every_way
def test_the_code_is_the_function(way):
    a = torch.tensor([1.0, 2.0, 3.0])
    ours, evaluated = (
        memory._make(way, a),
        memory._make(memory.Way("", lambda a: eval(way.code, {"torch": torch, "np": np, "copy": copy, "a": a})), a),
    )
    assert type(ours) is type(evaluated)
    assert (ours is a) == (evaluated is a)
    assert memory.shares_memory(a, ours) == memory.shares_memory(a, evaluated)
    assert ours.tolist() == evaluated.tolist()


@every_way
def test_memory_is_shared_as_numpy_sees_it(way):
    a = torch.tensor([1.0, 2.0, 3.0])
    assert memory.shares_memory(a, memory._make(way, a)) == np.shares_memory(a, memory._make(way, a))
    assert memory.facts(way, requires_grad=False).shares_memory == (way.code in SHARING)


@every_way
@pytest.mark.parametrize("to", ["a", "b"])
def test_a_write_shows_on_the_other_side_exactly_where_memory_is_shared(way, to):
    write = memory.write_and_see(way, to)
    assert write.both_changed == memory.facts(way, requires_grad=False).shares_memory
    assert write.a_before == (1, 2, 3)
    assert (write.a_after if to == "a" else write.b_after)[-1] == -1


@every_way
def test_gradients(way):
    found, gradient = memory.facts(way), memory.backward_through(way)
    if way.code in ALIASES | {"a[[0, 1]]", "a.double()", "a.clone()"}:
        numbers = {"a[1:]": (0, 4, 6), "a[[0, 1]]": (2, 4, 0)}
        assert gradient.a_grad == numbers.get(way.code, (2, 4, 6))
        assert found.requires_grad
    elif way.code == "copy.deepcopy(a)":  # a leaf of its own
        assert (gradient.a_grad, gradient.error, found.is_leaf, found.requires_grad) == (None, None, True, True)
    else:
        assert gradient.a_grad is None
        assert gradient.error


@every_way
def test_what_autograd_makes_of_a_write_to_a_saved_tensor(way):
    spoiled = memory.write_to_a_saved_tensor(way)
    if way.code in {"a.numpy()", "copy.deepcopy(a)"}:  # numpy wants no graph, deepcopy no result of a computation
        assert spoiled.outcome == "not made"
    elif way.code in ALIASES | {"a.detach()"}:
        assert spoiled.outcome == "refused"
        assert "modified by an inplace operation" in spoiled.error
        assert memory.facts(way).shares_version
    elif way.code in UNTRACKED:
        assert (spoiled.outcome, spoiled.gradient) == ("wrong", (0, 0, 0))
        assert not memory.facts(way).shares_version
    else:
        assert (spoiled.outcome, spoiled.gradient) == ("right", spoiled.expected)


def test_single_facts():
    by_slice = memory.facts(WAYS["a[1:]"])
    assert (by_slice.address_offset, by_slice.grad_fn, by_slice.is_leaf) == (4, "SliceBackward0", False)
    assert memory.facts(WAYS["a"]).same_object
    assert memory.facts(WAYS["a.contiguous()"]).same_object
    assert not memory.facts(WAYS["a.view(-1)"]).same_object
    assert "detach().numpy()" in memory.facts(WAYS["a.numpy()"]).error
    assert memory.facts(WAYS["a.numpy()"], requires_grad=False).kind == "ndarray"


def test_claims():
    holds = {claim.__name__: claim().holds for claim in memory.CLAIMS}
    assert holds == {
        "numpy_copy_has_its_own_memory": True,
        "clone_copies_and_passes_gradients": True,
        "detach_writes_through": True,
        "views_share_storage_but_not_the_address": False,
    }


@every_way
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("to", ["a", "b"])
def test_a_trial_is_one_run(way, requires_grad, to):
    trial = memory.try_out(way, (5.0, 6.0, 7.0), requires_grad, to, 0, 9.0)
    found = memory.facts(way, requires_grad)
    assert trial.making_error == found.error
    if trial.b is None:
        return
    assert (trial.first is not None) == found.shares_memory
    assert trial.same_object == found.same_object
    assert (trial.b.kind, trial.b.grad_fn) == (found.kind, found.grad_fn)
    target = trial.a if to == "a" else trial.b
    if trial.writing_error:
        assert requires_grad
        assert target.before == target.after
    else:
        assert target.after[0] == 9
    if found.shares_memory and found.kind == "Tensor" and not trial.writing_error:
        counted = [seen.versions[1] - seen.versions[0] for seen in (trial.a, trial.b)]
        assert counted == ([1, 1] if found.shares_version else [0, 1] if to == "b" else [1, 0])


def test_a_trial_without_a_write_changes_nothing():
    trial = memory.try_out(WAYS["a.data"], to=None)
    assert trial.a.before == trial.a.after == trial.b.after == (1, 2, 3)
    assert trial.writing_error is None


def test_the_readers_numbers_are_the_run():
    values = (0.5, -2.0, 3.0, 4.0)
    assert memory.backward_through(WAYS["a.clone()"], values).a_grad == (1, -4, 6, 8)
    assert memory.write_and_see(WAYS["a[1:]"], "b", values, 0, 7.0).a_after == (0.5, 7, 3, 4)
    assert memory.write_to_a_saved_tensor(WAYS["a"], values).expected == tuple(torch.tensor(values).exp().tolist())


def test_which_writes_reach_a():
    assert memory.write_to_each(torch.tensor([1.0, 2.0, 3.0])).tolist() == [10, 20, 3]
