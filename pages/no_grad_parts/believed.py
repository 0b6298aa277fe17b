"""What people believe of no_grad and its neighbours, the tutorial's claims first."""

from functools import partial
from typing import Any

from core.experiments import no_grad as runs
from core.ui.frame import Pitfall
from core.words import N_, _, say

MADE = N_("""What is computed has `requires_grad` = **{result}** there, even from an x that requires a gradient. But a leaf keeps what it
asks for: `torch.ones(3, requires_grad=True)` has **{factory}**, `nn.Parameter(torch.ones(3))` **{parameter}**, and
`(x * 2).requires_grad_()` **{switched_on}**. So a model can be built under `no_grad()` and trained afterwards.""")
SHAPES = N_("""`x.sum()` has the shape {scalar}, `x * 2` {vector}, and `torch.outer(x, x)` {matrix}: of these three, **{recorded}** require a
gradient. The shape plays no part. A scalar is only what `backward()` goes back from without an argument.""")
EVAL = N_("""Under `no_grad()`, a dropout layer in training still zeroes **{dropped}** of 1,000 numbers: `eval()` stops that. And in `eval()`
the result of a layer has the `grad_fn` {eval_grad_fn}: a network of four layers saves **{eval_bytes:,} B** for a backward that
never comes, where under `no_grad()` it saves **{off_bytes} B**. To test a model, use both.""")
UPDATED = N_("""Outside, `w -= 0.5` is refused: “{refusal}” Inside `no_grad()` it turns {before} into **{after}**, and w still requires a
gradient ({requires_grad}). That is how every optimiser updates its parameters.""")
INFERENCE = N_("""With a from `no_grad()`, `x.grad` is **{gradient}**. With a from `inference_mode()`, `a * h` is refused: “{refusal}” And asked
for its version counter, by which a graph notices later writes, a says: “{version}”""")
FROZEN = N_("""With w frozen, the graph still has **{nodes}** of its {all_nodes:|node|nodes} and holds {nbytes} of {all_nbytes} B, because the way to x leads
through the same steps. `w.grad` is **{w_grad}**, and `x.grad` is {x_grad}. Only where *no* leaf requires a gradient is nothing recorded.""")
SWITCH = N_("""Called as a plain function it acts at once and stays: after `set_grad_enabled(False)`, `is_grad_enabled()` is **{after_off}** on the next
line, and another call, `set_grad_enabled(True)`, makes it **{after_on}** again. Called inside some `with` block, it holds to the
end of that block: **{off_in_block}** inside, **{after_block}** after it.""")
BACKWARD = N_("""`y = (x * x).sum()` was computed outside and `y.backward()` was called inside: `x.grad` is **{gradient}**. `no_grad()` keeps new
steps from being recorded. A graph that is there works.""")


def detached(found: runs.Detached) -> str:
    """What detach saves first, if anything."""
    if found.detached == found.unrecorded:
        return _(
            "This function saves nothing for backward, so there is nothing to spare: both ways save {detached:|tensor|tensors}. Choose another function under *More settings* to see the difference."
        )
    same = _("The gradient of x is the same in both, {gradient}") if found.same else _("The gradients of x differ")
    return say(
        "With a detached, autograd saves **{detached:|tensor|tensors}** on the way; with a under `no_grad()`, **{unrecorded}**; with everything recorded, {whole}. {same}. `.detach()` comes after the step: what the step saved is let go only then.",
        found,
        same=same,
    )


def pitfalls(x: Any, w: Any, function: str) -> list[Pitfall]:
    """Each with its run on the reader's x and w."""
    chosen = (x, w, function)
    return [
        Pitfall("Every tensor made under `no_grad()` has requires_grad=False (the tutorial: “all set to False”)", partial(runs.made_inside, x), MADE),
        Pitfall("It is scalars that `no_grad()` keeps from a gradient (the tutorial calls the result w a scalar)", partial(runs.shapes_inside, x), SHAPES),
        Pitfall("`no_grad()` and `eval()` do the same", runs.eval_or_no_grad, EVAL),
        Pitfall("A leaf that requires a gradient can never be changed in place", partial(runs.update_in_place, w), UPDATED),
        Pitfall("`.detach()` spares the memory that `no_grad()` spares", partial(runs.detach_records_first, *chosen), detached),
        Pitfall("`inference_mode()` is just a faster `no_grad()`", partial(runs.inference_tensors_stay_out, *chosen), INFERENCE),
        Pitfall("Where one parameter is frozen, the steps that use it go unrecorded", partial(runs.freezing_is_not_no_grad, *chosen), FROZEN),
        Pitfall("`torch.set_grad_enabled(False)` needs a `with`", runs.switch_stays, SWITCH),
        Pitfall("`backward()` does nothing under `no_grad()`", partial(runs.backward_inside, x), BACKWARD),
    ]  # fmt: skip
