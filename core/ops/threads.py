"""torch's threads inside an operator, as they are set for the process."""

import torch


def settle_thread() -> None:
    """Take on the process's number of threads in this Python thread; to be called first in each that computes.

    Until a thread asks for the number, its matrix products are shared out over all cores, which takes small ones
    40 times as long.
    """
    torch.get_num_threads()
