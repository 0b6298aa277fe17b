"""no_grad and its neighbours: which part of an expression is recorded, what that keeps, and what comes back."""

import random
from collections.abc import Callable, Mapping
from functools import partial

import streamlit as st
import torch
from torch import Tensor

from core.experiments import autograd
from core.experiments.autograd import CONTEXTS, DETACH, FUNCTIONS, Expression, Graph, Numbers, build_expression
from core.figures import colour, curves, graph
from core.figures.board import Panel, with_row_names
from core.figures.heatmap import Picture
from core.figures.numbers import number
from core.figures.walk import Moment, record
from core.tensors.limits import Limits
from core.tensors.script import Script
from core.topics import Topic
from core.ui import board, code, controls, frame, link, tensor_input, walk
from core.ui.frame import Pitfall
from core.ui.predict import Question
from core.ui.take_away import TakeAway

X, W = torch.tensor([0.5, 1.0, 1.5]), torch.tensor([1.0, -1.0, 2.0])
LIMITS = Limits(ranks=(1,), max_side=4)
CALLS = {
    "none": "recorded", "no_grad": "no_grad()", "inference_mode": "inference_mode()", "enable_grad": "enable_grad()",
    "set_grad_enabled(False)": "set_grad_enabled(False)", DETACH: ".detach()",
}  # fmt: skip
WITHIN, AROUND = tuple(CALLS), tuple(CONTEXTS)
MAKERS: dict[str, Callable[[Tensor], Tensor]] = {
    "x * 2": lambda x: x * 2,
    "x": lambda x: x,
    "torch.ones(3, requires_grad=True)": lambda _: torch.ones(3, requires_grad=True),
    "nn.Parameter(torch.ones(3))": lambda _: torch.nn.Parameter(torch.ones(3)),
}
DRAWN_WIDTH = {False: 590, True: 770}  # pixels of graph and tensors, by whether it is shown on a projector
NAME_SPACE = 36  # pixels for the names beside the tensors
LEAVES = {"x and w": ("x", "w"), "x": ("x",), "w": ("w",), "neither": ()}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs."""
    above = controls.main()
    with controls.more():
        function = controls.choice("f", "a =", list(FUNCTIONS), width=120)
        leaves = LEAVES[controls.choice("leaves", "requires_grad", list(LEAVES))]
        x = tensor_input.tensor("x", "x", X, LIMITS).float()
        w = tensor_input.tensor("w", "w", W, LIMITS).float()
    with above:
        parts = {"h": "h = x * w", "a": f"a = {function}", "y": "y = (a * h).sum()"}
        h, a, y = (controls.choice(name, said, WITHIN, "no_grad" if name == "a" else "none", format=CALLS.__getitem__,
                                   width=150) for name, said in parts.items())  # fmt: skip
        outer = controls.choice("all", "all three inside", AROUND, format=CALLS.__getitem__, width=150)
        when = controls.choice("when", "Graph", ("before backward", "after"))
    x_values, w_values = frame.attempt("leaves", lambda: as_long(x, w)) or as_long(X, W)
    chosen = partial(build_expression, x=x_values, w=w_values, function=function)
    run = chosen((h, a, y), outer, leaves=leaves)
    whole = chosen()
    with st.container(horizontal=True, gap="medium"):
        with st.container(width=DRAWN_WIDTH[link.projector()]):
            draw(run, whole, when, x_values, w_values, function)
        with st.container(width=335):
            st.code(spelled((h, a, y), outer, function), language="python")
    outcome(run, whole)
    frame.below(
        topic,
        pitfalls=[*map(frame.claimed, autograd.CLAIMS), *pitfalls(x_values, w_values, function)],
        walk=partial(show_walk, x_values, w_values),
        questions=questions(x_values, w_values, function),
        take=lambda: take(x_values, w_values, leaves, spelled((h, a, y), outer, function), run),
        more={"Memory": memory, "How with works": how_with_works},
        functions=(build_expression, autograd.held_by_network, autograd.how_with_works, autograd.no_grad_by_yield),
    )


def as_long(x: Tensor, w: Tensor) -> tuple[Numbers, Numbers]:
    """The numbers of both. ValueError unless they are as many."""
    if len(x) != len(w):
        raise ValueError(
            f"x has {len(x)} numbers and w {len(w)}: x * w is taken number by number, so give both as many."
        )
    return tuple(x.tolist()), tuple(w.tolist())


def spelled(within: tuple[str, str, str], outer: str, function: str) -> str:
    """The code that ran."""
    lines = []
    for name, expression, context in zip("hay", ("x * w", function, "(a * h).sum()"), within, strict=True):
        if context == DETACH:
            bracketed = expression if expression.endswith(")") else f"({expression})"
            lines.append(f"{name} = {bracketed}.detach()")
        elif context == "none":
            lines.append(f"{name} = {expression}")
        else:
            lines += [f"with torch.{CALLS[context]}:", f"    {name} = {expression}"]
    if outer != "none":
        lines = [f"with torch.{CALLS[outer]}:", *(f"    {line}" for line in lines)]
    return "\n".join([*lines, "y.backward()"])


# ---- the graph and the facts -----------------------------------------------------------------------------------


def draw(run: Expression, whole: Expression, when: str, x: Numbers, w: Numbers, function: str) -> None:
    """The graph as torch recorded it, and the tensors; what it would have recorded besides is broken."""
    shown = run.graph if when == "before backward" else run.graph_after
    values = {"x": x, "w": w} | {facts.name: facts.values for facts in run.tensors}
    arrived = dict.fromkeys(run.gradients) if when == "before backward" else run.gradients
    notes = {name: f"{name}.grad = {listed(gradient)}" for name, gradient in arrived.items()}
    notes |= {facts.name: listed(facts.values) for facts in run.tensors}
    nodes, ties = graph.panel(shown, whole.graph, list(values), notes, link.projector())
    board.show(
        nodes, tensors(values, shown, function), links=ties,
        spelled={"graph": "{note:graph}.", "tensors": "{note:tensors}."},
    )  # fmt: skip


def tensors(values: Mapping[str, Numbers], shown: Graph, function: str) -> Panel:
    """The tensors as the rows of one picture, with the arithmetic of each number and who keeps it."""
    names, count = list(values), len(values["x"])
    blank = [(row, i) for row, name in enumerate(names) for i in range(len(values[name]), count)]
    numbers = torch.tensor([[*values[name], *[0.0] * (count - len(values[name]))] for name in names])
    texts = [
        "" if (row, i) in blank else number(numbers[row, i].item()) for row in range(len(names)) for i in range(count)
    ]
    keepers = {name: [n.name for n in shown.nodes if any(saved.tensor == name for saved in n.saved)] for name in names}
    notes = [
        arithmetic(name, min(i, len(values[name]) - 1), values, function) + kept_by(keepers[name])
        for name in names for i in range(count)
    ]  # fmt: skip
    picture = Picture(
        "tensors", numbers, colour.signed(numbers[:4]), "the tensors", texts=texts, muted=blank, axes="tensor i", notes=notes,
        group="tensor", side=36,
    )  # fmt: skip
    panel = board.as_panel(picture, picture.side, {})
    assert panel is not None
    return with_row_names(panel, names, NAME_SPACE)


def arithmetic(name: str, i: int, values: Mapping[str, Numbers], function: str) -> str:
    """What one number was computed from."""
    if name in ("x", "w"):
        return f"`{name}[{i}]` = **{number(values[name][i])}** is given"
    if name == "y":
        terms = " + ".join(f"{number(a)}·{in_brackets(h)}" for a, h in zip(values["a"], values["h"], strict=True))
        return f"`y` = {terms} = **{number(values['y'][0])}**"
    if name == "h":
        said = f"{number(values['x'][i])} · {in_brackets(values['w'][i])}"
    else:
        said = f"`{function.replace('h', f'h[{i}]', 1)}` with h[{i}] = {number(values['h'][i])}"
    return f"`{name}[{i}]` = {said} = **{number(values[name][i])}**"


def in_brackets(value: float) -> str:
    """A factor, in brackets where it is negative."""
    return f"({number(value)})" if value < 0 else number(value)


def kept_by(nodes: list[str]) -> str:
    """Who keeps a tensor for backward."""
    return f"; {name_list(nodes)} keep{'s' if len(nodes) == 1 else ''} it for backward" if nodes else ""


def name_list(names: list[str]) -> str:
    """Names of code, joined by and."""
    return " and ".join(f"`{name}`" for name in names)


def listed(values: Numbers | None) -> str:
    """Numbers as Python lists them."""
    if values is None:
        return "None"
    return number(values[0]) if len(values) == 1 else f"[{', '.join(map(number, values))}]"


def outcome(run: Expression, whole: Expression) -> None:
    """What autograd knows of each tensor, what it keeps, and what backward brings."""
    rows = ["| | requires_grad | grad_fn | leaf | inference |", "|---" * 5 + "|"]
    rows += [
        f"| **{t.name}** | {t.requires_grad} | {t.grad_fn} | {t.is_leaf} | {t.is_inference} |" for t in run.tensors
    ]
    st.markdown("\n".join(rows))
    if len(run.tensors) == len(whole.tensors):
        st.markdown(
            f"**Kept for backward**: **{run.graph.saved_bytes} B** of the {whole.graph.saved_bytes} B with everything "
            f"recorded; the same memory counts once. {run.held.tensors} savings were made on the way, instead of "
            f"{whole.held.tensors}."
        )
    if run.error:
        done = {0: "h", 1: "a", 2: "y"}.get(len(run.tensors), "y.backward()")
        st.error(f"`{done}` is refused: {run.error}", icon=":material/block:")
        return
    st.markdown("**Backward**: " + ", ".join(arrived(name, run, whole) for name in ("x", "w")) + ".")


def arrived(name: str, run: Expression, whole: Expression) -> str:
    """One leaf's gradient, and what it would be with everything recorded."""
    ours, full = run.gradients[name], whole.gradients[name]
    aside = "" if ours == full else f" (everything recorded: {listed(full)})"
    return f"`{name}.grad` = **{listed(ours)}**{aside}"


# ---- the page's own tabs ---------------------------------------------------------------------------------------


def memory() -> None:
    """What a network's forward pass keeps under each context, in training and in eval."""
    with controls.row("memory"):
        depth = controls.slider("depth", "Layers", 1, 8, 4)
        width = controls.slider("width", "Width", 16, 256, 64, step=16)
        batch = controls.slider("batch", "Batch", 8, 128, 32, step=8)
    held = {
        mode: [autograd.held_by_network(context, depth, width, batch, mode == "train").nbytes for context in CONTEXTS]
        for mode in ("train", "eval")
    }
    kilobytes = {f"{mode}()": (list(map(shorter, CONTEXTS)), [n / 1000 for n in bytes]) for mode, bytes in held.items()}
    recorded, evaluated = held["train"][0], held["eval"][0]
    board.alone(
        curves.bars(kilobytes, curves.Axis(), curves.Axis("kB kept for backward"), title="What a forward pass keeps"),
        f"Bytes kept: recorded {recorded} in training and {evaluated} in eval; "
        + ", ".join(f"{context} {held['train'][i]}" for i, context in enumerate(CONTEXTS) if i),
        name="network", width=True,
    )  # fmt: skip
    st.markdown(
        f"{depth} times Linear({width}, {width}), ReLU, Dropout on a batch of {batch}: **{recorded:,} B** are kept in "
        f"training, weights that backward needs included, **{evaluated:,} B** after `eval()` (dropout then keeps no "
        f"mask), and **{held['train'][1]} B** under `no_grad()`, in either mode."
    )


def shorter(context: str) -> str:
    """A context's name that fits under a bar."""
    return {"none": "recorded", "set_grad_enabled(False)": "set_grad_<br>enabled(False)"}.get(context, context)


def how_with_works() -> None:
    """`with` on a context manager of two methods, and what happens when its body fails."""
    fail = controls.toggle("fail", "The body raises an error", False)
    st.markdown(
        "`with NoGrad():` calls `__enter__` on the way in and `__exit__` on every way out, by an error too: what is "
        "opened gets closed, be it a file or a recording."
    )
    rows = ["| moment | torch.is_grad_enabled() |", "|---|---|"]
    rows += [f"| {moment} | **{on}** |" for moment, on in autograd.how_with_works(fail)]
    st.markdown("\n".join(rows))
    left, right = st.columns([3, 2])
    left.code(code.source(autograd.how_with_works), language="python", wrap_lines=True)
    right.code(code.source(autograd.no_grad_by_yield), language="python", wrap_lines=True)


# ---- pitfalls --------------------------------------------------------------------------------------------------


def pitfalls(x: Numbers, w: Numbers, function: str) -> list[Pitfall]:
    """What people believe of the neighbours, beyond the tutorial's own sentences."""
    chosen = partial(build_expression, x=x, w=w, function=function)
    return [
        Pitfall("`.detach()` saves the memory that `no_grad()` saves", partial(detach_records_first, chosen)),
        Pitfall("`inference_mode()` is just a faster `no_grad()`", partial(inference_tensors_stay_out, chosen)),
        Pitfall("With one parameter frozen, its steps go unrecorded", partial(freezing_is_not_no_grad, chosen)),
        Pitfall("`eval()` stops the recording", eval_records),
        Pitfall("`torch.set_grad_enabled(False)` needs a `with`", set_grad_enabled_stays),
        Pitfall("`backward()` does nothing under `no_grad()`", partial(backward_works_inside, x)),
    ]  # fmt: skip


def detach_records_first(chosen: partial) -> None:
    """Bytes kept while a is computed and detached, against a under no_grad."""
    detached, off = chosen(("none", DETACH, "none")), chosen(("none", "no_grad", "none"))
    same = detached.gradients == off.gradients
    st.markdown(
        f"With a detached, {detached.held.tensors} savings are made; with a under `no_grad()`, {off.held.tensors}. "
        f"The gradients are {'the same' if same else 'not the same'}: `detach` records first and lets go after."
    )


def inference_tensors_stay_out(chosen: partial) -> None:
    """The same part under each."""
    off, inference = chosen(("none", "no_grad", "none")), chosen(("none", "inference_mode", "none"))
    st.markdown(
        f"Under `no_grad()`, x.grad = **{listed(off.gradients['x'])}**. Under `inference_mode()`: "
        f"“{(inference.error or 'no error').partition('. ')[0]}”. An inference tensor has no version counter, so no "
        "graph may keep it."
    )


def freezing_is_not_no_grad(chosen: partial) -> None:
    """w without requires_grad."""
    frozen, whole = chosen(leaves=("x",)), chosen()
    st.markdown(
        f"With w frozen, y still has {len(frozen.graph.nodes)} of {len(whole.graph.nodes)} nodes and keeps "
        f"{frozen.held.nbytes} of {whole.held.nbytes} B: the way to x leads through. w.grad is "
        f"**{listed(frozen.gradients['w'])}**, x.grad = {listed(frozen.gradients['x'])}."
    )


def eval_records() -> None:
    """What a network in eval keeps."""
    kept, off = autograd.held_by_network("none", training=False), autograd.held_by_network("no_grad", training=False)
    st.markdown(
        f"A network of four layers in `eval()` keeps **{kept.nbytes:,} B** for a backward that never comes; under "
        f"`no_grad()` it keeps **{off.nbytes}**. Memory runs out in a test loop for want of `no_grad`, not of `eval`."
    )


def set_grad_enabled_stays() -> None:
    """Called as a function, it stays until something switches it back."""
    with torch.enable_grad():  # switches back at its end
        torch.set_grad_enabled(False)
        after = torch.is_grad_enabled()
    st.markdown(
        f"Called as a plain function it acts at once and stays: the next line sees is_grad_enabled() = **{after}**. "
        f"A `with` around it switches back by itself, here to **{torch.is_grad_enabled()}**; without one, only another "
        "call does."
    )


def backward_works_inside(x: Numbers) -> None:
    """Backward under no_grad, of a graph made outside."""
    leaf = torch.tensor(x, requires_grad=True)
    y = (leaf * leaf).sum()
    with torch.no_grad():
        y.backward()
    gradient = leaf.grad
    assert gradient is not None
    st.markdown(
        f"`y = (x * x).sum()` outside, `y.backward()` inside: x.grad = **{listed(tuple(gradient.tolist()))}**. "
        "no_grad stops the recording of new steps; a graph that is there works."
    )


# ---- walk, questions, take away --------------------------------------------------------------------------------


def show_walk(x: Numbers, w: Numbers) -> None:
    """Two steps of gradient descent."""
    start, given = torch.tensor(w), torch.tensor(x)

    def note(moment: Moment) -> str:
        return "w changes in place, unrecorded" if "w -=" in lines[moment.line] else ""

    lines = code.source(autograd.descend).splitlines()
    steps = record(autograd.descend, start, given, 0.1, panels=("w", "x", "loss", "gradient"), note=note)
    scale = colour.signed(start, given)
    walk.show(steps, dict.fromkeys(("w", "x", "gradient"), scale) | {"loss": scale}, key="walk")


def questions(x: Numbers, w: Numbers, function: str) -> list:
    """Questions on the expression."""

    def drawn(draw: random.Random) -> tuple[tuple[str, str, str], Expression]:
        within = tuple(draw.choice(("none", "no_grad", DETACH, "none")) for _ in "hay")
        return within, build_expression(within, x=x, w=w, function=function)  # type: ignore[arg-type, return-value]

    def gradient(draw: random.Random) -> Question:
        within, made = drawn(draw)
        i = draw.randrange(len(x))
        arrived = made.gradients["x"]
        return Question(
            f"`{spelled(within, 'none', function).replace(chr(10), ' ⏎ ')}` with x = {listed(x)} and w = {listed(w)}: "
            f"what is x.grad[{i}]? (`error` if backward is refused, `None` if nothing arrives.)",
            "error" if made.error else "None" if arrived is None else f"{arrived[i]:.4g}",
            made.error or f"x.grad is {listed(arrived)}: what is not recorded counts as a constant.",
        )

    def kept(draw: random.Random) -> Question:
        other = draw.choice(list(FUNCTIONS))
        made = build_expression(x=x, w=w, function=other)
        return Question(
            f"Everything is recorded, a = {other}, and x has {len(x)} float32 numbers. How many bytes are kept?",
            str(made.graph.saved_bytes),
            "; ".join(
                f"{node.name} keeps {', '.join(s.tensor for s in node.saved)}"
                for node in made.graph.nodes
                if node.saved
            )
            + ". The same memory counts once.",
        )

    def nested(draw: random.Random) -> Question:
        contexts = [draw.choice([c for c in CONTEXTS if c != "none"]) for _ in range(3)]
        inside = autograd.recorded_inside(contexts)
        return Question(
            f"Inside {', in it '.join(f'`with {CALLS[c]}`' for c in contexts)}: is `z = x * w` recorded?",
            "yes" if inside else "no",
            "The innermost decides, except that nothing is recorded anywhere inside inference_mode().",
            ("yes", "no"),
        )

    def leaf(draw: random.Random) -> Question:
        made = draw.choice(list(MAKERS))
        with torch.no_grad():
            answer = MAKERS[made](torch.tensor(x, requires_grad=True)).requires_grad
        return Question(
            f"x requires a gradient. Under `no_grad()`: `z = {made}`. What is z.requires_grad?",
            str(answer),
            "Results of computations lose it, leaves keep what they ask for.",
            ("True", "False"),
        )

    return [gradient, kept, nested, leaf]


def take(x: Numbers, w: Numbers, leaves: tuple[str, ...], ran: str, run: Expression) -> TakeAway:
    """The run on screen as a script, and its tensors."""
    inputs = {name: torch.tensor(values, requires_grad=name in leaves) for name, values in (("x", x), ("w", w))}
    outputs = {t.name: torch.tensor(t.values).reshape(() if t.name == "y" else (-1,)) for t in run.tensors}
    outputs |= {f"{name}_grad": torch.tensor(g) for name, g in run.gradients.items() if g is not None}
    indented = "\n".join(f"    {line}" for line in ran.splitlines())
    script = Script(
        title="An expression under contexts",
        inputs=inputs,
        functions=(autograd.graph_of,),
        calls=(
            f'try:\n{indented}\nexcept RuntimeError as refusal:\n    print("refused:", refusal)',
            "x_grad, w_grad = x.grad, w.grad",
            f"for node in graph_of({list(outputs)[len(run.tensors) - 1]}).nodes:\n    print(node.name, node.shape)",
        ),
        results=tuple(outputs),
    )
    return TakeAway(script, {name: tensor.detach() for name, tensor in inputs.items()} | outputs)


frame.page("no_grad", lesson)
