"""The two-layer network by hand: trained live beside torch.nn's, seen from pixel to probability, and backward."""

from typing import Any

import streamlit as st

from core.experiments import mlp
from core.experiments import mlp_lesson as runs
from core.experiments.mlp_lesson import OwnImage, Seen
from core.figures import mlp as draw
from core.figures.mlp import GRID, PIXEL
from core.tensors.digits import SIDE
from core.tensors.limits import Limits
from core.topics import Topic
from core.ui import board, check, controls, drawing, frame, link, share, state, tensor_input, training
from core.ui.board import At
from core.ui.frame import Try
from core.ui.training import Run, Setup
from core.words import N_, _, say
from pages.mlp_parts import take_away
from pages.mlp_parts.beliefs import pitfalls, questions
from pages.mlp_parts.tabs import backward, first_layer, mistakes, small_walk, starts

LIMITS = Limits(ranks=(2,), max_side=28, max_elements=784)
RATES = (0.01, 0.05, 0.1, 0.2, 0.5, 1.0)
BATCHES = (32, 64, 128, 256, 512)
SAMPLES = (500, 2000, 8000)
LABEL = 28  # pixels over a control
NARROW = 96  # pixels of a slider


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        own = choose_own()
        which = 0 if own else controls.number("image", "Test image", 0, len(mlp.digits(1).y_test) - 1, 0)
        scheme = controls.choice("scheme", "Start", runs.SCHEMES, width=165)
        lr = controls.stops("lr", "Learning rate", RATES, 0.5, format=lambda v: f"{v:g}", width=NARROW)
        epochs = controls.slider("epochs", "Epochs", 1, 20, 8, width=NARROW)
        start = beside_labels()
    with controls.more():
        image, label, converted = choose_image(which)
        batch_size = controls.stops("batch_size", "Batch size", BATCHES, 128, width=NARROW)
        samples = controls.stops("train", "Training images", SAMPLES, 8000, width=NARROW)
        seed = controls.seed()
        cell = controls.cell("unit", "Picked hidden unit", (GRID, GRID))
    setup = Setup(scheme=scheme, lr=lr, batch_size=batch_size, epochs=epochs, samples=samples, seed=seed)
    with start:
        training.buttons(setup)
    busy = training.watch(lambda run: show_live(run, image, label))
    run = training.runs().get(setup)
    trained = run is not None and run.step > 0
    say_what_stays(trained)
    net = run.ours if run and trained else runs.start_of(seed, scheme)
    seen = Seen(net, image, label, cell[0] * GRID + cell[1] if cell else runs.strongest(net, image))
    if not busy:
        through_the_network(seen)
        if converted:
            st.markdown(says_conversion(converted))
        training.where(setup)
        check.say("network", runs.by_hand_and_by_torch(net))
        if run and trained:
            show_training(run)
    frame.below(
        topic,
        pitfalls=pitfalls(seen, seed, lr),
        walk=lambda: small_walk(seed),
        questions=questions(seen, setup, BATCHES),
        take=lambda: take_away.of_trained(seen) if trained else take_away.of_start(seen, setup),
        tries=TRIES,
        more={
            "First layer": lambda: first_layer(seen),
            "Backward": lambda: backward(seen),
            "Starts": lambda: starts(setup),
            "Mistakes": lambda: mistakes(net),
        },
        functions=(mlp.initial_parameters, mlp.train),
    )


TRIES = (
    Try("All weights zero", "scheme=zeros", "Every hidden unit is 0, and so every class has probability 1/10. Press "
        "*Train*: of which parameters does the network make use then, and how many test images does it get right?"),
    Try("A start too large", "scheme=normal 1", "The logits are in the hundreds, so softmax puts nearly everything on one "
        "class before anything was learnt, and a wrong guess costs a lot. Press *Train* and look at the first losses."),
    Try("Kaiming's start", N_("scheme=kaiming normal"), "Its weights are five and nine times as large as the tutorial's. Press "
        "*Train* here and with *normal 0.01*: in the tab *Starts* the two curves lie over each other. Which rises first?"),
    Try("Few images, many epochs", "epochs=20&train=500", "Press *Train*: the network comes to know nearly all of its 500 "
        "training images. How far below stay the test images, which it has never seen?"),
)  # fmt: skip


# ---- what goes in ----------------------------------------------------------------------------------------------


def choose_own() -> bool:
    """The pad to draw on, and whether the image is the reader's own: typed, drawn, uploaded."""
    with beside_labels():
        pad = st.popover(_("Draw a digit"), icon=":material/draw:", key="pad", on_change="rerun")
    if pad.open:
        with pad:
            drawing.show("drawn", lambda drawn: tensor_input.hold("x", drawn))
            st.caption(_("After each stroke the network says what it sees."))
    return tensor_input.source("x") != "example"


def beside_labels() -> Any:
    """Where buttons stand in line with the controls beside them, which have labels above."""
    column = st.container(width="content", gap=None)
    column.space(LABEL)
    return column.container(horizontal=True, width="content")


def choose_image(which: int) -> tuple[Any, int | None, OwnImage | None]:
    """This image of the test set with its label, or the reader's own and what was done to it."""
    of = mlp.digits(1)
    example = of.X_test[which].view(SIDE, SIDE)
    given = tensor_input.tensor("x", "Image", example, LIMITS, images=True)
    if tensor_input.source("x") == "example" or runs.same(given, example):  # the example stays where the own is refused
        return example, int(of.y_test[which]), None
    as_mnist = controls.toggle("centre", "Centre it as MNIST does", True, help="Ink into 20×20, its mass in the middle")
    converted = runs.own_image(given, as_mnist)
    return converted.image, None, converted


def says_conversion(found: OwnImage) -> str:
    """What was done to the reader's image before the network sees it."""
    done = [_("its numbers are taken as float32 from 0 (background) to 1 (ink)")]
    done += [_("all are divided by 255")] if found.divided else []
    out = _("{cut:|number lies outside that range and is|numbers lie outside that range and are} cut to it")
    done += [out] if found.cut else []
    done += [_("it is put in the middle of 28×28")] if found.enlarged else []
    done += [_("its ink is scaled and centred as MNIST's digits are")] if found.moved else []
    return say(_("Your image came as {dtype} of shape {shape}: ") + "; ".join(done) + ".", found)


def say_what_stays(trained: bool) -> None:
    """What *Share* has to say: the link has the settings of a training, not its outcome."""
    state.own()[share.STAYS] = (
        _("the training is not in the link. Whoever opens it sees the network before its first step; *Train* there takes "
        "the same steps to the same numbers.") if trained else ""
    )  # fmt: skip


# ---- the boards ------------------------------------------------------------------------------------------------


def through_the_network(seen: Seen, *, live: bool = False) -> None:
    """Image → hidden units → logits → probabilities; while it is trained nothing is to be picked."""
    zoom = board.PROJECTED if link.projector() else 1
    pixel = PIXEL if zoom == 1 else PIXEL + 1  # more would push the weights below off a projector's screen
    parts: list[board.Part] = [
        draw.image(seen, pixel), "⊙", draw.weights_of(seen.unit, seen.net.W1, pixel), "→", draw.hidden(seen, zoom), "→",
    ]  # fmt: skip
    ends: list[board.Part] = [
        draw.logits(seen, zoom), draw.probabilities(seen, zoom), board.Words(verdict(seen)),
    ]  # fmt: skip
    board.show(
        *(At(1, column, part, rows=len(ends)) for column, part in enumerate(parts, start=1)),
        *(At(row, len(parts) + 1, part) for row, part in enumerate(ends, start=1)),
        At(len(ends) + 1, 1, draw.second_layer(seen.net, zoom), columns=len(parts) + 1),
        spelled=draw.network_spelled(seen), picks={} if live else {"hidden": "unit", "W2": look_at_unit},
        pinned=("hidden", divmod(seen.unit, GRID)), name="network",
    )  # fmt: skip


def look_at_unit(weight: str) -> None:
    """Make the unit that this weight of W2 (class, row, column) starts from the picked one."""
    st.session_state["unit"] = weight.split(", ", 1)[1]


def verdict(seen: Seen) -> str:
    """What the network says of the image, and what it costs."""
    share_of = {"p": seen.probabilities[seen.predicted].item()}
    if seen.loss is None:
        return say("Predicted {predicted} ({p})", seen, **share_of)
    right = _("right") if seen.predicted == seen.label else _("wrong")
    return say("Predicted {predicted} ({p}): {right}, loss {loss}", seen, right=right, **share_of)


def show_live(run: Run, image: Any, label: int | None) -> None:
    """A training under way: what the network makes of the image by now, and its curves."""
    through_the_network(Seen(run.ours, image, label, runs.strongest(run.ours, image)), live=True)
    show_training(run)


def show_training(run: Run) -> None:
    """Loss and accuracy so far, of both networks, and how equal they are."""
    losses, measured = run.losses[:], run.measured[:]
    if not losses or not measured:
        return
    board.show(draw.losses(losses), draw.accuracies(measured), name="training")
    found = runs.together(losses, run.ours, run.theirs, measured[-1])
    st.markdown(say(says_together(found), found))


def says_together(found: runs.Together) -> str:
    """How equal the network by hand and torch.nn's are, and whether the training runs away."""
    away = (
        _("**The training diverges**: at step {diverged} the loss passes {bound}, ten times what guessing costs or what it "
        "began with. A smaller learning rate or a smaller start keeps it down. ") if found.diverged else ""
    )  # fmt: skip
    if found.loss == found.weights == 0:
        equal = _("By hand and by `torch.nn`, all {steps} losses and all weights are equal to the last bit.")
    else:
        equal = _(
            "Over {steps} steps the losses by hand and by `torch.nn` differ by at most **{loss}**, their weights now by "
        )
        equal += _("at most **{weights}**: `X·W` and `x·Wᵀ` add up in another order, and float32 rounds.")
    return (
        away
        + equal
        + _(" After step {step}, **{test:.4g}** of the test images are right by hand, ")
        + ("**{test_of_torch:.4g}** with `torch.nn`.")
    )


frame.page("mlp", lesson)
