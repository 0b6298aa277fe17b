"""Server time and bytes of every page, and of a room of readers, beside an empty Streamlit app that imports torch.

    python -m benchmarks.pages [--readers 20] [--moves 20] [--links "" lang=zh]

A move is one control moved: a slider, a number, a picked cell. Its time runs from sending it to the end of the script.
All in one run on this machine.
"""

import argparse
import asyncio
import random
import statistics

from benchmarks.reader import ROOT, Answer, Reader, empty_app, percentile, read, running
from core.topics import TOPICS

APP_PORT, EMPTY_PORT = 8651, 8652


def row(name: str, first: Answer, moves: list[Answer]) -> str:
    """One line of the table."""
    times = [move.seconds * 1000 for move in moves]
    failed = " FAILED" if first.failed or any(move.failed for move in moves) else ""
    if not moves:
        return f"{name:24} {first.seconds * 1000:9.0f} {first.bytes / 1000:9.0f}   nothing to move on this page{failed}"
    return (
        f"{name:24} {first.seconds * 1000:9.0f} {first.bytes / 1000:9.0f} {statistics.median(times):9.0f} "
        f"{percentile(times, 0.95):9.0f} {max(move.bytes for move in moves) / 1000:9.0f}{failed}"
    )


async def alone(port: int, page: str, moves: int, link: str = "") -> tuple[Answer, list[Answer]]:
    """One reader on an otherwise idle server."""
    return await read(Reader(port, page, random.Random(0)), moves, 0.05, link)


async def room(port: int, pages: list[str], readers: int, moves: int) -> tuple[list[Answer], list[Answer]]:
    """So many readers at once, spread over the pages, each moving a control about once a second."""
    visits = [
        read(Reader(port, pages[number % len(pages)], random.Random(number)), moves, 1.0) for number in range(readers)
    ]
    done = await asyncio.gather(*visits)
    return [first for first, _ in done], [answer for _, answers in done for answer in answers]


def room_row(name: str, firsts: list[Answer], moves: list[Answer]) -> str:
    """One line for a room of readers."""
    times = [move.seconds * 1000 for move in moves] or [float("nan")]
    failed = sum(answer.failed for answer in firsts + moves)
    return (
        f"{name:24} first load median {statistics.median(f.seconds for f in firsts) * 1000:6.0f} ms, "
        f"move median {statistics.median(times):6.0f} ms, 95 % {percentile(times, 0.95):6.0f} ms, failed {failed}"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--readers", type=int, default=20)
    options.add_argument("--moves", type=int, default=20)
    options.add_argument(
        "--links", nargs="+", default=[""], help='what each page is opened with, a row each: "" lang=zh'
    )
    chosen = options.parse_args()
    pages = [topic.name for topic in TOPICS]
    with running(ROOT / "app.py", APP_PORT), empty_app(EMPTY_PORT):
        print(f"{'one reader':24} {'first ms':>9} {'first kB':>9} {'move ms':>9} {'95 % ms':>9} {'most kB':>9}")
        for name, port, page in [("empty app", EMPTY_PORT, ""), *((page, APP_PORT, page) for page in ["", *pages])]:
            for link in chosen.links:
                asyncio.run(alone(port, page, 1, link))  # the first visit of a process warms it
                called = f"{name or 'start page'} {link}"
                print(row(called, *asyncio.run(alone(port, page, chosen.moves, link))), flush=True)
        print(f"\n{chosen.readers} readers, a move a second each")
        for name, port, where in (("empty app", EMPTY_PORT, [""]), ("all pages", APP_PORT, pages)):
            print(room_row(name, *asyncio.run(room(port, where, chosen.readers, chosen.moves))), flush=True)


if __name__ == "__main__":
    main()
