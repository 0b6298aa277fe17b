"""Batches by hand are those of torch's DataLoader."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, get_worker_info

from core.experiments import loading


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(loading.ORDERS)),
    st.integers(1, 70),
    st.integers(1, 9),
    st.booleans(),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_epochs_are_the_data_loaders(name, n, batch_size, drop_last, epochs, seed):
    order, weights = loading.ORDERS[name], torch.arange(1.0, n + 1)
    ours = loading.epochs_of(lambda g: order.ours(n, weights, g), batch_size, drop_last, epochs, seed)
    generator = torch.Generator().manual_seed(seed)
    sampler = order.theirs(n, weights, generator)
    loader = DataLoader(range(n), batch_size, sampler=sampler, drop_last=drop_last, generator=generator)
    theirs = [[batch.tolist() for batch in loader] for _ in range(epochs)]
    assert [[batch.tolist() for batch in epoch] for epoch in ours] == theirs


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.integers(1, 7), st.booleans())
def test_batching_one_index_at_a_time(n, size, drop_last):
    made = loading.batch_up(torch.arange(n), size, drop_last)
    theirs = torch.utils.data.BatchSampler(range(n), size, drop_last)
    assert [batch.tolist() for batch in made] == list(theirs)


def test_times_drawn_counts_each_epoch():
    epochs = [[torch.tensor([0, 2]), torch.tensor([2])], []]
    assert loading.times_drawn(epochs, 4).tolist() == [[1, 0, 2, 0], [0, 0, 0, 0]]


def test_weights_that_cannot_be_drawn_from_are_refused():
    for weights in (torch.zeros(3), torch.tensor([1.0, -1.0])):
        with pytest.raises(RuntimeError):
            loading.weighted(weights)


# ---- workers ---------------------------------------------------------------------------------------------------


class WhoLoads(Dataset):
    """Each sample is the number of the worker that loads it."""

    def __len__(self):
        return 9

    def __getitem__(self, _):
        info = get_worker_info()
        return -1 if info is None else info.id


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_go_to_the_workers_in_turn(workers):
    loader = DataLoader(WhoLoads(), 2, num_workers=workers)
    slots = loading.schedule([2, 2, 2, 2, 1], workers, 2, 1.0, 1.0)
    assert [batch[0].item() for batch in loader] == [-1 if s.worker is None else s.worker for s in slots]


def test_without_workers_the_training_waits_for_each_batch():
    slots = loading.schedule([2, 2], 0, 1, 3.0, 10.0)
    assert [(s.load, s.train) for s in slots] == [((0, 6), (6, 16)), ((16, 22), (22, 32))]
    assert loading.idle_share(slots) == pytest.approx(12 / 32)


def test_workers_load_ahead_as_far_as_they_are_asked():
    slots = loading.schedule([1] * 4, 1, 2, 1.0, 10.0)
    assert [s.load for s in slots] == [
        (0, 1),
        (1, 2),
        (2, 3),
        (11, 12),
    ]  # the third is asked for when the first is taken
    assert [s.train for s in slots] == [(1, 11), (11, 21), (21, 31), (31, 41)]
    assert loading.idle_share([]) == 0
