"""What the page on activations finds out, against torch."""

import math

import pytest
import torch
import torch.nn.functional as F

from core.experiments import activations as runs
from core.experiments.activations import ACTIVATIONS, Activation
from core.experiments.depth import dead_units
from core.figures import activations as draw
from core.tensors.dtypes import as_floats

TORCHS = {
    "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu, "silu": F.silu, "softplus": F.softplus,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "logsigmoid": F.logsigmoid,
}  # fmt: skip
SETTINGS = [("leaky_relu", {"negative_slope": s}) for s in (0.0, 1.0)] + [("elu", {"alpha": a}) for a in (0.1, 3.0)]
SETTINGS += [("softplus", {"beta": b}) for b in (0.5, 10.0)] + [("gelu", {"approximate": "tanh"})]
INPUTS = {
    "integers": torch.tensor([[-2, 0], [3, 3]]),
    "half": torch.tensor([-0.5, 0.0, 60000.0], dtype=torch.float16),
    "one": torch.tensor([-1.5]),
    "one row": torch.tensor([[-3.0, 0.5]]),
    "equal rows": torch.full((3, 2), -0.3),
    "zeros": torch.zeros(2, 2),
    "no negative": torch.tensor([0.0, 2.0]),
    "extreme": torch.tensor([[1e30, -1e30]]),
    "nan and inf": torch.tensor([-math.inf, -1.0, 1.0, math.inf, math.nan]),
    "nan alone": torch.tensor([math.nan]),
    "double": torch.tensor([0.1, -7.0], dtype=torch.float64),
    "bools": torch.tensor([True, False]),
}
every_input = pytest.mark.parametrize("x", INPUTS.values(), ids=INPUTS)


def slope_by_torch(f, x):
    leaf = x.clone().requires_grad_()
    f(leaf).sum().backward()
    return leaf.grad


@pytest.mark.parametrize(("name", "settings"), [*((name, {}) for name in TORCHS), *SETTINGS])
def test_values_and_slopes_are_torchs(name, settings):
    assert list(ACTIVATIONS) == list(TORCHS)
    x, by_torch = runs.example(6, 3), lambda x: TORCHS[name](x, **settings)
    run = runs.run(Activation(name, settings), x)
    torch.testing.assert_close(run.y, by_torch(x))
    torch.testing.assert_close(run.slope, slope_by_torch(by_torch, x))
    assert run.activation.at(-1.5) == pytest.approx(by_torch(torch.tensor(-1.5, dtype=torch.float64)).item())
    assert run.activation.slope_at(0.5) == pytest.approx(slope_by_torch(by_torch, torch.tensor([0.5])).item(), rel=1e-5)


@every_input
@pytest.mark.parametrize("name", TORCHS)
def test_what_torch_takes_is_taken_and_what_it_refuses_is_refused_in_its_words(name, x):
    run = runs.run(Activation(name), x)
    if run.refusal:
        with pytest.raises((NotImplementedError, RuntimeError)) as refusal:
            TORCHS[name](x)
        assert str(refusal.value) in run.refusal
        assert run.y is None
        assert run.slope.dtype == torch.float32
        return
    expected = TORCHS[name](x)
    assert run.y.dtype == expected.dtype
    known = ~expected.isnan() if name == "gelu" else torch.ones_like(x, dtype=torch.bool)  # torch's kernel at +inf
    torch.testing.assert_close(run.y[known], expected[known], equal_nan=True)
    assert run.nans_of_torch == int((expected.isnan() & ~run.y.isnan()).sum())
    assert run.new_nans == int((run.y.isnan() & ~x.isnan()).sum())
    assert run.slope.dtype == (x.dtype if x.is_floating_point() else torch.float32)
    assert (run.zeros, run.flat) == (int((run.y == 0).sum()), int((run.slope == 0).sum()))


def test_the_example_has_an_exact_zero():
    for size, seed in ((2, 0), (5, 0), (12, 9999)):
        assert 0 in runs.example(size, seed)


# ---- at 0 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "corners"),
    [
        (Activation("relu"), {"relu", "leaky_relu", "relu_textbook"}),
        (Activation("elu", {"alpha": 0.5}), {"relu", "leaky_relu", "relu_textbook", "elu"}),
        (Activation("leaky_relu", {"negative_slope": 1.0}), {"relu", "relu_textbook"}),
        (Activation("softplus", {"beta": 10.0}), {"relu", "leaky_relu", "relu_textbook"}),
    ],
)
def test_corners_are_where_the_slope_jumps_and_nowhere_else(chosen, corners):
    found = runs.at_zero(chosen)
    assert {each.name for each in found if each.corner} == corners
    for each in found[:-1]:
        f = Activation(each.name, chosen.settings if each.name == chosen.name else {}).by_torch
        zero = torch.zeros(1)
        assert each.value == pytest.approx(f(zero).item())
        assert each.slope == pytest.approx(each.by_torch)
        assert each.by_torch == slope_by_torch(f, zero).item()
    assert (found[-1].slope, found[-1].by_torch, found[-1].left, found[-1].right) == (0.5, 0, 0, 1)


# ---- what people believe ---------------------------------------------------------------------------------------


@every_input
def test_the_tutorials_relu_has_half_a_slope_at_every_zero(x):
    facts = runs.tutorial_relu(x)
    assert facts.same
    assert facts.zeros == facts.halves == int((x == 0).sum())
    assert (facts.halves_of_torch, facts.at_zero, facts.torch_at_zero) == (0, 0.5, 0)
    assert (facts.dtype, facts.dtype_of_torch) == (torch.float32, torch.int64)


def test_dead_units_of_the_second_layer_come_back_and_of_the_first_do_not():
    found = [runs.revival(seed) for seed in range(5)]
    assert all(facts.first_back == 0 and facts.own_gradient == 0 for facts in found)
    assert all(0 <= facts.second_back <= facts.second and facts.second > 0 for facts in found)
    assert sum(facts.first for facts in found) > 0
    assert sum(facts.second_back for facts in found) > 0


def test_the_same_units_come_back_in_torch_nn():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(64, 8, generator=generator)
    net = torch.nn.Sequential(
        torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1)
    )
    with torch.no_grad():
        for layer, bias in zip(net[::2], (-2.5, -1.0, 0.0), strict=True):
            m, n = layer.weight.shape
            layer.weight.copy_((torch.randn(n, m, generator=generator) * (2 / n) ** 0.5).T)
            layer.bias.fill_(bias)
    before = [dead_units(net[:k](X)) for k in (2, 4)]
    optimiser = torch.optim.SGD(net.parameters(), lr=0.03)
    for _ in range(200):
        optimiser.zero_grad()
        F.mse_loss(net(X), 5 * X[:, :1]).backward()
        optimiser.step()
    back = [int((dead & ~dead_units(net[:k](X))).sum()) for dead, k in zip(before, (2, 4), strict=True)]
    facts = runs.revival(0)
    assert [int(dead.sum()) for dead in before] == [facts.first, facts.second]
    assert back == [facts.first_back, facts.second_back]


@pytest.mark.parametrize("name", TORCHS)
def test_layers_collapse_into_one_matrix_unless_an_activation_bends(name):
    facts = runs.collapse(Activation(name))
    assert facts.difference < 1e-13
    assert facts.between > 1e-3
    assert (facts.weights, facts.one) == (5 * 8 + 8 * 8 + 8 * 3, 15)
    assert runs.collapse(Activation("leaky_relu", {"negative_slope": 1.0})).between < 1e-13


@every_input
def test_in_place_overwrites_what_is_below_0_and_is_refused_by_autograd(x):
    facts = runs.in_place(x)
    assert (facts.overwritten, facts.cells) == (int((x < 0).sum()), x.numel())
    with pytest.raises(RuntimeError) as after_exp:
        torch.relu_(torch.zeros(2, requires_grad=True).exp()).sum().backward()
    with pytest.raises(RuntimeError) as on_leaf:
        torch.relu_(torch.zeros(2, requires_grad=True))
    assert facts.after_exp
    assert str(after_exp.value).startswith(facts.after_exp)
    assert facts.on_leaf
    assert str(on_leaf.value).startswith(facts.on_leaf)


@every_input
def test_a_sigmoids_slope_and_what_gets_through_ten(x):
    facts = runs.saturation(x)
    finite = x.float()[x.float().isfinite()].double()
    assert facts.largest == 0.25
    assert facts.numbers == int(x.isfinite().sum())
    if len(finite):
        expected = (finite.sigmoid() * (1 - finite.sigmoid())).mean().item()
        assert facts.here == pytest.approx(expected, abs=1e-3 if x.dtype == torch.float16 else 1e-6)
    assert facts.bound == 0.25**10
    assert (facts.tanh, facts.relu) == (1, 1)


@pytest.mark.parametrize("layers", [1, 2, 3, 8])
def test_the_most_that_gets_through_sigmoids_is_a_maximum_below_the_bound(layers):
    most = runs.most_through(torch.sigmoid, layers)
    x, product = torch.linspace(-30, 30, 600_001, dtype=torch.float64), 1.0
    for _ in range(layers):
        x = torch.sigmoid(x)
        product = product * x * (1 - x)
    assert most == pytest.approx(product.max().item(), rel=1e-6)
    assert most < 0.25**layers if layers > 1 else most == 0.25


@every_input
def test_gelu_and_silu_fall_to_the_left_of_their_lowest_points(x):
    facts = runs.falling(x)
    for f, at, lowest in ((F.gelu, facts.gelu_at, facts.gelu), (F.silu, facts.silu_at, facts.silu)):
        place = torch.tensor([at], dtype=torch.float64)
        assert abs(slope_by_torch(f, place).item()) < 1e-4
        assert f(place).item() == pytest.approx(lowest)
    assert facts.below == int((slope_by_torch(F.gelu, as_floats(x)) < 0).sum())
    assert set(facts.never) == set(TORCHS) - {"gelu", "silu"}


@every_input
def test_formulas_that_look_like_relu_differ_where_numbers_are_not_finite(x):
    facts = runs.masked(x)
    assert facts.relu.tolist()[:4] == [0, 0, 1, math.inf]
    assert [value != value for value in facts.relu.tolist()] == [False] * 4 + [True]
    assert [value != value for value in facts.product.tolist()] == [True, False, False, False, True]
    assert facts.where.tolist() == [0, 0, 1, math.inf, 0]
    assert facts.differ == int((x.isnan() | (x.float() == -math.inf)).sum())


def test_questions_count_the_flat_slopes_of_relu():
    assert runs.flat_of_relu([-1.0, 0.0, 0.5, 0.0]) == 3


# ---- the pictures ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TORCHS)
def test_every_version_can_be_walked_and_ends_on_what_torch_gives(name):
    x = runs.example(3, 1)
    f = Activation(name, {"approximate": "tanh"} if name == "gelu" else {})
    assert ("textbook" in draw.versions(f)) == (name in ("relu", "tanh", "sigmoid"))
    for version in draw.versions(f):
        steps, scales = draw.walk(f, x, version)
        expected = runs.slope(f.by_torch, x) if version == "backward" else f.by_torch(x)
        tie = (x == 0) & (version == "backward")
        torch.testing.assert_close(steps.steps[-1].values["return"][~tie], expected[~tie], rtol=1e-5, atol=1e-6)
        assert "return" in scales


@every_input
def test_the_curve_has_a_point_for_every_finite_number(x):
    run = runs.run(Activation("elu"), x)
    panel = draw.curve(run, (0,) * x.dim(), Activation("silu"), "i j"[-2 * x.dim() + 1 :])
    low, high = panel.figure.to_dict()["layout"]["xaxis"]["range"]
    assert math.isfinite(low)
    assert math.isfinite(high)
    numbers = as_floats(x).flatten().tolist()
    for at, spots in zip(numbers, zip(panel.cells.spots[::2], panel.cells.spots[1::2], strict=True), strict=True):
        assert all((spot is not None) == math.isfinite(at) for spot in spots)
        assert low <= at <= high or not math.isfinite(at)
