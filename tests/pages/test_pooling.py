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
from tests.pages.opening import charts, control, open_page, sound, words


def example(size: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 10, (size, size), generator=torch.Generator().manual_seed(seed)).float()


def chart(app, title: str) -> dict:
    return next(figure for alt, figure in charts(app).items() if alt.startswith(title))


def colours(app, title: str) -> torch.Tensor:
    """The numbers that a heatmap colours."""
    return torch.tensor(decoded(chart(app, title)["data"][0]["z"]))


def decoded(z) -> list:
    if isinstance(z, dict):
        import base64

        shape = [int(n) for n in z["shape"].split(",")]
        return np.frombuffer(base64.b64decode(z["bdata"]), z["dtype"]).reshape(shape).tolist()
    return [[float("nan") if value is None else value for value in row] for row in z]


SETTINGS = [
    {},
    {"stride": "1", "padding": "0"},
    {"stride": "kernel", "kernel_size": "2"},
    {"ceil_mode": "true"},
    {"ceil_mode": "true", "count_include_pad": "false"},
    {"dilation": "2"},
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
    assert torch.allclose(colours(app, "max "), F.max_pool2d(x, **for_max)[0].clamp(-9, 9), atol=1e-3)
    assert torch.allclose(colours(app, "average "), F.avg_pool2d(x, **for_average)[0], atol=1e-3)
    text = words(app)
    assert "manual max_pool2d agrees with torch" in text
    assert "manual avg_pool2d agrees with torch" in text


def test_an_output_is_spelled_out_with_its_winner_and_its_divisor():
    x = example()
    text = words(open_page("pooling", out="0,0"))
    inside = x[:2, :2]
    value, place = F.max_pool2d(x[None], 3, 2, 1, return_indices=True)
    y, column = divmod(int(place[0, 0, 0]), 6)
    assert f"= **{value[0, 0, 0]:g}**, at input[{y}, {column}]" in text
    assert f"/ 9 (4 of the input, 5 of padding) = **{inside.sum() / 9:.4g}**" in text
    text = words(open_page("pooling", out="0,0", count_include_pad="false"))
    assert f"/ 4 (4 of the input, 5 left out) = **{inside.mean():.4g}**" in text


def test_windows_past_the_end_divide_by_what_is_left():
    text = words(open_page("pooling", out="3,3", ceil_mode="true"))
    x = example()
    assert f"= **{F.avg_pool2d(x[None], 3, 2, 1, ceil_mode=True)[0, 3, 3]:.4g}**" in text
    assert "/ 4 (1 of the input, 3 of padding, 5 left out)" in text


def test_an_input_cell_says_who_reads_it_and_what_gradient_it_gets():
    x = example()[None].requires_grad_()
    F.max_pool2d(x, 3, 2, 1).sum().backward()
    y, column = divmod(int(x.grad.argmax()), 6)
    text = words(open_page("pooling", **{"in": f"{y},{column}"}))
    assert f"the maximum of **{x.grad.max():g}**" in text
    assert f"**{x.grad.max():g}** arrives here" in text


@pytest.mark.parametrize("arriving", ["1 to every output", "1 to the picked output", "1, 2, 3, …"])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_the_gradients_are_torchs(arriving, kind):
    x = example()[None].requires_grad_()
    output = (F.max_pool2d if kind == "max" else F.avg_pool2d)(x, 3, 2, 1)
    grads = {
        "1 to every output": torch.ones(9),
        "1 to the picked output": torch.eye(9)[5],
        "1, 2, 3, …": torch.arange(1.0, 10),
    }
    output.backward(grads[arriving].reshape(1, 3, 3))
    app = open_page("pooling", tab="Backward", arriving=arriving, out="1,2")
    assert torch.allclose(colours(app, f"{kind}: input.grad"), x.grad[0], atol=1e-3)


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
    assert len(app.get("plotly_chart")) == 0
    kept = open_page("pooling")
    sound(control(kept, "size").set_value(2).run())
    sound(control(kept, "padding").set_value(0).run())
    assert "The picture below is the last one that worked" in kept.error[0].value
    assert len(kept.get("plotly_chart")) == 4


@pytest.mark.parametrize("link", [{}, {"dilation": "3", "padding": "1"}, {"in": "3,4"}])
def test_images_are_pooled(link):
    app = open_page("pooling", x_from="a digit (MNIST)", **link)
    assert {alt.split(",")[0] for alt in charts(app)} >= {"input 28×28", "average 14×14"}
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
