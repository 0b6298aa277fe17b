"""The code panel shows what ran: the formula, what takes part in it, and little else."""

import ast
import functools
import re
import statistics
import weakref
from collections.abc import Callable

import pytest
import torch

from core import topics
from core.ui import code

OPERATORS = {operator.name: operator for operator in topics.operators()}

FORMULA = {  # the steps of each one's arithmetic, in any order, with .* between them
    "softmax": r"\.amax\(.*\.exp\(.*\.sum\(.* / ",
    "log_softmax": r"\.amax\(.*\.exp\(.*\.log\(",
    "sigmoid": r"torch\.exp\(.* / ",
    "logsigmoid": r"torch\.log1p\(torch\.exp\(",
    "relu": r"x\.clamp\(min=0\)",
    "leaky_relu": r"slope \* x",
    "elu": r"alpha \* torch\.expm1\(",
    "gelu": r"torch\.erf\(",
    "silu": r"x \* sigmoid\(x\)",
    "softplus": r"torch\.log1p\(torch\.exp\(",
    "tanh": r"torch\.expm1\(.* / ",
    "normalize": r"\.abs\(.*\*\* p.*\.sum\(.*input / clamped",
    "unique": r"sort|order",
    "broadcast_to": r"\.expand\(shape\)",
    "mul": r" \* ",
    "matmul": r" \* .*\.sum\(",
    "mm": r" \* .*\.sum\(",
    "bmm": r" \* .*\.sum\(",
    "dot": r" \* .*\.sum\(",
    "einsum": r" \* .*\.sum\(",
    "gather": r"strides?.*index_select\(",
    "scatter": r"strides?.*index_copy\(",
    "embedding": r"index_select\(.*index_add\(",
    "nll_loss": r"gather\(.*\.sum\(",
    "cross_entropy": r"log_softmax\(.*label_smoothing",
    "binary_cross_entropy": r"torch\.log\(p\).*log1p\(-p\)",
    "binary_cross_entropy_with_logits": r"\(1 - y\) \* x.*logsigmoid\(x\)",
    "multilabel_soft_margin_loss": r"y \* logsigmoid\(x\) \+ \(1 - y\) \* logsigmoid\(-x\)",
    "accuracy": r"argmax\(.* == target.*\.mean\(",
    "conv2d": r" @ ",
    "conv1d": r"conv2d_steps\(.*\.squeeze\(-2\)",
    "conv_transpose2d": r"\.mT @ .*\.fold\(",
    "max_pool2d": r"\.amax\(",
    "avg_pool2d": r"\.sum\(.*\.div\(",
    "dropout": r"bernoulli_\(1 - p\)",
    "batch_norm": r"mean\(.*rsqrt",
    "layer_norm": r"mean\(.*rsqrt",
    "group_norm": r"mean\(.*rsqrt",
    "instance_norm": r"mean\(.*rsqrt",
    "scaled_dot_product_attention": r"query \* scale.* \+ mask.*softmax\(.*dropped, value",
    "linear": r"x @ w\.t\(\).* \+ b",
    "SGD": r"momentum \* buffer",
    "Adam": r"\.sqrt\(\) \+ eps",
    "AdamW": r"\.sqrt\(\) \+ eps",
    "normal_": r"\.normal_\(mean, std",
    "uniform_": r"\.uniform_\(a, b",
    "trunc_normal_": r"math\.erf\(",
    "xavier_uniform_": r"math\.sqrt\(2\.0 / \(fan_in \+ fan_out\)\)",
    "xavier_normal_": r"math\.sqrt\(2\.0 / \(fan_in \+ fan_out\)\)",
    "kaiming_uniform_": r" / math\.sqrt\(fan\)",
    "kaiming_normal_": r" / math\.sqrt\(fan\)",
    "orthogonal_": r"linalg\.qr\(.*sign\(\)",
}

MOST_LINES, MOST_OF = 60, {"einsum": 90, "unique": 90}
MEDIAN = 35
every = pytest.mark.parametrize("name", OPERATORS)


def arithmetic(source: str) -> str:
    """The source without docstrings and comments, on one line."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).replace("\n", " ")


@every
def test_the_panel_holds_the_formula(name):
    shown = arithmetic(code.source(OPERATORS[name].manual))
    for step in FORMULA[name].split(".*"):
        assert re.search(step, shown), step


@every
def test_the_panel_is_short(name):
    lines = len(code.source(OPERATORS[name].manual).splitlines())
    assert lines <= MOST_OF.get(name, MOST_LINES)


def test_half_of_the_panels_are_shorter_still():
    lines = [len(code.source(operator.manual).splitlines()) for operator in OPERATORS.values()]
    assert statistics.median(lines) <= MEDIAN


@every
def test_the_panel_holds_the_public_function_last_and_only_its_module(name):
    parts = code.used_parts(OPERATORS[name].manual)
    modules = {part.module.__name__ if isinstance(part, code.Constant) else part.__module__ for part in parts}
    assert parts[-1].__name__ == OPERATORS[name].manual.__name__
    assert len(modules) == 1
    assert not modules.pop().startswith("core.ops.kit")


# ---- what takes part -------------------------------------------------------------------------------------------


def leaf(x):
    return x


def other(x):
    return x + 1


def kept_out(x):
    return x


TABLE = {"a": lambda x: other(x), "b": None}
FACTOR = 2
UNUSED = [kept_out]


def in_a_lambda():
    return lambda x: leaf(x)


def in_a_comprehension(xs):
    return [leaf(x) for x in xs]


def in_a_table(x):
    return TABLE["a"](x)


def in_a_default_and_a_constant(x):
    def inner(y, f=leaf):
        return f(y) * FACTOR

    return inner(x)


def named_like_a_method(x):
    return x.leaf()


def made(function: Callable) -> Callable:
    def inner(x):
        return function(x)

    return inner


in_a_closure = made(leaf)
in_a_partial = functools.partial(in_a_lambda)


class InAMethod:
    @property
    def value(self):
        return leaf(1)

    @staticmethod
    def run(x):
        return other(x)


def names(function):
    return [part.name if isinstance(part, code.Constant) else part.__name__ for part in code.used_parts(function)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (in_a_lambda, ["leaf", "in_a_lambda"]),
        (in_a_comprehension, ["leaf", "in_a_comprehension"]),
        (in_a_table, ["other", "TABLE", "in_a_table"]),
        (in_a_default_and_a_constant, ["leaf", "FACTOR", "in_a_default_and_a_constant"]),
        (named_like_a_method, ["named_like_a_method"]),
        (in_a_closure, ["leaf", "inner"]),
        (in_a_partial, ["leaf", "in_a_lambda"]),
        (InAMethod, ["leaf", "other", "InAMethod"]),
    ],
)
def test_what_takes_part_is_shown_callees_first_and_nothing_else(function, expected):
    assert names(function) == expected


def test_constants_are_shown_as_they_stand():
    assert 'TABLE = {"a": lambda x: other(x), "b": None}' in code.source(in_a_table)
    assert "kept_out" not in code.source(in_a_table)


def test_the_kept_source_of_a_run_lets_go_of_the_readers_tensors():
    x = torch.ones(3)
    kept = weakref.ref(x)
    assert "def count(" in code.source(functools.partial(count, x))
    del x
    assert kept() is None


def count(x):
    return x.numel()
