"""The topics' pictures in small, for the home page: each a run of the topic's own operator on a small input."""

import plotly.graph_objects as go
import torch

from core.figures import colour
from core.figures.heatmap import Picture, draw
from core.ops import activations as acts
from core.ops import memory
from core.ops import mlp as network
from core.ops.autograd import held_by_network
from core.ops.batch_norm import layer_norm
from core.ops.buffers import moco_run
from core.ops.convolution import conv2d
from core.ops.dropout import dropout as drop
from core.ops.gather import gather as gather_along
from core.ops.init import kaiming_normal_
from core.ops.losses import cross_entropy as loss_of
from core.ops.metrics import confusion_matrix
from core.ops.normalize import normalize as scale_rows
from core.ops.pooling import max_pool2d
from core.ops.products import matmul
from core.ops.seeded import seeded
from core.ops.sets import unique
from core.ops.softmax import softmax as probabilities
from core.ops.weight_decay import sgd_step

CELL = 15


def _small(values: torch.Tensor, scale: colour.Scale) -> go.Figure:
    return draw(Picture("x", values, scale), CELL).update_layout(
        margin={"l": 4, "t": 4, "r": 4, "b": 4},
        width=values.shape[-1] * CELL + 8,
        height=values.shape[-2] * CELL + 8,
        xaxis_showticklabels=False,
        yaxis_showticklabels=False,
    )


def _wave(rows: int = 7, columns: int = 16) -> torch.Tensor:
    x, y = torch.meshgrid(torch.linspace(-2, 2, columns), torch.linspace(-1, 1, rows), indexing="xy")
    return torch.sin(2 * x) * torch.cos(2 * y)


def layout() -> go.Figure:
    """Storage addresses of a permuted tensor."""
    addresses = torch.arange(112).reshape(16, 7).permute(1, 0)
    return _small(addresses, colour.identity(112))


def convolution() -> go.Figure:
    """The Sobel edges of a wave."""
    sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
    edges = conv2d(_wave()[None, None], sobel[None, None], padding=1)[0, 0]
    return _small(edges, colour.signed(edges))


def dropout() -> go.Figure:
    """A wave after dropout."""
    with seeded(0):
        kept = drop(_wave(), p=0.5)
    return _small(kept, colour.signed(kept))


def batch_norm() -> go.Figure:
    """A wave whose every row is standardised."""
    wave = _wave()
    standard = layer_norm(wave, wave.shape[-1:])
    return _small(standard, colour.signed(standard))


def aliases() -> go.Figure:
    """Which of the ways to make b from a share its memory, and which the version counter."""
    found = [memory.facts(way, requires_grad=False) for way in memory.WAYS.values()][:16]
    shared = torch.tensor([[f.shares_memory, f.shares_version, f.grad_fn is None] for f in found]).double()
    return _small(shared.T, colour.magnitude(shared))


def no_grad() -> go.Figure:
    """Bytes that networks of 1 to 8 layers keep for backward: recorded in training, in eval, and under no_grad."""
    cases = (("none", True), ("none", False), ("no_grad", True))
    held = [[held_by_network(context, depth, 8, 8, mode).nbytes for depth in range(1, 9)] for context, mode in cases]
    kept = torch.tensor(held).double()
    return _small(kept.repeat_interleave(2, 0).repeat_interleave(2, 1), colour.magnitude(kept))


def softmax() -> go.Figure:
    """Probabilities of seven scores, from cold on the left to hot on the right."""
    temperatures = torch.logspace(-1, 1, 16)
    scores = torch.tensor([0.5, 1.0, 2.0, 3.0, 2.6, 1.5, 0.0])
    heated = probabilities(scores[:, None] / temperatures, 0)  # (7, 16)
    return _small(heated, colour.magnitude(heated))


def buffers() -> go.Figure:
    """The queue of a small MoCo, a buffer, after six steps."""
    queue = moco_run(6, momentum=0.9)[0].queue.T.repeat_interleave(2, 0)
    return _small(queue, colour.signed(queue))


def cross_entropy() -> go.Figure:
    """The loss over two logits, the first class the right one."""
    down, across = torch.linspace(3, -3, 7), torch.linspace(-4, 4, 16)
    logits = torch.stack([across.repeat(7), down.repeat_interleave(16)], 1)  # (112, 2)
    losses = loss_of(logits, torch.zeros(112, dtype=torch.long), reduction="none").view(7, 16)
    return _small(losses, colour.magnitude(losses))


def activations() -> go.Figure:
    """Seven activations over x from -3 to 3, one a row."""
    x = torch.linspace(-3, 3, 16)
    functions = (acts.relu, acts.leaky_relu, acts.elu, acts.gelu, acts.silu, acts.softplus, acts.tanh)
    rows = torch.stack([f(x) for f in functions])
    return _small(rows, colour.signed(rows))


def accuracy() -> go.Figure:
    """Which of seven classes is taken for which of sixteen, by noisy scores."""
    generator = torch.Generator().manual_seed(0)
    target = torch.arange(7).repeat(40)
    scores = 2.5 * torch.eye(16)[target] + torch.randn(280, 16, generator=generator)
    counts = confusion_matrix(scores, target)[:7].double().sqrt()
    return _small(counts, colour.magnitude(counts))


def gather() -> go.Figure:
    """The largest numbers of each row, gathered in order."""
    wave = _wave()
    ordered = gather_along(wave, 1, wave.argsort(1))
    return _small(ordered, colour.signed(ordered))


def normalize() -> go.Figure:
    """The rows of a wave, each scaled to length 1."""
    unit = scale_rows(_wave())
    return _small(unit, colour.signed(unit))


def sets() -> go.Figure:
    """A wave in steps, each row's numbers replaced by their place among the unique ones."""
    places = unique(_wave().mul(4).round(), return_inverse=True)[1]
    return _small(places, colour.identity(int(places.max()) + 1))


def products() -> go.Figure:
    """A wave times itself: every row with every row."""
    wave = _wave(16, 16)
    product = matmul(wave[:7], wave.T)
    return _small(product, colour.signed(product))


def weight_decay() -> go.Figure:
    """A wave that decays, one step of SGD a row, with nothing else to learn."""
    rows = [_wave()[3]]
    for _ in range(6):
        (stepped,), _ = sgd_step((rows[-1],), (torch.zeros(16),), lr=0.1, weight_decay=3)
        rows.append(stepped)
    faded = torch.stack(rows)
    return _small(faded, colour.signed(faded))


def pooling() -> go.Figure:
    """The largest of each 2×2 window of a finer wave."""
    pooled = max_pool2d(_wave(14, 32)[None], 2)
    assert isinstance(pooled, torch.Tensor)
    return _small(pooled[0], colour.signed(pooled))


def packages() -> go.Figure:
    """Freshly drawn weights, kaiming_normal_."""
    weights = kaiming_normal_(torch.empty(7, 16), generator=torch.Generator().manual_seed(0))
    return _small(weights, colour.signed(weights))


def mlp() -> go.Figure:
    """How 112 hidden units of a fresh network see a wave."""
    start = network.initial_parameters(0, "kaiming normal", (112, 112, 10))
    hidden = network.forward(start, _wave().reshape(1, 112)).hidden.view(7, 16)
    return _small(hidden, colour.magnitude(hidden))
