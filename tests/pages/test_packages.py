"""The page on the packages shows what torch's own classes do."""

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler

from core.tensors.script import to_python
from core.ui import take_away
from tests.linking import partners
from tests.pages.opening import boards, charts, control, open_page, panels, sound, words

PARTS = ("utils.data", "nn", "nn.init", "optim")


def told(app, start):
    """What a screen reader hears of the chart that begins so."""
    return next(alt for alt in charts(app) if alt.startswith(start))


@pytest.mark.parametrize("part", PARTS[1:])
@pytest.mark.parametrize("tab", ["Pitfalls", "Walk through", "Code"])
def test_every_tab_of_every_package_opens(part, tab):
    open_page("packages", part=part, tab=tab)


def test_an_unknown_package_gives_the_first():
    assert "batch a row" in "".join(charts(open_page("packages", part="banana")))


# ---- utils.data ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("count", "batch_size"), [(20, 6), (12, 4), (5, 8)])
def test_the_batches_are_the_data_loaders(count, batch_size, drop_last):
    link = {"count": str(count), "batch_size": str(batch_size), "drop_last": str(drop_last).lower(), "seed": "3"}
    app = open_page("packages", batch="1, 0", **link)
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(range(count), batch_size, True, drop_last=drop_last, generator=generator)
    first, second = [[batch.tolist() for batch in loader] for _ in range(2)]
    if not first:
        assert any("every epoch is empty" in info.value for info in app.info)
        return
    said = told(app, "epoch 1, batch 0")
    assert all(f"sample {i}:" in said for i in second[0])
    assert f"{len(first)} batch{'es' if len(first) > 1 else ''} an epoch" in words(app)
    assert "agrees with torch" in words(app)


def test_a_sampler_that_puts_back_leaves_some_out():
    app = open_page("packages", sampler="RandomSampler, replacement", seed="1", epochs="1")
    generator = torch.Generator().manual_seed(1)
    sampler = RandomSampler(range(20), True, generator=generator)
    seen = torch.cat(list(DataLoader(range(20), 6, sampler=sampler, generator=generator))).unique()
    assert f"**{20 - len(seen)}** of 20 samples are not seen" in words(app)


def test_the_readers_weights_are_drawn_from():
    link = {"sampler": "WeightedRandomSampler", "count": "4", "w_from": "typed or pasted"}
    app = open_page("packages", w="[0, 0, 1, 0]", **link)
    assert "how often each sample comes, an epoch a row, 2×4: 0, 0, 4, 0, 0, 0, 4, 0" in charts(app)
    nothing = open_page("packages", w="[0, 0, 0, 0]", **link)
    assert any("RuntimeError" in error.value for error in nothing.error)


def test_a_sample_lights_up_wherever_it_comes():
    app = open_page("packages", sampler="RandomSampler, replacement", seed="1", batch="1, 0")
    board, shown = boards(app)["board"], panels(app)
    tables = {e: [int(n) for n in filter(str.isdigit, shown[f"epoch {e}"].cells.texts)] for e in (0, 1)}
    columns = shown["epoch 0"].cells.shape[1]
    for place, sample in enumerate(tables[0]):
        found = partners(board, "epoch 0", divmod(place, columns))
        assert found["times"] == {(0, sample), (1, sample)}
        assert found["epoch 1"] == {divmod(p, columns) for p, other in enumerate(tables[1]) if other == sample}
        in_batch = tables[1][:columns]
        assert found["images"] == {(tile,) for tile, other in enumerate(in_batch) if other == sample}


def test_a_batch_in_time_is_loaded_and_trained_on():
    lanes = panels(open_page("packages", workers="2"))["lanes"].cells
    assert lanes.group == "batch"
    loads, trains = lanes.boxes[: lanes.shape[1]], lanes.boxes[lanes.shape[1] :]
    assert all(load[1] <= train[0] for load, train in zip(loads, trains, strict=True))


# ---- nn --------------------------------------------------------------------------------------------------------


def test_a_pinned_bar_chooses_its_layer():
    app = open_page("packages", part="nn")
    costs = panels(app)["costs"]
    assert boards(app)["board"].pinned == ("costs", (1, 0))
    assert costs.picks[costs.cells.shape[1] + 4] == "4"
    total = [note for note in costs.cells.notes if note.startswith("`0 Conv2d`") and "parameters" in note]
    assert total == [f"`0 Conv2d`: **{4 * 25 + 4}** parameters."]


def test_the_layers_are_counted_as_torch_counts_them():
    text = words(open_page("packages", part="nn", channels="2", hidden="16"))
    total = 2 * 25 + 2 + (2 * 12 * 12 * 16 + 16) + (16 * 10 + 10)
    assert f"**{total:,}**" in text
    assert "manual network agrees with torch" in text


def test_each_layer_can_be_looked_at():
    app = open_page("packages", part="nn", norm="true", drop="true", act="Tanh")
    for i in (0, 4, 8):
        app = sound(control(app, "layer").set_value(i).run())
        assert "manual network agrees with torch" in words(app)
    assert any(alt.startswith("sample 0 after Linear, 10") for alt in charts(app))


def test_an_image_that_is_too_small_is_refused():
    app = open_page("packages", part="nn", x_from="typed or pasted", x="[[1, 2], [3, 4]]")
    assert any("must be at least 6×6" in error.value for error in app.error)


# ---- init ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["zeros", "normal 0.01", "kaiming normal", "orthogonal", "as nn.Linear"])
def test_schemes_are_sent_through_depth(scheme):
    app = open_page("packages", part="nn.init", scheme=scheme, depth="20")
    assert f"Under {scheme} the weights have standard deviation" in words(app)
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
    text = words(open_page("packages", part="nn.init", tab="A weight of your shape", shape="8, 6, 5, 5"))
    assert "fan in = in · kernel = **150**, fan out = out · kernel = **200**" in text
    refused = words(open_page("packages", part="nn.init", tab="A weight of your shape", shape="a, b"))
    assert "is not a size" in refused
    assert "kaiming normal" in words(open_page("packages", part="nn.init", tab="All schemes"))


def test_a_layer_is_the_same_in_the_spread_and_the_histograms():
    app = open_page("packages", part="nn.init", depth="20")
    board, shown = boards(app)["board"], panels(app)
    seen = set()
    for row in range(10):
        found = partners(board, "weights", (row,))
        assert found["gradients"] == found["activations"] == {(row,)}
        (layer,) = {at[1] for at in found["spread"]}
        assert shown["weights"].cells.notes[row].startswith(f"Layer {layer}:")
        seen.add(layer)
    assert min(seen) == 1
    assert max(seen) == 20


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
        assert shown["paths"].picks[place] == f"{('SGD', 'momentum', 'Adam', 'AdamW')[index[0]]} {max(index[1], 1)}"


def test_no_optimiser_runs_away_at_its_default_rate():
    for surface in ("bowl", "valley", "saddle", "Rosenbrock", "waves"):
        text = words(open_page("packages", part="optim", surface=surface, steps="80"))
        assert "then ∞" not in text, surface


def test_the_heights_stay_readable_when_one_runs_away():
    app = open_page("packages", part="optim", surface="Rosenbrock", lr_sgd_steep="0.1")
    assert "then ∞" in words(app)
    low, high = panels(app)["heights"].figure.to_dict()["layout"]["yaxis"]["range"]
    assert high - low < 12


@pytest.mark.parametrize("surface", ["saddle", "Rosenbrock", "waves"])
def test_paths_run_on_every_surface(surface):
    rates = {f"lr_{name}": "1" for name in ("sgd", "momentum", "adam", "adamw")}
    app = open_page("packages", part="optim", surface=surface, at="80", watch="SGD", **rates)
    assert told(app, f"Paths on the {surface}")


def test_each_optimiser_takes_its_own_lr():
    link = {"lr_sgd": "0.1", "lr_adam": "0.3", "steps": "5", "x0": "1.0", "y0": "-1.0"}
    text = words(open_page("packages", part="optim", surface="bowl", **link))
    for name, kind, lr in (("SGD", torch.optim.SGD, 0.1), ("Adam", torch.optim.Adam, 0.3)):
        at = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
        optimiser = kind([at], lr=lr)
        for _ in range(5):
            optimiser.zero_grad()
            (at.pow(2).sum() / 2).backward()
            optimiser.step()
        x, y = at.tolist()
        assert f"| {name} | 5 | ({x:.3g}, {y:.3g}) |" in text


@pytest.mark.parametrize("watch", ["SGD", "momentum", "Adam", "AdamW"])
def test_a_step_is_spelt_out_and_checked(watch):
    text = words(open_page("packages", part="optim", watch=watch, at="7", nesterov="true"))
    assert f"**{watch}, step 7**" in text
    assert "agrees with torch" in text


def test_the_readers_own_surface_and_every_start():
    own = {"surface": "my own ½·pᵀAp", "A_from": "typed or pasted"}
    app = open_page("packages", part="optim", A="[[4, 0], [0, 1]]", tab="Every start", **own)
    assert "SGD is stable below lr = 2/4 = **0.5**" in words(app)
    assert {"SGD", "momentum", "Adam", "AdamW"} <= set(panels(app))
    assert "A must be 2×2" in words(open_page("packages", part="optim", A="[[1, 2]]", **own))


# ---- questions and scripts -------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", PARTS)
def test_three_questions_a_package(part):
    app = open_page("packages", part=part, tab="Predict")
    assert len([button for button in app.button if button.label == "Commit"]) == 3


@pytest.mark.parametrize(
    "link",
    [
        {"part": "utils.data", "sampler": "WeightedRandomSampler", "drop_last": "true"},
        {"part": "nn", "norm": "true", "drop": "true", "act": "GELU"},
        {"part": "nn.init", "scheme": "as nn.Linear"},
        {"part": "optim", "watch": "AdamW", "surface": "my own ½·pᵀAp"},
    ],
    ids=lambda link: link["part"],
)
def test_the_script_gives_the_numbers_of_the_page_and_of_torch(link, monkeypatch, tmp_path):
    taken = []
    monkeypatch.setattr(take_away, "show", lambda _, take: taken.append(take))
    open_page("packages", tab="Take away", **link)
    (take,) = taken
    (tmp_path / "script.py").write_text(to_python(take.script))
    command = [sys.executable, "script.py", "out.pt"]
    done = subprocess.run(command, cwd=tmp_path, check=True, timeout=60, capture_output=True, text=True)
    assert "DIFFERS" not in done.stdout
    assert "torch's" in done.stdout
    results = torch.load(tmp_path / "out.pt")
    for name, tensor in take.tensors.items():
        torch.testing.assert_close(results[name], tensor)


def test_a_plain_list_hides_its_layers():
    text = words(open_page("packages", part="nn", tab="Pitfalls"))
    assert "`parameters()` finds **0** tensors" in text
    assert f"finds {len(list(nn.ModuleList([nn.Linear(4, 3), nn.Linear(3, 2)]).parameters()))}" in text


def test_a_link_that_locks_the_package_shows_it_alone():
    labels = [tab.label for tab in open_page("packages", part="nn.init", lock="part").tabs]
    assert "nn.init" in labels
    assert not {"utils.data", "nn", "optim"} & set(labels)
