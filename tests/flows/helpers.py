"""A small data set of real prose shape, and the command line in this process."""

from __future__ import annotations

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from flows.cli import main

TOPICS = [
    "rivers",
    "bridges",
    "glaciers",
    "libraries",
    "engines",
    "harbours",
    "orchards",
    "markets",
    "volcanoes",
    "maps",
]
SENTENCES = [
    "People who study {0} have learned that the small details of number {1} matter more than they first expected.",
    "The history of {0} shows how towns with {1} families changed when trade and travel became easier for everyone.",
    "It is not always clear why some {0} last for {1} years while others that look the same are gone in a decade.",
    "In the spring of year {1} a group of teachers began to write down what they knew about {0} for their pupils.",
    "That work on {0} was slow, and of the {1} pages they kept only those that could be checked against other records.",
    "Today the same notes on {0} are used by engineers who want to know what to build in place {1} and what to leave.",
]


def document(number: int) -> str:
    """A document of about 110 words that passes the heuristic filters and shares few 5-grams with the others."""
    topic = TOPICS[number % len(TOPICS)]
    order = [(number * step + number // 6 + shift) % 6 for shift, step in enumerate((1, 5, 1, 5, 1))]
    chosen = list(dict.fromkeys([*order, 0, 1, 2, 3, 4, 5]))[:6]
    words = [f"w{(number * 7919 + place * 104729) % 9973}" for place in range(40)]
    lines = [SENTENCES[index].format(topic, number * 31 + index) for index in chosen]
    return "\n".join(
        f"{line} Notes: {' the '.join(words[6 * place : 6 * place + 6])}." for place, line in enumerate(lines)
    )


QUICK_TRAINING = {
    "dim": 4,
    "epochs": 2,
    "lr": 1.0,
    "min_count": 1,
    "word_ngrams": 1,
    "bucket": 100,
    "minimum_auc": 0,
    "minimum_spread": 0,
}
"""Settings of a classifier that is there in no time; how well it judges plays no part."""


def rows(count: int, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "text": document(number),
            "url": f"https://www.{'learning.edu' if number % 2 else 'shop.example'}/{number}",
            "date": "2026-01-01",
            "number": number,
        }
        for number in range(first, first + count)
    ]


def write_parquet(path: Path, table_rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(table_rows), path)
    return path


class Done(NamedTuple):
    """What a command printed."""

    stdout: str
    stderr: str


def orefine(*arguments: str | Path, code: int = 0) -> Done:
    """Run the command line in this process; the exit code must be the expected one."""
    stdout, stderr = io.StringIO(), io.StringIO()
    before, sys.argv = sys.argv, ["orefine", *map(str, arguments)]
    try:
        with redirect_stdout(stdout), redirect_stderr(stderr):
            main()
    except SystemExit as end:
        found = end.code or 0
    finally:
        sys.argv = before
    assert found == code, f"exit code {found}\n{stdout.getvalue()}\n{stderr.getvalue()}"
    return Done(stdout.getvalue(), stderr.getvalue())


def result_of(done: Done) -> dict[str, Any]:
    """The JSON object on the last line of standard output."""
    return dict(json.loads(done.stdout.splitlines()[-1]))
