"""Random chains of all operations on random shapes up to the limits: what torch says otherwise, and how long they take.

    python -m benchmarks.chains            # 20,000 chains
    python -m benchmarks.chains -n 2000 --seed 7

A chain is timed as the server runs it: torch's steps, the facts, and the pictures packed for the browser. One that
takes more than half of the target is timed three times, and the best of them counts.
"""

import argparse
import gc
import heapq
import random
import statistics
import time
import warnings

import torch

from core.experiments.chain.run import run_chain
from core.experiments.chain.text import format_chain
from core.figures import board, memory, windowed
from core.figures.memory import Room
from tests import chains

ROOM = Room(950, 372, 40, 10)
TARGET_MS = 50
SHOWN = 5  # of the slowest


def main() -> None:
    """Run the chains and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=20_000, help="how many chains")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--part", type=int, default=0, help="the first chain to run")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    gc.freeze()  # as the server does
    slowest: list[tuple[float, str]] = []
    times, wrong, refused, meta = [], 0, 0, 0
    for number in range(asked.part, asked.part + asked.n):
        x, steps = chains.chain(random.Random(f"{asked.seed} {number}"))
        said = f"{tuple(x.shape)} {x.dtype} {format_chain(steps)}"
        try:
            found = chains.differences(x, steps)
            taken = timed(x, steps)
            if taken > TARGET_MS / 2:  # on a busy machine a single time says little
                taken = min(taken, timed(x, steps), timed(x, steps))
        except Exception as error:  # counts as a difference, and the others go on
            found, taken = [repr(error)], 0.0
        for difference in found:
            wrong += 1
            print(f"chain {number}, {said}: {difference}", flush=True)
        times.append(taken)
        heapq.heappush(slowest, (taken, said))
        slowest[:] = heapq.nlargest(SHOWN, slowest)
        stages = run_chain(x, steps)
        refused, meta = refused + any(s.status == "refused" for s in stages), meta + (not stages[0].whole)
    print(f"{asked.n:,} chains, {meta:,} on meta tensors, {refused:,} with a refused step: {wrong} differences")
    print(f"run and drawn in {statistics.median(times):.1f} ms at the median, {max(times):.1f} ms at most; "
          f"{sum(t > TARGET_MS for t in times)} above {TARGET_MS} ms")  # fmt: skip
    for taken, said in sorted(slowest, reverse=True):
        print(f"{taken:7.1f} ms  {said}")


def timed(x: torch.Tensor, steps: list) -> float:
    """Milliseconds to run a chain and to make its pictures."""
    begin = time.perf_counter()
    ran = [stage for stage in run_chain(x, steps) if stage.tensor is not None]
    last = ran[-1]
    drawn = memory.draw_chain(ran, last, ROOM) if last.whole else windowed.draw_windows(ran, last, None, ROOM)
    panels = [*drawn.tensors, *drawn.strips, *drawn.maps]
    board.packed(board.Board(panels, [], drawn.relations, drawn.spelled))
    return 1e3 * (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
