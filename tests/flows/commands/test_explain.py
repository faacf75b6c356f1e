"""What a person is told about a document that lost to a near copy."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.commands.explain import explain_lines, shared_runs, trace
from pipeline.run.level import InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from pipeline.store.shard import file_sha256
from stages.l0_collect import ParquetSource
from stages.l1_filter.duplicates.near_duplicates import NearDuplicates
from tests.pipeline.helpers import silent

WORDS = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst"]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    """Two near copies, the second of them longer by a word, and 14 copies of another text."""
    texts = [" ".join(WORDS), " ".join([*WORDS[:50], "Extra,", *WORDS[50:]])]
    texts += [" ".join(reversed(WORDS)) + "!" * number for number in range(15)]
    pq.write_table(pa.table({"text": texts, "url": [f"u{row}" for row in range(17)]}), tmp_path / "in.parquet")
    store = LocalStore(tmp_path / "store")
    inputs = [InputFile(str(tmp_path / "in.parquet"), file_sha256(tmp_path / "in.parquet"))]
    first = run_level(Level("l0_collect", "toy", (), ParquetSource()), store, InlineRunner(), silent, inputs)
    run_level(Level("l1_filter", "toy", (NearDuplicates(),)), store, InlineRunner(), silent, parent=first)
    return store


def test_a_near_copy_is_told_what_it_lost_to_and_the_text_they_share(store: LocalStore):
    rows = trace(store, "u0")
    winner = trace(store, "u1")[0]["id"]
    lost = next(row for row in rows if row["fate"] == "in a cluster")
    assert lost["kept_id"] == winner
    assert [run[:20] for run in lost["shared_text"]] == ["50 words: ak al am a", "50 words: fk fl fm f"]
    assert f"lost to {winner}, similarity 0.9109; both have" in "\n".join(explain_lines(rows))


def test_a_survivor_lists_a_few_of_its_copies(store: LocalStore):
    rows = trace(store, "u16")
    assert len([row for row in rows if row.get("kept_id")]) == 1 + 10
    assert explain_lines(rows)[-1].endswith("and 4 more copies of it")


def test_text_that_no_level_has_is_said_to_be_missing(store: LocalStore, tmp_path: Path):
    lost = trace(store, "u0")
    for manifest in (tmp_path / "store" / "l0_collect").glob("*/manifest.json"):
        manifest.unlink()  # as after a clean-up: l1_filter was run without keep_dropped_text
    rows = trace(store, next(row["id"] for row in lost if "id" in row))
    assert [row["shared_text"] for row in rows if "shared_text" in row] == [
        "unknown: its text is in no level of this store"
    ]


def test_shared_runs_are_the_longest_and_ignore_case_and_punctuation():
    text, other = "One two, three four five; six seven eight", "zero one TWO three four FIVE six. x seven eight"
    assert shared_runs(text, other) == ["6 words: One two, three four five; six"]
    assert shared_runs("a b c", "a b c") == []
