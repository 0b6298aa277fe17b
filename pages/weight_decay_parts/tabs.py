"""Three tabs of the page on weight decay: where the decay enters, what Adam makes of it, and all λ."""

import streamlit as st

from core.experiments import weight_decay as runs
from core.experiments.weight_decay import Setting
from core.figures import weight_decay as draw
from core.ui import board, controls
from core.words import N_, _, say


def places(lambd: float, setting: Setting) -> None:
    """Every place where the decay can enter, and how far from each other the weights end."""
    found = runs.places(lambd, setting)
    st.markdown(
        _(
            "The penalty λ/2·‖w‖² in the loss has the gradient λ·w. `weight_decay=λ` adds the same λ·w to the gradient, in `SGD` "
            "and in `Adam`. `AdamW` leaves the gradient alone and shrinks w itself, by the factor 1 − lr·λ. Which of the five lines coincide?"
        )
    )
    left, right = st.columns(2)
    with left:
        board.show(draw.places(found), spelled="{note:places}: ‖w‖ = **{places}**", name="places")
    with right:
        row = "| {name} | {place.run.last.weight_norm} | **{place.apart}** |"
        rows = [say(row, {"name": _(name), "place": place}) for name, place in found.items()]
        st.markdown(
            _("| | ‖w‖ | farthest from the same optimiser with the penalty in the loss |\n|:--|--:|--:|\n")
            + "\n".join(rows)
        )
    why = _(
        "SGD multiplies the gradient by lr alone, so it shrinks w by the factor 1 − lr·λ, whoever adds the λ·w. Adam "
        "divides by the running size of the gradient, λ·w included: only there it matters who decays."
    )
    st.markdown(
        why
        if lambd
        else say("λ is 0: nothing decays, and every line of one optimiser is the same. Move λ. {why}", why=why)
    )


def two_weights(lambd: float, lr: float) -> None:
    """Two weights of 1 whose gradients push to and fro, one hard and one softly: what is left of them by decay."""
    with controls.row("two"):
        large = controls.stops("large", "Gradient of the first weight ±", (1.0, 10.0, 100.0), 100.0, format=str)
        small = controls.stops("small", "Gradient of the second ±", (0.01, 0.1, 1.0), 0.01, format=str)
    st.markdown(
        _(
            "Two weights of 1. The gradient of each changes its sign at every step, so that in the long run only the decay is left. What remains of either?"
        )
    )
    found = runs.two_weights((large, small), lambd, lr)
    board.show(draw.paths(found, (large, small)), spelled="{note:paths}: **{paths}**", name="two weights")
    said = {"adam": found.adam[-1].tolist(), "adamw": found.adamw[-1].tolist(), "steps": len(found.adam) - 1,
            "alone": found.alone, "lambd": lambd, "lr": lr}  # fmt: skip
    st.markdown(say(_(NOTHING if not lambd else SPARED if found.spared else ALIKE) + _(BY_ADAMW), said))


SPARED = N_(
    "With weight_decay = {lambd} and lr = {lr}, Adam leaves **{adam[0]}** of the weight with the large gradients and **{adam[1]}** of the other: it divides λ·w by the size of the gradients, so a weight with large ones hardly decays. "
)
ALIKE = N_(
    "With weight_decay = {lambd} and lr = {lr}, Adam leaves **{adam[0]}** and **{adam[1]}**: the two gradients are too much alike to tell the weights apart. "
)
NOTHING = N_("λ is 0, so nothing decays: Adam leaves **{adam[0]}** and **{adam[1]}**. Move λ. ")
BY_ADAMW = N_(
    "AdamW leaves **{adamw[0]}** and **{adamw[1]}**, whatever the gradients' size: decay alone would leave (1 − lr·λ)^{steps} = {alone}, and the rest is the push of the gradients."
)


def all_lambdas(optimiser: str, setting: Setting) -> None:
    """Training and test loss over λ, where the runs end and where endless steps would lead."""
    found = runs.sweep(optimiser, setting)
    board.show(
        draw.sweep(found), spelled="{note:sweep}: loss **{sweep}**; a click sets this λ", picks={"sweep": set_lambda},
        name="sweep",
    )  # fmt: skip
    said = [
        DIVERGE if found.diverged else "", SMALLEST if len(found.diverged) < len(found.lambdas) else "",
        ENDLESS if found.minimum else NO_END, REVERSED if found.reversed else "",
    ]  # fmt: skip
    st.markdown(say(" ".join(_(each) for each in said if each), found, lost=found.diverged))


DIVERGE = N_("The runs with λ = {lost} diverge at this learning rate and are left out.")
SMALLEST = N_(
    "After {steps:|step|steps} the training loss is smallest with λ = {train_best}, the test loss with λ = **{test_best}**, where it is {smallest}."
)
ENDLESS = N_("Endless steps would lead to the smallest test loss, {smallest_minimum}, with λ = **{minimum_best}**.")
REVERSED = N_(
    "So these runs are not at their end, and a large λ has only been faster: in each step it shrinks what was drawn by the factor 1 − lr·λ."
)
NO_END = N_(
    "AdamW's decay is not the gradient of a penalty, so there is no minimum to say where endless steps would lead."
)


def set_lambda(said: str) -> None:
    """Take the λ of a clicked point."""
    st.session_state["lambd"] = float(said)
