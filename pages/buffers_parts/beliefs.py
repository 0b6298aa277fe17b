"""What people believe of buffers and parameters, the tutorial's points first."""

from functools import partial
from typing import Any

from core.experiments import buffers as runs
from core.ui.frame import Pitfall
from core.words import N_, _, say


def registered(found: runs.Registered) -> str:
    """4.2: no parameter, and not constant."""
    listed = (
        _("`buffers()` lists it and `parameters()` does not")
        if found.in_buffers and not found.in_parameters
        else _("`parameters()` lists it")
    )
    return say(
        "It moves with the model, and the step of the optimiser leaves it as it is; but it is no parameter: {listed}. Nor need it be constant. Batch norm's buffers are {names}; one forward pass over the rows (1, 10) and (3, 30) takes running_mean from {before} to **{after}**, without an optimiser.",
        found,
        listed=listed,
    )


def handed(found: runs.Handed) -> str:
    """4.3: what protects a buffer."""
    if found.handed == found.before:
        return _(
            "With these settings no step changes anything: lr is {lr}, and the gradient is the input x. Give both a value other than 0, and look again."
        )
    return _(
        "Both buffers here require a gradient. Where SGD gets `module.parameters()`, the buffer stays **{usual}**. Where it gets `[*module.parameters(), module.buffer]`, one step makes it **{handed}**. An optimiser changes whatever it is handed: that `parameters()` leaves buffers out is all that protects them. Nor is every buffer saved: one with `persistent=False` is not."
    )


GRADIENTS = N_(
    "A tensor has a gradient where it requires one, whatever it is registered as. The gradient of the buffer as it is usually made is **{default}**, that of a buffer made of `torch.ones(3, requires_grad=True)` **{asked}**, that of the parameter **{weight}**: `nn.Parameter` sets requires_grad to True, `register_buffer` leaves it as it finds it."
)


def frozen(found: runs.Frozen) -> str:
    """4.6: three differences."""
    alike = (
        _("In the table the two agree: saved, moved, not updated.")
        if found.alike
        else _("In the table the two do not agree.")
    )
    return say(
        "{alike} But the frozen one is still a parameter: it adds **{counted}** to the numbers that `parameters()` counts, and `module.requires_grad_(True)` asks all parameters for a gradient: then `requires_grad` of the frozen one is **{frozen_thaws}**, of the buffer **{buffer_thaws}**. And a weight of 1s that was frozen while its `.grad` held zeros, not None, goes on shrinking: after a step with weight decay it is **{decayed}**.",
        found,
        alike=alike,
    )


def left_out(found: runs.LeftOut) -> str:
    """4.7: what a buffer is for."""
    stays = _("stays **{after}**") if found.before == found.after else _("becomes **{after}**")
    return say(
        "A parameter that no optimiser was given does the same: backward brings `weight` the gradient **{gradient}**, SGD over other tensors makes its step, and `weight` {stays}. What buffers are for is state that is not learned: running statistics, masks, queues, tables. They are saved and moved with the model, and are kept out of `parameters()`.",
        found,
        stays=stays,
    )


def assigned(found: runs.Assigned) -> str:
    """What is registered is the name."""
    still = _("still lists") if found.in_buffers else _("no longer lists")
    return say(
        "After `self.buffer = self.buffer + 1`, `buffers()` {still} it, with **{values}**: what is registered is the name. A plain tensor under a parameter's name is refused: `{refusal}`.",
        found,
        still=still,
    )


LISTS = N_(
    "The module has **{plain}** parameters. With one more in `self.extra = [nn.Parameter(…)]`, `parameters()` gives **{in_list}**; with `nn.ParameterList` in place of the list, **{in_parameter_list}**. What is not registered is neither trained, saved nor moved; for modules there is `nn.ModuleList`."
)


def converted(found: runs.Converted) -> str:
    """Parameters keep their identity, buffers do not."""
    goes = (
        _("makes {after} of {before}") if found.before != found.after else _("leaves it at {after}, since lr or x is 0")
    )
    weight, buffer = (
        _("the **same** object as before") if same else _("**another** object")
        for same in (found.same_weight, found.same_buffer)
    )
    stale = "" if found.same_buffer else _(", so that whoever held the old buffer holds a stale copy")
    return say(
        "Half true. After `.to(torch.float64)`, `module.weight` is {weight}, and a step of an optimiser made before {goes}. But `module.buffer` is {buffer}{stale}.",
        weight=weight,
        goes=goes,
        buffer=buffer,
        stale=stale,
    )


def pitfalls(x: Any, lr: float) -> list[Pitfall]:
    """What people believe of buffers and parameters."""
    return [
        Pitfall("The tutorial, 4.2: a registered tensor becomes a parameter of the model, and stays constant", partial(runs.registered_tensors, x, lr), registered),
        Pitfall("The tutorial, 4.3: the optimiser updates parameters and never buffers", partial(runs.optimisers_update_what_they_are_given, x, lr), handed),
        Pitfall("The tutorial, 4.5: buffers get gradients from backward() just as parameters do", partial(runs.gradients_of_buffers, x, lr), GRADIENTS),
        Pitfall("The tutorial, 4.6: a parameter with requires_grad=False does the same as a buffer", partial(runs.frozen_parameters, x, lr), frozen),
        Pitfall("The tutorial, 4.7: a gradient without an update is what no parameter can give", partial(runs.a_parameter_left_out, x, lr), left_out),
        Pitfall("`self.buffer = self.buffer + 1` makes a plain attribute of a buffer", runs.assignment_to_names, assigned),
        Pitfall("A tensor in a Python list on the module is registered like any other", runs.lists_hide_tensors, LISTS),
        Pitfall("`model.to(...)` changes the tensors in place, so an optimiser made before keeps its own", partial(runs.moving_keeps_parameters, x, lr), converted),
    ]  # fmt: skip
