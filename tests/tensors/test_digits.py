"""A reader's digit made like MNIST's."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import mnist
from core.tensors.digits import BOX, SIDE, as_shares, centred, padded


def digit(i):
    return mnist().test_images[i].float() / 255


@pytest.mark.parametrize("i", range(0, 200, 10))
def test_what_mnist_has_centred_stays_nearly_as_it_is(i):
    assert (centred(digit(i)) - digit(i)).abs().mean() < 0.01


@settings(max_examples=50, deadline=None)
@given(i=st.integers(0, 1999), down=st.integers(-3, 3), across=st.integers(-3, 3))
def test_a_shift_is_undone(i, down, across):
    ink = digit(i)
    rows, columns = (ink > 0).any(1).nonzero().flatten(), (ink > 0).any(0).nonzero().flatten()
    down = min(max(down, -int(rows[0])), 27 - int(rows[-1]))
    across = min(max(across, -int(columns[0])), 27 - int(columns[-1]))
    assert torch.allclose(centred(torch.roll(ink, (down, across), (0, 1))), centred(ink), atol=1e-6)


def test_a_small_digit_is_scaled_to_the_box():
    ink = torch.zeros(SIDE, SIDE)
    ink[2:7, 3:5] = 1.0
    made = centred(ink)
    rows, columns = (made > 0.1).any(1), (made > 0.1).any(0)
    assert (int(rows.sum()), int(columns.sum())) == (BOX, 8)
    assert made.shape == (SIDE, SIDE)
    assert 0 <= made.min() <= made.max() <= 1


@pytest.mark.parametrize("empty", [torch.zeros(28, 28), torch.full((28, 28), 0.05)])
def test_without_ink_nothing_is_done(empty):
    assert torch.equal(centred(empty), empty)


def test_one_pixel_of_ink_stays_finite():
    ink = torch.zeros(28, 28)
    ink[27, 0] = 1.0
    assert centred(ink).isfinite().all()
    assert centred(torch.ones(28, 28)).sum() == pytest.approx(BOX * BOX)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (torch.tensor([[0, 255]], dtype=torch.uint8), [[0.0, 1.0]]),
        (torch.tensor([[0, 1]], dtype=torch.uint8), [[0.0, 1 / 255]]),
        (torch.tensor([[0.0, 0.5, 1.0]]), [[0.0, 0.5, 1.0]]),
        (torch.tensor([[-3.0, 51.0]]), [[0.0, 0.2]]),
        (torch.tensor([[1e30]]), [[1.0]]),
    ],
)
def test_pixels_are_shares(given, expected):
    assert torch.allclose(as_shares(given), torch.tensor(expected))


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (5, 9), (28, 1)])
def test_padded_puts_the_image_in_the_middle(shape):
    image = torch.rand(shape) + 0.5
    made = padded(image)
    assert made.shape == (SIDE, SIDE)
    assert made.sum() == pytest.approx(image.sum().item())
    top, left = (SIDE - shape[0]) // 2, (SIDE - shape[1]) // 2
    assert torch.equal(made[top : top + shape[0], left : left + shape[1]], image)
