"""The page on the packages shows what torch's own classes do."""

import re
import runpy
import sys
import time
from itertools import chain
from urllib.parse import parse_qsl

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from core.data import mnist
from core.experiments import descent, initialising, worker_seeds
from core.tensors.script import to_python
from core.ui import take_away
from pages.packages_parts import data, init, optim
from pages.packages_parts import nn as layers
from tests.linking import partners
from tests.pages.opening import boards, charts, control, held, kept, open_page, panels, settings, sound, tried, words

PARTS = ("utils.data", "nn", "nn.init", "optim")


def told(app, start):
    """What a screen reader hears of the chart that begins so."""
    return next(alt for alt in charts(app) if alt.startswith(start))


def numbers(text):
    """The numbers in a text, as they are spelt on a page."""
    return [float(n.replace("−", "-").replace(",", "")) for n in re.findall(r"−?\d[\d,]*(?:\.\d+)?(?:e−?\d+)?", text)]


def line(app, *parts):
    """The one line of running text that has all these words."""
    (found,) = [text for text in words(app).split("\n") if all(part in text for part in parts)]
    return found


def mended(app, label):
    """The page after a click on what mends it."""
    return sound(next(button for button in app.button if button.label == label).click().run())


# ---- every package ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("tab", ["Pitfalls", "Walk through", "Code", "Predict"])
def test_every_tab_of_every_package_opens(part, tab):
    app = open_page("packages", part=part, tab=tab)
    assert kept(app).parts.get("tab", "Pitfalls") == tab
    if tab == "Predict":
        assert len([button for button in app.button if button.label == "Commit"]) == 3


TRIES = [
    (part, number)
    for part, module in zip(PARTS, (data, layers, init, optim), strict=True)
    for number in range(len(module.TRIES))
]


@pytest.mark.parametrize(("part", "number"), TRIES)
def test_every_link_to_try_sets_the_page_up(part, number):
    app = tried("packages", number, part=part)
    asked = dict(
        parse_qsl({"utils.data": data, "nn": layers, "nn.init": init, "optim": optim}[part].TRIES[number].link)
    )
    assert asked.pop("part") == part
    asked.pop("tab", None)
    assert {key: settings(app)[key].text for key in asked} == asked


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ({"part": "optim", "watch": "Adam"}, "Adam"), ({"part": "optim", "watch": "momentum"}, "SGD"),
        ({"part": "nn", "layer": "0"}, "conv2d"), ({"part": "nn", "layer": "4"}, "linear"),
        ({"part": "nn.init", "scheme": "orthogonal"}, "orthogonal_"),
    ],
)  # fmt: skip
def test_code_and_timing_open_at_what_the_page_has_chosen(link, name):
    shown = [m.value for m in open_page("packages", tab="Code", **link).markdown if m.value.startswith("**torch** · ")]
    assert name in shown[0].partition("(")[0]
    timed = [caption.value for caption in open_page("packages", tab="Timing", **link).caption]
    assert any(name in caption.split("at size")[0] for caption in timed)


def test_nothing_of_utils_data_is_timed():
    assert not {"Timing"} & {tab.label for tab in open_page("packages").tabs}


@pytest.mark.parametrize(
    "link",
    [
        {"part": "utils.data", "sampler": "weighted", "drop_last": "true"},
        {"part": "nn", "norm": "true", "drop": "true", "act": "GELU"},
        {"part": "nn.init", "scheme": "as nn.Linear", "activation": "tanh"},
        {"part": "nn.init", "scheme": "zeros", "depth": "1"},
        {"part": "optim", "watch": "AdamW", "surface": "own"},
    ],
    ids=lambda link: link["part"],
)
def test_the_script_gives_the_numbers_of_the_page_and_of_torch(link, monkeypatch, capsys, tmp_path):
    taken = []
    monkeypatch.setattr(take_away, "show", lambda _, take: taken.append(take))
    open_page("packages", tab="Take away", **link)
    (take,) = taken
    (tmp_path / "script.py").write_text(text := to_python(take.script))
    assert "core" not in text
    monkeypatch.setattr(sys, "argv", ["script.py", str(tmp_path / "out.pt")])
    runpy.run_path(str(tmp_path / "script.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "!= torch" not in printed
    assert " torch" in printed
    results = torch.load(tmp_path / "out.pt")
    for name, tensor in take.tensors.items():
        torch.testing.assert_close(results[name], tensor)


def test_a_link_that_locks_the_package_shows_it_alone():
    labels = [tab.label for tab in open_page("packages", part="nn.init", lock="part").tabs]
    assert "nn.init" in labels
    assert not {"utils.data", "nn", "optim"} & set(labels)


# ---- utils.data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("count", "batch_size"), [(20, 6), (12, 4)])
def test_the_batches_are_the_data_loaders(count, batch_size, drop_last):
    link = {"count": str(count), "batch_size": str(batch_size), "drop_last": str(drop_last).lower(), "seed": "3"}
    app = open_page("packages", batch="1, 0", **link)
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(range(count), batch_size, True, drop_last=drop_last, generator=generator)
    first, second = [[batch.tolist() for batch in loader] for _ in range(2)]
    said = told(app, "epoch 1, batch 0")
    assert all(f"sample {i}:" in said for i in second[0])
    unseen = count - len({i for batch in first for i in batch})
    moved = sum(a != b for a, b in zip(chain(*first), chain(*second), strict=True))
    assert numbers(line(app, "Three parts"))[:6] == [count, len(first), 0, unseen, count, 1]
    assert numbers(line(app, "Three parts"))[6] == moved
    assert "agrees with torch" in words(app)


def test_an_epoch_without_a_full_batch_is_mended_in_one_click():
    app = open_page("packages", count="5", batch_size="8", drop_last="true")
    assert not panels(app)
    assert control(mended(app, "batch_size = 5"), "batch_size").value == 5
    assert panels(app)
    app = open_page("packages", count="5", batch_size="8", drop_last="true")
    assert control(mended(app, "drop_last off"), "drop_last").value is False


def test_the_readers_weights_are_drawn_from_and_refused_in_torchs_words():
    link = {"sampler": "weighted", "w_from": "typed"}
    app = open_page("packages", w="[0, 0, 1, 0]", **link)
    assert held(app, "times").tolist() == [[0, 0, 4, 0]] * 2
    assert "count" not in settings(app)  # it would change nothing
    nothing = open_page("packages", w="[0, 0, 0, 0]", **link)
    with pytest.raises(RuntimeError) as refused:
        torch.multinomial(torch.zeros(4), 4, replacement=True)
    assert str(refused.value) in nothing.error[0].value
    assert held(nothing, "weights").tolist() == [0, 0, 0, 0]
    assert "epoch 0" in panels(mended(nothing, "The example's weights"))


def test_a_sample_lights_up_wherever_it_comes():
    app = open_page("packages", sampler="replacement", seed="1", batch="1, 0")
    board, shown = boards(app)["board"], panels(app)
    tables = {e: [int(n) for n in filter(str.isdigit, shown[f"epoch {e}"].cells.texts)] for e in (0, 1)}
    generator = torch.Generator().manual_seed(1)
    sampler = RandomSampler(range(20), True, generator=generator)
    assert tables[0] == torch.cat(list(DataLoader(range(20), 6, sampler=sampler, generator=generator))).tolist()
    columns = shown["epoch 0"].cells.shape[1]
    for place, sample in enumerate(tables[0]):
        found = partners(board, "epoch 0", divmod(place, columns))
        assert found["times"] == {(0, sample), (1, sample)}
        assert found["epoch 1"] == {divmod(p, columns) for p, other in enumerate(tables[1]) if other == sample}
        in_batch = tables[1][:columns]
        assert found["images"] == {(tile,) for tile, other in enumerate(in_batch) if other == sample}


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_batch_in_time_is_loaded_and_trained_on(workers):
    app = open_page("packages", tab="Workers in time", workers=workers)
    lanes = panels(app)["lanes"].cells
    assert lanes.group == "batch"
    loads, trains = lanes.boxes[: lanes.shape[1]], lanes.boxes[lanes.shape[1] :]
    assert all(load[1] <= train[0] for load, train in zip(loads, trains, strict=True))
    assert max(box[1] for box in trains) in numbers(line(app, "epoch's" if workers == "0" else "without workers"))


def test_real_workers_draw_on_a_click_and_never_by_a_link():
    app = open_page("packages", tab="Workers' random numbers", seed_samples="4")
    assert "seeds" not in boards(app)
    app = mended(app, "Start the workers")
    end = time.monotonic() + 60
    while "seeds" not in boards(app):
        assert time.monotonic() < end
        time.sleep(0.5)
        app = sound(app.run())
    while "Run again" not in [button.label for button in app.button]:
        assert time.monotonic() < end
        time.sleep(0.5)
        app = sound(app.run())
    assert tuple(panel.name for panel in boards(app)["seeds"].panels) == worker_seeds.SOURCES
    own = held(app, "own")
    assert own.shape == (4, 4)
    assert (own == own[0]).all()
    assert not (held(app, "torch")[0] == held(app, "torch")[1]).all()


# ---- nn --------------------------------------------------------------------------------------------------------


def test_a_pinned_bar_chooses_its_layer():
    app = open_page("packages", part="nn")
    costs = panels(app)["costs"]
    assert boards(app)["board"].pinned == ("costs", (1, 0))
    assert costs.picks[costs.cells.shape[1] + 4] == "4"
    total = [note for note in costs.cells.notes if note.startswith("`0 Conv2d`") and "parameters" in note]
    assert numbers(total[0].removeprefix("`0 Conv2d`")) == [4 * 25 + 4]


def test_the_layers_are_counted_as_torch_counts_them():
    app = open_page("packages", part="nn", channels="2", hidden="16", norm="true", drop="true", act="Tanh")
    model = nn.Sequential(nn.Conv2d(1, 2, 5), nn.BatchNorm2d(2), nn.Linear(2 * 144, 16), nn.Linear(16, 10))
    total = sum(p.numel() for p in model.parameters())
    assert numbers(line(app, "| together |")) == [total]
    dense = nn.Linear(784, 2 * 24 * 24, device="meta")
    assert sum(p.numel() for p in dense.parameters()) in numbers(line(app, "uses its"))
    for i in (4, 8):
        app = sound(control(app, "layer").set_value(i).run())
        assert "agrees with torch" in words(app)
    assert held(app, "output").shape == (10,)


def test_an_image_that_is_too_small_is_refused_in_torchs_words_and_mended():
    app = open_page("packages", part="nn", x_from="typed", x="[[1, 2], [3, 4]]")
    with pytest.raises(RuntimeError) as refused:
        nn.functional.conv2d(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 5, 5))
    assert str(refused.value) in app.error[0].value
    assert held(app, "x").tolist() == [[1, 2], [3, 4]]
    assert {"Pitfalls", "Predict"} <= {tab.label for tab in app.tabs}
    app = mended(app, "kernel_size = 1")
    assert "output" in panels(app)
    assert "int64" in line(app, "float32")  # the conversion is said


# ---- init ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "depth", "activation"),
    [("zeros", 20, "sigmoid"), ("kaiming normal", 1, "linear"), ("normal 1", 20, "relu"), ("orthogonal", 8, "tanh")],
)
def test_schemes_are_sent_through_depth(scheme, depth, activation):
    app = open_page("packages", part="nn.init", scheme=scheme, depth=str(depth), activation=activation)
    run = initialising.run(scheme, depth, initialising.Setup(64, activation, 0))
    said = line(app, f"**{scheme}** leaves").replace(scheme, "")
    assert numbers(said)[0] == depth
    assert run.last == pytest.approx(numbers(said)[1], rel=0.01)
    assert ("agrees with torch" in words(app)) == (scheme != "zeros")


@pytest.mark.parametrize(("depth", "rows"), [(1, 1), (6, 6), (20, 10)])
def test_the_layers_histograms_stand_below_each_other(depth, rows):
    app = open_page("packages", part="nn.init", depth=str(depth))
    for what in ("weights", "activations", "gradients"):
        drawn = charts(app)[told(app, f"Histograms of the {what}")]
        assert len(drawn["data"]) == 2
        assert len(drawn["layout"]["yaxis"]["ticktext"]) == rows
        assert drawn["layout"]["yaxis"]["ticktext"][-1] == str(depth)


def test_a_weight_of_the_readers_shape_has_its_fans():
    app = open_page("packages", part="nn.init", tab="A weight of your shape", shape="8, 6, 5, 5")
    fans = nn.init._calculate_fan_in_and_fan_out(torch.empty(8, 6, 5, 5))
    assert numbers(line(app, "fan out"))[:2] == list(fans)
    refused = open_page("packages", part="nn.init", tab="A weight of your shape", shape="a, b")
    assert "`a" in words(refused)
    schemes = open_page("packages", part="nn.init", tab="All schemes")
    assert len(charts(schemes)[told(schemes, "normal 0.01 ends")]["data"]) == len(init.SCHEMES) - 1


def test_a_layer_is_the_same_in_the_curves_and_the_histograms():
    app = open_page("packages", part="nn.init", depth="20")
    board, shown = boards(app)["board"], panels(app)
    seen = set()
    for row in range(10):
        found = partners(board, "weights", (row,))
        assert found["gradients"] == found["activations"] == {(row,)}
        (layer,) = {at[1] for at in found["std"]}
        assert shown["weights"].cells.notes[row].startswith(f"Layer {layer}:")
        seen.add(layer)
    assert (min(seen), max(seen)) == (1, 20)


# ---- optim -----------------------------------------------------------------------------------------------------


def test_a_step_is_a_point_of_the_path_and_of_the_height():
    app = open_page("packages", part="optim", surface="bowl", steps="5", at="3", watch="SGD")
    board, shown = boards(app)["board"], panels(app)
    assert board.pinned == ("paths", (0, 3))
    paths, heights = shown["paths"].cells, shown["heights"].cells
    for place, spot in enumerate(paths.spots):
        index = divmod(place, 6)
        assert partners(board, "paths", index)["heights"] == {index}
        step, height = heights.spots[place]
        assert step == index[1]
        assert height == pytest.approx((spot[0] ** 2 + spot[1] ** 2) / 2)
        assert shown["paths"].picks[place] == f"{descent.NAMES[index[0]]} {max(index[1], 1)}"


@pytest.mark.parametrize(
    "link",
    [
        {"surface": "Rosenbrock", "lr_sgd_steep": "1", "lr_momentum_steep": "1"},
        {"surface": "own", "A_from": "typed", "A": "[[1, 0], [0, -1]]", "lr_sgd": "1", "lr_momentum": "1"},
    ],
)
def test_who_runs_away_is_said_and_the_axis_stays_readable(link):
    app = open_page("packages", part="optim", steps="80", at="80", watch="SGD", **link)
    gone = {name for warning in app.warning for name in descent.NAMES[:2] if f"**{name} " in warning.value}
    assert gone == {"SGD", "momentum"}
    low, high = panels(app)["heights"].figure.to_dict()["layout"]["yaxis"]["range"]
    assert high - low < (12 if "Rosenbrock" in link.values() else 500)
    assert not open_page("packages", part="optim", surface=link["surface"], steps="80").warning


@pytest.mark.parametrize(
    ("A", "stated"), [("[[4, 0], [0, 1]]", [1, 4, 2, 4, 0.5]), ("[[1, 0], [0, -1]]", [-1, 1, -1, 1, -1, 1])]
)
def test_a_surface_without_a_lowest_place_has_no_stable_rate(A, stated):
    app = open_page("packages", part="optim", surface="own", A_from="typed", A=A)
    (said,) = [m.value for m in app.markdown if m.value.startswith("The curvatures")]
    assert numbers(said) == stated


def test_a_matrix_of_another_shape_is_not_taken():
    app = open_page("packages", part="optim", surface="own", A_from="typed", A="[[1, 2]]")
    assert "(1, 2)" in words(app)
    assert {"paths", "heights"} <= set(panels(app))


def test_each_optimiser_takes_its_own_lr():
    link = {"lr_sgd": "0.1", "lr_adam": "0.3", "steps": "5", "x0": "1.0", "y0": "-1.0"}
    app = open_page("packages", part="optim", surface="bowl", **link)
    for name, kind, lr in (("SGD", torch.optim.SGD, 0.1), ("Adam", torch.optim.Adam, 0.3)):
        path = descent.path_of_torch(descent.bowl, torch.tensor([1.0, -1.0], dtype=torch.float64), kind, 5, lr=lr)
        assert numbers(line(app, f"| {name} |"))[:2] == pytest.approx(path[-1].tolist(), rel=0.01)


@pytest.mark.parametrize("watch", descent.NAMES)
def test_a_step_is_spelt_out_and_checked(watch):
    app = open_page("packages", part="optim", watch=watch, at="7", nesterov="true")
    how = descent.Setup("valley", (1.0, 0.0, 0.0, 20.0), optim.DEFAULTS, 0.9, True, 0.1)
    k, run = descent.NAMES.index(watch), descent.run(how, (-1.5, 0.8))
    for axis in (0, 1):
        found = numbers(line(app, f"| **{'xy'[axis]}** |"))
        assert [found[0], found[-1]] == pytest.approx(run.points[6:8, k, 0, axis].tolist(), rel=0.01)
    assert "agrees with torch" in words(app)


def test_every_start_can_be_started_from():
    app = open_page("packages", part="optim", tab="Every start")
    assert set(descent.NAMES) <= set(panels(app))
    assert panels(app)["Adam"].picks[0] == "-2.0 2.0"


def test_the_shipped_digits_are_the_samples():
    assert f"a {int(mnist().train_labels[0])}" in " ".join(panels(open_page("packages"))["epoch 0"].cells.notes)
