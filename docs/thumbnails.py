"""Make the home page's pictures: each page's board at its first state, in small.

    python -m docs.thumbnails [topic …]

They change only where a page's first state does; a test says when one is out of date.
"""

import sys

from core.figures.thumbnails import thumbnail
from core.topics import PAGES
from core.web.files import THUMBNAILS
from tests.pages.opening import boards, open_page


def made(name: str) -> str:
    """The picture of the page with this name, as SVG."""
    shown = boards(open_page(name))
    return thumbnail(next(iter(shown.values())))


def main() -> None:
    """Write those of the topics that are named, else all of them."""
    THUMBNAILS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [topic.name for topic in PAGES]:
        (THUMBNAILS / f"{name}.svg").write_text(made(name))


if __name__ == "__main__":
    main()
