"""Buffers and parameters: one module with one tensor of each kind, and what saving, moving and training do to each."""

import textwrap
from functools import partial
from typing import Any

import streamlit as st

from core.experiments import buffers as runs
from core.experiments.buffers import KINDS, Holder, Role
from core.figures import buffers as pictures
from core.figures import colour
from core.figures.board import with_row_names
from core.figures.montage import PROJECTED
from core.figures.walk import Moment, record, source_of
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, code, controls, frame, link, tensor_input, walk
from core.ui.take_away import TakeAway
from core.words import N_, _, listed, say, spelled
from pages.buffers_parts.beliefs import pitfalls
from pages.buffers_parts.questions import TRIES, questions

LIMITS = Limits(ranks=(1,), max_side=4, allow_nonfinite=True)
HANDED = {"parameters": (), "buffer": ("buffer",)}
CALLS = {"made": None, "thawed": True, "frozen": False}
MOST_STEPS = 12  # of MoCo
NAME_SPACE = 52  # pixels for the names beside the first picture

LOOK = N_("""The five tensors are five rows of 1s, and the module uses them alike: y = x · (weight + frozen + buffer + scratch +
plain). What differs is how each was made, in the five lines below; that decides who knows of it. Read a row of the table, then
its line of the step; a click on another row tells of that one.""")
MADE = {
    "parameters": N_("**`{name}`** was made by `{kind}`. `parameters()` lists it, and so an optimiser gets it."),
    "buffers": N_(
        "**`{name}`** was made by `{kind}`. `buffers()` lists it and `parameters()` does not, so that no optimiser gets it unless somebody hands it over."
    ),
    "neither": N_(
        "**`{name}`** was made by `{kind}`. The module has an attribute of that name and knows nothing else of it."
    ),
}
SAVED = {
    True: N_("It is in `state_dict()`, and so in the file that is saved."),
    False: N_("It is not in `state_dict()`, and no file will have it."),
}
MOVED = {
    True: N_("`.to(torch.float64)` converts it, as `.cuda()` would take it along."),
    False: N_("`.to(torch.float64)` leaves it as it is, and `.cuda()` would leave it behind."),
}
STEP = {  # by whether it has a gradient, and whether SGD was given it
    (True, True): N_("Backward brings it the gradient {gradient}, and the step makes {before} − {lr} · {gradient} = **{after}** of it."),
    (True, False): N_("Backward brings it the gradient {gradient}, but SGD was not given it: it stays **{after}**."),
    (False, True): N_("SGD was given it, but it requires no gradient and has none: the step passes it by, and it stays **{after}**."),
    (False, False): N_("It requires no gradient, and SGD was not given it: it stays **{after}**."),
}  # fmt: skip
RING = {  # what a line of the ring does, by how it begins
    "queue =": N_("A copy, so that the caller's queue stays as it is."),
    "pointer =": N_(
        "The row at which the next batch will be written: a number in a tensor, so that it can be a buffer, saved with the queue."
    ),
    "for": N_("The next batch of two keys."),
    "first =": N_("Where does it go?"),
    "queue[": N_("The keys overwrite as many rows: the oldest of the queue, once it is full."),
    "pointer.copy_": N_("The pointer moves on by the batch, and after the last row to row 0."),
    "return": N_("The queue holds the latest six keys; none was moved."),
}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    with controls.main():
        lr = controls.slider("lr", "lr of SGD", 0.0, 1.0, 0.1, step=0.05, width=150)
        handed = HANDED[controls.choice("sgd", "SGD gets", {"parameters": "parameters()", "buffer": "and the buffer"})]
        labels = {"made": _("as made"), "thawed": "requires_grad_(True)", "frozen": "requires_grad_(False)"}
        call = CALLS[controls.choice("call", "module", labels, help="What is called on the module before.")]
    with controls.more():
        x = tensor_input.tensor("x", "x", runs.example(), LIMITS)
        chosen = controls.choice("of", "Look at", {name: f"`{name}`" for name in KINDS}, few=5)
        asks = controls.toggle("grad", "buffer requires_grad", False)
    module = runs.made(asks, len(x), call)
    refusal = runs.refusal(module, x, lr, handed)
    found = runs.roles(Holder(size=len(x)) if refusal else module, x, lr, () if refusal else handed)
    if refusal:
        frame.refused(
            refusal, "No tensor of the module requires a gradient now. The pictures show the module as made.",
            {"Leave the module as made": partial(put, "call", "made"), "Let the buffer require one": partial(put, "grad", True)},
        )  # fmt: skip
    draw(found, lr, chosen)
    st.markdown(_(LOOK))
    st.markdown(told(next(role for role in found if role.name == chosen), lr))
    st.code(making(), language="python")
    frame.below(
        topic,
        pitfalls=pitfalls(x, lr),
        walk=lambda: walk_through(x, lr),
        questions=questions(found, chosen, x, lr),
        take=lambda: take(x, lr, handed, call, asks, found),
        tries=TRIES,
        more={"Save and load": partial(save_and_load, len(x)), "MoCo": moco},
        functions=(Holder, runs.roles, runs.save_and_load, runs.moco_step),
    )


def put(key: str, value: object) -> None:
    """Set a control; before the page is drawn."""
    st.session_state[key] = value


def making() -> str:
    """The lines of `Holder` that make the five."""
    lines = code.source(Holder).partition("super().__init__()\n")[2].partition("\n\n")[0]
    return textwrap.dedent(lines)


def draw(found: tuple[Role, ...], lr: float, chosen: str) -> None:
    """What each tensor is and what happens to it; and before − lr · gradient = after, a row for each tensor."""
    panels = [board.as_panel(picture, picture.side, {}) for picture in pictures.step(found, lr)]
    before, grad, after = (panel for panel in panels if panel is not None)
    names = dict.fromkeys(("before", "grad", "after"), "of")
    board.show(
        pictures.roles_table(found, PROJECTED if link.projector() else 1.0),
        with_row_names(before, list(KINDS), NAME_SPACE), f"− {lr:g} ·", grad, "=", after, picks={"roles": "of"} | names,
        pinned=("roles", (list(KINDS).index(chosen), 0)), spelled={name: f"{{note:{name}}}" for name in ("roles", *names)},
    )  # fmt: skip


def told(role: Role, lr: float) -> str:
    """The chosen tensor's part."""
    made = MADE["parameters" if role.in_parameters else "buffers" if role.in_buffers else "neither"]
    said = (made, SAVED[role.in_state_dict], MOVED[role.moved], STEP[role.has_gradient, role.handed])
    first, second, third, fourth = (say(sentence, role, lr=lr) for sentence in said)
    return say("{first} {second} {third} {fourth}", first=first, second=second, third=third, fourth=fourth)


# ---- save and load, MoCo ---------------------------------------------------------------------------------------


def save_and_load(size: int) -> None:
    """A state dict through real bytes into a fresh module of 1s."""
    with controls.row("save"):
        fill = controls.slider("fill", "Number in the saved module", 2, 9, 7)
        left = {"nothing": N_("nothing"), "weight": "`weight`", "frozen": "`frozen`", "buffer": "`buffer`"}
        missing = controls.choice("without", "Left out of the file", left)
        strict = controls.toggle("strict", "strict=True", True)
    trip = runs.save_and_load(float(fill), None if missing == "nothing" else missing, strict, size)
    saved = _(
        "A module whose five tensors are all filled with {fill} is saved: `torch.save(module.state_dict(), file)` writes **{nbytes}** bytes, for {keys}. A new module, all of 1s, then loads them with `load_state_dict`. Look at the last column: what did not come back, and why?"
    )
    st.markdown(say(saved, trip, fill=fill, keys=listed([f"`{key}`" for key in trip.keys])))
    if trip.error:
        st.error("RuntimeError: " + trip.error.replace("\n\t", " "), icon=":material/block:")
        st.caption(_("torch raises this error only after it has loaded everything that the file has."))
    rows = [_("| name | made by | saved module | new module after loading | came back |"), "|---" * 5 + "|"]
    rows += [
        f"| `{name}` | `{KINDS[name]}` | {spelled(trip.saved[name])} | {spelled(trip.loaded[name])} | "
        f":{'green' if back else 'red'}-badge[{_(pictures.yes(back))}] |"
        for name, back in trip.came_back.items()
    ]
    st.markdown("\n".join(rows))


def moco() -> None:
    """Momentum contrast: one training step after another, and what of it are buffers."""
    st.markdown(_("MoCo learns from images without labels: of two views of one sample, the query must find its own key among many old keys. The old keys and the place where the next ones go are not learned, but training cannot go on without them: they are **buffers**."))  # fmt: skip
    with controls.row("moco"):
        at = controls.slider("step", "Step", 1, MOST_STEPS, 2)
        batch = controls.choice("batch", "Batch", {n: str(n) for n in (2, 3, 4, 6)}, 4)
        momentum = controls.slider("m", "m of the key encoder", 0.0, 1.0, 0.9, step=0.05)
        seed = controls.seed()
    found = runs.resumed(at, batch=batch, momentum=momentum, seed=seed)
    steps = runs.moco_run(MOST_STEPS, batch=batch, momentum=momentum, seed=seed)[1]
    taken = steps[at - 1]
    st.markdown(say(
        "1. The key encoder follows the query encoder: θₖ ← {m} · θₖ + {rest} · θ_q. Before, they were {key_drift} apart.\n"
        "2. {batch} samples, two views of each: queries by the one encoder, keys by the other, all of length 1.\n"
        "3. Each query must pick its own key out of 1 + {size}: the cross entropy of its row of logits with label 0 is **{loss}**. Only the query encoder gets a gradient.\n"
        "4. The keys overwrite the rows {pointer_before} to {last} of the queue; then the pointer is ({pointer_before} + {batch}) mod {size} = **{pointer_after}**.",
        taken, m=momentum, rest=1 - momentum, batch=batch, size=len(taken.queue_before), last=taken.pointer_before + batch - 1,
    ))  # fmt: skip
    parts, links = pictures.queue(taken)
    board.show(*parts, links=links, spelled={"after": "`{at:after}` = **{after}**, {note:after}"}, cell=26, name="moco")
    arithmetic = _("`{at:logits}` is {note:logits}, divided by the temperature: about **{logits}**")
    board.show(pictures.logits(taken), spelled=arithmetic, cell=26, name="logits")
    st.markdown(say("**Why buffers?** The loss of the next step is {goes_on:.4f}. Saved, loaded into a fresh MoCo and gone on, it is **{with_buffers:.4f}**; with queue and pointer left out of the file it is **{without_buffers:.4f}**.", found))  # fmt: skip
    rows = [_("| tensor | shape | parameter | requires_grad | buffer | in state_dict |"), "|---" * 6 + "|"]
    rows += [
        f"| `{t.name}` | {spelled(t.shape)} | " + " | ".join(_(pictures.yes(fact)) for fact in (t.parameter, t.requires_grad, t.buffer, t.saved)) + " |"
        for t in found.tensors
    ]  # fmt: skip
    st.markdown("\n".join(rows))
    board.show(pictures.drift(steps), name="drift")


# ---- walk, take away -------------------------------------------------------------------------------------------


def walk_through(x: Any, lr: float) -> None:
    """A step of SGD by hand, or MoCo's queue."""
    options = {"step": _("a step by hand"), "ring": _("MoCo's queue")}
    if controls.choice("walked", "Function", options) == "step":
        st.caption(
            _(
                "A parameter and a buffer beside each other: backward is asked for the gradient of the one, and the step is taken by the one."
            )
        )
        steps = record(runs.step_by_hand, x, lr, panels=("x", "weight", "buffer", "y", "grad"))
    else:
        st.caption(
            _("How the buffer `queue` of the tab MoCo is written: here with 6 rows, and 8 keys that come 2 at a time.")
        )
        lines = source_of(runs.write_in_a_ring).splitlines()

        def note(now: Moment) -> str:
            return next((said for start, said in RING.items() if lines[now.line].strip().startswith(start)), "")

        steps = record(runs.write_in_a_ring, *runs.ring_example(), 2, panels=("queue", "keys", "pointer"), note=note)
    last = steps.steps[-1].values
    walk.show(steps, {name: colour.signed(values) for name, values in last.items()}, key="walk")


def take(
    x: Any, lr: float, handed: tuple[str, ...], call: bool | None, asks: bool, found: tuple[Role, ...]
) -> TakeAway:
    """The step on screen as a script, and the five tensors after it."""
    given = ", ".join(["*module.parameters()", *(f"module.{name}" for name in handed)])
    calls = (
        f"module = Holder({asks}, {len(x)})",
        *(() if call is None else (f"module.requires_grad_({call})",)),
        "try:\n    module(x).sum().backward()\nexcept RuntimeError as refusal:\n    print('refused:', refusal)",
        f"torch.optim.SGD([{given}], lr={lr}).step()",
        'print("parameters:", [name for name, _ in module.named_parameters()])',
        'print("buffers:", [name for name, _ in module.named_buffers()])',
        'print("state_dict:", list(module.state_dict()))',
        *(f"{name} = module.{name}.detach()" for name in KINDS),
    )
    script = Script(_("One of each kind, and a step of SGD"), {"x": x}, (Holder,), calls, tuple(KINDS))
    return TakeAway(script, {"x": x} | runs.tensors_after(found))


frame.page("buffers", lesson)
