"""The graph as torch built it, what it holds, and an expression under contexts."""

import weakref
from itertools import product

import pytest
import torch

from core.experiments import autograd
from core.experiments.autograd import DETACH, Graph, SavedTensors, build_expression, graph_of, saved_by

OFF = ["no_grad", "inference_mode", "set_grad_enabled"]
X, W = [0.5, 1.0, 1.5], [1.0, -1.0, 2.0]


def leaf(*shape):
    return torch.rand(shape, requires_grad=True)


def same(ours, theirs):
    return ours is theirs if ours is None or theirs is None else torch.equal(ours.nan_to_num(7), theirs.nan_to_num(7))


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
    assert graph_of(torch.ones(3) * 2) == Graph((), ())
    assert graph_of(leaf(3)) == Graph((), ())
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
def test_the_hooks_and_the_graph_agree_where_all_is_kept(build):
    x = leaf(5)
    kept = []  # keep the graph alive while both look at it
    saved = saved_by(lambda: kept.append(build(x)))
    assert saved.nbytes == graph_of(kept[0]).saved_bytes


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
def test_what_is_saved_is_each_storage_once(compute, nbytes):
    x = torch.arange(1.0, 5, requires_grad=True)
    assert saved_by(lambda: compute(x)).nbytes == nbytes


def test_a_view_is_not_called_by_the_name_of_what_it_views():
    x = torch.arange(1.0, 5, requires_grad=True)
    part = x.detach()[:1]
    y = (x[:2] * part).sum()
    names = {saved.tensor for node in graph_of(y, {"x": x}).nodes for saved in node.saved}
    assert "x" not in names


# ---- the expression --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", OFF)
def test_nothing_is_recorded_or_saved_where_recording_is_off(context):
    run = build_expression(outer=context)
    assert not any(t.requires_grad for t in run.tensors)
    assert all(t.grad_fn is None and t.is_leaf for t in run.tensors)
    assert (run.saved, run.graph, run.graph_after) == (SavedTensors(0, 0), Graph((), ()), Graph((), ()))
    with pytest.raises(RuntimeError) as refused:
        (torch.ones(3) * 2).sum().backward()
    assert (run.error, run.refused, run.x_grad) == (str(refused.value), "y.backward()", None)
    assert all(t.is_inference == (context == "inference_mode") for t in run.tensors)


@pytest.mark.parametrize("function", autograd.FUNCTIONS)
@pytest.mark.parametrize("leaves", [("x", "w"), ("x",), ("w",)])
@pytest.mark.parametrize(
    ("x", "w"),
    [
        (X, W), ([2.0], [3.0]), ([0.5, -2.0, 0.0], [3.0]), ([1.0, 1.0], [1.0, 1.0]),
        ([float("nan"), 1.0], [2.0, float("inf")]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_everything_recorded_is_torchs_own(function, leaves, x, w, dtype):
    given = {"x": torch.tensor(x, dtype=dtype), "w": torch.tensor(w, dtype=dtype)}
    run = build_expression(**given, function=function, leaves=leaves)
    x, w = (given[name].clone().requires_grad_(name in leaves) for name in "xw")
    h = x * w
    a = eval(function, {"h": h})
    (a * h).sum().backward()
    assert same(run.x_grad, x.grad)
    assert same(run.w_grad, w.grad)
    assert all(same(t.values, theirs.detach()) for t, theirs in zip(run.tensors, (h, a, (a * h).sum()), strict=True))
    assert run.saved.nbytes == run.graph.saved_bytes > run.graph_after.saved_bytes == 0
    assert not given["x"].requires_grad


def test_contexts_that_record_change_nothing():
    run, whole = build_expression(("enable_grad",) * 3, outer="no_grad"), build_expression()
    assert same(run.x_grad, whole.x_grad)
    assert [t.grad_fn for t in run.tensors] == ["MulBackward0", "ExpBackward0", "SumBackward0"]


def test_gradients_are_the_same_or_not():
    nan = torch.tensor([float("nan"), 1.0, 2.0])
    whole, constant = build_expression(x=nan), build_expression(("none", "no_grad", "none"), x=nan)
    assert autograd.same_gradients(whole, build_expression(x=nan))
    assert not autograd.same_gradients(whole, constant)
    assert not autograd.same_gradients(whole, build_expression(x=nan, leaves=("x",)))


@pytest.mark.parametrize("context", ["no_grad", "set_grad_enabled", DETACH])
def test_a_part_without_recording_is_a_constant_to_the_rest(context):
    run = build_expression(("none", context, "none"))
    x, w = torch.tensor(X, requires_grad=True), torch.tensor(W, requires_grad=True)
    ((x * w).detach().exp() * (x * w)).sum().backward()
    assert same(run.x_grad, x.grad)
    assert same(run.w_grad, w.grad)
    assert [t.requires_grad for t in run.tensors] == [True, False, True]
    assert run.graph.saved_bytes < build_expression().graph.saved_bytes


def still_held(contexts):
    """Bytes that the graph behind y really keeps alive once h and a are gone."""
    alive, sizes = weakref.WeakSet(), weakref.WeakKeyDictionary()

    class Box:
        def __init__(self, tensor):
            self.tensor = tensor

    def pack(tensor):
        box = Box(tensor.detach())
        alive.add(box)
        sizes[box] = (tensor.untyped_storage().data_ptr(), tensor.nbytes)
        return box

    def forward(x, w):
        made = step(contexts[0], torch.mul, x, w)
        return step(contexts[2], lambda a, h: (a * h).sum(), step(contexts[1], torch.exp, made), made)

    def step(context, compute, *given):
        if context == "no_grad":
            with torch.no_grad():
                return compute(*given)
        return compute(*given).detach() if context == DETACH else compute(*given)

    x, w = torch.tensor(X, requires_grad=True), torch.tensor(W, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda box: box.tensor):
        y = forward(x, w)
    return sum(dict(sizes[box] for box in alive).values()), y


@pytest.mark.parametrize("contexts", list(product(("none", "no_grad", DETACH), repeat=3)))
def test_what_the_graph_holds_is_what_stays_alive(contexts):
    run = build_expression(contexts)
    held, _ = still_held(contexts)
    assert run.graph.saved_bytes == held <= run.saved.nbytes
    if contexts == ("none", "none", DETACH):
        assert (held, run.saved.nbytes) == (0, 48)


def test_inference_tensors_may_not_enter_a_graph():
    run = build_expression(("none", "inference_mode", "none"))
    assert run.error.startswith("Inference tensors cannot be saved for backward")
    assert (run.refused, [t.name for t in run.tensors]) == ("y", ["h", "a"])
    assert [node.tensor for node in run.graph.nodes] == ["h", "x", "w"]
    assert build_expression(("none", "inference_mode", "no_grad")).refused == "y.backward()"


def test_integers_and_lengths_are_refused_in_torchs_words():
    whole = torch.tensor([1, 2, 3])
    with pytest.raises(RuntimeError) as refused:
        whole.clone().requires_grad_()
    run = build_expression(x=whole)
    assert (run.error, run.refused, run.tensors) == (str(refused.value), "x", ())
    assert build_expression(x=whole, leaves=("w",)).w_grad is not None
    two = torch.tensor([1.0, 2.0])
    with pytest.raises(RuntimeError) as refused:
        two * torch.tensor(W)
    run = build_expression(x=two)
    assert (run.error, run.refused) == (str(refused.value), "h")


@pytest.mark.parametrize(
    ("x", "w"), [([1, 2, 3], W), ([1.0, 2.0], W), ([True], [2]), (X, [1.0, 2.0]), ([5.0], W), (X, W)]
)
def test_the_nearest_runs(x, w):
    x, w = torch.tensor(x), torch.tensor(w)
    near = autograd.nearest(x, w)
    assert build_expression(x=near[0], w=near[1]).error is None
    if x.is_floating_point() and build_expression(x=x, w=w).error is None:
        assert near == (x, w)


def test_nodes_and_saved_tensors_are_named():
    graph = build_expression().graph
    assert [node.tensor for node in graph.nodes] == ["y", "", "a", "h", "x", "w"]
    assert {saved.tensor for node in graph.nodes for saved in node.saved} == {"a", "h", "x", "w"}


@pytest.mark.parametrize("contexts", [("none", "no_grad", "enable_grad"), (DETACH, "set_grad_enabled", DETACH)])
@pytest.mark.parametrize("outer", ["none", "no_grad", "inference_mode"])
@pytest.mark.parametrize("function", autograd.FUNCTIONS)
def test_the_code_is_what_runs(contexts, outer, function):
    run = build_expression(contexts, outer, function=function)
    names = {"torch": torch, "x": torch.tensor(X, requires_grad=True), "w": torch.tensor(W, requires_grad=True)}
    refusal = None
    try:
        exec(autograd.code_of(contexts, outer, function), names)
    except RuntimeError as refused:
        refusal = str(refused)
    assert run.error == refusal
    assert all(same(t.values, names[t.name].detach()) for t in run.tensors)
    assert all(t.requires_grad == names[t.name].requires_grad for t in run.tensors)
    assert same(run.x_grad, names["x"].grad)


def test_an_unknown_context_is_no_detach():
    with pytest.raises(KeyError):
        build_expression(("none", "nonsense", "none"))
