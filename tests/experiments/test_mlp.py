"""The network by hand against autograd and torch.nn."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments import mlp
from core.experiments.mlp import Data, Parameters, Settings

SMALL = (6, 5, 3)


def some_data(samples=23, inputs=6, classes=3, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(samples, inputs, generator=generator, dtype=dtype)
    y = torch.randint(classes, (samples,), generator=generator)
    return Data(X, y, X[:10], y[:10])


def random_parameters(seed=0, sizes=SMALL):
    generator = torch.Generator().manual_seed(seed)
    shapes = [(sizes[0], sizes[1]), (sizes[1],), (sizes[1], sizes[2]), (sizes[2],)]
    return Parameters(*(torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes))


def assert_close(ours, theirs, tol=1e-12):
    for a, b in zip(ours.tensors(), theirs.tensors(), strict=True):
        torch.testing.assert_close(a, b, rtol=tol, atol=tol)


def test_the_start_is_the_tutorials():
    W1, b1, W2, b2 = mlp.initial_parameters().tensors()
    assert (W1.shape, b1.shape, W2.shape, b2.shape) == ((784, 256), (256,), (256, 10), (10,))
    assert W1.std().item() == pytest.approx(0.01, rel=0.02)
    assert not b1.any()
    assert not b2.any()
    assert torch.equal(W1, mlp.initial_parameters(seed=0).W1)
    assert not torch.equal(W1, mlp.initial_parameters(seed=1).W1)


def test_schemes_see_the_weight_as_out_by_in():
    W1 = mlp.initial_parameters(scheme="kaiming normal").W1
    assert W1.std().item() == pytest.approx((2 / 784) ** 0.5, rel=0.02)


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(1, 9), seed=st.integers(0, 1000))
def test_backward_by_hand_is_autograds(samples, seed):
    data, parameters = some_data(samples), random_parameters(seed)
    steps = mlp.forward(parameters, data.X)
    by_hand = mlp.backward(parameters, data.X, data.y, steps)
    leaves = Parameters(*(p.detach().requires_grad_() for p in parameters.tensors()))
    loss = mlp.cross_entropy_loss(mlp.forward(leaves, data.X).logits, data.y)
    assert_close(by_hand.parameters, Parameters(*torch.autograd.grad(loss, leaves.tensors())))


def test_intermediate_gradients_are_autograds():
    data, parameters = some_data(), random_parameters()
    leaves = Parameters(*(p.clone().requires_grad_() for p in parameters.tensors()))
    steps = mlp.forward(leaves, data.X)
    loss = torch.nn.functional.cross_entropy(steps.logits, data.y)
    theirs = torch.autograd.grad(loss, (steps.logits, steps.hidden, steps.hidden_pre))
    ours = mlp.backward(parameters, data.X, data.y, mlp.forward(parameters, data.X))
    for a, b in zip((ours.logits, ours.hidden, ours.hidden_pre), theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_the_gradient_at_a_hidden_zero_is_zero():
    parameters = replace(random_parameters(), W1=torch.zeros(6, 5, dtype=torch.float64), b1=torch.zeros(5).double())
    data = some_data()
    by_hand = mlp.backward(parameters, data.X, data.y, mlp.forward(parameters, data.X)).parameters
    module = mlp.as_module(parameters)
    torch.nn.functional.cross_entropy(module(data.X), data.y).backward()
    assert not by_hand.W1.any()
    assert not module[1].weight.grad.any()


def test_forward_and_loss_are_torch_nns():
    data, parameters = some_data(), random_parameters()
    logits = mlp.forward(parameters, data.X).logits
    torch.testing.assert_close(logits, mlp.as_module(parameters)(data.X), rtol=1e-12, atol=1e-12)
    theirs = torch.nn.functional.cross_entropy(logits * 1000, data.y)
    torch.testing.assert_close(mlp.cross_entropy_loss(logits * 1000, data.y), theirs)


def test_images_are_flattened():
    images = torch.rand(2, 28, 28)
    parameters = mlp.initial_parameters()
    assert torch.equal(mlp.forward(parameters, images).logits, mlp.forward(parameters, images.view(2, 784)).logits)


def test_module_shares_nothing_and_comes_back():
    parameters = random_parameters()
    module = mlp.as_module(parameters)
    assert_close(mlp.from_module(module), parameters, tol=0)
    with torch.no_grad():
        module[1].weight.zero_()
    assert parameters.W1.any()


def test_the_curve_is_torch_nns_to_rounding():
    data, start, how = some_data(), random_parameters(), Settings(batch_size=4, epochs=6, evaluate_every=5)
    ours = list(mlp.train(start, data, how))
    theirs = list(mlp.train_module(mlp.as_module(start), data, how))
    assert len(ours) == len(theirs) == 36
    for a, b in zip(ours, theirs, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-10)
        assert (a.train_accuracy, a.test_accuracy) == (b.train_accuracy, b.test_accuracy)
        assert_close(a.parameters, b.parameters, tol=1e-10)


@pytest.mark.parametrize("stop", [1, 5, 6, 7, 12, 35])
def test_a_stopped_run_continues_exactly(stop):
    data, how = some_data(), Settings(batch_size=4, epochs=6)
    whole = list(mlp.train(random_parameters(), data, how))
    halted = whole[stop - 1]
    rest = list(mlp.train(halted.parameters, data, how, start=halted.step))
    assert [p.loss for p in rest] == [p.loss for p in whole[stop:]]
    assert [p.step for p in rest] == list(range(stop + 1, 37))
    assert_close(rest[-1].parameters, whole[-1].parameters, tol=0)


@settings(max_examples=50, deadline=None)
@given(samples=st.integers(1, 40), batch_size=st.integers(1, 50), start=st.integers(0, 30))
def test_every_epoch_visits_every_sample_once(samples, batch_size, start):
    how = Settings(batch_size=batch_size, epochs=3)
    each = list(mlp.batches(samples, how))
    an_epoch = mlp.steps_per_epoch(samples, batch_size)
    for epoch in range(3):
        visited = torch.cat(each[epoch * an_epoch : (epoch + 1) * an_epoch])
        assert sorted(visited.tolist()) == list(range(samples))
    later = list(mlp.batches(samples, how, start))
    assert [b.tolist() for b in later] == [b.tolist() for b in each[start:]]


def test_accuracy_is_measured_when_asked_and_at_the_end():
    how = Settings(batch_size=4, epochs=2, evaluate_every=5)
    progress = list(mlp.train(random_parameters(), some_data(), how))
    assert [p.step for p in progress if p.test_accuracy is not None] == [5, 10, 12]
    assert progress[-1].epoch == 2
    never = replace(how, evaluate_every=0)
    assert all(p.test_accuracy is None for p in mlp.train(random_parameters(), some_data(), never))


def test_zero_start_keeps_all_hidden_units_dead():
    start = mlp.initial_parameters(scheme="zeros", sizes=SMALL, dtype=torch.float64)
    *_, end = mlp.train(start, some_data(), Settings(batch_size=4, epochs=2))
    assert not end.parameters.W1.any()
    assert not end.parameters.W2.any()
    assert end.parameters.b2.any()


def test_it_learns():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(3).repeat(100)
    X = torch.eye(3)[y].repeat(1, 2) + 0.1 * torch.randn(300, 6, generator=generator)
    *_, end = mlp.train(mlp.initial_parameters(sizes=SMALL), Data(X, y, X, y), Settings(epochs=30, batch_size=10))
    assert end.test_accuracy == 1.0


def test_training_leaves_the_start_alone():
    start = random_parameters()
    before = [p.clone() for p in start.tensors()]
    list(islice(mlp.train(start, some_data(), Settings(batch_size=4)), 3))
    assert all(torch.equal(a, b) for a, b in zip(before, start.tensors(), strict=True))
