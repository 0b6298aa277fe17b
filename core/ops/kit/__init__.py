"""What operators share and a reader of a formula can skip: checks, precision, `out=`, `inplace`, windows, reductions.

How an operator is written. Its public function has the signature of torch's and reads as: a docstring; a line or two
that check the arguments and widen half precision; the formula; a line that rounds once and gives the result.

    def silu(input: Tensor, inplace: bool = False) -> Tensor:
        \"\"\"x · sigmoid(x). As F.silu.\"\"\"
        x = kit.floating(input, "input", inplace=inplace)
        return kit.finish(x * sigmoid(x), like=input, inplace=inplace)

- The formula is plain differentiable operations, on whole tensors, out of place: autograd, `torch.func`, `vmap` and
  `torch.compile` then work by themselves. No blocks, no scratch memory, no special case that is only faster.
- Where autograd's own chain goes wrong, write the formula so that it goes right, and say why in a comment: a constant
  is `detach()`ed (softmax's maximum), a branch is taken by `torch.where`, and where a slope is infinite the number is
  exchanged before *and* after the step (`torch.where` twice, for both directions of differentiation). Where only
  another, harder or slower formula would help (relu's tie, sigmoid's overflow), `kit.with_gradient` takes the gradient
  that is written below. A `torch.autograd.Function` of one's own is the last resort, with `setup_context`, `jvp` and
  `generate_vmap_rule`.
- `<name>_steps` is the formula with its intermediates in a frozen dataclass, called by the public function.
- `<name>_backward(grad, *arguments of the function)` is the gradient where it teaches: a plain function right below,
  its formula in the docstring, as `Operator.backward`. Tests hold it against autograd's.
- A check raises torch's exception type with "argument 'dim' must be …, but got …". Checks of one operator that take
  more than a line live in a module of the kit (`kit.norms`), for the panel shows an operator's module only.
- The scripts that readers take away drop the `kit.`: a name of the kit must be no name of an argument or a variable.
- A check that reads numbers out of a tensor stands behind `kit.readable(tensor)`: a compiler, a meta or fake tensor
  and `vmap` have none to read.
"""

from core.ops.kit.checks import (
    broadcastable,
    check_boolean,
    check_choice,
    check_integer,
    check_number,
    check_tensor,
    dim_of,
    dims_of,
    readable,
    require,
    same_dtype,
    without_gradient,
    writable,
)
from core.ops.kit.gradients import with_choice, with_gradient
from core.ops.kit.memory_format import laid_out
from core.ops.kit.precision import (
    autocast,
    converted,
    finish,
    floating,
    in_float32,
    numeric,
    ordered,
    promoted,
    wide,
)
from core.ops.kit.reductions import reduced, reduction_of
from core.ops.kit.writing import shares_memory, write_out

__all__ = [
    "autocast",
    "broadcastable",
    "check_boolean",
    "check_choice",
    "check_integer",
    "check_number",
    "check_tensor",
    "converted",
    "dim_of",
    "dims_of",
    "finish",
    "floating",
    "in_float32",
    "laid_out",
    "numeric",
    "ordered",
    "promoted",
    "readable",
    "reduced",
    "reduction_of",
    "require",
    "same_dtype",
    "shares_memory",
    "wide",
    "with_choice",
    "with_gradient",
    "without_gradient",
    "writable",
    "write_out",
]
