"""Softmax regression by hand, against the same in torch.nn and by autograd."""

import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiments.softmax_regression import Model, logits, sgd_step, train, untrained


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 9), st.integers(1, 6), st.integers(2, 5), st.floats(0.01, 2), st.integers(0, 99))
def test_a_step_is_torchs_sgd_step(n, inputs, classes, lr, seed):
    generator = torch.Generator().manual_seed(seed)
    X, y = torch.randn(n, inputs, generator=generator), torch.randint(classes, (n,), generator=generator)
    model = Model(torch.randn(inputs, classes, generator=generator), torch.randn(classes, generator=generator))
    linear = torch.nn.Linear(inputs, classes)
    with torch.no_grad():
        linear.weight.copy_(model.W.T)
        linear.bias.copy_(model.b)
    torch.testing.assert_close(logits(model, X), linear(X))
    F.cross_entropy(linear(X), y).backward()
    torch.optim.SGD(linear.parameters(), lr=lr).step()
    ours = sgd_step(model, X, y, lr)
    torch.testing.assert_close(ours.W, linear.weight.detach().T)
    torch.testing.assert_close(ours.b, linear.bias.detach())


def test_it_learns_what_can_be_separated_and_a_seed_fixes_the_run():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(90) % 3
    X = 4 * F.one_hot(y, 3).float() + torch.randn(90, 3, generator=generator) * 0.3
    runs = [list(train(X, y, classes=3, epochs=5, batch_size=16, seed=1)) for _ in range(2)]
    assert len(runs[0]) == 6
    assert torch.equal(runs[0][-1].W, runs[1][-1].W)
    assert (logits(runs[0][-1], X).argmax(1) == y).all()
    assert torch.equal(runs[0][0].W, untrained(3, 3, torch.Generator().manual_seed(1)).W)
