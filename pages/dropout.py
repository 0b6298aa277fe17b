"""Dropout: input, mask and output side by side, and what the mask does to mean, variance and gradient."""

import streamlit as st
import torch

from core.figures import colour, curves
from core.figures.heatmap import Outline, Picture, number
from core.ops import dropout as ops
from core.ops.operator import Call
from core.ui import check, controls, frame, pictures

topic = frame.open_topic("dropout")
(DROPOUT,) = topic.operators


def masked(x: torch.Tensor, p: float, training: bool, seed: int) -> ops.DropoutSteps:
    torch.manual_seed(seed)
    return ops.dropout_steps(x, p, training)


def gradient(x: torch.Tensor, p: float, training: bool, seed: int) -> torch.Tensor:
    """The gradient of the sum of the output: what arrives at each input when 1 comes from above."""
    leaf = x.clone().requires_grad_()
    torch.manual_seed(seed)
    ops.dropout(leaf, p, training).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def running_means(x: torch.Tensor, p: float, repeats: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of the output over the first 1, 2, … masks, averaged over the cells."""
    torch.manual_seed(seed)
    outputs = ops.dropout(x.expand(repeats, *x.shape), p).flatten(1)  # (repeats, cells)
    count = torch.arange(1, repeats + 1)[:, None]
    mean = outputs.cumsum(0) / count
    square = (outputs**2).cumsum(0) / count
    return mean.mean(1), (square - mean**2).mean(1)


@st.fragment
def lesson() -> None:
    with controls.row():
        p = controls.slider("p", "p: chance of zero", 0.0, 1.0, 0.5, step=0.05)
        size = controls.slider("size", "Size", 2, 16, 6)
        repeats = controls.slider("repeats", "Masks to average", 10, 1000, 200, step=10)
        seed = controls.seed()
        mode = controls.choice("mode", "Mode", ["train", "eval"])
    training = mode == "train"
    x = torch.randn(size, size, generator=torch.Generator().manual_seed(seed)).round(decimals=2)
    steps = masked(x, p, training, seed)
    grad = gradient(x, p, training, seed)
    scale = colour.signed(x, steps.output)
    with controls.row():
        cell = controls.cell("cell", "Picked cell", x.shape)
    outlines = [Outline([cell])] if cell else []
    mask = Picture("mask", steps.mask.float(), colour.magnitude(torch.ones(1)), f"kept, × {number(steps.scale)}",
                   outlines=outlines, pickable=True)  # fmt: skip
    pictures.equation(
        Picture("x", x, scale, "input", outlines=outlines, pickable=True), "⊙", mask, "=",
        Picture("y", steps.output, scale, "output", outlines=outlines, pickable=True), "←",
        Picture("grad", grad, colour.signed(grad), "gradient for 1 from above", outlines=outlines, pickable=True),
        picks=dict.fromkeys(("x", "mask", "y", "grad"), "cell"),
    )  # fmt: skip
    if cell:
        kept = "kept" if steps.mask[cell] else "dropped"
        st.markdown(
            f"`y[{cell[0]}, {cell[1]}]` = {number(x[cell].item())} · {int(steps.mask[cell])} · "
            f"{number(steps.scale)} = **{number(steps.output[cell].item())}** ({kept})"
        )
    check.show(DROPOUT, Call((x,), {"p": p, "training": training}), seed)
    frame.below(topic)


lesson()
