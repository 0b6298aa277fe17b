"""torch's global generator, shared by many readers, for one run at a time."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_alone = threading.RLock()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, torch's global CPU generator starts at `seed` and is drawn from by this thread alone.

    `torch.manual_seed` would let another thread draw in between, and seeds every device, which takes a
    millisecond.
    """
    with _alone:
        torch.default_generator.manual_seed(seed)
        yield
