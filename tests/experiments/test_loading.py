"""Batches by hand are those of torch's DataLoader."""

import random
from math import e

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset, get_worker_info

from core.data import mnist
from core.experiments import loading, refusals
from core.experiments.loading import Loading


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


# ---- a loader over the digits ----------------------------------------------------------------------------------


def how(count=20, batch_size=6, drop_last=False, epochs=2, sampler="shuffle", seed=0, weights=None):
    weights = loading.fair_weights(count) if weights is None else weights
    return Loading(sampler, weights, batch_size, drop_last, epochs, seed)


@pytest.mark.parametrize("sampler", loading.ORDERS)
@pytest.mark.parametrize(("count", "size", "drop"), [(4, 16, False), (4, 16, True), (12, 4, True), (48, 1, False)])
def test_the_epochs_are_those_of_a_loader(sampler, count, size, drop):
    loaded = loading.run(how(count, size, drop, 3, sampler, seed=5))
    for epoch in loaded.epochs:
        for batch in epoch:
            assert torch.equal(batch.images, mnist().train_images[batch.index])
            assert torch.equal(batch.labels, mnist().train_labels[batch.index].long())
    assert (loaded.agrees is None) == (not loaded.longest)
    assert loaded.agrees is None or loaded.agrees.agrees
    assert sum(loaded.sizes) == count - (count % size if drop else 0)
    seen = {i for batch in loaded.epochs[0] for i in batch.index.tolist()}
    assert loaded.unseen == count - len(seen)
    first = torch.cat([torch.zeros(0), *(batch.index for batch in loaded.epochs[0])])
    assert loading.first_order(loaded.how)[: len(first)].tolist() == first.tolist()
    taken = loading.epochs_of_torch(
        lambda g: loading.ORDERS[sampler].theirs(count, loaded.how.weights, g), count, size, drop, 3, 5
    )
    assert torch.equal(loading.flat(taken), loading.flat(loading.by_hand(loaded.how)))


def test_rare_digits_weigh_more():
    weights, labels = loading.fair_weights(48), mnist().train_labels[:48].long()
    totals = torch.zeros(10, dtype=torch.float64).index_add(0, labels, weights)
    torch.testing.assert_close(totals, torch.ones(10, dtype=torch.float64), atol=0.01, rtol=0)


def test_what_torch_refuses_is_refused():
    with pytest.raises(RuntimeError):
        loading.run(how(sampler="weighted", weights=torch.zeros(4, dtype=torch.float64)))


# ---- what people believe, and what is asked --------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 9999])
def test_the_generator_goes_on_from_epoch_to_epoch(seed):
    facts = loading.two_epochs(seed)
    assert facts.first == facts.again != facts.second
    assert set(facts.first) == set(facts.second) == set(range(8))


@pytest.mark.parametrize(("count", "size", "left"), [(20, 6, 2), (12, 4, 0), (4, 16, 4)])
def test_the_rest_is_dropped(count, size, left):
    facts = loading.dropped(count, size, 0)
    assert facts.left == len(facts.second) == left


def test_draws_with_replacement_leave_out_about_a_third():
    for n in (4, 48):
        facts = loading.never_drawn(n, 0)
        assert facts.share == pytest.approx(facts.expected, abs=0.05)
    assert facts.limit == pytest.approx(1 / e)


def test_torchs_words_are_those_of_the_call():
    assert loading.sampler_and_shuffle().says.startswith("ValueError: sampler option is mutually exclusive")
    ragged = loading.ragged()
    assert ragged.says.startswith("RuntimeError: stack expects each tensor to be equal size")
    assert ragged.instead.tolist() == [[0, 1, 2, -1, -1], [0, 1, 2, 3, 4]]
    assert refusals.refusal(lambda: 1) == ""


@pytest.mark.parametrize("count", [4, 48])
def test_ranks_shuffle_anew_once_they_know_the_epoch(count):
    facts = loading.without_set_epoch(count, 1)
    assert facts.first == facts.second
    assert len(facts.third) == count // 2
    assert facts.third != facts.first or count == 4


@pytest.mark.parametrize(("count", "size", "same"), [(20, 5, True), (20, 6, False), (4, 16, True)])
def test_the_mean_of_means_is_the_mean_where_batches_are_equal(count, size, same):
    facts = loading.mean_of_means(count, size)
    assert facts.of_samples == mnist().train_labels[:count].double().mean().item()
    assert (facts.of_batches == pytest.approx(facts.of_samples)) == same
    assert (facts.batches, facts.samples) == (-(-count // size), count)


@pytest.mark.parametrize("seed", range(6))
def test_questions_have_torchs_answers(seed):
    draw = random.Random(seed)
    asked = loading.length(how(), draw)
    assert asked.batches == len(list(torch.utils.data.BatchSampler(range(asked.n), asked.size, asked.drop_last)))
    assert asked.n != 20
    last = loading.last_batch(how(), draw)
    assert last.n != 20
    assert last.shape == (last.n % 6 or 6, 28, 28)
    loader = loading.loader_of(draw)
    assert loader.worker == loader.batch % loader.workers


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


@pytest.mark.parametrize(("workers", "prefetch", "load", "step"), [(0, 1, 4, 15), (1, 1, 20, 1), (4, 4, 1, 60)])
def test_waiting_is_for_the_first_batch_and_for_later_ones(workers, prefetch, load, step):
    found = loading.with_workers([6, 6, 6, 2], workers, prefetch, load, step)
    assert found.first == 6 * load
    assert found.first + found.later + 4 * step == pytest.approx(found.total)
    assert found.total <= found.alone
    assert (found.later < 1e-9) == (workers == 4)
    assert loading.with_workers([], workers, prefetch, load, step) is None
