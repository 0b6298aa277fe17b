"""Random numbers in a DataLoader's real worker processes."""

import pytest
import torch

from core.experiments import worker_seeds
from core.experiments.worker_seeds import SOURCES, Drawn, Setup
from core.timing import process

HOW = Setup(workers=2, samples=4, epochs=2, seed=3)


@pytest.fixture(scope="module")
def drawn():
    return {each.source: each for each in process.steps_of(worker_seeds.runs, HOW, stop=lambda: False)}


def test_every_source_is_drawn_from_by_every_worker_in_every_epoch(drawn):
    assert tuple(drawn) == SOURCES
    for each in drawn.values():
        assert each.rows == ((0, 0), (0, 1), (1, 0), (1, 1))
        assert {len(row) for row in each.numbers} == {HOW.samples}
    assert [each.share for each in drawn.values()][-1] == 1


@pytest.mark.parametrize(
    ("source", "workers", "epochs"),
    [
        ("torch", False, False), ("random", False, False), ("numpy", False, False), ("own", True, True),
        ("worker", False, True), ("renewed", False, False),
    ],
)  # fmt: skip
def test_which_numbers_come_again(drawn, source, workers, epochs):
    assert (drawn[source].same_in_workers, drawn[source].same_in_epochs) == (workers, epochs)
    assert drawn[source].distinct == {(True, True): 1, (False, True): 2}.get((workers, epochs), 4)


def test_torchs_numbers_are_those_of_the_workers_seed(drawn):
    generator = torch.Generator().manual_seed(HOW.seed)
    base = torch.empty((), dtype=torch.int64).random_(generator=generator).item()  # what the first epoch draws
    for worker in range(HOW.workers):
        own = torch.Generator().manual_seed(base + worker)
        expected = tuple(int(torch.randint(100, (), generator=own)) for _ in range(HOW.samples))
        assert drawn["torch"].numbers[worker] == expected


def test_one_worker_and_one_epoch_repeat_nothing():
    assert not Drawn("own", ((0, 0),), ((1, 2),), 1.0).same_in_workers
    assert not Drawn("own", ((0, 0),), ((1, 2),), 1.0).same_in_epochs


def test_a_stop_ends_the_run_between_two_sources():
    seen = []
    for each in process.steps_of(worker_seeds.runs, HOW, stop=lambda: bool(seen)):
        seen.append(each.source)
    assert seen == ["torch"]
