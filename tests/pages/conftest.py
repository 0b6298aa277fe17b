"""Pages compute with as many threads as on the server."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """As `start.prepare` has it: products summed by several threads differ in the last bit from what a script prints.

    The server's start sets it, and a page that is opened without a server goes without.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
