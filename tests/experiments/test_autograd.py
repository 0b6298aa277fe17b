"""The graph as torch built it, what it holds, and the contexts."""

import pytest
import torch

from core.experiments import autograd
from core.experiments.autograd import build_expression, graph_of, held_by

OFF = ["no_grad", "inference_mode", "set_grad_enabled(False)"]


def leaf(*shape):
    return torch.rand(shape, requires_grad=True)


def test_graph_of_a_small_expression():
    x, w = leaf(4), leaf(4)
    graph = graph_of((x * w).exp().sum())
    assert [node.name for node in graph.nodes] == [
        *("SumBackward0", "ExpBackward0", "MulBackward0"),
        *("AccumulateGrad", "AccumulateGrad"),
    ]
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (2, 4))
    assert [node.is_leaf for node in graph.nodes] == [False, False, False, True, True]
    assert [node.shape for node in graph.nodes] == [(), (4,), (4,), (4,), (4,)]
    kept = {(node.name, saved.name): saved for node in graph.nodes for saved in node.saved}
    assert set(kept) == {("ExpBackward0", "result"), ("MulBackward0", "self"), ("MulBackward0", "other")}
    assert kept["MulBackward0", "self"].address == x.data_ptr()
    assert graph.saved_bytes == 3 * 4 * 4


def test_a_leaf_used_twice_is_one_node():
    x = leaf(3)
    graph = graph_of(x * x)
    assert [node.name for node in graph.nodes] == ["MulBackward0", "AccumulateGrad"]
    assert graph.edges == ((0, 1), (0, 1))
    assert graph.saved_bytes == 12  # the same memory twice


def test_no_graph_without_gradients():
    assert graph_of(torch.ones(3) * 2) == autograd.Graph((), ())
    assert graph_of(leaf(3)) == autograd.Graph((), ())
    assert len(graph_of(leaf(3) * torch.ones(3)).nodes) == 2


def test_backward_lets_go():
    y = leaf(3).exp().sum()
    y.backward()
    freed = {node.name: node.freed for node in graph_of(y).nodes}
    assert freed == {"SumBackward0": False, "ExpBackward0": True, "AccumulateGrad": False}


def test_saved_lists_and_python_functions():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, gradient):
            return 2 * gradient * ctx.saved_tensors[0]

    x = leaf(3)
    assert [saved.address for saved in graph_of(Square.apply(x)).nodes[0].saved] == [x.data_ptr()]
    index = torch.tensor([0, 2])
    assert "indices" in {saved.name for saved in graph_of((x * 1)[index]).nodes[0].saved}


@pytest.mark.parametrize(
    "build", [lambda x: x.exp(), lambda x: (x * x).sum(), lambda x: x.sigmoid().prod(), torch.relu]
)
def test_the_hooks_and_the_graph_agree_on_what_is_held(build):
    x = leaf(5)
    kept = []  # keep the graph alive while both look at it
    held = held_by(lambda: kept.append(build(x)))
    assert held.nbytes == graph_of(kept[0]).saved_bytes


# ---- contexts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", OFF)
def test_nothing_is_recorded_or_held_where_recording_is_off(context):
    expression = build_expression(outer=context)
    assert not any(t.requires_grad for t in expression.tensors)
    assert all(t.grad_fn is None and t.is_leaf for t in expression.tensors)
    assert expression.held == autograd.Held(0, 0)
    assert "does not require grad" in expression.error
    assert all(t.is_inference == (context == "inference_mode") for t in expression.tensors)


def test_everything_is_recorded_outside():
    for expression in (build_expression(), build_expression(("enable_grad",) * 3, outer="no_grad")):
        assert [t.grad_fn for t in expression.tensors] == ["MulBackward0", "ExpBackward0", "SumBackward0"]
        assert expression.held.nbytes == expression.graph.saved_bytes == 4 * 12
        assert expression.error is None
        x, w = torch.tensor([0.5, 1.0, 1.5], requires_grad=True), torch.tensor([1.0, -1.0, 2.0], requires_grad=True)
        (((x * w).exp()) * (x * w)).sum().backward()
        assert expression.gradients == {"x": tuple(x.grad.tolist()), "w": tuple(w.grad.tolist())}


@pytest.mark.parametrize("context", ["no_grad", "set_grad_enabled(False)"])
def test_a_part_without_recording_is_a_constant_to_the_rest(context):
    expression = build_expression(("none", context, "none"))
    h = torch.tensor([0.5, -1.0, 3.0])
    w = torch.tensor([1.0, -1.0, 2.0])
    assert expression.gradients["x"] == pytest.approx((h.exp() * w).tolist())
    assert [t.requires_grad for t in expression.tensors] == [True, False, True]
    assert expression.held.nbytes < build_expression().held.nbytes


def test_inference_tensors_may_not_enter_a_graph():
    expression = build_expression(("none", "inference_mode", "none"))
    assert "Inference tensors cannot be saved for backward" in expression.error
    assert [t.name for t in expression.tensors] == ["h", "a"]


def test_networks_hold_nothing_without_recording_and_less_in_eval():
    training = autograd.held_by_network("none")
    assert training.nbytes > autograd.held_by_network("none", training=False).nbytes > 0
    for context in OFF:
        assert autograd.held_by_network(context).nbytes == 0
    deeper = autograd.held_by_network("none", depth=8)
    assert deeper.nbytes == pytest.approx(2 * training.nbytes, rel=0.1)


# ---- with ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [autograd.NoGrad, autograd.no_grad_by_yield, torch.no_grad])
def test_our_no_grad_is_torchs(context):
    x = leaf(3)
    with context():
        assert not (x * 2).requires_grad
        with torch.enable_grad(), context():
            assert not torch.is_grad_enabled()
        assert not torch.is_grad_enabled()
    assert (x * 2).requires_grad
    with pytest.raises(ZeroDivisionError), context():
        raise ZeroDivisionError
    assert torch.is_grad_enabled()


def test_how_with_works():
    assert autograd.how_with_works() == (("before", True), ("inside", False), ("after", True))
    moments = dict(autograd.how_with_works(fail=True))
    assert moments == {"before": True, "inside": False, "caught outside": True, "after": True}


def test_claims():
    assert {claim.__name__: claim().holds for claim in autograd.CLAIMS} == {
        "results_need_no_gradient": True,
        "every_tensor_inside_needs_no_gradient": False,
        "only_scalars_are_meant": False,
        "no_grad_is_eval": False,
        "leaves_cannot_be_changed_in_place": False,
    }


def test_claims_leave_the_random_numbers_alone():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for claim in autograd.CLAIMS:
        claim()
    autograd.held_by_network("none")
    assert torch.equal(before, torch.get_rng_state())


# ---- names, detach, nesting ------------------------------------------------------------------------------------


def test_nodes_and_saved_tensors_are_named():
    graph = build_expression().graph
    assert [node.tensor for node in graph.nodes] == ["y", "", "a", "h", "x", "w"]
    assert {saved.tensor for node in graph.nodes for saved in node.saved} == {"a", "h", "x", "w"}


def test_a_detached_part_gives_the_gradients_of_an_unrecorded_one():
    detached, off = build_expression(("none", "detach", "none")), build_expression(("none", "no_grad", "none"))
    assert detached.gradients == off.gradients
    assert detached.held.tensors > off.held.tensors
    with pytest.raises(KeyError):
        build_expression(("none", "nonsense", "none"))


@pytest.mark.parametrize("function", autograd.FUNCTIONS)
@pytest.mark.parametrize("leaves", [("x", "w"), ("x",), ("w",)])
def test_gradients_for_every_function_and_choice_of_leaves(function, leaves):
    values = {"x": (0.5, -2.0), "w": (3.0, 1.5)}
    made = build_expression(**values, function=function, leaves=leaves)
    x, w = (torch.tensor(values[name], requires_grad=name in leaves) for name in ("x", "w"))
    h = x * w
    (eval(function, {"h": h}) * h).sum().backward()
    expected = {name: None if t.grad is None else tuple(t.grad.tolist()) for name, t in (("x", x), ("w", w))}
    assert made.gradients == expected
    assert made.tensors[1].code == function
    assert all(node.freed for node in made.graph_after.nodes if made.graph.nodes[node.id].saved)


def test_a_refused_expression_shows_its_graph_so_far():
    made = build_expression(("none", "inference_mode", "none"))
    assert [node.tensor for node in made.graph.nodes] == ["h", "x", "w"]


def test_what_is_recorded_inside_contexts():
    assert autograd.recorded_inside(())
    assert autograd.recorded_inside(("no_grad", "enable_grad"))
    assert not autograd.recorded_inside(("enable_grad", "no_grad"))
    assert not autograd.recorded_inside(("inference_mode", "enable_grad"))
    assert torch.is_grad_enabled()


def test_descent_by_hand_is_sgd():
    w, x = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.0])
    theirs = w.clone().requires_grad_()
    optimiser = torch.optim.SGD([theirs], lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        ((theirs * x) ** 2).sum().backward()
        optimiser.step()
    torch.testing.assert_close(autograd.descend(w, x, 0.1), theirs)
    assert w.tolist() == [1, -2]


@pytest.mark.parametrize(
    ("compute", "nbytes"),
    [
        (lambda x: (x * x).sum() + (x[:1] * x[:1]).sum(), 16),  # one storage of four numbers, whatever is read of it
        (lambda x: (x[:1] * x[:1]).sum() + (x * x).sum(), 16),
        (lambda x: (x[0].expand(1000) * x[1].expand(1000)).sum(), 16),
        (lambda x: (torch.ones(1).expand(1000) * x[0]).sum(), 4),
        (lambda x: (x * 2).sum(), 0),
    ],
)
def test_what_is_held_is_each_storage_once(compute, nbytes):
    x = torch.arange(1.0, 5, requires_grad=True)
    assert held_by(lambda: compute(x)).nbytes == nbytes


def test_a_view_is_not_called_by_the_name_of_what_it_views():
    x = torch.arange(1.0, 5, requires_grad=True)
    part = x.detach()[:1]
    y = (x[:2] * part).sum()
    names = {saved.tensor for node in graph_of(y, {"x": x}).nodes for saved in node.saved}
    assert "x" not in names
