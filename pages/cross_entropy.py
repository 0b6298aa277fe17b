"""Cross entropy: from logits to one number in linked pictures, all the ways to it, and its gradient."""

from core.topics import Topic
from core.ui import controls, frame
from core.words import N_
from pages.cross_entropy_parts import classes, labels, pixels

KINDS = {
    "classes": N_("one of C classes"),
    "binary": N_("yes or no"),
    "labels": N_("several labels"),
    "images": N_("every pixel"),
}
PARTS = {"classes": classes.part, "binary": labels.binary, "labels": labels.several, "images": pixels.part}


def lesson(topic: Topic) -> None:
    """The page between its title and its tabs: the kind of answer decides what stands below."""
    main, more = controls.main(), controls.more()
    with main:
        kind = controls.choice("kind", "What is predicted", KINDS)
    PARTS[kind](topic, main, more)


frame.page("cross_entropy", lesson)
