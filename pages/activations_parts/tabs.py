"""Two tabs of the page on activations: a whole network layer by layer, and the slopes at exactly 0."""

from collections.abc import Sequence

import streamlit as st

from core.experiments import activations as runs
from core.experiments.activations import Activation
from core.experiments.depth import through_depth
from core.figures import activations as draw
from core.ui import board, controls
from core.words import _, say

NARROW, WIDE = 112, 150  # pixels of a control


def depth(f: Activation, seed: int) -> None:
    """Dead units, activations and gradients, layer by layer, against another activation."""
    with controls.row("depth"):
        layers = controls.slider("depth", "Layers", 2, 30, 15, width=NARROW)
        gain = controls.slider("gain", "Scale of the weights", 0.25, 2.0, 1.0, step=0.25, width=WIDE,
                               help="1 is Kaiming's: a standard deviation of √(2/units)")  # fmt: skip
        bias = controls.slider("bias", "Bias of every unit", -2.0, 1.0, -0.3, step=0.1, width=WIDE)
        others = tuple(name for name in runs.ACTIVATIONS if name != f.name)
        against = controls.choice(
            "against", "Against", others, "relu" if f.name == "leaky_relu" else "leaky_relu", width=WIDE
        )
    st.markdown(
        _(
            "A network whose weights are freshly drawn: 64 units a layer, 256 samples. A unit is **dead** where its output "
            "is 0 for every sample; through relu its weights get no gradient then. Read the three curves from left to right:"
        )
    )
    networks = {
        each.name: through_depth(each, layers, gain=gain, bias=bias, seed=seed) for each in (f, Activation(against))
    }
    board.show(
        *(draw.over_layers(measure, networks) for measure in draw.MEASURES),
        spelled="Layer {note:dead}: {list:dead} of the units are dead; standard deviation {list:std}; gradient {list:gradient}.",
        name="depth",
    )
    for measure in draw.MEASURES:
        for name, of in networks.items():
            zero = [k for k, layer in enumerate(of, 1) if getattr(layer, measure.key) == 0]
            if measure.log and zero:
                says = _(
                    "*{title}*: {name} is exactly 0 in {layers:|layer|layers} ({where}). A logarithmic axis has no place for 0, so these points are missing."
                )
                st.caption(
                    say(says, {"title": _(measure.title), "name": name, "layers": len(zero), "where": spans(zero)})
                )
    first, last, other = networks[f.name][0], networks[f.name][-1], networks[against][-1]
    st.markdown(say(
        "In layer {layers} **{last.dead:.0%}** of the units are dead with {f}, {other.dead:.0%} with {against}. A gradient "
        "of size {last.gradient} at the last layer has size **{first.gradient}** when it reaches the first.",
        {"layers": layers, "last": last, "other": other, "first": first, "f": f.name, "against": against},
    ))  # fmt: skip


def spans(numbers: Sequence[int]) -> str:
    """Whole numbers in rising order, runs shortened: 1–4, 7."""
    ends = [n for n in numbers if n + 1 not in numbers]
    starts = [n for n in numbers if n - 1 not in numbers]
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in zip(starts, ends, strict=True))


def at_zero(f: Activation) -> None:
    """Values and slopes at exactly 0, ours, torch's and the tutorial's."""
    found = runs.at_zero(f)
    names = {each.name: f"`{each.name}`" for each in found} | {"relu_textbook": _("the tutorial's relu")}
    corners = [names[each.name] for each in found if each.corner]
    st.markdown(say(
        "Where the slope right before 0 is another than right after it, the curve has a corner, and every number between "
        "the two would do as the slope there. Corners have {corners}: compare which one each of them takes. "
        "All others are smooth at 0, and only one slope is right.", {"corners": corners},
    ))  # fmt: skip
    head = _(
        "| | value at 0 | slope, manual | slope, torch | right before 0 | right after 0 |\n|:--|--:|--:|--:|--:|--:|\n"
    )
    row = "| {label} | {value} | **{slope}** | {by_torch} | {left} | {right} |"
    st.markdown(head + "\n".join(say(row, each, label=names[each.name]) for each in found))
