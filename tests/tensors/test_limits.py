import pytest
import torch

from core.tensors.limits import Limits, TensorInputError, TooLargeError, check, check_shape, place, quote

NAN = float("nan")


@pytest.mark.parametrize(
    ("tensor", "limits"),
    [
        (torch.zeros(64, 64), Limits()),
        (torch.zeros(()), Limits(ranks=(0,))),
        (torch.tensor([NAN, 1.0]), Limits(allow_nonfinite=True)),
        (torch.zeros(0, 3), Limits(allow_empty=True)),
        (torch.tensor([0, 9]), Limits(low=0, high=9, integers_only=True)),
        (torch.tensor([True]), Limits()),
        (torch.ones(2).bfloat16(), Limits()),
    ],
)
def test_taken_as_it_is(tensor, limits):
    assert check(tensor, limits) is tensor


@pytest.mark.parametrize("tensor", [torch.tensor([1.0, -2.0]), torch.tensor([True, False])])
def test_whole_numbers_become_integers(tensor):
    taken = check(tensor, Limits(integers_only=True))
    assert taken.dtype == torch.int64
    assert taken.tolist() == tensor.tolist()


@pytest.mark.parametrize(
    ("tensor", "limits", "sentence"),
    [
        (torch.tensor(1.0), Limits(), "This is a single number, and a vector or a matrix is needed here: put more"),
        (torch.ones(1, 1, 1), Limits(ranks=(4,)), r"rank 3 \(1×1×1\), and a tensor of rank 4 is needed here: put more"),
        (torch.ones(2, 2), Limits(ranks=(1,)), r"a matrix \(2×2\), and a vector is needed here: take a part"),
        (torch.ones(2, 0), Limits(), r"empty \(2×0\): give it at least one number"),
        (torch.tensor([[1, NAN]]), Limits(), "Row 1, column 2 is nan, and only finite"),
        (torch.ones(1, 2, 1, 1) / 0, Limits(ranks=(4,)), "Block 1.1, row 1, column 1 is inf"),
        (torch.tensor([1, -1]), Limits(low=0), "Number 2 is -1, and numbers from 0 are taken"),
        (torch.tensor([1, 11]), Limits(high=9), "Number 2 is 11, and numbers up to 9 are taken"),
        (torch.tensor([10.5]), Limits(low=0, high=9), "Number 1 is 10.5, and numbers from 0 to 9 are taken"),
        (torch.tensor([1.5]), Limits(integers_only=True), "Number 1 is 1.5, and only whole numbers"),
        (torch.tensor([1e30]), Limits(integers_only=True), r"Number 1 is 1e\+30, and only whole numbers"),
        (torch.ones(1) * 1j, Limits(), "complex64 are not taken: convert them"),
    ],
)
def test_refused(tensor, limits, sentence):
    with pytest.raises(TensorInputError, match=sentence):
        check(tensor, limits)


@pytest.mark.parametrize("shape", [(65, 1), (1, 65), (64, 64, 2)])
def test_too_large(shape):
    tensor, limits = torch.ones(shape), Limits(ranks=(2, 3))
    with pytest.raises(
        TooLargeError, match=r"64 along a side and 4,096 numbers in all .* scale it down or crop it"
    ) as error:
        check(tensor, limits)
    assert error.value.tensor is tensor
    with pytest.raises(TensorInputError, match="choose a smaller shape"):
        check_shape(shape, limits)


def test_places_count_from_one():
    assert place([]) == "The number"
    assert place([0]) == "Number 1"
    assert place([1, 2]) == "Row 2, column 3"
    assert place([0, 3, 1, 2]) == "Block 1.4, row 2, column 3"


def test_quoted_text_is_short_and_means_nothing_to_markdown():
    assert quote("a`b*c_[d](e)<f>$g$") == "`a·b·c··d··e··f··g·`"
    assert quote("x" * 21) == "`" + "x" * 20 + "…`"
