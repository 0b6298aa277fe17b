"""Why a version takes its time: each call that moves numbers, with the bytes it reads and writes and its seconds.

A formula is a chain of calls, each of which fetches its numbers from memory and puts its result back. The compiler
fuses such calls into kernels of its own; they are watched too, with the code that it wrote for them.
"""

import ast
import contextlib
import re
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.benchmark.utils.timer import timer

from core.calls import tensors
from core.timing.measure import Once

MOST = 60  # calls that are kept of one version: a picture of more tells nothing
REPEATS = 5
# What allocates or aliases moves no number; what overwrites does not read what was there.
NOTHING = ("aten::empty", "aten::new_empty", "aten::detach", "aten::_local_scalar_dense", "prim::")
OVERWRITE = ("copy_", "fill_", "zero_", "bernoulli_", "normal_", "uniform_", "random_", "exponential_")


@dataclass(frozen=True)
class Trip:
    """One call through memory: tensors in, tensors out. Shapes as `1000×100`, bytes of each tensor."""

    name: str  # "aten::exp", or the name that the compiler gave its kernel
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    read: tuple[int, ...]
    written: tuple[int, ...]
    seconds: float
    code: str = ""  # of a kernel that the compiler wrote

    @property
    def moved(self) -> int:
        """Bytes read and written."""
        return sum(self.read) + sum(self.written)

    @property
    def short(self) -> str:
        """The name without the library's prefix and the overload."""
        return self.name.removeprefix("aten::").partition(".")[0]


def trips(once: Once, written: Sequence["Generated"] = (), repeats: int = REPEATS) -> tuple[Trip, ...]:
    """The calls that `once` makes in order, the compiler's kernels among them; seconds are medians of so many runs.

    The watching takes time, but not within a call that is watched.
    """
    runs = [_watched(once, written) for _ in range(repeats)]
    names = [trip.name for trip in runs[0]]
    alike = [run for run in runs if [trip.name for trip in run] == names]
    medians = [statistics.median(run[i].seconds for run in alike) for i in range(len(names))]
    return tuple(replace(trip, seconds=median) for trip, median in zip(runs[0], medians, strict=True))


def _watched(once: Once, written: Sequence["Generated"]) -> list[Trip]:
    with _Watch() as watch, contextlib.ExitStack() as put_back:
        for made in written:
            put_back.enter_context(_kernels_watched(made, watch.found))
        once()
    return watch.found


# ---- torch's own calls -----------------------------------------------------------------------------------------


class _Watch(TorchDispatchMode):
    """Notes every call that torch dispatches and that moves numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Trip] = []

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Compiled code stays compiled while it is watched."""
        return True

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        kwargs = kwargs or {}
        before = timer()
        result = func(*args, **kwargs)
        seconds = timer() - before
        if not func.is_view and not func.name().startswith(NOTHING):
            name, written = func.name(), _each(result)
            read = _each((args, {key: value for key, value in kwargs.items() if key != "out"}))
            if name.partition(".")[0].endswith(OVERWRITE):
                read = [tensor for tensor in read if tensor is not args[0]]
            self.found.append(_trip(name, read, written, seconds))
        return result


def _each(value: Any) -> list[Tensor]:
    """The tensors in it, each once."""
    return list({id(tensor): tensor for tensor in tensors(value)}.values())


def _trip(name: str, read: Sequence[Tensor], written: Sequence[Tensor], seconds: float, code: str = "") -> Trip:
    return Trip(
        name, tuple(map(_shape, read)), tuple(map(_shape, written)), tuple(map(_bytes, read)),
        tuple(map(_bytes, written)), seconds, code,
    )  # fmt: skip


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "1"


def _bytes(tensor: Tensor) -> int:
    """What the tensor has in memory: of an expanded one the numbers that are there, of a strided one those it has."""
    if not tensor.numel():
        return 0
    reach = 1 + sum((n - 1) * stride for n, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return min(tensor.numel(), reach) * tensor.element_size()


# ---- the compiler's kernels ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Kernel:
    """A kernel that the compiler wrote: the names of its pointers in the order of its tensors, and its code."""

    name: str
    pointers: tuple[str, ...]
    code: str


@dataclass(frozen=True)
class Generated:
    """A Python module that the compiler wrote, and the kernels that it calls by their names there."""

    module: ModuleType
    kernels: tuple[Kernel, ...]


@contextlib.contextmanager
def generated() -> Iterator[list[Generated]]:
    """What torch.compile writes and loads within this block; nothing where torch hides it."""
    from torch._inductor.codecache import PyCodeCache  # loads the compiler, which takes seconds

    found: list[Generated] = []
    own = vars(PyCodeCache).get("load_by_key_path")
    if own is None:  # the name is torch's own affair, and may go
        yield found
        return
    load = PyCodeCache.load_by_key_path

    def noted(*args: Any, **kwargs: Any) -> ModuleType:
        module = load(*args, **kwargs)
        found.append(Generated(module, tuple(kernels(Path(str(module.__file__)).read_text()))))
        return module

    PyCodeCache.load_by_key_path = noted  # type: ignore[method-assign]
    try:
        yield found
    finally:
        PyCodeCache.load_by_key_path = own  # type: ignore[method-assign]


def kernels(source: str) -> list[Kernel]:
    """The kernels of a generated module, `name = async_compile.cpp_pybinding(…, code)` and their like."""
    found = []
    for statement in ast.parse(source).body:
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
            continue
        made, (target, *_) = statement.value, statement.targets
        texts = [a.value for a in made.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
        if ast.unparse(made.func).startswith("async_compile.") and texts and isinstance(target, ast.Name):
            code = max(texts, key=len).strip()
            found.append(Kernel(target.id, _pointers(code), code))
    return found


def _pointers(code: str) -> tuple[str, ...]:
    """The kernel's parameters that are tensors: `in_ptr0`, `out_ptr0`, `in_out_ptr0`."""
    signature = re.search(r"(?:kernel|def \w+)\(([^)]*)\)", code)
    return tuple(re.findall(r"\b\w*_ptr\d*\b", signature[1])) if signature else ()


class _Timed:
    """Stands for a kernel while it is watched; Triton's are called by `run`."""

    def __init__(self, function: Any, kernel: Kernel, found: list[Trip]) -> None:
        self.function, self.kernel, self.found = function, kernel, found

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._noted(self.function, *args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        return self._noted(self.function.run, *args, **kwargs)

    def _noted(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        before = timer()
        result = function(*args, **kwargs)
        seconds = timer() - before
        given = list(zip(self.kernel.pointers, (a for a in args if isinstance(a, Tensor)), strict=False))
        read = [tensor for name, tensor in given if name.startswith("in_")]
        written = [tensor for name, tensor in given if not name.startswith("in_ptr")]
        self.found.append(_trip(self.kernel.name, read, written, seconds, self.kernel.code))
        return result


@contextlib.contextmanager
def _kernels_watched(made: Generated, found: list[Trip]) -> Iterator[None]:
    own = {kernel.name: getattr(made.module, kernel.name) for kernel in made.kernels}
    for kernel in made.kernels:
        setattr(made.module, kernel.name, _Timed(own[kernel.name], kernel, found))
    try:
        yield
    finally:
        for name, function in own.items():
            setattr(made.module, name, function)
