"""What people believe of torch.optim, and what the page asks."""

import random
from functools import partial

from core.experiments import descent
from core.experiments.descent import Setup, Start
from core.ops import weight_decay as optim
from core.ui.frame import Pitfall
from core.ui.predict import Draw, Question
from core.words import _, listed, say


def pitfalls(how: Setup, start: Start) -> list[Pitfall]:
    """What people believe of optimisers."""
    return [
        Pitfall("With one lr, optimisers take steps of one size", partial(descent.first_steps, how, start), sizes),
        Pitfall("A larger lr only gets there sooner", descent.stability, below_and_above),
        Pitfall("Momentum only smooths: it keeps the size of the steps", descent.momentum_grows,
                "Under a gradient that stays 1, with lr = 0.1 and momentum 0.9, the first steps are {first} long and step {steps} is **{last}**: they grow towards lr/(1 − μ) = {limit}, ten times the step of "
                "plain SGD. Adam weighs each new gradient by 1 − β₁, so its steps do not grow."),
        Pitfall("`weight_decay` does not move the minimum", descent.decay_moves,
                "AdamW starts in Rosenbrock's minimum (1, 1) and makes {steps} steps. Without decay it ends at {plain}, with weight_decay = 1 at **{decayed}**: decay pulls towards 0, wherever the minimum is."),
        Pitfall("`optimizer.step()` starts from a fresh gradient", descent.gradients_add_up,
                "p² at p = {p}, backward three times without `zero_grad()`: p.grad is {seen}. backward adds to what is there. After `zero_grad()` it is {after}."),
    ]  # fmt: skip


def sizes(facts: descent.FirstSteps) -> str:
    """By whether there is a slope at the start."""
    if not any(facts.gradient):
        return _(
            "At {start} the surface is level: the gradient is {gradient}, and SGD moves by {sgd}, Adam by {adam}. Choose another start."
        )
    return (_("At {start} the gradient is {gradient}. With lr = {lr} for all, the first steps (x, y) are: SGD {sgd}, momentum {momentum}, Adam {adam}, AdamW {adamw}. SGD's step is lr times the gradient. "
            "Adam divides by the gradient's size, so it moves by about lr along every axis that has a slope, however steep. So an lr that suits one of them says nothing about the others."))  # fmt: skip


def below_and_above(facts: descent.Stability) -> str:
    """The heights for each lr, below and above the limit."""
    below, above = ({"lr": listed(list(of)), "height": listed(list(of.values()))} for of in (facts.below, facts.above))
    heights = say("With lr = {lr} it then stands at height **{height}**, ", below) + say(
        "with lr = {lr} at **{height}**. ", above
    )
    return (_("SGD goes down the valley from (1, 0.5), where the curvature across is {curvature}, and takes {steps} steps. ") + heights +
            _("A step multiplies y by 1 − {curvature}·lr. Where lr is above 2/{curvature} = {limit}, that is less than −1, and **the distance grows**."))  # fmt: skip


def questions(how: Setup) -> list[Draw]:
    """On the surface on screen, from other places."""

    def sgd(draw: random.Random) -> Question:
        asked = descent.some_step(how, draw, optim.sgd_step)
        return Question(
            say(
                "SGD stands at {start}, where the gradient is ({gradient[0]:.5g}, {gradient[1]:.5g}). Where is x after one step with lr = {lr}?",
                asked,
            ),
            f"{asked.after:.5g}",
            "x − lr·g: the first number of each.",
        )

    def adam(draw: random.Random) -> Question:
        asked = descent.some_step(how, draw, optim.adam_step)
        why = (
            _("In the first step m̂ = g and √v̂ = |g|: their quotient is ±1, whatever the gradient, and the step is lr.")
            if asked.gradient[0]
            else _("There is no slope along x.")
        )
        return Question(
            say(
                "Adam begins at {start} with lr = {lr}; the gradient is ({gradient[0]:.5g}, {gradient[1]:.5g}). How far does its first step move x?",
                asked,
            ),
            f"{asked.moved:.4g}",
            why,
        )

    def decay(draw: random.Random) -> Question:
        asked = descent.some_decay(draw)
        return Question(say("AdamW with lr = {lr} and weight_decay = {weight_decay}, on a weight whose gradient is 0: by which factor has it changed after {steps:|step|steps}?", asked), f"{asked.factor:.6g}",
                        say("Each step multiplies by 1 − lr·λ = 1 − {lr}·{weight_decay}. Adam would add λp to the gradient instead.", asked), tolerance=1e-4)  # fmt: skip

    return [sgd, adam, decay]
