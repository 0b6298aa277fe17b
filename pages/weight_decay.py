"""Weight decay: few samples and many features, with and without it, in the loss and in the optimiser."""

import random

import streamlit as st

from core.experiments import weight_decay as runs
from core.experiments.regression import make_regression, regression_run
from core.experiments.weight_decay import Outcome, Run, Setting
from core.figures import weight_decay as draw
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, check, controls, frame, walk
from core.ui.frame import Try
from core.ui.predict import Draw, Question
from core.ui.take_away import TakeAway
from core.words import N_, _, say
from pages.weight_decay_parts.pitfalls import pitfalls
from pages.weight_decay_parts.tabs import all_lambdas, places, two_weights

RATES, STEPS = (0.003, 0.01, 0.03, 0.1), (1, 2, 5, 10, 20, 40, 100, 200)
NARROW = 140  # pixels of a slider: two in a row on a phone
TRIES = (
    Try("No decay at all", "lambd=0",
        "One run is left. Its training loss falls to nearly nothing, its test loss does not: 20 samples leave 180 directions of w as they were drawn. How far from the true ‖w‖ does it end?"),
    Try("Samples enough", "n_train=200&inputs=10&lr=0.1&epochs=200",
        "200 samples pin all 10 weights down. Now the run with decay ends with the larger loss, in training and in the test, and with weights that are too small: decay helps where the samples leave w free. How many samples does it take here until λ = 3 does harm?"),
    Try("Too large a learning rate", "n_train=5&lr=0.1",
        "Both losses grow with each step, and the runs are stopped. Which bound has the learning rate crossed, and does decay raise that bound or lower it?"),
    Try("Who decays, in Adam?", "optimiser=Adam&lambd=1&tab=Adam and AdamW",
        "Two weights start at 1, one with large gradients and one with small ones. Which of the two does Adam's decay hardly touch, and how do both fare with AdamW?"),
    Try("Which λ is best?", "epochs=40&tab=All λ",
        "After 40 steps the largest λ has the smallest test loss. The third line says where endless steps would lead: there nearly every λ above 0 is as good. What did a large λ give the run, then?"),
)  # fmt: skip


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        lambd = controls.slider("lambd", "λ", 0.0, 10.0, 3.0, step=0.1, width=NARROW)
        n_train = controls.slider("n_train", "Training samples n", 5, 200, 20, step=5, width=NARROW)
        inputs = controls.slider("inputs", "Features", 10, 200, 200, step=10, width=NARROW)
        optimiser = controls.choice("optimiser", "Optimiser", tuple(runs.DECAYED))
        lr = controls.stops("lr", "Learning rate", RATES, 0.03, format=lambda v: f"{v:g}", width=NARROW)
    with controls.more():
        epochs = controls.stops("epochs", "Steps", STEPS, 40, width=NARROW)
        seed = controls.seed()
    setting = Setting(n_train, inputs, lr, seed, epochs)
    found = runs.outcome(optimiser, lambd, setting)
    show(found)
    operator = topic.operator(found.within.method.split(",")[0])
    check.show(operator, found.within.step)
    frame.below(
        topic,
        tries=TRIES,
        pitfalls=pitfalls(found.within),
        walk=lambda: walk_through(found.within),
        questions=questions(lambd, setting),
        take=lambda: take(found.within),
        more={
            "Loss or optimiser": lambda: places(lambd, setting),
            "Adam and AdamW": lambda: two_weights(lambd, lr),
            "All λ": lambda: all_lambdas(optimiser, setting),
        },
        operator=operator,
    )


# ---- the pictures ----------------------------------------------------------------------------------------------


def show(found: Outcome) -> None:
    """Losses, norms and the weights' histogram over the steps, and what decay has changed."""
    lambd = found.within.lambd
    named = {"λ = 0": found.without} | ({f"λ = {lambd:g}": found.within} if lambd else {})
    st.markdown(
        _("Look at the loss in the test first, on samples that the run has not seen")
        + (_(": how does decay change it, and what does it do to w?") if lambd else ".")
    )
    board.show(
        draw.losses(named), draw.norms(named), draw.weights(named), links=[draw.ridges_of_steps(named)],
        spelled={
            "losses": "{note:losses}: loss **{losses}**; ‖w‖ is {norms} there",
            "norms": "{note:norms}: ‖w‖ = **{norms}**; loss {losses} (training, then test)",
            "weights": "{note:weights}; ‖w‖ is {norms} there",
        },
    )  # fmt: skip
    for sentence in sentences(found):
        st.markdown(
            say(
                sentence,
                found,
                lambd=lambd,
                setting=found.within.setting,
                method=_(found.within.method).replace(", ", " and "),
            )
        )


def sentences(found: Outcome) -> list[str]:
    """What decay has changed, and whether the runs are sound and at their end."""
    said = [_(NO_DECAY if not found.within.lambd else ENDS)]
    if found.within.setting.free:
        said[0] = (
            _(FREE) + (_(ALONE) if found.minimum and found.within.lambd and not found.within.diverged else "") + said[0]
        )
    if found.bound is not None and found.within.lambd and found.within.setting.lr > found.bound:
        said.append(_(GROWS) + (_(STOPPED) if found.within.diverged else ""))
    if found.bound_without is not None and found.within.setting.lr > found.bound_without:
        said.append(_(GROWS_WITHOUT) + (_(STOPPED_WITHOUT) if found.without.diverged else ""))
    if len(said) == 1 and found.unfinished:
        said.append(_(UNFINISHED if found.within.lambd else UNFINISHED_WITHOUT))
    return said


FREE = N_(
    "{setting.n_train:|sample says|samples say} nothing about **{setting.free}** of the {setting.inputs} directions of w. "
)
ALONE = N_(
    "There decay acts alone, and {within.last.epoch:|step leaves|steps leave} (1 − lr·λ)^{within.last.epoch} = {left} of what was drawn. "
)
ENDS = N_(
    "With {method} = {lambd} the test loss ends at **{within.last.test_loss}**, without decay at **{without.last.test_loss}**; the training loss at {within.last.train_loss} and {without.last.train_loss}. ‖w‖ ends at {within.last.weight_norm} and {without.last.weight_norm}; the true weights have {setting.true_norm}."
)
NO_DECAY = N_(
    "λ is 0, so nothing pulls: the training loss ends at {without.last.train_loss}, the test loss at **{without.last.test_loss}**, and ‖w‖ at {without.last.weight_norm}; the true weights have {setting.true_norm}."
)
GROWS = N_(
    "**With decay the run diverges.** The learning rate {setting.lr} is above **{bound}**, which is 2 divided by the largest curvature of loss and penalty: each step overshoots the minimum by more than it was away."
)
STOPPED = N_(
    " The run was stopped after step {within.last.epoch}: the next loss would be more than a million times the first."
)
GROWS_WITHOUT = N_("**Without decay the run diverges:** for the loss alone the bound is **{bound_without}**.")
STOPPED_WITHOUT = N_(" It was stopped after step {without.last.epoch}.")
UNFINISHED = N_(
    "These runs are not at their end. Endless steps would lead to a test loss of **{minimum.test}** with decay, and **{minimum_without.test}** without."
)
UNFINISHED_WITHOUT = N_(
    "This run is not at its end. Endless steps would lead to a test loss of **{minimum_without.test}**."
)


# ---- walk, questions, take away --------------------------------------------------------------------------------


def walk_through(run: Run) -> None:
    """The first step of the run with decay, as its definition reads."""
    st.caption(
        say(
            "The first step of the run with λ = {lambd:g}, at its first {walked} weights. `g` is their gradient, without the penalty.",
            lambd=run.lambd,
            walked=draw.WALKED,
        )
    )
    walk.show(*draw.walk(run), key=f"walk {run.method}")


def questions(lambd: float, setting: Setting) -> list[Draw]:
    """Questions on what decay does, with other numbers than those on screen."""
    lambd = runs.not_zero(lambd)

    def shrink(draw: random.Random) -> Question:
        steps, lr = draw.choice((2, 3, 10)), draw.choice((0.01, 0.02, 0.05))
        ask = _(
            "The loss has no gradient. By what do {steps:|step|steps} of SGD with lr = {lr} and weight_decay = {lambd} multiply each weight?"
        )
        return Question(
            say(ask, {"steps": steps, "lr": lr, "lambd": lambd}), f"{runs.shrunk(lr, lambd, steps):.4g}",
            "w − lr·λ·w = (1 − lr·λ)·w in each step: hence the name.", tolerance=0.002,
        )  # fmt: skip

    def penalty(draw: random.Random) -> Question:
        w, n = [draw.choice((-4, -3, -2, 1, 2, 3, 4)) for _ in range(3)], draw.choice((2, 10))
        both = runs.penalties_of(w, 2.0, n)
        why = say("λ/2n·‖w‖² and λ/2·‖w‖²; ‖w‖² is {square}.", {"square": int(both.code)})  # λ/2 is 1
        return Question(say("w = {w}, λ = 2, n = {n}: what is the penalty by the tutorial's formula, and what by its code? Two numbers.", w=str(w), n=n),
                        f"{both.formula:g}, {both.code:g}", why, tolerance=0)  # fmt: skip

    def equal(draw: random.Random) -> Question:
        found = runs.places(1.0, setting)
        name, place = draw.choice([(name, place) for name, place in found.items() if "loss" not in name])
        ask = say(
            "“{name}”, and the same optimiser with the penalty in the loss: do they end on the same weights?", name=name
        )
        why = say(
            "With λ = 1 they are {apart} apart after {steps:|step|steps}, at the farthest weight.",
            {"apart": place.apart, "steps": runs.SHORT},
        )
        return Question(
            ask.replace("the same optimiser", "Adam") if "AdamW" in name else ask,
            "yes" if place.apart < 1e-9 else "no",
            why,
            ("yes", "no"),
        )

    def times(draw: random.Random) -> Question:
        n = draw.choice((4, 16, setting.n_train))
        ask = say(
            "`losses` holds {n} zeros, w = [1, 1] and lambd = 3. What is `(losses + lambd * l2_penalty(w)).sum()`?", n=n
        )
        return Question(
            ask,
            f"{runs.sum_of_zeros(n, (1.0, 1.0), 3.0):g}",
            say("`l2_penalty(w)` is 1, and λ times it is added to each of the {n} losses.", n=n),
            tolerance=0,
        )

    return [shrink, penalty, equal, times]


BY_TORCH = """generator = torch.Generator().manual_seed({seed})
weights = torch.randn({inputs}, generator=generator, dtype=torch.float64).requires_grad_()
bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
groups = [{{"params": [weights], "weight_decay": {lambd}}}, {{"params": [bias], "weight_decay": 0.0}}]
optimiser = torch.optim.{optimiser}(groups, lr={lr})
for _ in range({epochs}):
    optimiser.zero_grad()
    ((data.X @ weights + bias - data.y) ** 2 / 2).mean().backward()
    optimiser.step()"""


def take(run: Run) -> TakeAway:
    """The run with decay as a script, beside the same by torch's optimiser; and its weights."""
    at, epochs = run.setting, run.last.epoch
    by_torch = BY_TORCH.format(
        seed=at.seed, inputs=at.inputs, lambd=run.lambd, lr=at.lr, epochs=epochs, optimiser=run.method.split(",")[0]
    )
    script = Script(
        title=_("Weight decay: few samples, many features"),
        inputs={},
        functions=(make_regression, regression_run),
        calls=(
            "torch.set_num_threads(1)",
            f"data = make_regression({at.n_train}, inputs={at.inputs}, seed={at.seed})",
            f"*_, last = regression_run(data, {run.method!r}, {run.lambd}, {at.lr}, {at.n_train}, {epochs}, {at.seed})",
            "w = last.w",
            "losses = torch.tensor([last.train_loss, last.test_loss])",
            by_torch,
        ),
        results=("losses", "w"),
        reference={"w": "weights.detach()"},
    )
    return TakeAway(script, {"w": run.last.w, "losses": run.losses, "start": run.steps[0].w})


frame.page("weight_decay", lesson)
