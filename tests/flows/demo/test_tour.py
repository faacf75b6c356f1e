"""What the tour shows of L1, L3 and L4."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.demo.tour import overlap, show_dropped, show_rewrites


def write(folder: Path, role: str, rows: list[dict[str, Any]], columns: dict[str, pa.DataType]) -> Path:
    (folder / role).mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, pa.schema(columns)), folder / role / "part-00000.parquet")
    return folder


REWRITES = {name: pa.string() for name in ("text", "source_text", "prompt", "url")}
TEXTS = {"id": pa.string(), "text": pa.string()}
DROPPED = {
    "id": pa.string(),
    "url": pa.string(),
    "reason": pa.string(),
    "value": pa.float64(),
    "threshold": pa.float64(),
}


def test_overlap_is_the_share_of_word_runs_that_the_source_has() -> None:
    assert overlap("The river carries stones", "the river carries water") == 0.5
    assert overlap("new words only here", "the river carries water") == 0
    assert overlap("too short", "too short") == 0


def test_the_best_rewrites_are_shown_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = "the river carries water and stones to the sea"
    texts = [source, "water and stones to the sea are carried", "a stream moves rock towards an ocean"]
    rows = [
        {"text": text, "source_text": source, "prompt": "rephrase@1", "url": f"u{n}"} for n, text in enumerate(texts)
    ]
    written, certified = write(tmp_path / "l3", "data", rows, REWRITES), write(tmp_path / "l4", "data", rows, REWRITES)
    assert show_rewrites(written, certified) == "rewrites: 3 accepted, 3 passed all checks and are certified"
    shown = capsys.readouterr().out
    assert [line for line in shown.split("\n") if line.startswith("## ")] == [
        "## rephrase@1 of u2: 0% overlap",
        "## rephrase@1 of u1: 67% overlap",
    ]


def test_no_rewrite_at_all_ends_the_demo(tmp_path: Path) -> None:
    empty = write(tmp_path, "data", [], REWRITES)
    with pytest.raises(SystemExit, match="L3 accepted no rewrite"):
        show_rewrites(empty, empty)


def test_dropped_pages_are_shown_with_what_was_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    collected = write(tmp_path, "data", [{"id": "1", "text": "Buy."}, {"id": "2", "text": "Kept."}], TEXTS)
    row = {"id": "1", "url": "u", "reason": "gopher_quality.too_few_words", "value": 1.0, "threshold": 50.0}
    show_dropped(collected, write(tmp_path, "dropped", [row], DROPPED))
    shown = capsys.readouterr().out
    assert "1 times gopher_quality.too_few_words\n\nu: measured 1, limit 50\n  | Buy." in shown
