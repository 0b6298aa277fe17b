"""A shift by whole cells, and how far two tensors differ."""

import torch

from core.experiments.shift import change, shifted


def test_a_change_counts_cells_and_leaves_equal_infinities_out():
    before = torch.tensor([3.0, 4.0, -torch.inf])
    found = change(before, torch.tensor([3.0, 9.0, -torch.inf]))
    assert (found.cells, found.relative) == (1, 1.0)
    assert change(torch.zeros(3), torch.zeros(3)).relative == 0
    x = torch.arange(6).reshape(2, 3)
    assert shifted(x, 1, 1).tolist() == [[5, 3, 4], [2, 0, 1]]
