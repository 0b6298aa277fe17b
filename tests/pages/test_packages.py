"""The page on the packages shows what torch's own classes do."""

import math

import pytest
import torch
from torch.utils.data import DataLoader

from tests.pages.opening import charts, open_page, words


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("count", "batch_size"), [(20, 6), (12, 4), (5, 8)])
def test_the_batches_are_the_data_loaders(count, batch_size, drop_last):
    link = {"count": str(count), "batch_size": str(batch_size), "drop_last": str(drop_last).lower(), "seed": "3"}
    app = open_page("packages", **link)
    generator = torch.Generator().manual_seed(3)
    loader = DataLoader(list(range(count)), batch_size, True, drop_last=drop_last, generator=generator)
    expected = [batch.tolist() for batch in loader]
    if not expected:
        assert any("the epoch is empty" in info.value for info in app.info)
        return
    said = next(alt for alt in charts(app) if alt.startswith("Batch 0"))
    assert all(f"sample {i}:" in said for i in expected[0])
    assert f"{len(expected)} batches" in words(app)


def test_the_layers_are_counted_as_torch_counts_them():
    text = words(open_page("packages", part="nn", channels="2", hidden="16"))
    total = 2 * 25 + 2 + (2 * 12 * 12 * 16 + 16) + (16 * 10 + 10)
    assert f"**{total:,}**" in text


@pytest.mark.parametrize("scheme", ["zeros", "normal 0.01", "xavier uniform", "kaiming normal", "orthogonal"])
def test_every_scheme_is_sent_through_depth(scheme):
    app = open_page("packages", part="nn.init", scheme=scheme)
    assert f"Under {scheme} the weights have standard deviation" in words(app)
    assert "agrees with torch" in words(app)


@pytest.mark.parametrize("surface", ["bowl", "valley", "saddle", "Rosenbrock", "waves"])
def test_paths_run_on_every_surface(surface):
    assert "AdamW, weight_decay 0.1" in words(open_page("packages", part="optim", surface=surface, lr="0.3"))


def test_a_path_is_torchs_own_optimiser():
    text = words(open_page("packages", part="optim", surface="bowl", lr="0.1", steps="5", x0="1.0", y0="-1.0"))
    at = torch.tensor([1.0, -1.0], dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([at], lr=0.1)
    for _ in range(5):
        adam.zero_grad()
        (at.pow(2).sum() / 2).backward()
        adam.step()
    x, y = at.tolist()
    assert math.isfinite(x)
    assert f"| Adam | 5 | ({x:.3g}, {y:.3g}) |" in text
