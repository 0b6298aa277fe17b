"""The files that a visit loads, compressed once a process and sent from memory.

Streamlit sends its scripts and styles as they are, several megabytes of them. Their names change with their content,
and so does the address of Plotly's script here: a browser that has one of them need never ask for it again.
"""

import functools
import gzip
import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import brotli
import plotly
import streamlit
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit import config

STREAMLIT = Path(streamlit.__file__).parent / "static"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
ASSETS = Path(__file__).parents[1] / "ui" / "assets"
THUMBNAILS = ASSETS / "thumbnails"
ICONS = next((STREAMLIT / "static" / "media").glob("MaterialSymbols-*.woff2"))
CUT = ASSETS / "icons"  # the icons' font with those alone that are shown, under the name of the font it is cut from
LETTERS = ASSETS / "letters"  # a language's letters that Streamlit's fonts lack, a file a weight
TOGETHER = ASSETS / "together.js"
BOARD = tuple(ASSETS / name for name in ("board.js", "links.js", "board.css"))  # they know each other by their names
TEXT = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
KIND = {**TEXT, ".woff2": "font/woff2"}
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"  # keep it, but ask before each use whether it is still the one

# In the order of preference. Browsers take Brotli over TLS and from their own machine alone, so that a class in its own
# network gets gzip. Brotli's two highest levels take thirty times as long for the last tenth.
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "br": partial(brotli.compress, mode=brotli.MODE_TEXT, quality=8),
    "gzip": partial(gzip.compress, compresslevel=9, mtime=0),
}

compressing = threading.Lock()


@dataclass(frozen=True)
class File:
    """A file on disk, and how long a browser may keep it."""

    path: Path
    cache: str


@dataclass(frozen=True)
class Body:
    """A file in one encoding, and the ETag that tells it from its other encodings and from other files."""

    data: bytes
    etag: str


def body(path: Path, encoding: str) -> Body:
    """The file in this encoding: `br`, `gzip` or `identity`.

    The first who ask for it wait while it is compressed, half a second for Plotly's script; it is kept from then on.
    """
    with compressing:  # a class that comes all at once has it compressed once
        return compressed(path, encoding)


@functools.cache
def compressed(path: Path, encoding: str) -> Body:
    """What `body` keeps."""
    data = path.read_bytes()
    if encoding in PACKERS:
        data = PACKERS[encoding](data)
    return Body(data, f'"{hashlib.sha256(data).hexdigest()[:32]}"')


def address(name: str) -> str:
    """Where a file of this name is served: under the base path, if the server has one."""
    base = (config.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{base}/{name}" if base else f"/{name}"


def version(*paths: Path) -> str:
    """What tells the content of these files from any other: part of an address whose answer is kept for ever."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


@functools.cache
def plotly_address() -> str:
    """Where a page finds Plotly's script: another address for every version of it."""
    return address(f"plotly-{version(PLOTLY)}.min.js")


@functools.cache
def together_address() -> str:
    """Where a page finds the script that takes a run's messages together: another address whenever it changes."""
    return address(f"together-{version(TOGETHER)}.js")


@functools.cache
def board_address() -> str:
    """Where a page finds the board's modules and style: a folder, another one for every version of any of them."""
    return address(f"board-{version(*BOARD)}")


@functools.cache
def thumbnail_address(name: str) -> str:
    """Where a page finds a topic's picture in small: another address whenever it changes."""
    return address(f"{name}-{version(THUMBNAILS / f'{name}.svg')}.svg")


@functools.cache
def letters_address(name: str) -> str:
    """Where a page finds a language's letters in one weight: another address whenever they change."""
    return address(f"{name}-{version(LETTERS / f'{name}.woff2')}.woff2")


@functools.cache
def served() -> Mapping[str, File]:
    """Every file that is served from memory, by the path of its address. Fonts and images are compressed already."""
    hashed = [path for path in (STREAMLIT / "static").rglob("*") if path.suffix in TEXT]
    files = {address(path.relative_to(STREAMLIT).as_posix()): File(path, FOR_EVER) for path in hashed}
    files |= {f"{board_address()}/{path.name}": File(path, FOR_EVER) for path in BOARD}
    files[together_address()] = File(TOGETHER, FOR_EVER)
    files |= {address(f"static/media/{path.name}"): File(path, FOR_EVER) for path in CUT.glob(ICONS.name)}
    files |= {letters_address(path.stem): File(path, FOR_EVER) for path in LETTERS.glob("*.woff2")}
    files |= {thumbnail_address(path.stem): File(path, FOR_EVER) for path in THUMBNAILS.glob("*.svg")}
    return files | {plotly_address(): File(PLOTLY, FOR_EVER), address("plotly.min.js"): File(PLOTLY, ASK_AGAIN)}


def accepted(header: str) -> set[str]:
    """The encodings that an Accept-Encoding header names, without those that it refuses by q=0."""
    named = (part.replace(" ", "").lower().partition(";") for part in header.split(","))
    return {encoding for encoding, _, weight in named if not re.fullmatch(r"q=0(\.0*)?", weight)}


def known(header: str, etag: str) -> bool:
    """Whether an If-None-Match header names this ETag. A proxy may have marked it as weak."""
    return etag in {tag.strip().removeprefix("W/") for tag in header.split(",")}


def answer(file: File, method: str, asked: Headers) -> Response:
    """The answer to a GET or HEAD: the file, whole, in the best encoding that is accepted, or 304."""
    taken = accepted(asked.get("accept-encoding", ""))
    packers = PACKERS if file.path.suffix in TEXT else ()  # a font is compressed already
    encoding = next((encoding for encoding in packers if encoding in taken), "identity")
    kept = body(file.path, encoding)
    headers = {"ETag": kept.etag, "Cache-Control": file.cache, "Vary": "Accept-Encoding"}
    headers["X-Content-Type-Options"] = "nosniff"
    if known(asked.get("if-none-match", ""), kept.etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Length"] = str(len(kept.data))
    if encoding != "identity":
        headers["Content-Encoding"] = encoding
    data = kept.data if method == "GET" else b""
    return Response(data, headers=headers, media_type=KIND[file.path.suffix])


class FilesFromMemory:
    """Middleware that answers for the files of `served()`; everything else goes on to Streamlit.

    It stands before the security headers: a policy holds for a page, and on a hundred scripts it would be 90 kB.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.files = served()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory or pass on, as ASGI has it."""
        file = self.files.get(scope["path"]) if scope["type"] == "http" else None
        if file is None or scope["method"] not in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        response = await run_in_threadpool(answer, file, scope["method"], Headers(scope=scope))
        await response(scope, receive, send)
