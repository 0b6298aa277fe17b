"""What people believe of copies, the tutorial's claim first."""

from functools import partial
from typing import Any

from core.experiments import memory
from core.ui.frame import Pitfall
from core.words import N_, _, say

ADDRESSES = N_("""`a.view(2, 3).data_ptr() == a.data_ptr()` is **{same_address}**: this view begins at the very address of a. `a[2:]` begins {offset} bytes further
on in the same storage ({same_storage}). What differs is the Python object: `a.view(2, 3) is a` is **{same_object}**. So ask the storage who shares
memory, not `id()`, and not the first address alone.""")
ASSIGNED = N_("""`b is a` is **{same}**: one tensor with two names. After the write to b[0], a is **{after}**. `a.view(-1)` is a second tensor (`is a`:
{view_same}), but in the same memory ({view_shares}).""")
FROM_NUMPY = N_("""The same number is written to the tensor, and the array then holds: after `torch.tensor(array)` **{tensor}**, after
`torch.as_tensor(array)` **{as_tensor}**, after `torch.from_numpy(array)` **{from_numpy}**. The first copies; the other two lie in the
array's own memory.""")
PIECES = N_("""After a write to `a[:1]`, a is **{by_slice}**; after the same write to `a[[0]]`, a is **{by_list}**. A slice is a start and a step
through the same memory. A list of indices may name any cells in any order, so what it picks is copied.""")
CLONED = N_("""A gradient goes back through `a.clone()` by {grad_fn} and arrives: `a.grad` is **{gradient}**. Through `a.detach().clone()` none can: “{error}”
Detach first, so that nothing is recorded for the copy.""")


def data(found: memory.DetachOrData) -> str:
    """What backward makes of a write by way of each."""
    if found.data.outcome != "wrong":
        return N_("Here exp of every number is 0, so that writing zeros changes nothing: give the page larger numbers to see the difference.")  # fmt: skip
    says = N_("Both lie in the memory of a. After `a = x.exp()` and zeros written by way of `a.detach()`, backward is **{by_detach}**: “{error}” By way of `a.data` it is **{by_data}**, and nothing says so: x.grad = **{gradient}**, where {expected} is right.")  # fmt: skip
    return say(says, found, by_detach=_(found.detach.outcome), by_data=_(found.data.outcome))


def pitfalls(a: Any, value: float) -> list[Pitfall]:
    """Each with its run on the reader's a."""
    return [
        Pitfall("A view shares the storage but not the memory address (the tutorial)", memory.addresses_of_views, ADDRESSES),
        Pitfall("`b = a` makes a second tensor", partial(memory.assign_and_write, a, value), ASSIGNED),
        Pitfall("`.data` is the old spelling of `.detach()`", partial(memory.detach_or_data, a), data),
        Pitfall("`torch.tensor`, `as_tensor` and `from_numpy` all make a tensor of an array's numbers, so any will do",
                partial(memory.write_through_numpy, a, value), FROM_NUMPY),
        Pitfall("`a[:1]` and `a[[0]]` are the same piece of a", partial(memory.write_to_pieces, a, value), PIECES),
        Pitfall("`.clone()` is enough to be rid of the graph", partial(memory.clone_or_detach, a), CLONED),
    ]  # fmt: skip
