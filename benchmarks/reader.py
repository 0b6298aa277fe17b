"""A reader without a browser: opens a page of a running app and moves its controls over Streamlit's own protocol."""

import asyncio
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.NumberInput_pb2 import NumberInput
from streamlit.proto.Slider_pb2 import Slider
from streamlit.proto.TextInput_pb2 import TextInput
from streamlit.proto.WidgetStates_pb2 import WidgetState

ROOT = Path(__file__).parents[1]
EMPTY_APP = """import streamlit as st
import torch

st.write(torch.tensor(st.slider("n", 0, 100)).item())
"""
Control = Slider | NumberInput | TextInput
FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)


@dataclass(frozen=True)
class Answer:
    """What came back for one request: seconds until the script had finished, and bytes on the wire, unpacked."""

    seconds: float
    bytes: int
    failed: bool  # whether the page showed an exception


def moved(control: Control, draw: random.Random) -> WidgetState:
    """A random place of a control: of a slider, of a number, or the index of a picked cell."""
    state = WidgetState(id=control.id)
    if isinstance(control, TextInput):
        state.string_value = f"{draw.randint(0, 2)},{draw.randint(0, 2)}"
    elif isinstance(control, NumberInput):
        state.double_value = draw.randint(int(control.min), int(min(control.max, control.min + 50)))
    else:
        place = draw.randint(0, round((control.max - control.min) / control.step))
        if control.type == Slider.SELECT_SLIDER:
            state.string_array_value.data.append(control.options[place])
        else:
            state.double_array_value.data.append(control.min + control.step * place)
    return state


def as_set(control: Control) -> WidgetState:
    """Where the server has put a control."""
    state = WidgetState(id=control.id)
    if isinstance(control, TextInput):
        state.string_value = control.value
    elif isinstance(control, NumberInput):
        state.double_value = control.value
    elif control.type == Slider.SELECT_SLIDER:
        state.string_array_value.data.extend(control.raw_value)
    else:
        state.double_array_value.data.extend(control.value)
    return state


@dataclass
class Reader:
    """One open connection to a page."""

    port: int
    page: str
    draw: random.Random
    controls: dict[str, Control] = field(default_factory=dict)
    fragments: dict[str, str] = field(default_factory=dict)
    states: dict[str, WidgetState] = field(default_factory=dict)
    pictures: dict[tuple[int, ...], int] = field(default_factory=dict)  # place on the page to the board's checksum
    refused: bool = False  # whether the last answer said that the page refuses what its controls stand at
    page_hash: str = ""
    cookie: str = ""  # what a balancer gave; sent back, it leads to the same server

    async def open(self, link: str = "") -> Answer:
        """Connect and load the page as the link asks; after a lost connection, with the controls where they were."""
        self.socket = await websockets.connect(
            f"ws://127.0.0.1:{self.port}/_stcore/stream",
            subprotocols=["streamlit"],
            max_size=None,
            ping_interval=None,
            additional_headers={"Cookie": self.cookie} if self.cookie else None,
        )
        given = self.socket.response.headers.get_all("Set-Cookie")
        self.cookie = "; ".join(cookie.split(";")[0] for cookie in given) or self.cookie
        message = BackMsg(rerun_script={"page_name": self.page, "query_string": link})
        message.rerun_script.widget_states.widgets.extend(self.states.values())
        return await self._request(message)

    async def move(self) -> Answer:
        """Move one control, chosen at random, to a random place."""
        control = self.draw.choice(list(self.controls.values()))
        self.states[control.id] = moved(control, self.draw)
        return await self.rerun(self.fragments.get(control.id, ""))

    async def rerun(self, fragment: str, pressed: Sequence[WidgetState] = ()) -> Answer:
        """Run a fragment of the page again, or the whole page, with the controls where they are."""
        message = BackMsg()
        message.rerun_script.page_script_hash = self.page_hash
        message.rerun_script.fragment_id = fragment
        message.rerun_script.widget_states.widgets.extend([*self.states.values(), *pressed])
        return await self._request(message)

    async def close(self) -> None:
        """Close the page."""
        await self.socket.close()

    async def _request(self, message: BackMsg) -> Answer:
        start, size, failed, self.refused = time.perf_counter(), 0, False, False
        await self.socket.send(message.SerializeToString())
        while True:
            data = await self.socket.recv()
            size += len(data)
            answer = ForwardMsg.FromString(data)
            failed |= self.note(answer)
            if answer.WhichOneof("type") == "script_finished" and answer.script_finished in FINISHED:
                return Answer(time.perf_counter() - start, size, failed)

    def note(self, answer: ForwardMsg) -> bool:
        """Remember what a later request needs; gives whether this is an exception on the page."""
        if answer.WhichOneof("type") == "navigation":  # what a browser names when the whole page is to run again
            self.page_hash = answer.navigation.page_script_hash
        if answer.WhichOneof("type") != "delta":
            return False
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind in ("slider", "number_input", "text_input"):
            control = getattr(element, kind)
            if control.set_value:
                self.states[control.id] = as_set(control)
            if not control.disabled and (kind != "text_input" or control.label.startswith("Picked")):
                self.controls[control.id] = control
                self.fragments[control.id] = answer.delta.fragment_id
        self.refused |= kind == "alert"
        if kind == "bidi_component" and element.bidi_component.component_name == "board":
            self.pictures[tuple(answer.metadata.delta_path)] = zlib.crc32(element.bidi_component.bytes)
        return kind == "exception"


@contextmanager
def running(script: Path, port: int, log: int | IO[str] = subprocess.DEVNULL) -> Iterator[subprocess.Popen]:
    """A Streamlit server of this script, ready to answer."""
    command = [sys.executable, "-m", "streamlit", "run", str(script), "--server.port", str(port)]
    options = ["--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]
    server = subprocess.Popen([*command, *options], cwd=script.parent, stdout=log, stderr=log)
    try:
        wait_until_healthy(port)
        yield server
    finally:
        server.terminate()
        server.wait(20)


def wait_until_healthy(port: int, seconds: float = 60) -> None:
    """Wait for the server's health page."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2)
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"no server answers on port {port}")


@contextmanager
def empty_app(port: int) -> Iterator[subprocess.Popen]:
    """The measure of comparison: an otherwise empty Streamlit app that imports torch."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "empty.py"
        script.write_text(EMPTY_APP)
        with running(script, port) as server:
            yield server


async def read(reader: Reader, moves: int, pause: float, link: str = "") -> tuple[Answer, list[Answer]]:
    """Open the page and move a control `moves` times, on average once in `pause` seconds; the first load, the moves."""
    await asyncio.sleep(reader.draw.random() * pause)
    first = await reader.open(link)
    answers = []
    for _ in range(moves if reader.controls else 0):
        answer = await reader.move()
        answers.append(answer)
        await asyncio.sleep(max(0.0, 2 * pause * reader.draw.random() - answer.seconds))
    await reader.close()
    return first, answers


def percentile(values: list[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
