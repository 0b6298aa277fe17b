"""A hostile reader over the wire: links, bytes and messages that no browser sends, against a running app.

`python -m benchmarks.hostile 8751 100 0` starts the app on this port, attacks it, and prints what became of it: how
many requests, the slowest, which were not answered or showed an error, and how many tracebacks stand in the server's
log. Streamlit itself raises where a message is broken (`tampered`, `noise`); links must leave none.
"""

import asyncio
import json
import random
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.reader import ROOT, Reader, running
from core.topics import PAGES

PATIENCE_S = 30.0  # an answer that takes longer counts as none
JUNK = (
    "", "x", "null", "-1", "[]", "{}", '{"selection": 1}', '{"selection": {"points": [{}]}}', "<script>", "9" * 99_999,
    '{"selection": {"points": [{"point_index": -7, "customdata": {"a": [1e308]}}]}}', "[" * 2000, "\0", "NaN",
    '{"selection": {"points": [{"point_index": 999999999, "customdata": ["' + "9," * 500 + '"]}]}}', '"\\ud800"',
    '{"selection": {"points": {"0": 1}}}', '{"edited_rows": {"999999": {"0": 1e400}}}',
    '{"edited_rows": {"0": {"0": "x"}}}', '{"edited_rows": {"0": {"9": 1}}, "deleted_rows": [0]}',
    '{"edited_rows": [], "added_rows": 3}', '{"drawn": "AAAA"}', '{"drawn": {"a": null}}',
    '{"drawn": ' + json.dumps("A" * 1048) + "}", '{"drawn": 5}',
)  # fmt: skip
NUMBERS = (float("nan"), float("inf"), -1.0, 0.5, 1e300, -1e300, 2.0**63, 1e9, 5.0)
TABS = ("Predict", "Take away", "Timing", "Code", "Walk through", "Pitfalls")


@dataclass
class Damage:
    """What an attack has brought about."""

    attack: str
    requests: int = 0
    errors: list[str] = field(default_factory=list)  # of a page that showed an exception: what had been sent
    unanswered: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    def note(self, seconds: float, failed: bool, sent: str) -> None:
        self.requests += 1
        self.slowest = max(self.slowest, (seconds, sent))
        if failed:
            self.errors.append(sent)

    def __str__(self) -> str:
        outcome = f"{len(self.errors)} errors, {len(self.unanswered)} unanswered"
        return f"{self.attack}: {self.requests} requests, the slowest {self.slowest[0]:.2f} s; {outcome}"


class Intruder:
    """One connection to a page, of a client that is no browser."""

    def __init__(self, port: int, page: str, draw: random.Random, damage: Damage) -> None:
        self.port, self.page, self.draw, self.damage = port, page, draw, damage
        self.widgets: dict[str, str] = {}  # id -> kind, of all that the page has shown
        self.fragments: list[str] = [""]

    async def open(self, query: str = "") -> None:
        address = f"ws://127.0.0.1:{self.port}/_stcore/stream"
        self.socket = await websockets.connect(address, subprotocols=["streamlit"], max_size=None, ping_interval=None)
        await self.ask(BackMsg(rerun_script={"page_name": self.page, "query_string": query}), f"{self.page}?{query}")

    async def tamper(self) -> None:
        """One rerun with one to four widgets at values that they do not have."""
        message = BackMsg()
        picked = self.draw.choices([*self.widgets, "no such widget"], k=self.draw.randint(1, 4))
        states = [junk(self.draw, name, self.widgets.get(name, "")) for name in picked]
        message.rerun_script.widget_states.widgets.extend(states)
        message.rerun_script.fragment_id = self.draw.choice(self.fragments)
        message.rerun_script.page_name = self.page
        await self.ask(message, f"{self.page}: {states}")

    async def ask(self, message: BackMsg, sent: str) -> None:
        """Send, and read until the script has ended."""
        start, failed = time.perf_counter(), False
        await self.socket.send(message.SerializeToString())
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    answer = ForwardMsg.FromString(await self.socket.recv())
                    failed |= self.read(answer)
                    if answer.WhichOneof("type") == "script_finished":
                        break
        except (TimeoutError, websockets.ConnectionClosed) as reason:
            self.damage.unanswered.append(f"{type(reason).__name__} {sent}")
        self.damage.note(time.perf_counter() - start, failed, sent)

    def read(self, answer: ForwardMsg) -> bool:
        """Remember the widgets; gives whether this shows an exception."""
        if answer.WhichOneof("type") != "delta":
            return False
        kind = answer.delta.new_element.WhichOneof("type")
        widget = getattr(getattr(answer.delta.new_element, kind), "id", "") if kind else ""
        if widget:
            self.widgets[widget] = kind
            self.fragments = list({*self.fragments, answer.delta.fragment_id})
        return kind == "exception"


def junk(draw: random.Random, widget: str, kind: str) -> WidgetState:
    """A state of a widget that its browser part would not send, half of the time of the right type."""
    state = WidgetState(id=widget)
    if kind == "file_uploader":
        state.file_uploader_state_value.uploaded_file_info.add(file_id="no such file", name="x.npy", size=2**62)
    elif kind in ("plotly_chart", "bidi_component", "dataframe") and draw.random() < 0.8:
        state.json_value = draw.choice(JUNK)
    elif kind == "button" or draw.random() < 0.05:
        state.trigger_value = True
    elif kind in ("slider", "number_input") and draw.random() < 0.4:
        number = draw.choice(NUMBERS)
        if kind == "slider":
            state.double_array_value.data.extend([number] * draw.randint(0, 3))
        else:
            state.double_value = number
    elif kind in ("text_input", "text_area", "selectbox"):
        state.string_value = draw.choice(JUNK)
    else:
        wrong: list[Callable[[], object]] = [
            lambda: setattr(state, "bool_value", True),
            lambda: setattr(state, "int_value", draw.choice((-1, 2**31, 2**63 - 1))),
            lambda: setattr(state, "string_value", draw.choice(JUNK)),
            lambda: setattr(state, "bytes_value", b"\xff" * 1000),
            lambda: setattr(state, "json_value", draw.choice(JUNK)),
            lambda: state.string_array_value.data.extend(draw.choices(JUNK, k=3)),
            lambda: state.int_array_value.data.extend([-1, 2**40]),
            lambda: setattr(state.arrow_value, "data", b"x"),
        ]
        draw.choice(wrong)()
    return state


# ---- attacks ---------------------------------------------------------------------------------------------------


async def links(port: int, draw: random.Random, damage: Damage, count: int) -> None:
    """Links with hostile values."""
    for _ in range(count):
        intruder = Intruder(port, draw.choice(PAGES).name, draw, damage)
        names = ("seed", "x", "chain", "cell", "tab", "hide", "lock", "size", "y", "weight", "shape", "x_from", "draw")
        query = {name: draw.choice(JUNK)[:3000] for name in draw.choices(names, k=4)}
        query["tab"] = draw.choice(TABS)
        await intruder.open(urlencode(query, errors="replace"))
        await intruder.socket.close()


async def tampered(port: int, draw: random.Random, damage: Damage, count: int) -> None:
    """Widgets at values that they do not have, one rerun after the other."""
    for _ in range(count // 5):
        intruder = Intruder(port, draw.choice(PAGES).name, draw, damage)
        await intruder.open(urlencode({"tab": draw.choice(TABS)}))
        for _ in range(5):
            await intruder.tamper()
        await intruder.socket.close()


async def noise(port: int, draw: random.Random, damage: Damage, count: int) -> None:
    """Random bytes, text and broken messages on fresh connections."""
    whole = BackMsg(rerun_script={"page_name": "layout"}).SerializeToString()
    for _ in range(count):
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        async with websockets.connect(address, subprotocols=["streamlit"], max_size=None) as socket:
            data: bytes | str = draw.choice((draw.randbytes(5000), whole[:-3], b"", "text", whole * 50))
            await socket.send(data)
            damage.requests += 1
            try:
                async with asyncio.timeout(0.2):
                    while True:
                        await socket.recv()
            except (TimeoutError, websockets.ConnectionClosed):
                pass


async def commands(port: int, draw: random.Random, damage: Damage, count: int) -> None:
    """What a browser's developer menu could ask: to clear the caches, to shut down, to stop."""
    for command in ("clear_cache", "debug_shutdown_runtime", "debug_disconnect_websocket", "stop_script"):
        intruder = Intruder(port, "softmax", draw, damage)
        await intruder.open()
        for _ in range(count):
            await intruder.socket.send(BackMsg(**{command: True}).SerializeToString())
        fresh = Intruder(port, "dropout", draw, damage)
        await fresh.open()
        await fresh.socket.close()
        await intruder.socket.close()


async def crowd(port: int, draw: random.Random, damage: Damage, count: int) -> None:
    """Connections that ask for a page and go at once."""

    async def one() -> None:
        address = f"ws://127.0.0.1:{port}/_stcore/stream"
        socket = await websockets.connect(address, subprotocols=["streamlit"], max_size=None, open_timeout=60)
        await socket.send(BackMsg(rerun_script={"page_name": draw.choice(PAGES).name}).SerializeToString())
        await asyncio.sleep(draw.random() / 10)
        await socket.close()
        damage.requests += 1

    await asyncio.gather(*(one() for _ in range(count)))


PATHS = (
    "/_stcore/upload_file/x/y", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/media/x.png", "/" + "a" * 9000,
    "/app/static/../app.py", "/_stcore/message?hash=x", "/component/../../x", "/_stcore/host-config",
)  # fmt: skip


async def addresses(port: int, draw: random.Random, damage: Damage, count: int) -> None:
    """Plain requests: uploads without a session, paths out of the folder, long addresses; all in another thread."""
    for path in draw.sample(PATHS, len(PATHS)):
        for method in ("GET", "PUT", "POST", "DELETE")[:count]:
            await asyncio.to_thread(request, port, method, path, damage)


def request(port: int, method: str, path: str, damage: Damage) -> None:
    """One request; an answer of 500 or more, or with a file of the server in it, is an error."""
    data = b"x" * 100_000 if method in ("PUT", "POST") else None
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, method=method)
    start, status, body = time.perf_counter(), 0, b""
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        status = refused.code
    except OSError as reason:  # a server may also cut a connection that sends what it does not want
        damage.unanswered += [f"{method} {path}"] if isinstance(reason, TimeoutError) else []
    failed = status >= 500 or b"root:" in body or b"start.set_up" in body
    damage.note(time.perf_counter() - start, failed, f"{method} {path}")


ATTACKS = (links, tampered, noise, commands, crowd, addresses)


async def attack(port: int, draw: random.Random, count: int, crowded: int = 200) -> AsyncIterator[Damage]:
    """Every attack in turn."""
    counts = (count, count, count, 3, crowded, 4)
    for step, times in zip(ATTACKS, counts, strict=True):
        damage = Damage(step.__name__)
        await step(port, draw, damage, times)
        yield damage


async def plain_page(port: int) -> tuple[float, bool]:
    """Seconds until a plain reader has a page, and whether it failed."""
    reader = Reader(port, "softmax", random.Random(0))
    answer = await reader.open()
    await reader.close()
    return answer.seconds, answer.failed


async def report(port: int, count: int, seed: int, log: Path) -> None:
    """Print every attack's damage as it comes, then how a plain reader fares."""
    await plain_page(port)
    known = 0
    async for damage in attack(port, random.Random(seed), count):
        tracebacks = log.read_text(errors="replace").count("Traceback")
        print(f"{damage}, {tracebacks - known} tracebacks", flush=True)
        known = tracebacks
        if damage.attack != "tampered":
            for text in damage.errors + damage.unanswered:
                print(" ", text[:300])
    seconds = [await plain_page(port) for _ in range(5)]
    print("a plain page afterwards:", ", ".join(f"{s:.2f} s{' FAILED' * failed}" for s, failed in seconds))


def main() -> None:
    """Start the app, attack it, say what became of it."""
    port, count, seed = (int(given) for given in [*sys.argv[1:], "100", "0"][:3])
    with tempfile.NamedTemporaryFile("w", suffix=".log") as log, running(ROOT / "app.py", port, log):
        asyncio.run(report(port, count, seed, Path(log.name)))


if __name__ == "__main__":
    main()
