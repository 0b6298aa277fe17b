"""The packages: torch.utils.data, torch.nn, torch.nn.init and torch.optim, a short lesson on each."""

from collections.abc import Callable, Mapping

from core.topics import Topic
from core.ui import controls, frame, start
from pages.packages_parts import data, init, nn, optim

PARTS: Mapping[str, Callable[[Topic], None]] = {
    "utils.data": data.data_part,
    "nn": nn.nn_part,
    "nn.init": init.init_part,
    "optim": optim.optim_part,
}


def lesson(topic: Topic) -> None:
    """The page below its title: a tab for each package."""
    part, place = controls.tabs("part", "Package", tuple(PARTS))
    with place:
        PARTS[part](topic)
    start.freeze(f"packages {part}")  # each brings in something of torch's own when it runs for the first time


frame.page("packages", lesson)
