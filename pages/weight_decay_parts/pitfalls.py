"""What people believe of weight decay, and what a run says of it."""

from functools import partial

from core.experiments import weight_decay as runs
from core.experiments.weight_decay import Run
from core.ui.frame import Pitfall


def pitfalls(run: Run) -> list[Pitfall]:
    """The tutorial's own lines first."""
    w, lambd, setting = run.last.w, run.lambd, run.setting
    return [
        Pitfall("The tutorial's formula λ/2n·‖w‖² is what its code adds", partial(runs.formula_and_code, w, lambd, setting),
                "Beside the mean loss of n = {n} samples, with λ = {lambd}, the formula's penalty is **{formula}** for the weights on screen and the code's **{code}**: n times as much. Endless steps of SGD, with an lr small enough, lead to ‖w‖ = **{of_code.norm}** with the code's, and to **{of_formula.norm}** with the formula's. With λ/n in place of λ the code does what the formula says; so look which of the two a λ in a text belongs to. And ‖w‖² = w₁² + w₂² holds for two weights: here the sum has {terms} terms."),
        Pitfall("The tutorial's `l = loss(…) + lambd * l2_penalty(w)` and `l.sum()` count the penalty once", partial(runs.counted, run.last, lambd, setting),
                "`loss` holds one number a sample, {losses} in all, and the penalty is broadcast to each of them. In the gradient of the sum, with λ = {lambd}, the penalty's part is **{times}** times λ·w. That comes out right where the step then divides by the batch size, which the tutorial does not show, or where `loss` is one mean already."),
        Pitfall("The tutorial's `w.grad.data.zero_()` can come first in every step", partial(runs.first_step, w),
                "In the very first step there is no gradient yet: `w.grad` is None, and torch says “{error}”. `optimizer.zero_grad()` passes over those, and sets the others to `{after_zero_grad}`."),
        Pitfall("`weight_decay` in Adam is the decoupled decay", partial(runs.adam_is_not_adamw, lambd, setting),
                "With λ = {lambd}, after {steps:|step|steps} from the same start, Adam with `weight_decay` ends **{from_loss}** away from Adam with the penalty in the loss, at the farthest weight, and **{from_adamw}** away from AdamW. Only `AdamW`, or `Adam(decoupled_weight_decay=True)`, decays w itself, past the division by the gradient's size."),
        Pitfall("AdamW shrinks the weights by `weight_decay` in a step", partial(runs.shrinkage, setting.lr),
                "It shrinks them by lr·weight_decay. With its defaults, lr = {default_lr} and weight_decay = {weight_decay}, a step takes **{taken_by_default}** of each weight; with lr = {lr} it takes **{taken}**. So a schedule that lowers lr lowers the decay with it."),
        Pitfall("`weight_decay` leaves the bias alone", partial(runs.biases, lambd, setting.lr),
                "torch decays every parameter that it is given. Where the gradient is 0, a step of SGD with weight_decay = {lambd} makes **{together}** of a bias of 1; with a group of its own and `weight_decay=0` it stays **{grouped}**. The runs on this page spare the bias, as the tutorial does."),
        Pitfall("More decay is always safer", partial(runs.too_much, run.steps[0].w, setting.lr),
                "SGD multiplies w by 1 − lr·λ. Without any loss, from ‖w‖ = {start}, {steps:|step leads|steps lead} to {below} where lr·λ = 1.9, and to **{above}** where it is 2.1: beyond λ = 2/lr = {bound} decay itself explodes."),
    ]  # fmt: skip
