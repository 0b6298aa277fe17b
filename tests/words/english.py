"""What of a page is still English, though another language is asked for: `python -m tests.words.english zh dropout`."""

import re
import sys
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from streamlit.testing.v1 import AppTest

from core.ui.board import DRAWN
from tests.pages.opening import open_page

NOT_WORDS = {
    "id", "key", "formId", "queryParamKey", "url", "elementId", "icon", "mediafile", "deltaPath", "fragmentId",
    "type", "language", "jsContent", "cssContent", "htmlContent", "componentName", "rawValue", "rawValues", "value",
}  # fmt: skip
CODE = re.compile(
    r"```.*?```|`[^`]*`|“[^”\u4e00-\u9fff]*”|\$[^$]*\$|:material/\w+:|\{[^{}]*\}|<[^<>]*>|https?://\S+|\(\S*\.\S*\)",
    re.S,
)
ENGLISH = re.compile(r"[A-Za-z]{2,}(?: [a-z]{2,}){2,}|\b(?:the|of|and|is|are)\b")


def left(app: AppTest) -> list[str]:
    """The texts on a page that hold a run of English words outside of code."""
    return [text for text in dict.fromkeys(shown(app)) if ENGLISH.search(CODE.sub(" · ", text))]


def shown(app: AppTest) -> Iterator[str]:
    """Every text that a reader sees or hears on a page; not code, and not what torch itself says."""
    for element in (*_elements(app.main), *_elements(app.sidebar)):
        kind = element.type
        if kind in ("code", "exception", "html") or (kind == "markdown" and getattr(element, "is_latex", False)):
            continue
        proto = getattr(element, "proto", None)
        if kind == "error":
            yield from getattr(element, "value", "").split("\n")[1:]  # its first line is torch's own
        elif kind != "bidi_component" and proto is not None:
            yield from _texts(MessageToDict(proto))
    drawn = app.session_state[DRAWN] if DRAWN in app.session_state else {}  # noqa: SIM401
    for board in drawn.values():
        yield from (board.hint, *board.spelled.values())
        yield from (part["words"] for part in board.flow if "words" in part)
        for panel in board.panels:
            yield panel.alt
            yield from _titles(panel.figure.to_dict())
            if panel.cells:
                yield from (text for text in (*(panel.cells.texts or ()), *(panel.cells.notes or ())))


def _elements(block: Any) -> Iterator[Any]:
    for child in getattr(block, "children", {}).values():
        yield child
        yield from _elements(child)


def _texts(message: Any, name: str = "") -> Iterator[str]:
    if isinstance(message, dict):
        for key, value in message.items():
            if key not in NOT_WORDS:
                yield from _texts(value, key)
    elif isinstance(message, list):
        for value in message:
            yield from _texts(value, name)
    elif isinstance(message, str):
        yield message


def _titles(figure: dict) -> Iterator[str]:
    layout = figure["layout"]
    for part in (layout, layout.get("xaxis", {}), layout.get("yaxis", {})):
        title = part.get("title")
        yield title.get("text", "") if isinstance(title, dict) else title or ""
    yield from (note.get("text", "") for note in layout.get("annotations", ()))
    yield from (str(trace.get("name") or "") for trace in figure["data"])
    for axis in ("xaxis", "yaxis"):
        yield from (str(text) for text in layout.get(axis, {}).get("ticktext") or ())


def main() -> None:
    """Print what is left on these pages, tab by tab."""
    language, *names = sys.argv[1:]
    for asked in names:
        name, _, query = asked.partition("?")
        parameters = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        tabs = [tab.label for tab in open_page(name, **parameters).tabs]
        seen: set[str] = set()
        for tab in tabs:
            for text in left(open_page(name, **parameters, lang=language, more="true", tab=tab)):
                if text not in seen:
                    seen.add(text)
                    print(f"{name} [{tab}] {text[:160]!r}")


if __name__ == "__main__":
    main()
