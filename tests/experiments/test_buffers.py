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


def test_the_tutorials_points():
    assert {claim.__name__: claim().holds for claim in buffers.CLAIMS} == {
        "plain_tensors_stay_behind": True,
        "buffers_become_parameters": False,
        "optimisers_update_parameters_only": False,
        "two_lists_reach_everything": True,
        "buffers_get_gradients": False,
        "frozen_parameters_equal_buffers": False,
        "only_buffers_have_a_gradient_and_stay": False,
    }


def test_a_frozen_parameter_differs_from_a_buffer():
    facts = buffers.frozen_parameters_equal_buffers().facts
    assert facts["numbers counted by parameters()"] == 6
    assert facts["requires gradient after module.requires_grad_(True)"] == {"frozen": True, "buffer": False}
    assert facts["frozen after training, then zeros for a gradient and weight decay"] == pytest.approx([0.9] * 3)


def test_batch_norms_statistics_are_buffers_that_change():
    layer = nn.BatchNorm1d(2)
    layer(torch.randn(8, 2, generator=torch.Generator().manual_seed(0)))
    assert {"running_mean", "running_var"} < set(dict(layer.named_buffers()))
    assert layer.running_mean.any()


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
    moco, steps = buffers.moco_run(3, **settings)
    _, longer = buffers.moco_run(4, **settings)
    assert [s.loss for s in longer[:3]] == [s.loss for s in steps]
    assert buffers.next_loss(moco, 3, **settings) == longer[3].loss
    assert buffers.next_loss(moco, 3, **settings, keep=False) != longer[3].loss


def test_two_views_are_of_the_same_samples():
    one, other = buffers.two_views(0, 64, 0)
    assert not torch.equal(one, other)
    assert (one - other).std() < 0.5 < one.std()


def test_a_ring_keeps_the_last_keys():
    queue, keys = torch.zeros(6, 2), torch.arange(16.0).reshape(8, 2)
    written = buffers.write_in_a_ring(queue, keys, 2)
    assert torch.equal(written, torch.cat([keys[6:8], keys[2:6]]))
    assert not queue.any()
