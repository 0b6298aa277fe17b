"""The order of a result's dimensions in memory."""

import torch
from torch import Tensor
from torch._prims_common import suggest_memory_format


def laid_out(value: Tensor, *like: Tensor) -> Tensor:
    """`value` (N, C, H, W) with its channels innermost where one of `like` has them so; as torch's kernels give it.

    Without N likewise. Under `vmap` the layout is left to torch.
    """
    if torch._C._functorch.is_batchedtensor(value):
        return value
    channels_last = any(suggest_memory_format(tensor) == torch.channels_last for tensor in like)
    images = value if value.dim() == 4 else value[None]
    images = images.contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)
    return images if value.dim() == 4 else images[0]
