"""L1 of this checkout against L1 of another one, in CPU seconds, on a machine that others use too.

Each checkout is a process that stays and is warm. They take turns with the same small input, and of each pair of turns,
which met the machine in much the same state, the ratio is taken: the median ratio and its interval (95 %, by the signs
of the pairs) say more than the medians of the two, which the machine's load moves by 10 % and more.

    python -m benchmarks.l1_against OTHER_CHECKOUT FOLDER [--pairs 40] [--megabytes 8] [--runner inline|ray]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from math import comb
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIDE = """
import contextlib, sys, tempfile
from pathlib import Path

import psutil

from benchmarks import l1_level as level

data, runner, megabytes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
out, sys.stdout = sys.stdout, sys.stderr


def cpu():
    found = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += sum(process.cpu_times()[:4])
    return found


with tempfile.TemporaryDirectory() as temporary:
    folder = Path(temporary)
    texts = level.repeated(level.read_texts(data), megabytes)
    files = [level.write_shard(folder, texts[shard::4], f"part-{shard}") for shard in range(4)]
    store = str(folder / "store")
    first = level.collect(folder, files, store)
    worker = level.RayRunner(workers=1) if runner == "ray" else level.open_runner("inline")
    for number, _ in enumerate(sys.stdin):
        before = cpu()
        done = level.refine(folder, first, store, worker, f"turn-{number}")[0]
        print(cpu() - before, done.manifest.rows_out, file=out, flush=True)
"""


class Side:
    """One checkout at work."""

    def __init__(self, checkout: Path, options: argparse.Namespace) -> None:
        command = [sys.executable, "-c", SIDE, str(options.folder), options.runner, str(options.megabytes)]
        settings = {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1", "RAY_AUTH_MODE": "disabled"}
        self._process = subprocess.Popen(
            command, cwd=checkout, env=os.environ | settings, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def turn(self) -> tuple[float, int]:
        """CPU seconds of the level once more, and the rows it kept."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print("go", file=self._process.stdin, flush=True)
        seconds, rows = self._process.stdout.readline().split()
        return float(seconds), int(rows)

    def end(self) -> None:
        self._process.communicate()


def interval(values: list[float]) -> tuple[float, float]:
    """Of the median, at 95 %: the order statistics between which it lies whatever the distribution."""
    values, count = sorted(values), len(values)
    below, rank = 0.0, 0
    while below + comb(count, rank) / 2**count <= 0.025:
        below += comb(count, rank) / 2**count
        rank += 1
    return values[max(0, rank - 1)], values[min(count - 1, count - rank)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("other", type=Path, help="a checkout of the commit to compare with")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--megabytes", type=int, default=8)
    parser.add_argument("--runner", choices=["inline", "ray"], default="inline")
    options = parser.parse_args()
    here, there = Side(ROOT, options), Side(options.other.resolve(), options)
    for side in (here, there):
        side.turn()  # compiles
    pairs = []
    for number in range(options.pairs):
        first, second = (here, there) if number % 2 else (there, here)
        found = {id(side): side.turn() for side in (first, second)}
        pairs.append((found[id(here)], found[id(there)]))
    for side in (here, there):
        side.end()
    ratios = [mine[0] / other[0] for mine, other in pairs]
    low, high = interval(ratios)
    medians = [statistics.median(pair[side][0] for pair in pairs) for side in (0, 1)]
    print(f"rows kept: {pairs[0][0][1]} here, {pairs[0][1][1]} there")
    print(f"CPU seconds, medians of {len(pairs)}: {medians[0]:.2f} here, {medians[1]:.2f} there")
    print(f"here by there, median of pairs: {statistics.median(ratios):.3f} ({low:.3f} to {high:.3f})")
    print("pairs:", " ".join(f"{ratio:.3f}" for ratio in ratios))  # several calls can be put together


if __name__ == "__main__":
    main()
