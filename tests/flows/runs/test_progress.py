"""What a person sees while a level runs."""

import io
from typing import Any

from flows.runs.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def fields(done: int, of: int = 4) -> dict[str, Any]:
    return {"level": "l1", "done": done, "of": of, "rows_in": 10 * done, "rows_out": done, "quarantined": 0,
            "bytes_in": done * 10**6}  # fmt: skip


def test_without_a_terminal_a_line_comes_every_ten_seconds_and_at_the_end():
    lines, clock = [], Clock()
    progress = Progress(lines.append, io.StringIO(), clock)
    progress.start("l1", 4)
    for done, clock.now in ((1, 4.0), (2, 11.0), (3, 12.0), (4, 13.0)):
        progress.advance(fields(done))
    assert lines == [
        "l1: 4 shards",
        "l1: 2/4 shards, 20 rows in, 2 out, 0 quarantined, 0.1 MB/s, about 22 s left",
        "l1: 4/4 shards, 40 rows in, 4 out, 0 quarantined",
    ]


def test_a_terminal_has_one_live_line():
    lines, terminal, clock = [], Terminal(), Clock()
    progress = Progress(lines.append, terminal, clock)
    progress.start("l1", 2)
    progress.advance(fields(1, 2))
    progress.advance(fields(2, 2))
    assert lines == ["l1: 2 shards", "l1: 2/2 shards, 20 rows in, 2 out, 0 quarantined"]
    assert terminal.getvalue().count("\rl1: 1/2 shards") == 1
    assert "\n" not in terminal.getvalue()


def test_a_quiet_level_says_that_it_is_at_work():
    lines, clock = [], Clock()
    progress = Progress(lines.append, None, clock)
    with progress.beating("l3"):
        clock.now = 11.0
        for _ in range(50):
            if lines:
                break
            __import__("time").sleep(0.1)
    assert lines == ["l3: at work for 11 s"]
