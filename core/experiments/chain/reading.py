"""Reading a tensor out of its storage by hand, number by number."""

from itertools import product

import torch
from torch import Tensor

from core.experiments.chain.run import Stage
from core.experiments.layout.rule import Ints


def read_in_order(storage: Tensor, shape: Ints, stride: Ints, storage_offset: int) -> Tensor:
    """Fetch every number of a tensor from its storage, in reading order."""
    values = torch.full(shape, torch.nan)
    for index in product(*map(range, shape)):
        address = storage_offset + sum(i * s for i, s in zip(index, stride, strict=True))
        values[index] = storage[address]
    return values


def as_floats(stage: Stage) -> Tensor:
    """The cells of a stage's storage as float32; of complex ones the real parts."""
    cells = stage.cells
    return cells.real.float() if cells.is_complex() else cells.float()
