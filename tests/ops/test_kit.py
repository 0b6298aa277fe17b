"""What operators share, by itself."""

import itertools

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from core.ops import kit
from core.ops.kit.windows import Windows, output_size, window


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 1)])
@pytest.mark.parametrize("stride", [(1, 1), (2, 3)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 1), (1, 3)])
def test_windows_are_the_cells_that_the_slices_meet(kernel, stride, dilation):
    x = torch.randn(1, 2, 8, 9, dtype=torch.float64, requires_grad=True)
    outputs = tuple(output_size(x.shape[d + 2], kernel[d], stride[d], 0, dilation[d]) for d in (0, 1))
    windows = Windows((8, 9), kernel, stride, (0, 0), dilation, outputs)
    found = windows.of(x)
    assert found.shape == (1, 2, *outputs, *kernel)
    for y, z in itertools.product(*map(range, outputs)):
        rows, cols = (list(window(o, k, s, 0, d)) for o, k, s, d in zip((y, z), kernel, stride, dilation, strict=True))
        assert torch.equal(found[..., y, z, :, :], x[..., rows, :][..., cols])
    assert torch.equal(x.flatten(-2)[..., windows.cells(x.device)], found)
    assert torch.autograd.gradcheck(windows.of, x, fast_mode=True)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(windows.fold(weights), torch.autograd.grad(found, x, weights)[0])


@pytest.mark.parametrize("kernel", [2, 3])
def test_windows_fold_onto_the_input_what_they_read_of_it(kernel):
    """With padding before and, for an even kernel, more behind: the gradient of pad and `of` together."""
    before = (kernel - 1) // 2
    windows = Windows((4, 5), (kernel, kernel), (1, 1), (before, before), (1, 1), (4, 5))
    x = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    found = windows.of(windows.pad(x, 0))
    assert found.shape == (2, 4, 5, kernel, kernel)
    weights = torch.randn(found.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(windows.fold(weights), torch.autograd.grad(found, x, weights)[0])


def test_numbers_are_not_read_where_there_are_none():
    x = torch.ones(2)
    assert kit.readable(x)
    assert not kit.readable(x.to("meta"))
    with FakeTensorMode() as mode:
        assert not kit.readable(mode.from_tensor(x))
    seen = []
    torch.vmap(lambda t: seen.append(kit.readable(t)) or t)(x)
    assert seen == [False]
    assert torch.compile(lambda t: t + kit.readable(t), fullgraph=True, backend="eager")(x).tolist() == [1, 1]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once_forward_and_backward(dtype):
    """Three steps that would each lose something: the result and the gradient are those of float32, rounded."""

    def steps(x):
        return (x / 3).exp().sum(0, keepdim=True) * x

    x = torch.randn(50, generator=torch.Generator().manual_seed(0)).to(dtype).requires_grad_()
    y = kit.finish(steps(kit.floating(x, "x")), like=x)
    wide = x.detach().float().requires_grad_()
    expected = steps(wide)
    assert torch.equal(y, expected.to(dtype))
    (gradient,) = torch.autograd.grad(y.sum(), x)
    (true,) = torch.autograd.grad(expected.sum(), wide)
    assert torch.equal(gradient, true.to(dtype))


@pytest.mark.parametrize(
    ("check", "error", "naming"),
    [
        (lambda: kit.check_tensor(1.0, "weight"), TypeError, "'weight' must be a Tensor, but got float"),
        (lambda: kit.floating(torch.ones(1).long(), "input"), NotImplementedError, "'input' .* torch.int64"),
        (lambda: kit.check_number("a", "eps"), TypeError, "'eps' must be a real number, but got str"),
        (lambda: kit.check_integer(True, "dim"), TypeError, "'dim' must be an int, but got bool"),
        (lambda: kit.dim_of(torch.ones(2, 3), 2), IndexError, r"'dim' must lie in \[-2, 1\]"),
        (lambda: kit.dims_of(torch.ones(2, 3), (0, -2)), RuntimeError, "'dim' must name each dimension once"),
        (
            lambda: kit.check_choice("sum", "mode", ("a", "b")),
            ValueError,
            "'mode' must be one of 'a', 'b'",
        ),
        (lambda: kit.check_boolean(1, "training"), TypeError, "'training' must be a bool, but got int"),
        (
            lambda: kit.same_dtype(torch.ones(1), bias=torch.ones(1).double()),
            RuntimeError,
            "'bias' must have the dtype",
        ),
        (
            lambda: kit.require(False, "p", "be at most 1", 2, ValueError),
            ValueError,
            "'p' must be at most 1, but got 2",
        ),
    ],
)
def test_refusals_name_the_argument_what_it_must_be_and_what_it_is(check, error, naming):
    with pytest.raises(error, match=naming):
        check()


def test_autocast_hands_products_its_dtype():
    x, n = torch.ones(2), torch.ones(2, dtype=torch.int64)
    assert kit.autocast(x, None)[0] is x
    with torch.autocast("cpu", torch.bfloat16):
        dtypes = [t.dtype for t in kit.autocast(x, n, x.double(), x.half())]
    assert dtypes == [torch.bfloat16, torch.int64, torch.float64, torch.bfloat16]
    assert kit.autocast(x.to("meta"))[0].is_meta


# ---- a written gradient ----------------------------------------------------------------------------------------


def product(x, y):
    return kit.with_gradient(
        lambda x, y: x * y, (lambda grad, x, y: grad * y * 10, lambda grad, x, y: grad * x * 100), x, y
    )


def test_two_inputs_have_a_written_gradient_each_in_every_direction_and_when_compiled():
    x, y = torch.tensor([2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    for function in (product, torch.compile(product, fullgraph=True, backend="aot_eager")):
        assert [g.item() for g in torch.autograd.grad(function(x, y), (x, y))] == [30, 200]
        assert torch.autograd.grad(function(x, y.detach()), x)[0] == 30
        assert torch.autograd.grad(function(x.detach(), y), y)[0] == 200
    x, y = x.detach(), y.detach()
    assert torch.func.jvp(product, (x, y), (torch.ones(1), torch.ones(1)))[1] == 230
    assert torch.func.jvp(lambda y: product(x, y), (y,), (torch.ones(1),))[1] == 200
    assert torch.vmap(torch.func.grad(lambda x, y: product(x, y).sum()))(x, y) == 30


def test_a_written_gradient_is_taken_by_a_compiler_too():
    """It refuses a forward-mode derivative of one's own, which is there all the same where nothing is compiled."""
    x = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)

    def square(x):
        return kit.with_gradient(lambda x: x**2, lambda grad, x: 3 * grad * x, x)

    compiled = torch.compile(square, fullgraph=True, backend="aot_eager")(x)
    assert torch.autograd.grad(compiled.sum(), x)[0].tolist() == [-3, 0, 6]
    assert torch.func.jvp(square, (x.detach(),), (torch.ones(3),))[1].tolist() == [-3, 0, 6]


def test_a_choice_has_the_gradient_of_the_chosen_number():
    x = torch.tensor([[[1.0, 1.0], [1.0, 0.0]]], requires_grad=True)

    def largest(x):
        return kit.with_choice(
            lambda x: x.amax((-2, -1), keepdim=True), lambda x: torch.full((1, 1, 1), 2, dtype=torch.int64), x
        )

    assert torch.autograd.grad(largest(x).sum(), x)[0].tolist() == [[[0, 0], [1, 0]]]
    tangent = torch.tensor([[[5.0, 6.0], [7.0, 8.0]]])
    assert torch.func.jvp(largest, (x.detach(),), (tangent,))[1].tolist() == [[[7]]]
