"""What people believe of activations, and what a run says of it."""

from functools import partial

from core.experiments import activations as runs
from core.experiments.activations import Run
from core.ui.frame import Pitfall
from core.words import N_, _


def pitfalls(run: Run, seed: int) -> list[Pitfall]:
    """What people believe of activations, the tutorial's own first."""
    x, f = run.x, run.activation
    return [
        Pitfall("The tutorial's `torch.max(input=X, other=torch.tensor(0.0))` is `F.relu`", partial(runs.tutorial_relu, x),
                "The values are the same; the slope in the corner is not. At exactly 0 both arguments of `torch.max` are equally large, and it shares the gradient between them: the slope is **{at_zero}**, where `F.relu` has **{torch_at_zero}**. Of your numbers {zeros:|is|are} exactly 0. And from int64 the tutorial's makes **{dtype}**, `F.relu` keeps {dtype_of_torch}."),
        Pitfall("A dead unit never comes back", partial(runs.revival, seed), says_of_revival),
        Pitfall("Layers in a row are deep without an activation between them", partial(runs.collapse, f),
                lambda facts: _(LINEAR) + _(STILL_LINEAR if facts.between < 1e-9 else BENT).replace("{f}", f.name)),
        Pitfall("`inplace=True` saves memory and changes nothing else", partial(runs.in_place, x),
                lambda facts: _(OVERWRITTEN if facts.overwritten else KEPT) + _(REFUSED)),
        Pitfall("A sigmoid's gradient is small only far out", partial(runs.saturation, x), says_of_saturation),
        Pitfall("All activations rise with x", partial(runs.falling, x),
                "gelu is lowest at x = **{gelu_at}**, where it is {gelu}; silu at x = **{silu_at}**, where it is {silu}. To the left of that point both fall, and a gradient changes its sign on the way back: through gelu that happens to **{below}** of the {cells:|number|numbers} on screen. {never} fall nowhere."),
        Pitfall("`x * (x > 0)` and `torch.where(x > 0, x, 0)` are relu, too", partial(runs.masked, x),
                "For finite numbers they are. On `{x}` relu gives `{relu}`: what is not a number (NaN) stays one, so that a fault upstream is seen. The product gives `{product}`, since −∞ · 0 is NaN; `where` gives `{where}` and hides the NaN, since `nan > 0` is false. On screen that makes a difference for **{differ:|number|numbers}**."),
    ]  # fmt: skip


LINEAR = N_(
    "Three layers are one: `x·A·B·C` and `x·(A·B·C)` differ by **{difference:.1e}** of the largest output, which is rounding. Their {weights} weights do what {one} would. "
)
BENT = N_(
    "With {f} between the layers the outputs are others, by up to **{between}** times the largest: only now is it a deep network."
)
STILL_LINEAR = N_("And with {f} between them still: its slope is 1 on both sides of 0, so that it changes nothing.")
OVERWRITTEN = N_("The input is gone: **{overwritten}** of {cells:|number|numbers} on screen would be overwritten. ")
KEPT = N_(
    "The input is overwritten; yours would survive, since **{overwritten}** of {cells:|number is|numbers are} below 0. "
)
REFUSED = N_(
    "And autograd may refuse. After `exp`, which needs its own output for backward, torch says: “{after_exp}”. On a tensor that requires grad itself it says: “{on_leaf}”."
)


def says_of_revival(facts: runs.Revival) -> str:
    """Whether units of the second layer have come back."""
    return _(BY_ITSELF) + _(BACK if facts.second_back else NONE_BACK)


BY_ITSELF = N_(
    "Two relu layers, trained by plain SGD for {steps} steps. A dead unit's own weights get a gradient of {own_gradient}, so no step moves them. In the **first** layer that is the end: its inputs are the data, which stay, and {first_back} of {first:|dead unit|dead units} came back. "
)
BACK = N_(
    "In the **second** layer **{second_back}** of {second:|dead unit|dead units} came back: the layer below has learned, so that their inputs moved."
)
NONE_BACK = N_(
    "In the **second** layer units can come back, since the layer below learns and their inputs move; with this seed {second_back} of {second:|dead unit|dead units} did. Try another seed."
)


def says_of_saturation(facts: runs.Saturation) -> str:
    """With the reader's own numbers, where there are finite ones."""
    return _(AT_BEST) + (_(HERE) if facts.numbers else "") + _(IN_A_ROW)


AT_BEST = N_("The slope is **{largest}** at 0, where it is largest: a quarter of the gradient, and no more. ")
HERE = N_("For the finite numbers on screen it is **{here}** on average. ")
IN_A_ROW = N_(
    "{layers} sigmoids in a row multiply {layers} slopes, so at most {largest}^{layers} = {bound} of a gradient arrive. Really it is **{most}** at most: a sigmoid's output is never 0, so the next one cannot be at its best, too. Through {layers} tanhs up to {tanh} arrive, through {layers} relus up to {relu}."
)
