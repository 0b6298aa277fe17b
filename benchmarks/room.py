"""A room of readers over all pages for minutes, beside an empty Streamlit app that imports torch, in the same run.

    python -m benchmarks.room [--readers 40] [--minutes 5] [--beside timing|mlp]

Prints errors, the times of a move, the server's memory after the first minute and at the end, and the first loads.
`--beside` has a timing run or a training going on beside the readers; it ends after its bound of one or two minutes.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

from benchmarks.reader import ROOT, Answer, Reader, empty_app, percentile, running
from core.topics import PAGES

APP_PORT, EMPTY_PORT = 8653, 8654


def resident(pid: int) -> float:
    """Memory of a process in MB, where the system tells it (Linux); else NaN."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


async def stay(reader: Reader, until: float, answers: list[Answer]) -> Answer:
    """Read one page until the time is up, moving a control about once a second."""
    await asyncio.sleep(2 * reader.draw.random())
    first = await reader.open()
    while time.monotonic() < until and reader.controls:
        answer = await reader.move()
        answers.append(answer)
        await asyncio.sleep(max(0.0, 2 * reader.draw.random() - answer.seconds))
    await reader.close()
    return first


LONG = {  # page: its link, and the buttons that start a run or go on with it
    "timing": ("t_budget=120+s", ("Run it here",)),
    "mlp": ("epochs=20", ("Train", "Continue", "Train again")),
}


@dataclass
class Worker(Reader):
    """A reader who starts a run on a button, watches it, and starts the next."""

    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)  # label: id and fragment
    watched: str = ""  # the fragment that the page asks to be run again and again

    async def work(self, until: float) -> int:
        """Press the button whenever it is there; gives how often."""
        pressed = 0
        link, labels = LONG[self.page]
        await self.open(link)
        while time.monotonic() < until:
            if label := next((label for label in labels if label in self.buttons), ""):
                name, fragment = self.buttons[label]
                self.buttons.clear()
                await self.rerun(fragment, [WidgetState(id=name, trigger_value=True)])
                pressed += 1
            await asyncio.sleep(1)
            if self.watched:
                with contextlib.suppress(TimeoutError):  # a run that has just ended answers no more
                    await asyncio.wait_for(self.rerun(self.watched), 5)
        await self.close()
        return pressed

    def note(self, answer: ForwardMsg) -> bool:
        """Besides what every reader notes, buttons and what is to be run again."""
        if answer.WhichOneof("type") == "auto_rerun":
            self.watched = answer.auto_rerun.fragment_id
        elif answer.delta.new_element.WhichOneof("type") == "button":
            button = answer.delta.new_element.button
            self.buttons[button.label] = (button.id, answer.delta.fragment_id)
            if button.label in LONG[self.page][1]:
                self.watched = ""  # the run is over
        return super().note(answer)


async def room(port: int, pid: int, pages: list[str], readers: int, minutes: float, beside: str = "") -> str:
    """The readers' own report."""
    answers: list[Answer] = []
    until = time.monotonic() + 60 * minutes
    working = asyncio.create_task(Worker(port, beside, random.Random(0)).work(until)) if beside else None
    visits = [stay(Reader(port, pages[n % len(pages)], random.Random(n)), until, answers) for n in range(readers)]
    going = asyncio.gather(*visits)
    await asyncio.sleep(min(60.0, 30 * minutes))
    early = resident(pid)
    firsts = await going
    late = resident(pid)
    runs = f"{await working} runs of {beside} beside them; " if working else ""
    times = [answer.seconds * 1000 for answer in answers]
    failed = sum(answer.failed for answer in [*firsts, *answers])
    return runs + (
        f"moves {len(times)}, failed {failed}, median {statistics.median(times):.0f} ms, "
        f"95 % {percentile(times, 0.95):.0f} ms, most {max(times):.0f} ms; first load median "
        f"{statistics.median(f.seconds for f in firsts):.2f} s; memory {early:.0f} MB after the first minute, "
        f"{late:.0f} MB at the end"
    )


async def with_controls(port: int, pages: list[str]) -> list[str]:
    """The pages that have something to move; each is opened once, which also warms it."""
    found = []
    for page in pages:
        reader = Reader(port, page, random.Random(0))
        await reader.open()
        await reader.close()
        if reader.controls:
            found.append(page)
    return found


def cold_start(script: Path, port: int, page: str) -> str:
    """From the command to the first page, and the same page for the next reader."""
    begun = time.perf_counter()
    with running(script, port):
        asyncio.run(Reader(port, page, random.Random(0)).open())
        first = time.perf_counter() - begun
        second = asyncio.run(Reader(port, page, random.Random(0)).open()).seconds
    return f"cold start to the first page {first:.2f} s, the next reader {second:.2f} s"


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--readers", type=int, default=40)
    options.add_argument("--minutes", type=float, default=5)
    options.add_argument("--beside", choices=sorted(LONG), default="")
    chosen = options.parse_args()
    print("all pages  ", cold_start(ROOT / "app.py", APP_PORT, "dropout"), flush=True)
    for name, server, port, pages in (
        ("empty app", empty_app(EMPTY_PORT), EMPTY_PORT, [""]),
        ("all pages", running(ROOT / "app.py", APP_PORT), APP_PORT, [page.name for page in PAGES]),
    ):
        with server as process:
            movable = asyncio.run(with_controls(port, pages))
            print(f"{name}: {chosen.readers} readers on {len(movable)} pages, {chosen.minutes:g} min", flush=True)
            beside = chosen.beside if name == "all pages" else ""
            said = asyncio.run(room(port, process.pid, movable, chosen.readers, chosen.minutes, beside))
            print("  " + said, flush=True)


if __name__ == "__main__":
    main()
