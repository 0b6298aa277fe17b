"""The optimisers by hand against torch.optim, step for step, and what decay does where."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments import regression
from core.ops import weight_decay as wd

rates = st.floats(1e-4, 0.5)
decays = st.sampled_from([0.0, 1e-2, 0.3])
SHAPES = [(3, 2), (4,), ()]


def random(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def same_steps(step, optimiser_class, options, steps=8, dtype=torch.float64, tol=1e-13):
    """A few steps of both from one start with the same gradients; one parameter gets no gradient now and then."""
    params = tuple(random(shape, i).to(dtype) for i, shape in enumerate(SHAPES))
    leaves = [p.clone() for p in params]
    optimiser = optimiser_class(leaves, **options)
    state = None
    for i in range(steps):
        grads = [random(shape, 100 * i + j).to(dtype) for j, shape in enumerate(SHAPES)]
        if i % 3 == 1:
            grads[1] = None
        for leaf, grad in zip(leaves, grads, strict=True):
            leaf.grad = None if grad is None else grad.clone()
        optimiser.step()
        params, state = step(params, tuple(grads), state, **options)
        for ours, theirs in zip(params, leaves, strict=True):
            assert ours.dtype == theirs.dtype
            torch.testing.assert_close(ours, theirs, rtol=tol, atol=tol)


@settings(max_examples=60, deadline=None)
@given(
    lr=rates,
    momentum=st.sampled_from([0.0, 0.5, 0.9]),
    dampening=st.sampled_from([0.0, 0.3]),
    weight_decay=decays,
    nesterov=st.booleans(),
    maximize=st.booleans(),
)
def test_sgd_is_torchs(lr, momentum, dampening, weight_decay, nesterov, maximize):
    nesterov = nesterov and momentum > 0 and dampening == 0
    options = {
        "lr": lr,
        "momentum": momentum,
        "dampening": dampening,
        "weight_decay": weight_decay,
        "nesterov": nesterov,
        "maximize": maximize,
    }
    same_steps(wd.sgd_step, torch.optim.SGD, options)


@settings(max_examples=60, deadline=None)
@given(
    lr=rates,
    betas=st.sampled_from([(0.9, 0.999), (0.0, 0.5), (0.5, 0.0)]),
    eps=st.sampled_from([1e-8, 1e-3]),
    weight_decay=decays,
    amsgrad=st.booleans(),
    maximize=st.booleans(),
    decoupled=st.booleans(),
)
def test_adam_and_adamw_are_torchs(lr, betas, eps, weight_decay, amsgrad, maximize, decoupled):
    options = {
        "lr": lr,
        "betas": betas,
        "eps": eps,
        "weight_decay": weight_decay,
        "amsgrad": amsgrad,
        "maximize": maximize,
    }
    if decoupled:
        same_steps(wd.adamw_step, torch.optim.AdamW, options)
    else:
        same_steps(wd.adam_step, torch.optim.Adam, options)


@pytest.mark.parametrize(
    ("step", "optimiser"),
    [(wd.sgd_step, torch.optim.SGD), (wd.adam_step, torch.optim.Adam), (wd.adamw_step, torch.optim.AdamW)],
)
def test_defaults_are_torchs(step, optimiser):
    same_steps(step, optimiser, {})
    same_steps(step, optimiser, {"weight_decay": 0.1}, dtype=torch.float32, tol=1e-6)


def test_steps_leave_their_arguments_alone():
    p, g = random((3,), 0), random((3,), 1)
    before = p.clone()
    _, state = wd.sgd_step((p,), (g,), momentum=0.9)
    kept = state[0].clone()
    wd.sgd_step((p,), (g,), state, momentum=0.9)
    assert torch.equal(p, before)
    assert torch.equal(state[0], kept)


@pytest.mark.parametrize(
    ("step", "optimiser", "options", "naming"),
    [
        (wd.sgd_step, torch.optim.SGD, {"lr": -1.0}, "lr"),
        (wd.sgd_step, torch.optim.SGD, {"momentum": -1.0}, "momentum"),
        (wd.sgd_step, torch.optim.SGD, {"weight_decay": -1.0}, "weight_decay"),
        (wd.sgd_step, torch.optim.SGD, {"nesterov": True}, "nesterov"),
        (wd.sgd_step, torch.optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov"),
        (wd.adam_step, torch.optim.Adam, {"lr": -1.0}, "lr"),
        (wd.adam_step, torch.optim.Adam, {"eps": -1.0}, "eps"),
        (wd.adam_step, torch.optim.Adam, {"betas": (1.0, 0.9)}, "betas"),
        (wd.adamw_step, torch.optim.AdamW, {"betas": (0.9, -0.1)}, "betas"),
        (wd.adamw_step, torch.optim.AdamW, {"weight_decay": -1.0}, "weight_decay"),
    ],
)
def test_refusals(step, optimiser, options, naming):
    p = torch.zeros(3)
    with pytest.raises(ValueError):
        optimiser([p], **options)
    with pytest.raises(ValueError, match=naming):
        step((p,), (p,), **options)


# ---- the penalty -----------------------------------------------------------------------------------------------


def test_the_penaltys_gradient_is_the_weight():
    w = random((5,), 0).requires_grad_()
    (gradient,) = torch.autograd.grad(wd.l2_penalty(w), w)
    torch.testing.assert_close(gradient, w.detach())


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 100), lambd=st.floats(0.1, 10))
def test_the_codes_penalty_is_n_times_the_formulas(n, lambd):
    w = random((5,), n)
    both = wd.penalties(w, lambd, n)
    assert both.code == pytest.approx(n * both.formula)
    assert wd.penalties(w, lambd / n, n).code == pytest.approx(both.formula)


@settings(max_examples=50, deadline=None)
@given(n=st.integers(1, 20))
def test_the_tutorials_sum_counts_the_penalty_once_a_sample(n):
    losses, w = random((n,), n) ** 2, random((5,), 0)
    counted = (wd.tutorial_loss(losses, w, 3.0) - losses.sum()) / (3.0 * wd.l2_penalty(w))
    assert counted.item() == pytest.approx(n)
    once = (wd.tutorial_loss(losses.mean(), w, 3.0) - losses.mean()) / (3.0 * wd.l2_penalty(w))
    assert once.item() == pytest.approx(1)


def test_dividing_the_update_by_the_batch_makes_up_for_it():
    data = regression.make_regression()
    w, b = random((200,), 0).requires_grad_(), torch.zeros((), dtype=torch.float64, requires_grad=True)
    losses = regression.squared_losses(data.X, data.y, w, b)
    summed = torch.autograd.grad(wd.tutorial_loss(losses, w, 3.0), w, retain_graph=True)[0] / 20
    mean = torch.autograd.grad(losses.mean() + 3.0 * wd.l2_penalty(w), w)[0]
    torch.testing.assert_close(summed, mean)


def test_the_tutorial_zeroes_gradients_that_are_not_there_yet():
    w, b = torch.ones(2, requires_grad=True), torch.zeros(1, requires_grad=True)

    def losses():
        return (w.sum() + b - torch.arange(3.0)) ** 2

    with pytest.raises(AttributeError, match="NoneType"):
        wd.tutorial_backward(losses(), w, b, 0.1)
    losses().sum().backward()  # from the second step on it works
    wd.tutorial_backward(losses(), w, b, 0.1)
    expected = torch.autograd.grad(wd.tutorial_loss(losses(), w, 0.1), (w, b))
    torch.testing.assert_close((w.grad, b.grad), expected)


# ---- coupled and decoupled ------------------------------------------------------------------------------------


def test_decoupled_decay_is_the_penalty_under_sgd():
    w, g, lr, lambd = random((5,), 0), random((5,), 1), 0.1, 0.3
    ((coupled,), _) = wd.sgd_step((w,), (g,), lr=lr, weight_decay=lambd)
    ((decoupled,), _) = wd.sgd_step((w * (1 - lr * lambd),), (g,), lr=lr)
    torch.testing.assert_close(coupled, decoupled)


def test_adam_shields_weights_with_large_gradients_from_decay():
    gradients = (torch.tensor([1e-3, 1e3], dtype=torch.float64),)
    shrunk = {}
    for step in (wd.adam_step, wd.adamw_step):
        w, state, plain, plain_state = (torch.ones(2).double(),), None, (torch.ones(2).double(),), None
        for _ in range(10):
            w, state = step(w, gradients, state, lr=0.01, weight_decay=1e-3)
            plain, plain_state = step(plain, gradients, plain_state, lr=0.01, weight_decay=0.0)
        shrunk[step] = (plain[0] - w[0]).abs()
    small, large = shrunk[wd.adam_step].tolist()
    assert large < 1e-3 * small
    torch.testing.assert_close(*shrunk[wd.adamw_step].unbind(), rtol=1e-6, atol=0.0)


# ---- the operators ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", wd.OPERATORS, ids=lambda operator: operator.name)
def test_the_operators_adapters_agree_with_state_and_without(operator):
    call = operator.make_call(10, torch.float64, torch.device("cpu"), 0)
    params, grads, state = call.args
    for given_state in (state, None):
        ours, our_state = operator.manual(params, grads, given_state, **call.kwargs)
        theirs, their_state = operator.torch(params, grads, given_state, **call.kwargs)
        torch.testing.assert_close(ours, theirs)
        if operator.name == "SGD":
            torch.testing.assert_close(our_state, their_state)
        else:
            assert our_state[0].step == their_state[0].step
            torch.testing.assert_close(our_state[0].exp_avg_sq, their_state[0].exp_avg_sq)
