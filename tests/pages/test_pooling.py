"""The pooling page shows what torch computes, for the settings in the link."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.tensors.script import to_python
from core.ui import predict, take_away
from tests.linking import partners
from tests.pages.opening import boards, charts, control, open_page, panels, sound, words


def example(size: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 50, (size, size), generator=torch.Generator().manual_seed(seed)).float()


def chart(app, title: str) -> dict:
    return next(figure for alt, figure in charts(app).items() if alt.startswith(title))


def colours(app, title: str) -> torch.Tensor:
    """The numbers that a heatmap colours."""
    return torch.tensor(chart(app, title)["data"][0]["z"])


SETTINGS = [
    {},
    {"stride": "1", "padding": "0"},
    {"stride": "kernel", "kernel_size": "2"},
    {"ceil_mode": "true"},
    {"ceil_mode": "true", "count_include_pad": "false"},
    {"dilation": "2"},
    {"size": "8", "kernel_size": "8", "padding": "4"},
    {"kernel_size": "5", "padding": "2", "stride": "4", "ceil_mode": "true", "size": "11"},
]


def arguments(link: dict) -> tuple[dict, dict]:
    """What the link means in torch's words: for the maximum, and for the average."""
    stride = link.get("stride", "2")
    kernel = int(link.get("kernel_size", 3))
    both = {
        "kernel_size": kernel,
        "stride": None if stride == "kernel" else int(stride),
        "padding": int(link.get("padding", min(1, kernel // 2))),
        "ceil_mode": link.get("ceil_mode") == "true",
    }
    counted = {"count_include_pad": link.get("count_include_pad") != "false"}
    return both | {"dilation": int(link.get("dilation", 1))}, both | counted


@pytest.mark.parametrize("link", SETTINGS, ids=str)
def test_the_pictures_hold_torchs_numbers(link):
    app = open_page("pooling", **link)
    x = example(int(link.get("size", 6)))[None]
    for_max, for_average = arguments(link)
    assert torch.allclose(colours(app, "max "), F.max_pool2d(x, **for_max)[0], atol=1e-3)
    assert torch.allclose(colours(app, "average "), F.avg_pool2d(x, **for_average)[0], atol=1e-3)
    text = words(app)
    assert "manual max_pool2d agrees with torch" in text
    assert "manual avg_pool2d agrees with torch" in text


def notes(app, panel: str) -> dict[tuple[int, ...], str]:
    """What a sentence can add of each cell."""
    cells = panels(app)[panel].cells
    origin = cells.origin or (0, 0)
    return {
        tuple(i + o for i, o in zip(at, origin, strict=True)): said
        for at, said in zip(np.ndindex(*cells.shape), cells.notes, strict=True)
    }


@pytest.mark.parametrize("link", SETTINGS, ids=str)
def test_outputs_light_what_their_gradient_reaches(link):
    shown = boards(open_page("pooling", **link))["board"]
    x = example(int(link.get("size", 6))).requires_grad_()
    for_max, for_average = arguments(link)
    highest, mean = F.max_pool2d(x[None], **for_max)[0], F.avg_pool2d(x[None], **for_average)[0]
    names = {panel.name for panel in shown.panels}
    for out in np.ndindex(*highest.shape):
        assert partners(shown, "max", out, "winner")["x"] == reached(highest[out], x)
    for out in np.ndindex(*mean.shape):
        lit = partners(shown, "average", out)["x₂" if "x₂" in names else "x"]
        assert {at for at in lit if all(0 <= i < n for i, n in zip(at, x.shape, strict=True))} == reached(mean[out], x)


def reached(output: torch.Tensor, x: torch.Tensor) -> set[tuple[int, ...]]:
    (grad,) = torch.autograd.grad(output, x, retain_graph=True)
    return {tuple(at) for at in grad.nonzero().tolist()}


def test_a_maximum_says_where_it_stands_and_an_average_what_it_is_divided_by():
    x = example()
    _, place = F.max_pool2d(x[None], 3, 2, 1, return_indices=True)
    app = open_page("pooling")
    for out, said in notes(app, "max").items():
        y, column = divmod(int(place[0][out]), 6)
        assert said == f"`x[{y}, {column}]`"
    assert notes(app, "average")[0, 0] == "9 (4 of the input, 5 of padding)"
    without = open_page("pooling", count_include_pad="false")
    assert notes(without, "average")[0, 0] == "4 (4 of the input, 5 left out)"
    past = open_page("pooling", ceil_mode="true")
    assert notes(past, "average")[3, 3] == "4 (1 of the input, 3 of padding, 5 left out)"


def test_an_input_cell_says_of_how_many_windows_it_is_the_maximum():
    x = example()[None].requires_grad_()
    F.max_pool2d(x, 3, 2, 1).sum().backward()
    said = notes(open_page("pooling"), "x")
    for at in np.ndindex(6, 6):
        assert f"**{x.grad[0][at]:g}** of its windows" in said[at]
    assert "padding" in said[-1, 3]


def test_the_maxima_of_the_example_tell_windows_apart():
    for seed in range(5):
        x = example(seed=seed)
        _, place = F.max_pool2d(x[None], 3, 2, 1, return_indices=True)
        assert len(place.unique()) >= 5


def test_a_cell_pinned_in_any_picture_is_pinned_on_both_boards():
    app = open_page("pooling", cell="average[2, 1]", tab="Backward")
    assert boards(app)["board"].pinned == ("average", (2, 1))
    assert boards(app)["backward"].pinned == ("daverage", (2, 1))
    sound(control(app, "cell").set_value("x[-1, 6]").run())
    assert boards(app)["board"].pinned == ("x", (-1, 6))
    sound(control(app, "size").set_value(3).run())
    assert boards(app)["board"].pinned == ("max", (1, 1)), "no such cell any more: the one in the middle"
    sound(control(app, "size").set_value(6).run())
    assert boards(app)["board"].pinned == ("x", (-1, 6))


@pytest.mark.parametrize("arriving", ["ones", "pinned", "counting"])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_the_gradients_are_torchs(arriving, kind):
    x = example()[None].requires_grad_()
    output = (F.max_pool2d if kind == "max" else F.avg_pool2d)(x, 3, 2, 1)
    grads = {
        "ones": torch.ones(9),
        "pinned": torch.eye(9)[5],
        "counting": torch.arange(1.0, 10),
    }
    output.backward(grads[arriving].reshape(1, 3, 3))
    app = open_page("pooling", tab="Backward", arriving=arriving, cell=f"{kind}[1, 2]")
    assert torch.allclose(colours(app, f"dx_{kind}"), x.grad[0], atol=1e-3)
    shown, leaf = boards(app)["backward"], x.detach()[0].clone().requires_grad_()
    again = (F.max_pool2d if kind == "max" else F.avg_pool2d)(leaf[None], 3, 2, 1)[0]
    for out in np.ndindex(3, 3):
        lit = partners(shown, f"d{kind}", out)[f"dx_{kind}"]
        assert lit == reached(again[out], leaf)


def test_a_shift_changes_as_many_outputs_as_torch_says():
    x = example()[None]
    moved = x.roll((1, 2), (1, 2))
    changed = int((F.max_pool2d(moved, 3, 2, 1) != F.max_pool2d(x, 3, 2, 1)).sum())
    app = open_page("pooling", tab="Shift", down="1", across="2")
    assert f"max: **{changed} of 9** cells change" in words(app)
    assert "max: **0 of 9** cells change, by **0 %**" in words(open_page("pooling", tab="Shift", across="0"))


def test_pitfalls_are_run_on_the_input():
    text = words(open_page("pooling", x_from="typed or pasted", x="[[5, 5, 1], [5, 5, 2], [0, 1, 3]]", stride="1"))
    assert "In **8 of 9** windows on screen the maximum occurs more than once" in text
    assert "**0** of its maxima and **0** of its averages change" in text
    assert "it raises RuntimeError: “mean()" in text
    assert "**8 of 9** maxima would differ" in text


def test_a_window_larger_than_the_input_is_refused_in_a_sentence():
    app = open_page("pooling", size="1", padding="0")
    assert "too small" in app.error[0].value
    assert torch.equal(colours(app, "max "), F.max_pool2d(example(1)[None], 3, 2, 1)[0]), "what works is shown"
    kept = open_page("pooling")
    sound(control(kept, "size").set_value(2).run())
    sound(control(kept, "padding").set_value(0).run())
    assert "The picture below is the last one that worked" in kept.error[0].value
    assert torch.equal(colours(kept, "max "), F.max_pool2d(example(2)[None], 3, 2, 1)[0])


def test_a_dilated_window_that_does_not_fit_is_refused_by_the_size_that_it_spans():
    app = open_page("pooling", kernel_size="5", dilation="3", padding="1")
    assert "8×8 with its padding" in app.error[0].value
    assert "13×13" in app.error[0].value
    assert len(boards(app)["board"].panels) == 3


@pytest.mark.parametrize("link", [{}, {"dilation": "3", "padding": "1"}, {"count_include_pad": "false"}])
@pytest.mark.parametrize("source", ["digit", "photo"])
def test_images_are_pooled(source, link):
    app = open_page("pooling", x_from=source, **link)
    x = panels(app)["x"].cells.values
    assert max(x.shape) == (28 if source == "digit" else 96)
    for_max, for_average = arguments(link)
    assert torch.equal(panels(app)["max"].cells.values, F.max_pool2d(x[None], **for_max)[0])
    assert torch.allclose(panels(app)["average"].cells.values, F.avg_pool2d(x[None], **for_average)[0], atol=1e-6)
    divisors = panels(app)["average"].cells.notes
    assert (divisors is None) == (link.get("count_include_pad") != "false")
    assert "agrees with torch" in words(app)


def asked(monkeypatch, **link) -> list:
    """The questions of a page in this state."""
    found = []
    monkeypatch.setattr(predict, "show", lambda _, draws: found.extend(draws))
    open_page("pooling", tab="Predict", **link)
    return found


def test_the_questions_answers_are_torchs(monkeypatch):
    x = example()[None].requires_grad_()
    highest, by, receives, shape = asked(monkeypatch, ceil_mode="true")
    assert "rounded" in shape(random.Random(0)).why
    for number in range(8):
        question = highest(random.Random(number))
        place = place_in(question.ask, "max[")
        assert question.accepts(str(F.max_pool2d(x, 3, 2, 1, ceil_mode=True)[0][place].item()))
        question = by(random.Random(number))
        place = place_in(question.ask, "average[")
        average = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)
        total = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, divisor_override=1)
        assert question.accepts(str(round((total[0][place] / average[0][place]).item())))
        question = receives(random.Random(number))
        pool = F.max_pool2d if "of the max" in question.ask else F.avg_pool2d
        (grad,) = torch.autograd.grad(pool(x, 3, 2, 1, ceil_mode=True).sum(), x)
        assert question.accepts(str(grad[0][place_in(question.ask, "input[")].item()))


def place_in(text: str, before: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(before)[1].split("]")[0].split(","))


def test_the_script_gives_torchs_numbers(monkeypatch, tmp_path):
    taken = []
    monkeypatch.setattr(take_away, "show", lambda _, take: taken.append(take))
    open_page("pooling", tab="Take away", ceil_mode="true", count_include_pad="false")
    (tmp_path / "script.py").write_text(to_python(taken[0].script))
    subprocess.run([sys.executable, "script.py", "saved.pt"], cwd=tmp_path, check=True, timeout=60, capture_output=True)
    saved = torch.load(tmp_path / "saved.pt")
    x = example()[None]
    assert torch.equal(saved["maximum"], F.max_pool2d(x, 3, 2, 1, ceil_mode=True))
    assert torch.allclose(saved["average"], F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False))


def test_a_window_of_padding_alone_is_refused_before_torch_writes_outside_the_tensor():
    app = open_page("pooling", size="2", kernel_size="2", padding="1", dilation="3")
    assert "a window that holds padding alone" in words(app)
