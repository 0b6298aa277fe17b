"""The packages: torch.utils.data, torch.nn, torch.nn.init and torch.optim, each by a small live run."""

from collections.abc import Callable, Mapping

from core.topics import Topic
from core.ui import controls, frame, start
from pages.packages_parts import data, init, nn, optim
from pages.packages_parts.lesson import Lesson

PARTS: Mapping[str, Callable[[Topic], Lesson | None]] = {
    "utils.data": data.data_part,
    "nn": nn.nn_part,
    "nn.init": init.init_part,
    "optim": optim.optim_part,
}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs: a tab for each package."""
    part, place = controls.tabs("part", "Package", tuple(PARTS))
    with place:
        below = PARTS[part](topic)
    if below:
        frame.below(
            topic, pitfalls=below.pitfalls, walk=below.walk, questions=below.questions, take=below.take,
            more=below.more, functions=below.functions,
        )  # fmt: skip
    start.freeze(f"packages {part}")  # each brings in something of torch's own when it runs for the first time


frame.page("packages", lesson)
