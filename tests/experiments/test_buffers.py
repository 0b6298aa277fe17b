"""Parameters and buffers: the table, the round trip, the tutorial's points, and MoCo."""

import copy

import pytest
import torch
from torch import nn

from core.experiments import buffers
from core.experiments.buffers import Holder, MoCo, moco_step


def by_name(module):
    return {role.name: role for role in buffers.roles(module)}


def test_roles():
    fields = ("in_parameters", "in_buffers", "in_state_dict", "moved", "has_gradient", "changed_by_optimiser")
    table = {name: tuple(getattr(role, field) for field in fields) for name, role in by_name(Holder()).items()}
    assert table == {
        "weight": (True, False, True, True, True, True),
        "frozen": (True, False, True, True, False, False),
        "buffer": (False, True, True, True, False, False),
        "scratch": (False, True, False, True, False, False),
        "plain": (False, False, False, False, False, False),
    }


def test_the_optimiser_step_is_real():
    weight = by_name(Holder())["weight"]
    assert weight.before == (1, 1, 1)
    assert weight.after == pytest.approx((0.9, 0.8, 0.7))


def test_roles_leave_the_module_alone():
    module = Holder()
    before = copy.deepcopy(module.state_dict())
    buffers.roles(module)
    torch.testing.assert_close(module.state_dict(), before, rtol=0, atol=0)
    assert module.weight.grad is None
    assert module.weight.dtype == torch.float32


def test_a_buffer_that_asks_for_it_has_a_gradient_and_stays():
    buffer = by_name(Holder(buffer_requires_grad=True))["buffer"]
    assert buffer.has_gradient
    assert not buffer.changed_by_optimiser
    assert buffer.moved


def test_round_trip():
    trip = buffers.save_and_load()
    assert trip.keys == ("weight", "frozen", "buffer")
    assert trip.came_back == {"weight": True, "frozen": True, "buffer": True, "scratch": False, "plain": False}
    assert trip.nbytes == len(buffers.saved_bytes(Holder()))


def test_loading_is_strict_about_buffers():
    assert 'Missing key(s) in state_dict: "buffer"' in buffers.load_refusal("buffer")
    assert buffers.load_refusal("buffer", strict=False) is None
    assert buffers.load_refusal("scratch") is None


# ---- pitfalls: whatever x and lr ---------------------------------------------------------------------------------

INPUTS = {
    "example": buffers.example(),
    "one number": torch.tensor([-2.5]),
    "zeros": torch.zeros(3),
    "half": torch.ones(2).half(),
    "integers": torch.tensor([1, 2]),
    "double": torch.tensor([0.1, 0.2]).double(),
    "not finite": torch.tensor([torch.inf, 1]),
}
every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS.keys())
every_lr = pytest.mark.parametrize("lr", [0.0, 0.3, 1.0])


def stepped(x, lr):
    return pytest.approx([1 - lr * value for value in x.double().tolist()], nan_ok=True, rel=1e-3)


@every_input
@every_lr
def test_optimisers_update_what_they_are_given(x, lr):
    found = buffers.optimisers_update_what_they_are_given(x, lr)
    assert found.before == found.usual == (1,) * len(x)
    assert found.handed == stepped(x, lr)


@every_input
@every_lr
def test_a_parameter_that_is_left_out_has_a_gradient_and_stays(x, lr):
    found = buffers.a_parameter_left_out(x, lr)
    assert found.before == found.after == (1,) * len(x)
    assert found.gradient == pytest.approx(x.tolist(), rel=1e-3)


@every_input
def test_gradients_go_where_they_are_required(x):
    found = buffers.gradients_of_buffers(x, 0.1)
    assert found.default is None
    assert found.asked == found.weight == pytest.approx(x.tolist(), rel=1e-3)


@every_input
@every_lr
def test_parameters_keep_their_identity_over_to(x, lr):
    found = buffers.moving_keeps_parameters(x, lr)
    assert (found.same_weight, found.same_buffer) == (True, False)
    assert found.after == stepped(x, lr)


@every_input
@every_lr
def test_the_step_by_hand_is_sgds(x, lr):
    found = {role.name: role for role in buffers.roles(Holder(size=len(x)), x, lr)}
    assert buffers.step_by_hand(x, lr).tolist() == pytest.approx(found["weight"].after, nan_ok=True, rel=1e-3)


def test_registered_tensors_are_no_parameters_and_may_change():
    found = buffers.registered_tensors((1.0, 2.0), 0.1)
    assert (found.in_parameters, found.in_buffers, found.moved, found.changed_by_optimiser) == (
        False,
        True,
        True,
        False,
    )
    assert found.names == ["running_mean", "running_var", "num_batches_tracked"]
    assert found.before == (0, 0)
    assert found.after == pytest.approx((0.2, 2.0))


def test_a_frozen_parameter_differs_from_a_buffer():
    found = buffers.frozen_parameters((1.0, 2.0), 0.1)
    assert (found.alike, found.counted, found.frozen_thaws, found.buffer_thaws) == (True, 2, True, False)
    assert found.decayed == pytest.approx([0.9] * 3)


def test_names_lists_and_refusals():
    found = buffers.assignment_to_names()
    assert (found.in_buffers, found.values) == (True, (2, 2, 2))
    with pytest.raises(TypeError) as refused:
        Holder().weight = torch.ones(3)
    assert found.refusal == f"TypeError: {refused.value}"
    lists = buffers.lists_hide_tensors()
    assert (lists.plain, lists.in_list, lists.in_parameter_list) == (2, 2, 3)
    with pytest.raises(RuntimeError) as refused:
        buffers.roles(Holder().requires_grad_(False))
    assert buffers.refusal(Holder().requires_grad_(False), (1.0, 2.0, 3.0), 0.1) == f"RuntimeError: {refused.value}"
    assert not buffers.refusal(Holder(True).requires_grad_(False), (1.0, 2.0, 3.0), 0.1)


# ---- MoCo ------------------------------------------------------------------------------------------------------


def views(step, batch=4, inputs=8):
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(batch, inputs, generator=generator)
    return x, x + 0.1 * torch.randn(batch, inputs, generator=generator)


def test_moco_keeps_keys_and_pointer_as_buffers():
    moco = MoCo()
    assert [*dict(moco.named_buffers())] == ["queue", "pointer"]
    assert [name for name, p in moco.named_parameters() if p.requires_grad] == ["query_encoder.weight"]
    assert {"queue", "pointer", "key_encoder.weight"} < set(moco.state_dict())


def test_the_queue_is_a_ring():
    moco = MoCo(queue_size=12)
    steps = [moco_step(moco, *views(i)) for i in range(4)]
    assert [(s.pointer_before, s.pointer_after) for s in steps] == [(0, 4), (4, 8), (8, 0), (0, 4)]
    for s in steps:
        written = slice(s.pointer_before, s.pointer_before + 4)
        assert torch.equal(s.queue_after[written], s.key)
        untouched = torch.ones(12, dtype=torch.bool)
        untouched[written] = False
        assert torch.equal(s.queue_after[untouched], s.queue_before[untouched])
    assert torch.equal(moco.queue[4:8], steps[1].key)


def test_the_key_encoder_follows_and_only_the_query_encoder_learns():
    moco = MoCo()
    for i in range(3):
        query, key = (encoder.weight.detach().clone() for encoder in (moco.query_encoder, moco.key_encoder))
        steps = moco_step(moco, *views(i), momentum=0.9)
        torch.testing.assert_close(moco.key_encoder.weight.detach(), 0.9 * key + 0.1 * query)
        assert steps.key_drift == pytest.approx((key - query).norm().item())
        assert not torch.equal(moco.query_encoder.weight, query)


def test_one_step_by_torch():
    moco, reference = MoCo(), MoCo()
    x_query, x_key = views(0)
    steps = moco_step(moco, x_query, x_key, lr=0.1, momentum=1.0)
    optimiser = torch.optim.SGD(reference.query_encoder.parameters(), lr=0.1)
    q = nn.functional.normalize(reference.query_encoder(x_query))
    k = nn.functional.normalize(reference.key_encoder(x_key))
    logits = torch.cat([torch.einsum("nd,nd->n", q, k)[:, None], torch.einsum("nd,kd->nk", q, reference.queue)], 1)
    loss = nn.functional.cross_entropy(logits / 0.07, torch.zeros(4, dtype=torch.long))
    loss.backward()
    optimiser.step()
    assert steps.loss == pytest.approx(loss.item(), rel=1e-4)
    torch.testing.assert_close(moco.query_encoder.weight, reference.query_encoder.weight)
    torch.testing.assert_close(steps.logits, logits.detach() / 0.07)
    torch.testing.assert_close(steps.key.norm(dim=1), torch.ones(4))


def test_training_lowers_the_loss_once_the_queue_is_full_of_keys():
    moco = MoCo()
    losses = [moco_step(moco, *views(0)).loss for _ in range(30)]
    assert losses[3:] == sorted(losses[3:], reverse=True)


def test_saved_and_loaded_moco_continues_alike():
    moco, other = MoCo(seed=0), MoCo(seed=1)
    moco_step(moco, *views(0))
    other.load_state_dict(moco.state_dict())
    assert moco_step(moco, *views(1)).loss == moco_step(other, *views(1)).loss


def test_a_batch_that_would_wrap_is_refused():
    with pytest.raises(ValueError, match="x_key"):
        moco_step(MoCo(queue_size=12), *views(0, batch=5))


# ---- the reader's own step, file and run -----------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.0, 0.3])
@pytest.mark.parametrize("handed", [(), ("buffer",)])
def test_a_step_on_the_readers_numbers(lr, handed):
    x = (0.5, -2.0)
    found = {role.name: role for role in buffers.roles(Holder(True, 2), x, lr, handed)}
    moved = [1 - lr * value for value in x]
    assert found["weight"].after == pytest.approx(moved)
    assert found["buffer"].after == pytest.approx(moved if handed else (1, 1))
    assert found["buffer"].gradient == x
    assert found["plain"].gradient is None


def test_a_step_without_anything_to_train_is_refused():
    with pytest.raises(RuntimeError, match="does not require grad"):
        buffers.roles(Holder().requires_grad_(False))


@pytest.mark.parametrize("strict", [True, False])
def test_a_file_that_lacks_a_name(strict):
    trip = buffers.save_and_load(4.0, "buffer", strict, 2)
    assert trip.keys == ("weight", "frozen")
    assert (trip.error is None) == (not strict)
    assert (trip.saved["buffer"], trip.loaded["buffer"]) == ((4, 4), (1, 1))
    assert trip.came_back["weight"]


@pytest.mark.parametrize("batch", [2, 3, 4, 6])
def test_a_run_goes_on_from_its_bytes_only_with_its_buffers(batch):
    settings = {"batch": batch, "momentum": 0.9, "seed": 2}
    _, longer = buffers.moco_run(4, **settings)
    found = buffers.resumed(3, **settings)
    assert found.goes_on == found.with_buffers == longer[3].loss
    assert found.without_buffers != longer[3].loss
    kinds = {t.name: (t.parameter, t.requires_grad, t.buffer, t.saved) for t in found.tensors}
    assert kinds == {
        "query_encoder.weight": (True, True, False, True), "key_encoder.weight": (True, False, False, True),
        "queue": (False, False, True, True), "pointer": (False, False, True, True),
    }  # fmt: skip


def test_two_views_are_of_the_same_samples():
    one, other = buffers.two_views(0, 64, 0)
    assert not torch.equal(one, other)
    assert (one - other).std() < 0.5 < one.std()


def test_a_ring_keeps_the_last_keys():
    queue, keys = torch.zeros(6, 2), torch.arange(16.0).reshape(8, 2)
    written = buffers.write_in_a_ring(queue, keys, 2)
    assert torch.equal(written, torch.cat([keys[6:8], keys[2:6]]))
    assert not queue.any()
