"""How an operator composes with torch's transforms: each kind of composition, tried on many calls.

The calls are torch's own samples, where its database has the operator, and the operator's own example. What torch's
function refuses in a composition is not asked of ours. Random operators start from one seed each time.
"""

import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.testing import assert_close
from torch.testing._internal.common_methods_invocations import op_db

from core.calls import arguments, leaves_of, mapped, results, weights_for
from core.ops.operator import Call, Operator

CPU = torch.device("cpu")
INFOS = {f"torch.{info.name}": info for info in op_db if info.variant_test_name == ""}
Function = Callable[..., Any]


def arguments_of(operator: Operator, sample: Any) -> tuple:
    """A sample's arguments in the order of torch's function; the database keeps einsum's operands and embedding's
    table in front.
    """
    if operator.mirrors == "torch.einsum":
        return (sample.args[0], *sample.input)
    if operator.mirrors == "torch.nn.functional.embedding":
        return (sample.args[0], sample.input, *sample.args[1:])
    return (sample.input, *sample.args)


def samples(operator: Operator, dtype: torch.dtype, most: int) -> list[Call]:
    """The operator's own example, then at most so many of torch's samples, evenly from all of them."""
    own = operator.make_call(operator.sizes[0], dtype, CPU, 0)
    info = INFOS.get(operator.mirrors)
    if info is None or most < 2:
        return [own]
    torch.manual_seed(0)
    given = list(info.sample_inputs("cpu", dtype, requires_grad=False))
    step = math.ceil(len(given) / (most - 1))
    return [own, *(Call(arguments_of(operator, s), s.kwargs) for s in given[step // 2 :: step])]


# ---- a call as a function of its tensors -----------------------------------------------------------------------


def filled(call: Call, given: Iterator[Tensor]) -> Call:
    """The call with these tensors in the place of its own."""
    args, kwargs = mapped((call.args, dict(call.kwargs)), lambda _: next(given))
    return Call(args, kwargs)


def of(function: Function, call: Call, tensors: list[Tensor]) -> tuple[Tensor, ...]:
    """The tensors of the result of `function` on these tensors, each run from one seed."""
    torch.manual_seed(0)
    copies = iter([t.clone() for t in tensors])  # a version may write to them
    return tuple(results(filled(call, copies).of(function)))


def differentiated(operator: Operator, call: Call, function: Function) -> tuple[Function, tuple[Tensor, ...]]:
    """The function of the tensors that have a gradient, and these."""
    leaves, given = leaves_of(operator, call), arguments(call)

    def of_leaves(*primals: Tensor) -> tuple[Tensor, ...]:
        new = iter(primals)
        outputs = of(function, call, [next(new) if i in leaves else t for i, t in enumerate(given)])
        return tuple(t for t in outputs if t.is_floating_point() or t.is_complex())

    return of_leaves, tuple(given[i] for i in sorted(leaves))


# ---- the kinds -------------------------------------------------------------------------------------------------


def jvp(operator: Operator, call: Call, function: Function) -> Any:
    """Forward-mode derivatives: outputs and their tangents."""
    of_leaves, primals = differentiated(operator, call, function)
    return torch.func.jvp(of_leaves, primals, tuple(weights_for(primals)))


def vjp(operator: Operator, call: Call, function: Function) -> Any:
    """Functional reverse mode: outputs and gradients."""
    of_leaves, primals = differentiated(operator, call, function)
    outputs, pull = torch.func.vjp(of_leaves, *primals)
    return outputs, pull(tuple(weights_for(outputs)))


def _batch(tensor: Tensor) -> Tensor:
    others = (tensor * 0.5, tensor * 0.25) if tensor.is_floating_point() else (tensor, tensor)
    return torch.stack([tensor, *others])


def vmap(_: Operator, call: Call, function: Function) -> Any:
    """Three calls at once."""
    batches = [_batch(t) for t in arguments(call)]
    return torch.vmap(lambda *ts: of(function, call, list(ts)), randomness="same")(*batches)


def loop(_: Operator, call: Call, function: Function) -> Any:
    """The same three calls, one after the other."""
    batches = [_batch(t) for t in arguments(call)]
    outputs = [of(function, call, [b[i] for b in batches]) for i in range(3)]
    return tuple(torch.stack(tensors) for tensors in zip(*outputs, strict=True))


def compiled(backend: str) -> Function:
    """Traced as one graph."""

    def run(_: Operator, call: Call, function: Function) -> Any:
        torch.compiler.reset()
        with torch._inductor.config.patch(fallback_random=True):
            return of(torch.compile(function, fullgraph=True, dynamic=False, backend=backend), call, arguments(call))

    return run


def plain(_: Operator, call: Call, function: Function) -> Any:
    """The call itself."""
    return of(function, call, arguments(call))


def shapes(outputs: tuple[Tensor, ...]) -> Any:
    """What a tensor without numbers still has."""
    return [(tuple(t.shape), t.dtype) for t in outputs]


def meta(_: Operator, call: Call, function: Function) -> Any:
    """Tensors without memory."""
    return shapes(of(function, call, [t.to("meta") for t in arguments(call)]))


def fake(_: Operator, call: Call, function: Function) -> Any:
    """Tensors as a compiler traces them."""
    with FakeTensorMode() as mode:
        return shapes(of(function, call, [mode.from_tensor(t) for t in arguments(call)]))


def plain_shapes(operator: Operator, call: Call, function: Function) -> Any:
    """Shapes and dtypes of the call itself."""
    return shapes(plain(operator, call, function))


def autocast(_: Operator, call: Call, function: Function) -> Any:
    """Under autocast to bfloat16: the dtypes that come out."""
    with torch.autocast("cpu", torch.bfloat16):
        return shapes(of(function, call, arguments(call)))


def channels_last(_: Operator, call: Call, function: Function) -> Any:
    """Of images whose channels lie innermost: the strides that come out, of sizes above 1."""
    given = [t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for t in arguments(call)]
    if not any(t.ndim == 4 for t in given):
        raise NotImplementedError
    outputs = results(filled(call, iter(given)).of(function))  # not copied: a copy might have another layout
    return [tuple(s for s, n in zip(t.stride(), t.shape, strict=True) if n > 1) for t in outputs if t.numel()]


@dataclass(frozen=True)
class Kind:
    """One way to compose: what ours has to give, and what gives the answer (of torch's function, or of ours)."""

    name: str
    ours: Function  # of (operator, call, function)
    expected: Function
    of_torch: bool  # whether `expected` is asked of torch's function, else of ours once torch's passed `ours`
    dtype: torch.dtype = torch.float64
    applies: Callable[[Operator], bool] = lambda operator: True


KINDS = (
    Kind("jvp", jvp, jvp, True, applies=lambda operator: operator.differentiable),
    Kind("vjp", vjp, vjp, True, applies=lambda operator: operator.differentiable),
    Kind("vmap", vmap, loop, False, applies=lambda operator: not operator.random),
    Kind("meta", meta, plain_shapes, False),
    Kind("fake", fake, plain_shapes, False),
    Kind("autocast", autocast, autocast, True, torch.float32),
    Kind("channels_last", channels_last, channels_last, True, torch.float32),
)


def compile_kind(backend: str = "inductor") -> Kind:
    """Compiling by a backend; "aot_eager" traces as "inductor" does, and leaves out the C++ compiler."""
    return Kind("compile", compiled(backend), plain, False, torch.float32)


# ---- what came of it -------------------------------------------------------------------------------------------


@dataclass
class Count:
    """How many calls of one operator composed in one way, and what the first refusals said."""

    tried: int = 0
    passed: int = 0
    failures: tuple[str, ...] = ()


def tried(operator: Operator, kind: Kind, most: int) -> Count:
    """The kind on at most so many calls of the operator."""
    count = Count()
    for call in samples(operator, kind.dtype, most):
        failure = failure_of(operator, kind, call)
        if failure is None:
            continue
        count.tried += 1
        count.passed += not failure
        if failure:
            count.failures += (failure,)
    return count


def failure_of(operator: Operator, kind: Kind, call: Call) -> str | None:
    """Empty where ours gives what it has to; None where torch's own function refuses."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = kind.ours(operator, call, operator.torch) if kind.name != "compile" else None
            expected = theirs if kind.of_torch else kind.expected(operator, call, operator.manual)
        except Exception:
            return None
        try:
            ours = kind.ours(operator, call, operator.manual)
        except Exception as error:
            return f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"[:200]
    return _misses(ours, expected)


def _misses(ours: Any, expected: Any) -> str:
    if _is_of_tensors(expected):
        pairs = itertools.zip_longest(results(ours), results(expected))
        try:
            for our, their in pairs:
                exact = {"rtol": 1e-7, "atol": 1e-9} if their.dtype in (torch.float64, torch.complex128) else {}
                assert_close(our, their, equal_nan=True, check_stride=False, **exact)
        except (AssertionError, AttributeError) as error:
            return f"differs: {' '.join(str(error).split())}"[:200]
        return ""
    return "" if ours == expected else f"{ours} in place of {expected}"[:200]


def _is_of_tensors(value: Any) -> bool:
    return any(isinstance(leaf, Tensor) for leaf in torch.utils._pytree.tree_leaves(value))
