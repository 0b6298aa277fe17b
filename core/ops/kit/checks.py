"""Checks of arguments: each raises what torch raises, in one wording, and gives back what it checked."""

import operator
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor


def require(holds: bool, name: str, must: str, got: Any, error: type[Exception] = RuntimeError) -> None:
    """`error` with "argument 'name' must <must>, but got <got>" unless it holds."""
    if not holds:
        raise error(f"argument '{name}' must {must}, but got {got}")


def readable(tensor: Tensor) -> bool:
    """Whether the tensor's numbers can be read here: not while compiling, of meta or fake tensors, or under `vmap`."""
    if torch.compiler.is_compiling() or tensor.is_meta or isinstance(tensor, FakeTensor):
        return False
    return not torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def check_tensor(value: Any, name: str) -> Tensor:
    """TypeError unless `value` is a tensor."""
    if not isinstance(value, Tensor):
        raise TypeError(f"argument '{name}' must be a Tensor, but got {type(value).__name__}")
    return value


def check_number(value: Any, name: str) -> Any:
    """TypeError unless `value` is a real number, or a tensor of one that needs no gradient."""
    if isinstance(value, Tensor) and value.ndim == 0 and not value.requires_grad:
        return value
    if not isinstance(value, int | float):
        raise TypeError(f"argument '{name}' must be a real number, but got {type(value).__name__}")
    return value


def check_integer(value: Any, name: str) -> int:
    """An int, or what acts as one (numpy's, a tensor of one integer), but no bool: TypeError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"argument '{name}' must be an int, but got {type(value).__name__}")
    return operator.index(value)


def check_boolean(value: Any, name: str) -> bool:
    """TypeError unless `value` is a bool."""
    if not isinstance(value, bool):
        raise TypeError(f"argument '{name}' must be a bool, but got {type(value).__name__}")
    return value


def check_choice(value: Any, name: str, allowed: tuple[str, ...], error: type[Exception] = ValueError) -> str:
    """TypeError unless `value` is a str, `error` unless it is one of the allowed words."""
    if not isinstance(value, str):
        raise TypeError(f"argument '{name}' must be a str, but got {type(value).__name__}")
    if value not in allowed:
        raise error(f"argument '{name}' must be one of {', '.join(map(repr, allowed))}, but got {value!r}")
    return value


def dim_of(input: Tensor, dim: Any, name: str = "dim") -> int:
    """`dim` counted from the front. TypeError unless an int, IndexError unless input has it (0-dim counts as 1)."""
    dim, rank = check_integer(dim, name), max(input.ndim, 1)
    if not -rank <= dim < rank:
        allowed = f"[{-rank}, {rank - 1}] for {input.ndim} dimensions"
        raise IndexError(f"argument '{name}' must lie in {allowed}, but got {dim}")
    return dim % rank


def dims_of(input: Tensor, dim: Any, name: str = "dim") -> tuple[int, ...]:
    """One dimension, several, or all (None, ()), counted from the front, each once; none of a 0-dim input.

    TypeError, IndexError as `dim_of`; RuntimeError for a dimension named twice.
    """
    if dim is None or dim == ():
        return tuple(range(input.ndim))
    dims = tuple(dim_of(input, d, name) for d in (dim if isinstance(dim, (tuple, list)) else (dim,)))
    require(len(set(dims)) == len(dims), name, "name each dimension once", dim)
    return dims if input.ndim else ()


def same_dtype(input: Tensor, **others: Tensor | None) -> None:
    """RuntimeError unless all have input's dtype; None has any."""
    for name, other in others.items():
        if other is not None and other.dtype != input.dtype:
            raise RuntimeError(f"argument '{name}' must have the dtype of input, {input.dtype}, but got {other.dtype}")


def broadcastable(tensor: Tensor, name: str, shape: tuple[int, ...]) -> None:
    """RuntimeError unless the tensor can be stretched to `shape`, without stretching what has that shape."""
    sizes = zip(reversed(tensor.shape), reversed(shape), strict=False)
    fits = tensor.ndim <= len(shape) and all(size in (1, full) for size, full in sizes)
    require(fits, name, f"broadcast to {tuple(shape)}", tuple(tensor.shape))


def without_gradient(tensor: Tensor | None, name: str) -> None:
    """RuntimeError for a tensor that requires grad, where the operator has no gradient for it."""
    asked = tensor is not None and tensor.requires_grad and torch.is_grad_enabled()
    require(not asked, name, "not require grad, for it gets none", "requires_grad=True")


def writable(input: Tensor) -> None:
    """RuntimeError where `inplace` would lose a leaf's value, or write to one cell several times."""
    if input.requires_grad and torch.is_grad_enabled() and _is_leaf_or_its_view(input):
        raise RuntimeError("argument 'inplace' must be False for an input that is a leaf and requires grad")
    if any(stride == 0 and size > 1 for stride, size in zip(input.stride(), input.shape, strict=True)):
        raise RuntimeError("argument 'inplace' must be False for an input whose elements share memory")


def _is_leaf_or_its_view(tensor: Tensor) -> bool:
    return tensor.is_leaf or (tensor._base is not None and tensor._base.is_leaf and tensor._base.requires_grad)
