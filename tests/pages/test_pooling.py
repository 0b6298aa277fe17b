"""The pooling page shows what torch computes, for the settings in the link."""

import random
import re
import subprocess
import sys
from urllib.parse import parse_qsl

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from core.tensors import text as tensor_text
from core.tensors.limits import Limits
from core.tensors.script import to_python
from core.ui import frame, predict, take_away, walk
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, open_page, panels, sound, words


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
    row = next(
        line
        for line in words(open_page("pooling", tab="Shift", down="1", across="2")).splitlines()
        if line.startswith("| 1 | 2 |")
    )
    assert f"{changed} of 9" in row.split("|")[4]


@pytest.mark.parametrize(
    ("link", "sizes", "mended"),
    [
        ({"size": "1", "padding": "0"}, [], {"padding": 1}),
        ({"kernel_size": "5", "dilation": "3", "padding": "1"}, ["13", "8×8"], {"dilation": 1}),
        ({"kernel_size": "5", "dilation": "3"}, ["13", "8×8"], {"dilation": 1}),
        ({"size": "2", "kernel_size": "2", "padding": "1", "dilation": "3"}, [], {"dilation": 1}),
    ],
)
def test_a_refusal_keeps_input_and_tabs_says_the_sizes_and_is_mended_by_one_click(link, sizes, mended):
    app = open_page("pooling", **link)
    tabs = len(app.tabs)
    assert app.error
    assert set(panels(app)) == {"x"}
    said = " ".join(caption.value for caption in app.caption)
    assert all(size in said for size in sizes)
    sound(next(button for button in app.button if (button.key or "").startswith("mend ")).click().run())
    assert not app.error
    assert {"x", "max", "average"} <= set(panels(app))
    assert len(app.tabs) == tabs > 5
    assert {name: control(app, name).value for name in mended} == mended


@pytest.mark.parametrize("kernel", ["7", "8"])
def test_the_largest_kernels_are_pooled_at_the_default_settings(kernel):
    app = open_page("pooling", kernel_size=kernel)
    assert not app.error
    assert torch.equal(colours(app, "max "), F.max_pool2d(example()[None], int(kernel), 2, 1)[0])


@pytest.mark.parametrize(
    ("x", "dtype"),
    [
        ("[[1,2,3],[4,5,6],[7,8,9]]", torch.float32), ("[[16777217,1],[2,3]]", torch.float64),
        ("tensor([[1.5, 2.], [3., 4.]], dtype=torch.float64)", torch.float64),
        ("[[1., nan, 2.], [inf, 3., -inf], [0., 0., 0.]]", torch.float32), ("[[true, false]]", torch.float32),
    ],
)  # fmt: skip
def test_what_torch_pools_is_pooled_and_a_conversion_is_said(x, dtype):
    app = open_page("pooling", x_from="typed", x=x, tab="Backward")
    given = tensor_text.parse(x, limits=Limits(allow_nonfinite=True))
    taken = given.to(dtype)[None]
    assert torch.equal(
        held(app, "max").double().nan_to_num(0.5), F.max_pool2d(taken, 3, 2, 1)[0].double().nan_to_num(0.5)
    )
    assert torch.allclose(held(app, "average").double(), F.avg_pool2d(taken, 3, 2, 1)[0].double(), equal_nan=True)
    name = str(given.dtype).removeprefix("torch.")
    assert any(name in caption.value for caption in app.caption) == (given.dtype != dtype)


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


def test_the_questions_answers_are_torchs_and_covered(monkeypatch):
    x = example()[None].requires_grad_()
    highest, by, receives, shape = asked(monkeypatch, ceil_mode="true")
    for number in range(8):
        question = highest(random.Random(number))
        expected = F.max_pool2d(x, 3, 2, 1, ceil_mode=True)[0][place_in(question.ask, "max[")].item()
        assert question.accepts(str(expected))
        assert not question.accepts(str(expected + 0.4))
        assert question.covers == ("max",)
        question = by(random.Random(number))
        place = place_in(question.ask, "average[")
        average = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)
        total = F.avg_pool2d(x, 3, 2, 1, ceil_mode=True, divisor_override=1)
        assert question.accepts(str(round((total[0][place] / average[0][place]).item())))
        assert question.covers == ("average",)
        question = receives(random.Random(number))
        pool = F.max_pool2d if question.covers == ("max",) else F.avg_pool2d
        (grad,) = torch.autograd.grad(pool(x, 3, 2, 1, ceil_mode=True).sum(), x)
        assert question.accepts(str(grad[0][place_in(question.ask, "at x[")].item()))
        question = shape(random.Random(number))
        size, k, s = (re.search(p, question.ask)[1] for p in (r"1×8×(\d+)", r"input, (\d)", r"stride=(\w+),"))
        output = F.max_pool2d(
            torch.zeros(1, 8, int(size), int(size)),
            int(k),
            None if s == "None" else int(s),
            ceil_mode="ceil_mode=True" in question.ask,
        )
        assert question.accepts(str(tuple(output.shape)))


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


EVENTS = {
    "What survives of a digit": lambda app: held(app, "max").shape == (14, 14)
    and (held(app, "max") > 0).sum() > 0 and held(app, "average").max() < held(app, "max").max() + 1e-6,
    "Padding pulls an average down": lambda app: held(app, "average").tolist() == [[4, 6], [6, 9]],
    "One winner of many windows": lambda app: held(app, "dx_max").max() > 1
    and (held(app, "dx_max") == 0).sum() > held(app, "dx_max").numel() / 2,
    "A window too many": lambda app: held(app, "max").shape == (3, 3),
    "NaN wins": lambda app: held(app, "max").isnan().tolist() == [[True, False], [False, False]]
    and held(app, "average").isnan().sum() == 1,
}  # fmt: skip


def test_the_links_to_try_show_what_they_promise(monkeypatch):
    shown = []
    monkeypatch.setattr(frame, "show_tries", shown.extend)
    open_page("pooling")
    monkeypatch.undo()
    assert [each.title for each in shown] == list(EVENTS)
    for each in shown:
        app = open_page("pooling", **dict(parse_qsl(each.link)))
        assert EVENTS[each.title](app), each.title
        assert each.look in words(app), "the page knows that it stands there"
    ones = {
        "x_from": "typed",
        "x": dict(parse_qsl(shown[-1].link))["x"],
        "kernel_size": "2",
        "stride": "1",
        "padding": "0",
    }
    assert held(open_page("pooling", **ones), "max").isnan().sum() == 4, "as the last one says"


@pytest.mark.parametrize("mode", ["avg", "max", "manual max", "manual average"])
@pytest.mark.parametrize("source", ["example", "photo"])
def test_every_walk_runs_with_the_settings_on_screen(mode, source, monkeypatch):
    walked = []
    monkeypatch.setattr(walk, "show", lambda steps, scales, key: walked.append((steps, scales)))
    open_page("pooling", tab="Walk through", mode=mode, x_from=source, count_include_pad="false", dilation="2")
    ((steps, scales),) = walked
    last = steps.steps[-1].values
    assert set(scales) <= set(last)
    if mode.startswith("manual") and source == "example":
        x = example()[None]
        expected = F.max_pool2d(x, 3, 2, 1, 2) if "max" in mode else F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)
        assert torch.allclose(last["output"], expected[0])
