"""Golden ids: what each kind of pass writes for a small fixed input, and the core's numbers at that time.

The core counts in a recipe id by its numbers alone (`pipeline.protocol`), so that a change of what it writes without a
new number would pass old results for new ones. `golden.json` holds every state there was, the present one last. After
a change of bytes that is meant: raise the number of the package that made it, run

    python -m tests.pipeline.run.test_golden

and commit the file. Where a new number is needed for bytes that no case here shows, add a case.
"""

import itertools
import json
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pytest

from pipeline.protocol import PROTOCOL
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash
from pipeline.run.level import Finished, Level, run_level
from pipeline.run.runners import InlineRunner
from pipeline.steps import Checker, Generator, Reason, Reply, Request, Source, SourceBatch, Unit, Verdicts
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, Shout, l0, l1, silent, write_lines

GOLDEN = Path(__file__).with_name("golden.json")
FILES = (["one two", "one two three", "", "four", "poison it"], ["two words", "one more line", "süß und 甜的"])


class Columns(Source):
    """Rows with all that a document may bring along, and enough of them for several pages in a file."""

    kind: Literal["columns"] = "columns"

    def units(self, path: str, sha256: str) -> list[Unit]:
        return [Unit(path, sha256, 0, 10), Unit(path, sha256, 10, 20_000)]

    def read(self, unit: Unit) -> Iterator[SourceBatch]:
        numbers = range(unit.start, unit.stop or 0)
        rows = [
            {"text": f"{n} {n * n} " * 9, "url": f"http://a.example/{n}", "source": "a", "date": "2024", "more": n}
            for n in numbers
        ]
        rows[1] |= {"share": math.nan}
        rows[2] |= {"text": "\u200b"}
        yield SourceBatch(pa.RecordBatch.from_pylist(rows), dropped=[(f"row {unit.start}", "", "not_a_page")])


class Capitals(Generator):
    """The text in capitals; refuses texts with `two`."""

    kind: Literal["capitals"] = "capitals"

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("parent_id", pa.string()),)

    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        return [Request(content_hash(one.text), one, "p@1", (("user", one.text),)) for one in batch.documents()]

    def generate(self, requests: Sequence[Request]) -> Iterator[Reply]:
        for request in requests:
            yield Reply(request.key, request.parent.text.upper(), "stop")

    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> dict[str, Any] | Reason:
        if "TWO" in reply.text:
            return Reason("has_two", 1, 0)
        return {"text": reply.text, "parent_id": request.parent.id}


class Short(Checker):
    """Passes short texts, fails long ones, abstains on one word."""

    kind: Literal["short"] = "short"

    def check(self, batch: Batch) -> Verdicts:
        counts = [len(text.split()) for text in batch.text.to_pylist()]
        verdicts: list[Any] = ["abstain" if count == 1 else "pass" if count < 3 else "fail" for count in counts]
        defects = [{"abstain": "one_word", "pass": "", "fail": "long"}[verdict] for verdict in verdicts]
        return Verdicts(verdicts, defects, [{"words": count} for count in counts])


CASES: dict[str, Level] = {
    "row pass": Level("l1_filter", "toy", (MinWords(), Shout()), keep_dropped_text=True),
    "grouping, then a row pass": l1(SameFirstWord(), MinWords(minimum=3)),
    "two groupings": l1(SameFirstWord(), SameFirstWord()),
    "generator": Level("l3_synthesize", "toy", (Capitals(),)),
    "checkers": Level("l4_verify", "toy", (Short(), Short())),
}


def present(folder: Path) -> dict[str, Any]:
    """What the golden file would say now: per case one hash of all files that the level holds."""
    store = LocalStore(folder / "store")
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / "input", *FILES))
    inputs = write_lines(folder / "other", ["unread"])
    columns = run_level(Level("l0_collect", "columns", (), Columns()), store, InlineRunner(), silent, inputs)
    ids = {"source": _id(first), "source with columns": _id(columns)}
    ids |= {name: _id(run_level(case, store, InlineRunner(), silent, parent=first)) for name, case in CASES.items()}
    return {"pyarrow": pa.__version__, "protocol": PROTOCOL, "ids": ids}


def _id(level: Finished) -> str:
    return content_hash(*(f"{file.path} {file.rows} {file.sha256}" for file in level.manifest.files))


@pytest.fixture(scope="module")
def states() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(GOLDEN.read_text())
    if found[-1]["pyarrow"] != pa.__version__:
        pytest.skip(
            f"golden.json holds what pyarrow {found[-1]['pyarrow']} writes, this is {pa.__version__}; where the lock "
            "has the new one, write it anew with `python -m tests.pipeline.run.test_golden`"
        )
    return found


def test_bytes_change_if_and_only_if_a_number_of_the_core_does(states: list[dict[str, Any]], tmp_path: Path):
    now, golden = present(tmp_path), states[-1]
    changed = sorted(name for name in now["ids"] if now["ids"][name] != golden["ids"].get(name))
    if now["protocol"] == golden["protocol"]:
        assert not changed, f"other bytes in {changed}, but the numbers in pipeline/protocol.py are the same; raise one"
    else:
        assert changed, "another number in pipeline/protocol.py, but the same bytes; take it back or add a case here"
        pytest.fail(f"other bytes in {changed} and a new number: write golden.json anew, as this module says")


def test_each_state_differs_from_the_one_before_in_numbers_and_in_bytes(states: list[dict[str, Any]]):
    for before, after in itertools.pairwise(states):
        assert before["ids"] != after["ids"], f"no bytes changed from {before['protocol']} to {after['protocol']}"
        raised = {name for name, number in after["protocol"].items() if number > before["protocol"].get(name, 0)}
        lowered = {name for name, number in after["protocol"].items() if number < before["protocol"].get(name, 0)}
        assert raised, f"bytes changed at {after['protocol']} without a new number"
        assert not lowered, f"a number that was used before comes again for {lowered}; numbers only rise"


def _write() -> None:
    states = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        now = present(Path(folder))
    # Another pyarrow writes other bytes for all states, of which only the present one can be made again.
    states = [state for state in states if state["pyarrow"] == pa.__version__]
    GOLDEN.write_text(json.dumps([*states, now], indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(_write())
