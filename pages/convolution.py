"""Convolution: input, kernel and output side by side, in two dimensions, in one, and transposed."""

from core.topics import Topic
from core.ui import controls, frame
from pages.convolution_parts import one, transposed, two

PARTS = {"conv2d": two.part, "conv1d": one.part, "conv_transpose2d": transposed.part}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs: the operator that is looked at has a part of its own."""
    main = controls.main()
    with main:
        kind = controls.choice("op", "Operator", {name: name for name in PARTS}, few=0, width=200)
    PARTS[kind](topic, main)


frame.page("convolution", lesson)
