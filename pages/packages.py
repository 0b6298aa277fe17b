"""The packages: torch.utils.data, torch.nn, torch.nn.init and torch.optim, each by a small live run."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import streamlit as st
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, RandomSampler, SequentialSampler

from core.data import mnist
from core.figures import colour, curves
from core.figures.gallery import gallery
from core.figures.heatmap import Outline, Picture, number
from core.figures.loss_surface import contours
from core.ops import init
from core.ops import weight_decay as optim
from core.ops.operator import Call
from core.tensors.script import Script
from core.topics import Topic
from core.ui import check, controls, frame, pictures
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

PARTS = ("utils.data", "nn", "nn.init", "optim")
STEPS: dict[str, tuple[Callable[..., Any], dict[str, float]]] = {
    "SGD": (optim.sgd_step, {}),
    "SGD, momentum 0.9": (optim.sgd_step, {"momentum": 0.9}),
    "Adam": (optim.adam_step, {}),
    "AdamW, weight_decay 0.1": (optim.adamw_step, {"weight_decay": 0.1}),
}


class Digits(Dataset[tuple[int, Tensor, int]]):
    """The first shipped digits as a Dataset: a length, and an item for each index."""

    def __init__(self, count: int) -> None:
        self.images = mnist().train_images[:count]
        self.labels = mnist().train_labels[:count]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[int, Tensor, int]:
        return index, self.images[index], int(self.labels[index])


def batches(
    count: int, batch_size: int, shuffle: bool, drop_last: bool, seed: int
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """One epoch of a DataLoader: (indices, images, labels) of each batch."""
    generator = torch.Generator().manual_seed(seed)
    loader = DataLoader(Digits(count), batch_size, shuffle, drop_last=drop_last, generator=generator)
    return [(index, images, labels) for index, images, labels in loader]


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.row():
        part = controls.choice("part", "Package", PARTS)
        seed = controls.seed()
    if part == "utils.data":
        show_data(seed)
    elif part == "nn":
        show_nn()
    elif part == "nn.init":
        show_init(seed)
    else:
        show_optim()
    operator = next(o for o in topic.operators if o.name == "kaiming_normal_")
    if part == "nn.init":
        check.show(operator, Call((torch.empty(16, 16),)), seed)
    frame.below(topic, pitfalls=pitfalls(seed), questions=questions(seed), take=lambda: take(seed))


# ---- torch.utils.data ------------------------------------------------------------------------------------------


def show_data(seed: int) -> None:
    """Which sample lands in which batch, and the picked batch as images."""
    with controls.row("data"):
        count = controls.slider("count", "Samples", 4, 48, 20)
        batch_size = controls.slider("batch_size", "batch_size", 1, 16, 6)
        shuffle = controls.toggle("shuffle", "shuffle", True)
        drop_last = controls.toggle("drop_last", "drop_last")
        epoch = batches(count, batch_size, shuffle, drop_last, seed)
        picked = (controls.cell("batch", "Picked batch", (len(epoch),)) or (0,))[0] if epoch else 0
    if not epoch:
        st.info("No batch is full, and `drop_last` drops the one that is not: the epoch is empty.")
        return
    table = torch.full((len(epoch), batch_size), -1.0)
    for row, (index, _, _) in enumerate(epoch):
        table[row, : len(index)] = index.float()
    empty = [tuple(place) for place in (table < 0).nonzero().tolist()]
    texts = ["" if value < 0 else f"{value:g}" for value in table.flatten().tolist()]
    index, images, labels = epoch[picked]
    with st.container(horizontal=True, gap="medium"):
        picture = Picture(
            "batch", table, colour.identity(count), "samples: a batch a row, colour by index", [Outline([(picked, c) for c in range(len(index))])],
            texts=texts, muted=empty, pickable=True, picks=[str(row) for row in range(len(epoch)) for _ in range(batch_size)],
        )  # fmt: skip
        pictures.one(picture, min(40, 420 // max(batch_size, 8)), "batch", "batches")
        says = [f"sample {i}: a {digit}" for i, digit in zip(index.tolist(), labels.tolist(), strict=True)]
        pictures.show(
            gallery(images, says, [""] * len(says), across=4, pixel=2, title=f"batch {picked}"),
            f"Batch {picked}: " + ", ".join(says),
            key="images",
        )
    lost = count - sum(len(b) for b, _, _ in epoch)
    st.markdown(
        f"**Dataset**: `len` is {count}, `dataset[{int(index[0])}]` is an image and its label {int(labels[0])}. **Sampler**: "
        f"`{(RandomSampler if shuffle else SequentialSampler).__name__}` gives the indices' order. **DataLoader**: {len(epoch)} batches; images stacked to "
        f"{tuple(images.shape)}, labels {labels.tolist()}" + (f"; {lost} samples are dropped." if lost else ".")
        + " `num_workers=0` loads them in this process; n > 0 starts n processes that load ahead, in the same order."
    )  # fmt: skip


# ---- torch.nn --------------------------------------------------------------------------------------------------


def network(channels: int, kernel_size: int, hidden: int) -> nn.Sequential:
    """A small network for the digits."""
    side = (28 - kernel_size + 1) // 2
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel_size), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(channels * side * side, hidden), nn.ReLU(),
        nn.Linear(hidden, 10),
    )  # fmt: skip


def shapes(model: nn.Sequential, x: Tensor) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Each layer as it runs: its name, the shape that comes out, its parameters."""
    seen: list[tuple[str, tuple[int, ...], int]] = []

    def note(layer: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        seen.append((str(layer), tuple(output.shape), sum(p.numel() for p in layer.parameters())))

    hooks = [layer.register_forward_hook(note) for layer in model]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    yield from seen


def show_nn() -> None:
    """The layers of a small network, with shapes and parameters as it runs."""
    with controls.row("nn"):
        channels = controls.slider("channels", "Channels", 1, 16, 4)
        kernel_size = controls.slider("kernel_size", "kernel_size", 1, 9, 5)
        hidden = controls.slider("hidden", "Hidden units", 8, 128, 32, step=8)
        batch = controls.slider("n", "Batch", 1, 64, 8)
    x = mnist().train_images[:batch, None].float() / 255
    layers = list(shapes(network(channels, kernel_size, hidden), x))
    rows = [f"| layer | comes out | parameters |\n|---|---|---|\n| input | {tuple(x.shape)} | |"]
    rows += [f"| `{name}` | {shape} | {count:,} |" for name, shape, count in layers]
    total = sum(count for _, _, count in layers)
    st.markdown("\n".join(rows) + f"\n| **together** | | **{total:,}** |")
    names = [name.split("(")[0] for name, _, _ in layers]
    labels = [f"{i} {name}" for i, name in enumerate(names)]
    with st.container(horizontal=True, gap="xsmall"):
        pictures.show(
            curves.bars({"parameters": (labels, [float(c) for _, _, c in layers])}, curves.Axis(), curves.Axis("parameters"), title="Where the parameters are"),
            "Parameters of each layer: " + ", ".join(f"{n} {c:,}" for n, (_, _, c) in zip(names, layers, strict=True)), key="parameters", width=440,
        )  # fmt: skip
        sizes = [float(torch.Size(shape).numel() // batch) for _, shape, _ in layers]
        pictures.show(
            curves.bars({"numbers a sample": (labels, sizes)}, curves.Axis(), curves.Axis("numbers"), title="What flows through, a sample"),
            "Numbers a sample after each layer: " + ", ".join(f"{n} {int(s):,}" for n, s in zip(names, sizes, strict=True)), key="numbers", width=440,
        )  # fmt: skip


# ---- torch.nn.init ---------------------------------------------------------------------------------------------


def show_init(seed: int) -> None:
    """Activations through depth for a scheme, beside another."""
    schemes = tuple(init.SCHEMES)
    with controls.row("init"):
        scheme = controls.choice("scheme", "Scheme", schemes, "kaiming normal")
        other = controls.choice("other", "Beside it", schemes, "normal 0.01")
        activation = controls.choice("activation", "Activation", tuple(init.ACTIVATIONS), "relu")
        depth = controls.slider("depth", "Depth", 1, 20, 8)
        width = controls.slider("width", "Width", 16, 128, 64, step=16)
    runs = {
        name: list(init.activations_through_depth(name, depth, width, activation, seed, 64))
        for name in dict.fromkeys((scheme, other))
    }
    with st.container(horizontal=True, gap="xsmall"):
        deep = {name: ([f.layer for f in facts], [f.activation_std for f in facts]) for name, facts in runs.items()}
        pictures.show(
            curves.lines(deep, curves.Axis("layer"), curves.Axis("std", log=True), title="Spread of the activations", markers=True),
            "Standard deviation of the activations in the last layer: " + ", ".join(f"{n} {number(f[-1].activation_std)}" for n, f in runs.items()),
            key="spread", width=300,
        )  # fmt: skip
        for what, key in (("weights", "weight_histogram"), ("activations", "activation_histogram")):
            facts = runs[scheme][-1]
            found = facts.weights if what == "weights" else facts.activations
            step = (found.high - found.low) / len(found.counts)
            places = [found.low + (i + 0.5) * step for i in range(len(found.counts))]
            pictures.show(
                curves.bars({what: (places, [float(c) for c in found.counts])}, curves.Axis(what), curves.Axis("how many"), title=f"{scheme}: {what}, layer {depth}", overlay=True),
                f"Histogram of the {what} of layer {depth} under {scheme}, from {number(found.low)} to {number(found.high)}.", key=key, width=290,
            )  # fmt: skip
    last = runs[scheme][-1]
    fan_in, fan_out = init.fan_in_and_fan_out(torch.empty(width, width))
    st.markdown(
        f"fan in {fan_in}, fan out {fan_out}. Under {scheme} the weights have standard deviation {number(last.weight_std)}; after {depth} layers of {activation} "
        f"the activations have **{number(last.activation_std)}**, and {last.zeros:.0%} are 0. Kaiming makes the spread stay for relu, Xavier for tanh near 0."
    )


# ---- torch.optim -----------------------------------------------------------------------------------------------


def show_optim() -> None:
    """Paths of four optimisers on one surface."""
    with controls.row("optim"):
        surface = controls.choice("surface", "Surface", tuple(optim.SURFACES), "valley", few=5)
        lr = float(controls.stops("lr", "lr", ("0.001", "0.003", "0.01", "0.03", "0.1", "0.3"), "0.03"))
        steps = controls.slider("steps", "Steps", 5, 100, 40, step=5)
        x0 = controls.slider("x0", "Start x", -2.0, 2.0, -1.5, step=0.1)
        y0 = controls.slider("y0", "Start y", -2.0, 2.0, 0.8, step=0.1)
    axis = torch.linspace(-2.2, 2.2, 45, dtype=torch.float64)
    grid_x, grid_y = torch.meshgrid(axis, axis, indexing="xy")
    figure = contours(axis, axis, optim.SURFACES[surface](grid_x, grid_y), ("x", "y"), title=surface)
    ends = []
    for i, (name, (step, options)) in enumerate(STEPS.items()):
        path = list(optim.path(surface, (x0, y0), step, steps, lr=lr, **options))
        line = {"color": curves.SERIES[i], "width": 2, "dash": curves.DASHES[i]}
        xs, ys = [round(p.x, 4) for p in path], [round(p.y, 4) for p in path]
        dots = {"size": 4, "color": curves.SERIES[i]}
        figure.add_scatter(x=xs, y=ys, mode="lines+markers", name=name, line=line, marker=dots)
        ends.append((name, path[-1], len(path) - 1))
    inside = {"range": [-2.2, 2.2], "fixedrange": True}
    legend = {"orientation": "h", "y": -0.16, "yanchor": "top", "x": 0}
    figure.update_layout(xaxis=inside, yaxis=inside, showlegend=True, width=520, height=460, legend=legend)
    with st.container(horizontal=True, gap="medium"):
        pictures.show(
            figure,
            f"Paths on the {surface}: " + "; ".join(f"{n} ends at ({p.x:.3g}, {p.y:.3g})" for n, p, _ in ends),
            key="paths",
        )
        rows = ["| | steps | ends at | height |", "|---|---|---|---|"]
        rows += [
            f"| {n} | {k}{' (left the finite)' if k < steps else ''} | ({p.x:.3g}, {p.y:.3g}) | **{number(p.height)}** |"
            for n, p, k in ends
        ]
        st.markdown("\n".join(rows), width=360)


# ---- pitfalls, questions, take away ----------------------------------------------------------------------------


def pitfalls(seed: int) -> list[Pitfall]:
    """What people believe of the packages."""
    return [
        Pitfall("The tutorial: torch.nn “defines layers”, so a layer is its formula", layers_hold_state),
        Pitfall("`shuffle=True` gives the same order in every epoch with one seed", lambda: epochs_differ(seed)),
        Pitfall("Dropping the last batch loses nothing", lambda: last_batch(seed)),
        Pitfall("All weights 0 is a neutral start", lambda: zeros_never_break(seed)),
        Pitfall("With one lr, optimisers take steps of one size", first_steps),
    ]


def layers_hold_state() -> None:
    """Parameters, buffers and training mode of three layers."""
    rows = [
        f"{type(layer).__name__}: {sum(p.numel() for p in layer.parameters())} parameters, {len(list(layer.buffers()))} buffers"
        for layer in (nn.Linear(4, 3), nn.BatchNorm1d(4), nn.Dropout())
    ]
    st.markdown(
        "A layer is a formula **and** what it keeps: "
        + "; ".join(rows)
        + f". And `training` = {nn.Dropout().training} until `eval()`. The formulas are in `torch.nn.functional`."
    )


def epochs_differ(seed: int) -> None:
    """Two epochs of one loader."""
    loader = DataLoader(Digits(8), 8, shuffle=True, generator=torch.Generator().manual_seed(seed))
    first, second = (next(iter(loader))[0].tolist() for _ in range(2))
    st.markdown(
        f"Two epochs of one loader: {first}, then {second}. The generator goes on; a new loader with the seed starts again with the first."
    )


def last_batch(seed: int) -> None:
    """Samples never seen in one epoch."""
    epoch = batches(20, 6, True, True, seed)
    seen = {i for index, _, _ in epoch for i in index.tolist()}
    st.markdown(
        f"20 samples in batches of 6: {sorted(set(range(20)) - seen)} are not seen in this epoch. In evaluation that is wrong; in training another epoch shuffles anew."
    )


def zeros_never_break(seed: int) -> None:
    """Gradients of a hidden layer that starts at 0."""
    model = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 2))
    for p in model.parameters():
        init.constant_(p, 0.0)
    (model(torch.randn(5, 4, generator=torch.Generator().manual_seed(seed))) - 1).pow(2).sum().backward()
    grads = [number(p.grad.abs().max().item()) for p in model.parameters() if p.grad is not None]
    st.markdown(
        f"Largest gradients of a network that starts at 0 (weight, bias, weight, bias): {', '.join(grads)}. Only the last bias learns: each layer's gradient passes through weights of 0. With equal numbers other than 0, equal units stay equal; random numbers break the symmetry."
    )


def first_steps() -> None:
    """The length of the first step of each."""
    moved = []
    for name, (step, options) in STEPS.items():
        a, b = list(optim.path("valley", (1.0, 1.0), step, 1, lr=0.01, **options))
        moved.append(f"{name}: {number(((a.x - b.x) ** 2 + (a.y - b.y) ** 2) ** 0.5)}")
    st.markdown(
        "First step from (1, 1) in the valley, lr = 0.01: "
        + "; ".join(moved)
        + ". SGD's is lr times the gradient; Adam's is about lr along every axis, however steep."
    )


def questions(seed: int) -> list:
    """Questions on the four packages."""

    def count(draw: random.Random) -> Question:
        n, size, drop = draw.randint(5, 40), draw.randint(2, 9), draw.random() < 0.5
        found = len(batches(n, size, False, drop, seed))
        return Question(
            f"{n} samples, batch_size={size}, drop_last={drop}: how many batches?",
            str(found),
            f"{n} / {size} rounded {'down' if drop else 'up'}.",
        )

    def parameters(draw: random.Random) -> Question:
        layer = draw.choice(
            (
                nn.Linear(draw.randint(2, 9), draw.randint(2, 9)),
                nn.Conv2d(draw.randint(1, 4), draw.randint(1, 8), 3),
                nn.ReLU(),
            )
        )
        return Question(
            f"How many parameters has `{layer}`?",
            str(sum(p.numel() for p in layer.parameters())),
            "Weights and biases: " + (", ".join(str(tuple(p.shape)) for p in layer.parameters()) or "none") + ".",
        )

    def spread(draw: random.Random) -> Question:
        fan_in = draw.choice((32, 50, 128, 200))
        return Question(
            f"kaiming_normal_ for relu, fan in {fan_in}: which standard deviation?", f"{init.calculate_gain('relu') / fan_in**0.5:.4g}",
            "gain / √fan_in, and the gain of relu is √2.", tolerance=0.02,
        )  # fmt: skip

    return [count, parameters, spread]


def take(seed: int) -> TakeAway:
    """Weights drawn by hand and by torch, as a script."""
    script = Script(
        "Initial weights", {"empty": torch.zeros(8, 8)}, (init.kaiming_normal_,),
        ("weights = kaiming_normal_(empty.clone(), nonlinearity='relu')",), ("weights",),
        {"weights": "torch.nn.init.kaiming_normal_(empty.clone(), nonlinearity='relu')"}, seed,
    )  # fmt: skip
    return TakeAway(script, {})


frame.page("packages", lesson)
