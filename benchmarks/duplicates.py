"""Near-duplicate removal: accuracy on labelled pages, speed and memory against peers in one run.

    python benchmarks/duplicates.py [--sizes 3000 30000 300000] [--own-only] [--peers-python PYTHON] [--json FILE]

Accuracy: the same pages as several extractors see them. Of the pairs whose true Jaccard similarity of word 5-grams
reaches a bound, the share of which at most one stays (found); and of what goes, how many documents have no kept one of
similarity 0.8 (wrong).

Speed: documents per second of CPU time in one process, reading included, after a run on 200 documents in the same
process, so that imports and compilation do not count. Peak memory is that of the whole process. The set grows from
real documents: seven of ten rows are 45 sentences drawn at random from all of them, three are copies of an earlier one
of those with 0, 1, 2 or 4 of 100 words replaced. It lies in files of 30,000 rows, about 200 MB of text each.

`--peers-python`: an interpreter with the tools that need their own environment (requirements-duplicates.txt).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
OWN = ("orefine", "orefine_strict", "orefine_unverified", "datasketch", "datatrove")
FOREIGN = ("text_dedup", "rensa")
WARM_UP_ROWS = 200
SENTENCES, COPIES, EDITED = 45, 0.3, (0.0, 0.01, 0.02, 0.04)
SHARD_ROWS = 30_000


def run_tool(tool: str, source: Path, warm_up: Path, python: str | None) -> dict[str, Any] | None:
    """CPU and wall seconds, peak MiB, MB written, the ids that stay; None if the tool is not there."""
    if python is None:
        return None
    with tempfile.TemporaryDirectory(dir=source.parent) as work:
        command = [python, str(HERE / "duplicates_engines.py"), tool, str(source), work, str(warm_up)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HOME": work, "TOKENIZERS_PARALLELISM": "false"}
        with open(f"{work}/log", "wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
            code = process.wait()
        if code == 3:
            return None
        if code:
            raise RuntimeError(f"{tool} ended with {code}: {Path(work, 'log').read_text(encoding='utf-8')[-2000:]}")
        cost = json.loads(Path(work, "run", "cost").read_text(encoding="utf-8"))
        kept = set(Path(work, "run", "kept").read_text(encoding="utf-8").split())
        return {**cost, "kept": kept}


def grow(texts: list[str], rows: int, folder: Path) -> float:
    """Write the set, a shard at a time; its size in MB of text."""
    folder.mkdir()
    draw = random.Random(1)
    sentences = [sentence for text in texts for sentence in text.split(". ")]
    origin: list[int] = []  # per row, the number of the drawn text that it is or is a copy of
    size = 0
    for first in range(0, rows, SHARD_ROWS):
        grown = []
        for row in range(first, min(rows, first + SHARD_ROWS)):
            copy = bool(origin) and draw.random() < COPIES
            origin.append(draw.choice(origin) if copy else row)
            words = ". ".join(random.Random(origin[row]).choices(sentences, k=SENTENCES)).split(" ")
            for _ in range(round(len(words) * draw.choice(EDITED)) if copy else 0):
                words[draw.randrange(len(words))] = draw.choice(("ore", "slag", "ingot", "flux", "assay", "smelter"))
            grown.append(" ".join(words))
        ids = [f"{draw.getrandbits(128):032x}" for _ in grown]
        size += sum(len(text.encode()) for text in grown)
        path = folder / f"part-{first // SHARD_ROWS:05d}.parquet"
        pq.write_table(pa.table({"id": ids, "text": grown}), path, row_group_size=10_000)
    return size / 1e6


def measure_speed(
    args: argparse.Namespace, folder: Path, sizes: dict[int, float], console: Console
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for rows, megabytes in sizes.items():
        for tool in ("orefine",) if args.own_only else (*OWN, *FOREIGN):
            if tool in ("datatrove", "text_dedup") and rows > args.slow_rows:
                continue
            run = run_tool(tool, folder / str(rows), folder / "warm_up", _python(args, tool))
            if run is None:
                continue
            found.append(
                {
                    "tool": tool,
                    "rows": rows,
                    "documents_per_cpu_second": rows / run["cpu"],
                    "documents_per_second": rows / run["wall"],
                    "megabytes_per_cpu_second": megabytes / run["cpu"],
                    "peak_megabytes": run["peak"],
                    "disk_megabytes": run["disk"],
                    "kept": len(run["kept"]),
                }
            )
            console.print(f"{tool}, {rows} rows: {rows / run['cpu']:.0f} documents per CPU second", style="dim")
    best = {row["rows"]: row["documents_per_cpu_second"] for row in found if row["tool"] == "orefine"}
    for row in found:
        row["orefine_is_times_as_fast"] = best[row["rows"]] / row["documents_per_cpu_second"]
    return found


def measure_accuracy(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    with gzip.open(args.data / "near_duplicates" / "pages.jsonl.gz", "rt") as lines:
        pages = [json.loads(line) for line in lines]
    path = folder / "pages"
    path.mkdir()
    pq.write_table(pa.table({name: [page[name] for page in pages] for name in ("id", "text")}), path / "0.parquet")
    one, other, similarity = true_pairs([page["text"] for page in pages])
    labels = np.array([page["cluster"] for page in pages])
    found = []
    for tool in ("orefine", "orefine_strict") if args.own_only else (*OWN, *FOREIGN):
        run = run_tool(tool, path, folder / "warm_up", _python(args, tool))
        if run is None:
            continue
        kept = np.array([page["id"] in run["kept"] for page in pages])
        covered = kept.copy()  # itself there, or a true near copy of it
        covered[one[kept[other]]] = True
        covered[other[kept[one]]] = True
        row = {"tool": tool, "kept": int(kept.sum()), "wrong": int((~covered).sum())}
        row["pages_lost"] = len(set(labels)) - len(set(labels[kept]))
        for bound in (0.9, 0.8):
            chosen = similarity >= bound
            row[f"found_{bound}"] = float((~(kept[one] & kept[other]))[chosen].mean())
        found.append(row)
    return found


def true_pairs(texts: list[str]) -> tuple[Any, Any, Any]:
    """(one, other, similarity) of all pairs of true Jaccard similarity 0.8 or more."""
    from pipeline.kernels.duplicates.jaccard import jaccard, shingle_sets
    from pipeline.kernels.duplicates.shingles import shingles

    values, offsets = shingle_sets(shingles(pa.array(texts), 5))
    sets = [values[offsets[row] : offsets[row + 1]] for row in range(len(texts))]
    by_size = sorted(range(len(sets)), key=lambda row: len(sets[row]))
    pairs = []
    for place, row in enumerate(by_size):
        for other in by_size[place + 1 :]:
            if 0.8 * len(sets[other]) > len(sets[row]):
                break
            similarity = jaccard(sets[row], sets[other])
            if similarity >= 0.8:
                pairs.append((row, other, similarity))
    one, two, similarities = zip(*pairs, strict=True)
    return np.array(one), np.array(two), np.array(similarities)


def _python(args: argparse.Namespace, tool: str) -> str | None:
    return args.peers_python if tool in FOREIGN else sys.executable


def _column(path: Path, name: str) -> list[str]:
    return pq.read_table(path, columns=[name])[name].to_pylist()


def _show(console: Console, title: str, rows: list[dict[str, Any]]) -> None:
    table = Table(title=title, box=None, header_style="bold")
    for name in rows[0] if rows else ():
        table.add_column(name.replace("_", " "), justify="left" if name == "tool" else "right", no_wrap=name == "tool")
    for row in rows:
        table.add_row(*(f"{value:,.4g}" if isinstance(value, float) else str(value) for value in row.values()))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--sizes", type=int, nargs="*", default=[3000, 30_000])
    parser.add_argument("--slow-rows", type=int, default=3000, help="most rows for datatrove and text-dedup")
    parser.add_argument("--peers-python", help="interpreter of the environment with text-dedup and rensa")
    parser.add_argument("--own-only", action="store_true", help="speed of Orefine's default only")
    parser.add_argument("--no-accuracy", action="store_true", help="speed and memory only")
    parser.add_argument("--scratch", type=Path, help="folder for the documents: 4 GB at 300,000")
    parser.add_argument("--json", type=Path, help="write the figures there")
    args = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(dir=args.scratch) as folder:
        texts = [
            text for file in sorted((args.data / "fineweb").glob("*.parquet"))[:4] for text in _column(file, "text")
        ]
        grow(texts, WARM_UP_ROWS, Path(folder, "warm_up"))
        sizes = {rows: grow(texts, rows, Path(folder, str(rows))) for rows in args.sizes}
        accuracy = [] if args.no_accuracy else measure_accuracy(args, Path(folder))
        _show(console, "Accuracy on labelled pages", accuracy)
        speed = measure_speed(args, Path(folder), sizes, console)
        _show(console, "Speed and memory", speed)
    if args.json:
        args.json.write_text(json.dumps({"accuracy": accuracy, "speed": speed}, indent=1))


if __name__ == "__main__":
    main()
