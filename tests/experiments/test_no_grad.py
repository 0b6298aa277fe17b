"""What no_grad and its neighbours do and leave undone, against torch."""

import random
from contextlib import ExitStack

import pytest
import torch

from core.experiments import no_grad as runs
from core.experiments.autograd import CONTEXTS, FUNCTIONS

OFF = ["no_grad", "inference_mode", "set_grad_enabled"]
INPUTS = [
    [0.5, 1.0, 1.5], [2.0], [0.0, 0.0], [-1.0, -2.0, 3.0, 4.0], [float("nan"), 1.0], [float("inf"), -1.0],
]  # fmt: skip
every_input = pytest.mark.parametrize("values", INPUTS, ids=str)
every_function = pytest.mark.parametrize("function", FUNCTIONS)


def leaf(values):
    return torch.tensor(values, requires_grad=True)


def same(ours, theirs):
    return torch.equal(ours.nan_to_num(7), theirs.nan_to_num(7))


@every_input
def test_what_is_made_inside(values):
    x = torch.tensor(values)
    assert runs.made_inside(x) == runs.MadeInside(True, True, True, False)
    found = runs.shapes_inside(x)
    assert (found.scalar, found.vector, found.matrix, found.recorded) == ((), x.shape, (len(x), len(x)), 0)
    assert not x.requires_grad


def test_eval_and_no_grad_leave_each_others_work_undone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    found = runs.eval_or_no_grad()
    assert torch.equal(before, torch.get_rng_state())
    assert 350 < found.dropped < 650
    assert found.eval_grad_fn == torch.nn.Linear(4, 2)(torch.ones(1, 4)).grad_fn.name()
    assert found.eval_bytes == runs.saved_by_network("none", training=False).nbytes > found.off_bytes == 0


@every_input
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_leaf_is_changed_in_place_inside_alone(values, dtype):
    given = torch.tensor(values, dtype=dtype)
    found = runs.update_in_place(given)
    with pytest.raises(RuntimeError) as refused:
        given.clone().requires_grad_().sub_(0.5)
    assert found.refusal == str(refused.value)
    assert same(found.before, given)
    assert same(found.after, given - 0.5)
    assert found.requires_grad


@every_input
@every_function
def test_detach_records_first(values, function):
    x, w = torch.tensor(values), torch.tensor([2.0])
    found = runs.detach_records_first(x, w, function)
    theirs, other, saved = leaf(values), leaf([2.0]), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):
        h = theirs * other
        y = (FUNCTIONS[function](h).detach() * h).sum()
    assert found.detached == len(saved)
    assert found.unrecorded == found.detached - (function != "h + 1")
    assert found.whole == found.detached + 1  # h, the factor of a
    y.backward()
    assert same(found.gradient, theirs.grad)
    assert found.same


@every_input
@every_function
def test_inference_tensors_stay_out_whatever_the_function(values, function):
    found = runs.inference_tensors_stay_out(torch.tensor(values), torch.tensor([2.0]), function)
    x = leaf(values)
    h = x * 2
    (FUNCTIONS[function](h.detach()) * h).sum().backward()
    assert same(found.gradient, x.grad)
    with torch.inference_mode():
        a = torch.ones(1)
    for refusal, use in ((found.refusal, lambda: a * h), (found.version, lambda: a._version)):
        with pytest.raises(RuntimeError) as refused:
            use()
        assert refusal == str(refused.value)


@every_input
@every_function
def test_freezing_a_leaf_takes_its_node_alone(values, function):
    x, w = torch.tensor(values), torch.tensor([2.0])
    found = runs.freezing_is_not_no_grad(x, w, function)
    theirs = leaf(values)
    h = theirs * w
    (FUNCTIONS[function](h) * h).sum().backward()
    assert same(found.x_grad, theirs.grad)
    assert found.w_grad is None
    assert (found.nodes, found.all_nodes) == (5, 6)
    assert 0 < found.nbytes == found.all_nbytes - x.nbytes  # x is kept for w's gradient alone


@pytest.mark.parametrize("before", [True, False])
def test_the_switch_stays_until_another_call_or_the_end_of_a_block(before):
    with torch.set_grad_enabled(before):
        found = runs.switch_stays()
        assert torch.is_grad_enabled() == before
    assert found == runs.Switch(after_off=False, after_on=True, off_in_block=False, after_block=True)


@every_input
def test_backward_works_inside(values):
    assert same(runs.backward_inside(torch.tensor(values)).gradient, 2 * torch.tensor(values))


# ---- questions, the network, with ------------------------------------------------------------------------------


def test_gradients_are_asked_for_in_whole_numbers():
    answers = [runs.ask_gradient(random.Random(draw)) for draw in range(60)]
    for found in answers:
        x, w = leaf(found.run.x.tolist()), leaf(found.run.w.tolist())
        undone = dict(zip("hay", (context != "none" for context in found.contexts), strict=True))
        h = (x * w).detach() if undone["h"] else x * w
        a = FUNCTIONS[found.function](h)
        a = a.detach() if undone["a"] else a
        y = (a * h).sum()
        if undone["y"] or not y.requires_grad:
            assert found.answer == "error"
            continue
        y.backward()
        assert found.answer == ("None" if x.grad is None else str(int(x.grad[found.place])))
    assert {found.answer for found in answers} >= {"error"}
    assert len({found.answer for found in answers}) > 10


@pytest.mark.parametrize("draw", range(12))
def test_bytes_are_those_of_the_tensors_named(draw):
    found = runs.ask_bytes(random.Random(draw))
    names = {tensor for _, tensors in found.kept for tensor in tensors}
    assert found.nbytes == len(names) * found.length * found.dtype.itemsize


def test_what_is_recorded_inside_contexts():
    assert runs.recorded_inside(())
    for outer in CONTEXTS:
        for inner in CONTEXTS:
            with ExitStack() as stack:
                for name in (outer, inner):
                    stack.enter_context(CONTEXTS[name]())
                expected = (leaf([1.0]) * 2).requires_grad
            assert runs.recorded_inside((outer, inner)) == expected
    assert not runs.recorded_inside(("inference_mode", "enable_grad"))
    assert torch.is_grad_enabled()


def test_leaves_keep_what_they_ask_for_inside():
    wanted = [made for made in runs.MAKERS if runs.requires_grad_inside(made)]
    assert wanted == ["x", "torch.ones(3, requires_grad=True)", "nn.Parameter(torch.ones(3))"]


def test_networks_save_nothing_without_recording_and_less_in_eval():
    found = runs.network_memory(2, 16, 8)
    assert found.train["none"] == found.recorded > found.evaluated == found.eval["none"] > 0
    assert all(found.train[context] == found.eval[context] == 0 for context in OFF)
    assert found.train["enable_grad"] == found.recorded
    assert found.off == 0
    kept = []
    layers = [layer for _ in range(2) for layer in (torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Dropout(0.5))]
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        torch.nn.Sequential(*layers)(torch.randn(8, 16))
    assert found.recorded == sum({t.data_ptr(): t.untyped_storage().nbytes() for t in kept}.values())


@pytest.mark.parametrize("context", [runs.NoGrad, runs.no_grad_by_yield, torch.no_grad])
def test_our_no_grad_is_torchs(context):
    x = leaf([1.0, 2.0])
    with context():
        assert not (x * 2).requires_grad
        with torch.enable_grad(), context():
            assert not torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), context():
        raise ZeroDivisionError
    assert torch.is_grad_enabled()


def test_how_with_works():
    assert runs.how_with_works() == (("before", True), ("inside", False), ("after", True))
    moments = dict(runs.how_with_works(fail=True))
    assert moments == {"before": True, "inside": False, "caught outside": True, "after": True}


def test_descent_by_hand_is_sgd():
    w, x = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.0])
    theirs = w.clone().requires_grad_()
    optimiser = torch.optim.SGD([theirs], lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        ((theirs * x) ** 2).sum().backward()
        optimiser.step()
    torch.testing.assert_close(runs.descend(w, x, 0.1), theirs)
    assert w.tolist() == [1, -2]
