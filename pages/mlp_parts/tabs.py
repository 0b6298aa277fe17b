"""The page's own tabs: the first layer, backward, the starts beside each other, the mistakes; and the walk through backward."""

import streamlit as st

from core.experiments import mlp
from core.experiments import mlp_lesson as runs
from core.experiments.mlp import Parameters
from core.experiments.mlp_lesson import Seen
from core.figures import colour
from core.figures import mlp as draw
from core.figures.walk import record
from core.ui import board, controls, link, training, walk
from core.ui.training import Setup
from core.words import _, say, spelled


def first_layer(seen: Seen) -> None:
    """The weights into those hidden units that the second layer uses most, as images, and where those units go."""
    reach, images, units, weights = draw.first_layer(seen)
    places = [int(j) for j in runs.strongest_units(seen.net)]
    st.markdown(
        say(
            "**What the first layer looks for**: the weights into the {n} hidden units that the second layer uses most, as "
            "images from :blue[−{reach}] to :orange[{reach}], and beside them each unit's weights to the ten classes. A "
            "click looks at that unit above.", {"n": len(places), "reach": reach},
        )
    )  # fmt: skip
    board.show(
        images, "", units, "·", weights,
        spelled={
            "weights": "{note:units} is {unit} for this image; its weight to the class is **{weights}**.",
            "": "{note:units} is **{unit}** for this image; its weights to the classes 0 … 9 are {list:weights}.",
        },
        picks=dict.fromkeys(("units", "unit", "weights"), "unit"), name="first layer",
        pinned=("units", (places.index(seen.unit),)) if seen.unit in places else None,
    )  # fmt: skip


def backward(seen: Seen) -> None:
    """The chain rule on the image on screen, last step first."""
    label = seen.predicted if seen.label is None else seen.label
    if seen.label is None:
        label = controls.choice("label", "What it should be", tuple(range(mlp.CLASSES)), seen.predicted)
    found, pixel = runs.through_unit(seen, label), int(draw.PIXEL * (board.PROJECTED if link.projector() else 1))
    d_logits, d_hidden, d_pre, dW1 = draw.backward(seen, label)
    board.show(
        d_logits, board.BREAK, d_hidden, "→", d_pre, "→", draw.image(seen, pixel), "·",
        draw.weights_of(seen.unit, dW1, pixel, "dW1", "d W1"),
        spelled=draw.backward_spelled(seen, found.passed), picks=dict.fromkeys(("dhidden", "dpre"), "unit"),
        pinned=("dpre", divmod(seen.unit, draw.GRID)), name="backward",
    )  # fmt: skip
    st.markdown(say(says_through(found), found))


def says_through(found: runs.Through) -> str:
    """The way of the gradient through the picked unit."""
    if found.total != found.total:
        return _("This network has diverged: its logits are NaN, and so is every gradient.")
    return _(
        "Start at the top: the gradient of a class's logit is its probability, and one less for the true class. What the "
        "true class is to gain, the others are to lose: their sum is {total}, and is 0 but for rounding. Unit {unit} "
        "receives {arrived}, and **{passed}** passes its ReLU; times each pixel that is the gradient of the pixel's weight. "
        "Of {units} units {through:|lets|let} a gradient through."
    )


def starts(setup: Setup) -> None:
    """What each start gives on the first batch, and the trainings of this session beside each other."""
    head = ("start", "std W1", "std W2", "std x·W1 + b", _("std logits"), "loss", "‖∇W1‖", "‖∇W2‖")
    row = "{W1} | {W2} | {pre} | {logits} | {loss} | {gradient1} | {gradient2} |"
    lines = ["| " + " | ".join(head) + " |", "|:--|" + "--:|" * (len(head) - 1)]
    lines += [f"| {name} | " + say(row, runs.facts_of_start(setup.seed, name)) for name in runs.SCHEMES]
    st.markdown(
        say(
            "Each start before the first step, on {batch} images. Look at the loss first: a network that guesses pays log 10 = {equal_probabilities}, and a good start pays about that. Then at the gradients: where they are tiny, the first steps are too.\n\n",
            batch=runs.BATCH,
            equal_probabilities=spelled(runs.equal_probabilities()),
        )
        + "\n".join(lines)
    )
    found = {str(run.setup): run.measured[:] for run in training.runs().values() if len(run.measured) > 1}
    if found:
        board.show(draw.trainings(found), name="starts")
    else:
        st.info(_("Train with one start, then with another: their curves are laid over each other here."))


def mistakes(net: Parameters) -> None:
    """Test images that the network gets wrong, to be picked."""
    found, of = runs.mistakes(net), mlp.digits(1)
    st.markdown(
        say(
            _("The network on screen takes **{count} of {samples}** test images for another class. ")
            + (_("The first {shown} of them; a click looks at one above:") if found.count else ""),
            found, shown=min(found.count, draw.SHOWN),
        )
    )  # fmt: skip
    if found.count:
        pictures = draw.mistakes(found, of.X_test, of.y_test)
        board.show(pictures, spelled="{note:mistakes}", picks={"mistakes": look_at}, name="mistakes")


def look_at(image: str) -> None:
    """Make this test image the one on screen, also where the reader's own stood there."""
    st.session_state["image"] = int(image)
    st.session_state["x_from"] = "example"


def small_walk(seed: int) -> None:
    """`backward`, line by line, on a network small enough to read."""
    st.caption(
        _("`backward`, the function that trains above, on 3 samples and a network of 4 inputs, 5 units, 3 classes.")
    )
    net, X, y = runs.small_network(seed)
    forward = mlp.forward(net, X)
    panels = ("X", "d_logits", "d_hidden", "d_hidden_pre")
    steps = record(mlp.backward, net, X, y, forward, panels=panels)
    gradients = mlp.backward(net, X, y, forward)
    scale = colour.signed(gradients.logits, gradients.hidden)
    walk.show(steps, {"X": colour.signed(X), **dict.fromkeys(panels[1:], scale)}, key="walk")
