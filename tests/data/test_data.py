import pytest
import torch

from core.data import digit, mnist, photograph


def test_mnist_is_the_original_in_its_order():
    data = mnist()
    assert data.train_images.shape == (8000, 28, 28)
    assert data.test_images.shape == (2000, 28, 28)
    assert data.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test_labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert {t.dtype for t in vars(data).values()} == {torch.uint8}
    assert mnist() is data


def test_a_digit_is_a_fresh_float_image():
    image = digit(0)
    assert image.shape == (28, 28)
    assert image.dtype == torch.float32
    assert (image.min(), image.max()) == (0, 1)
    image.zero_()
    assert digit(0).max() == 1


@pytest.mark.parametrize("i", [-1, 8000])
def test_a_digit_that_does_not_exist(i):
    with pytest.raises(IndexError, match=f"between 0 and 7999, but got {i}"):
        digit(i)


def test_the_photograph_is_in_colour_and_fresh():
    photo = photograph()
    assert photo.shape == (3, 128, 192)
    assert photo.dtype == torch.float32
    assert photo.is_contiguous()
    assert photo.min() >= 0
    assert 0.8 < photo.max() <= 1
    assert not torch.equal(photo[0], photo[1])
    photo.zero_()
    assert photograph().max() > 0.8


def test_the_notice_names_each_file_and_its_licence():
    from core.data import HERE

    notice = (HERE / "README.md").read_text()
    for file in HERE.glob("*.[np][pn][zg]"):
        assert file.name in notice
    assert "ShareAlike 3.0" in notice
    assert "CC0" in notice
