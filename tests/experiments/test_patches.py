"""Digits as sequences of patches: what a token is, that it learns, and what positions are for."""

import torch
from torch import nn

from core.experiments import patches
from core.experiments.mlp import digits

SETUP = patches.Setup(num_heads=2, positions=True, steps=60, seed=0)


def trained(setup):
    return list(patches.train(setup, lambda: False))


def test_a_patch_is_a_square_of_the_image():
    image = torch.arange(784.0).view(1, 784)
    found = patches.as_patches(image)
    assert found.shape == (1, 16, 49)
    assert torch.equal(found[0, 6].view(7, 7), image.view(28, 28)[7:14, 14:21])


def test_the_network_is_torchs_layers_in_a_row():
    p = patches.start(SETUP)
    attention = nn.MultiheadAttention(patches.FEATURES, 2, batch_first=True)
    with torch.no_grad():
        attention.in_proj_weight.copy_(p["in_proj"])
        attention.in_proj_bias.copy_(p["in_proj_bias"])
        attention.out_proj.weight.copy_(p["out_proj"])
        attention.out_proj.bias.copy_(p["out_proj_bias"])
        images = digits(1).X_test[:5]
        tokens = patches.as_patches(images) @ p["embed"].T + p["embed_bias"] + p["positions"]
        normed = nn.functional.layer_norm(tokens, (patches.FEATURES,))
        mixed = tokens + attention(normed, normed, normed)[0]
        expected = mixed.mean(1) @ p["classify"].T + p["classify_bias"]
        torch.testing.assert_close(patches.forward(p, images, 2).logits, expected)


def test_it_learns_and_the_same_set_up_gives_the_same_again():
    first, *_, last = trained(SETUP)
    assert (first.step, last.step, last.share) == (0, 60, 1.0)
    assert last.accuracy > first.accuracy + 0.2
    assert sum(last.losses[-10:]) < sum(last.losses[:10])
    assert patches.first(SETUP).accuracy == first.accuracy
    assert trained(SETUP)[-1].losses == last.losses


def test_it_stops_where_it_is_asked_to():
    assert [found.step for found in patches.train(SETUP, lambda: True)] == [0]


def test_without_positions_the_order_of_the_patches_says_nothing():
    for positions in (False, True):
        p = patches.start(patches.Setup(1, positions, 60, 0))
        image = digits(1).X_test[:1]
        tiles = image.view(1, 4, 7, 4, 7)
        swapped = tiles.flip(1).reshape(1, 784)  # the lowest row of patches on top
        there, here = (patches.forward(p, x, 1).logits for x in (image, swapped))
        assert torch.allclose(there, here, atol=1e-5) != positions


def test_where_it_looks():
    found = patches.looked(SETUP, patches.start(SETUP), 0, (1, 2))
    assert found.label == 7
    assert found.weights.shape == (2, 4, 4)
    torch.testing.assert_close(found.weights.sum((1, 2)), torch.ones(2))
    assert 0 < found.even_ink < 1
    assert found.spread >= 1
