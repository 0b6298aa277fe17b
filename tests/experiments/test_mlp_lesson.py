"""What the page of the network by hand says, against torch: any start, any image, networks that have diverged."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from core.experiments import mlp
from core.experiments import mlp_lesson as runs
from core.experiments.mlp import Measured, Parameters
from core.experiments.mlp_lesson import Seen


def net_of(scheme="normal 0.01", seed=0):
    return runs.start_of(seed, scheme)


def constant(value):
    return Parameters(*(torch.full_like(p, value) for p in net_of().tensors()))


NETS = {
    **{scheme: net_of(scheme) for scheme in ("normal 0.01", "kaiming normal", "zeros", "normal 1")},
    "seed 9999": net_of(seed=9999), "equal": constant(0.01), "negative": constant(-0.5), "nan": constant(math.nan),
    "infinite": constant(math.inf),
}  # fmt: skip
IMAGES = {
    "a test image": (mlp.digits(1).X_test[0].view(28, 28), 7),
    "black": (torch.zeros(28, 28), None),
    "white": (torch.ones(28, 28), 3),
}
every_net = pytest.mark.parametrize("net", NETS.values(), ids=NETS)
every_image = pytest.mark.parametrize(("image", "label"), IMAGES.values(), ids=IMAGES)


def close(ours, theirs):
    torch.testing.assert_close(torch.as_tensor(ours), torch.as_tensor(theirs), atol=1e-5, rtol=1e-4, equal_nan=True)


@every_net
@every_image
def test_what_is_seen_is_what_torch_says(net, image, label):
    seen, module = Seen(net, image, label, 37), mlp.as_module(net)
    logits = module(image[None])[0]
    close(seen.forward.logits[0], logits.detach())
    close(seen.probabilities, logits.softmax(0).detach())
    if logits.isfinite().all():
        assert logits[seen.predicted].item() == pytest.approx(logits.max().item(), rel=1e-5, abs=1e-6)
    if label is None:
        assert seen.loss is None
    else:
        close(seen.loss, nn.functional.cross_entropy(logits[None], torch.tensor([label])).item())
    of = seen.predicted if label is None else label
    nn.functional.cross_entropy(logits[None], torch.tensor([of])).backward()
    close(seen.backward(of).parameters.W2, module[3].weight.grad.T)
    close(seen.backward(of).parameters.W1, module[1].weight.grad.T)
    for cls in (0, 9):
        assert runs.asleep(seen, cls).zeros == int((module[3].weight.grad[cls] == 0).sum())
    found = runs.through_unit(seen, of)
    assert found.through == int((module[1].bias.grad != 0).sum())
    close(found.passed, module[1].bias.grad[37].item())


@every_net
@every_image
def test_the_last_layer_taken_alone_gives_what_the_network_gives(net, image, label):
    seen = Seen(net, image, label, 255)
    found = runs.last_layer(seen)
    close(found.unit, seen.forward.hidden[0, 255])
    close(found.logits, seen.forward.logits[0])
    close(found.p, seen.probabilities)


def test_the_strongest_unit_adds_most_to_the_largest_logit():
    net, (image, _) = net_of(), IMAGES["a test image"]
    module = mlp.as_module(net)
    hidden = module[:3](image[None])[0]
    parts = hidden * module[3].weight[module(image[None]).argmax()]
    assert parts[runs.strongest(net, image)] == parts.max()
    units = runs.strongest_units(net)
    assert torch.equal(module[3].weight.norm(dim=0)[units], module[3].weight.norm(dim=0).topk(24).values)


@pytest.mark.parametrize("scheme", runs.SCHEMES)
def test_the_start_in_numbers(scheme):
    found, module = runs.facts_of_start(3, scheme), mlp.as_module(net_of(scheme, 3))
    X, y = runs.first_batch()
    logits = module(X)
    loss = nn.functional.cross_entropy(logits, y)
    loss.backward()
    close(found.loss, loss.item())
    close(found.logits, logits.std().item())
    close(found.pre, module[:2](X).std().item())
    close(found.gradient1, module[1].weight.grad.norm().item())
    close(found.gradient2, module[3].weight.grad.norm().item())
    assert runs.by_hand_and_by_torch(net_of(scheme, 3)).agrees


@every_net
def test_mistakes_are_the_images_that_torch_gets_wrong(net):
    data, found = mlp.digits(1), runs.mistakes(net)
    said = mlp.as_module(net)(data.X_test).argmax(1)
    assert (found.wrong, found.samples) == ((said != data.y_test).nonzero().flatten().tolist(), 2000)
    assert found.taken_for == said[found.wrong].tolist()


OWN = {
    "bytes": torch.tensor([[0, 255], [128, 3]], dtype=torch.uint8),
    "few ink": torch.tensor([[0, 1], [1, 0]], dtype=torch.uint8),
    "shares": torch.tensor([[0.0, 0.5], [1.0, 0.25]]),
    "beyond": torch.tensor([[0, 300], [-2, 255]]),
    "negative": torch.tensor([[-1.0, 0.5]]),
    "half": torch.rand(28, 28).half(),
    "truth values": torch.tensor([[True, False], [False, True]]),
    "one": torch.tensor([[7]]),
    "black": torch.zeros(28, 28),
}


@pytest.mark.parametrize("given", OWN.values(), ids=OWN)
@pytest.mark.parametrize("as_mnist", [False, True])
def test_an_own_image_is_what_is_said_of_it(given, as_mnist):
    found = runs.own_image(given, as_mnist)
    assert (found.dtype, found.shape) == (given.dtype, tuple(given.shape))
    assert found.image.shape == (28, 28)
    assert found.image.min() >= 0
    assert found.image.max() <= 1
    divided = given.dtype == torch.uint8 or bool((given.float() > 1).any())
    shares = given.float() / 255 if divided else given.float()
    assert found.divided == divided
    assert found.cut == int(((shares < 0) | (shares > 1)).sum())
    assert found.enlarged == (tuple(given.shape) != (28, 28))
    if not found.moved and not found.enlarged:
        assert torch.equal(found.image, shares.clamp(0, 1))
    assert not (found.moved and not as_mnist)


# ---- trainings -------------------------------------------------------------------------------------------------


def test_two_trainings_are_compared_where_they_differ_most():
    ours, theirs = net_of(), replace(net_of(), b2=net_of().b2 - 0.25)
    found = runs.together([(2.0, 2.0), (1.5, 1.25), (1.0, 1.0)], ours, theirs, Measured(3, 0.9, 0.8, 0.7))
    assert (found.steps, found.first, found.last, found.loss, found.weights) == (3, 2.0, 1.0, 0.25, 0.25)
    assert (found.step, found.test, found.test_of_torch, found.diverged) == (3, 0.8, 0.7, 0)


@pytest.mark.parametrize(
    ("losses", "diverged"),
    [
        ([2.3, 20], 0),
        ([2.3, 24], 2),
        ([2.3, math.nan], 2),
        ([2.3, 1, math.inf, 2], 3),
        ([100, 900], 0),
        ([100, 1001], 2),
    ],
)
def test_a_training_diverges_beyond_ten_times_its_start(losses, diverged):
    found = runs.together([(loss, loss) for loss in losses], net_of(), net_of(), Measured(2, 0.1, 0.1, 0.1))
    assert found.diverged == diverged
    assert found.bound == pytest.approx(10 * max(losses[0], math.log(10)))


@pytest.mark.parametrize(("lr", "seed", "later"), [(0.01, 0, False), (0.5, 0, True), (1.0, 9999, True)])
def test_the_small_start_learns_later_unless_steps_are_tiny(lr, seed, later):
    found = runs.small_start(seed, lr)
    assert (found.after_kaiming < found.after_small) == later
    assert (found.scale1, found.scale2) == (pytest.approx((2 / 784) ** 0.5), pytest.approx((2 / 256) ** 0.5))
    module = mlp.as_module(net_of(seed=seed))
    optimiser, data = torch.optim.SGD(module.parameters(), lr=lr), mlp.digits(64 * found.steps)
    for batch in mlp.batches(64 * found.steps, mlp.Settings(lr, 64, 1, seed)):
        optimiser.zero_grad()
        nn.functional.cross_entropy(module(data.X[batch]), data.y[batch]).backward()
        optimiser.step()
    X, y = runs.first_batch()
    assert found.after_small == pytest.approx(nn.functional.cross_entropy(module(X), y).item(), rel=1e-3)


def test_the_first_step_is_the_trainings():
    how = mlp.Settings(0.5, 64, 2, 5)
    found = runs.first_step(5, "kaiming normal", 500, how)
    first, second, *_ = mlp.train(net_of("kaiming normal", 5), mlp.digits(500), how)
    assert found.first.item() == pytest.approx(first.loss)
    close(found.second, mlp.cross_entropy_loss(mlp.forward(first.parameters, found.X).logits, found.y))
    assert second.loss != first.loss


# ---- pitfalls and questions ------------------------------------------------------------------------------------


def test_torch_refuses_the_view_and_the_dtype_in_its_own_words():
    images = runs.first_batch()[0].view(-1, 28, 28).transpose(1, 2)
    with pytest.raises(RuntimeError) as refusal:
        images.view((-1, 784))
    found = runs.viewed()
    assert (found.refusal, found.flattened, found.samples_of_colour) == (str(refusal.value), (64, 784), 3)
    with pytest.raises(RuntimeError) as refusal:
        _ = runs.first_batch()[0] @ net_of().W1.double()
    doubles = runs.float64_weights(net_of())
    assert (doubles.refusal, doubles.dtype) == (str(refusal.value), torch.float64)


@every_net
def test_outputs_are_logits(net):
    seen = Seen(net, *IMAGES["a test image"], 0)
    found, (X, y) = runs.logits_not_probabilities(seen), runs.first_batch()
    close(found.total, seen.forward.logits.sum().item())
    for said, through in ((found.once, False), (found.twice, True)):
        leaf = mlp.as_module(net)(X).detach().requires_grad_()
        nn.functional.cross_entropy(leaf.softmax(1) if through else leaf, y).backward()
        close(said, leaf.grad.norm().item())
    sure = nn.functional.cross_entropy(torch.eye(10), torch.arange(10)).item()
    assert found.floor == pytest.approx(sure)


@every_net
def test_gradients_add_up(net):
    found = runs.adds_up(net)
    close(found.twice, 2 * found.once)
    assert found.once or math.isnan(found.once)


def test_from_zero_only_the_last_bias_moves():
    found = runs.zero_start()
    assert found.norms[:3] == (0, 0, 0)
    assert found.norms[3] > 0
    assert (found.hidden, found.unlike) == (256, 0)


@pytest.mark.parametrize("hidden", [1, 16, 64, 256])
def test_the_answers(hidden):
    net = nn.Sequential(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    assert runs.parameter_count(hidden) == sum(p.numel() for p in net.parameters())
    assert runs.equal_probabilities() == pytest.approx(math.log(10))


def test_the_small_network_of_the_walk_is_fixed_by_its_seed():
    net, X, y = runs.small_network(4)
    again = runs.small_network(4)
    assert all(
        torch.equal(a, b) for a, b in zip((*net.tensors(), X, y), (*again[0].tensors(), *again[1:]), strict=True)
    )
    assert mlp.forward(net, X).logits.shape == (len(y), 3)
