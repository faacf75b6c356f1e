"""Recipes over sources that are no files of rows: what a newcomer runs, and what is said of mistakes."""

from pathlib import Path

import pyarrow.parquet as pq
import yaml

from tests.flows.helpers import document, orefine, result_of


def recipe(folder: Path, source: dict[str, object], *steps: str) -> Path:
    path = folder / "recipe.yaml"
    level = {"source": source, "steps": [{"kind": kind} for kind in steps]}
    path.write_text(yaml.safe_dump({"dataset": "toy", "l0_collect": level}), encoding="utf-8")
    return path


def table(store: Path, role: str) -> list[dict[str, object]]:
    return [
        row for path in sorted(store.glob(f"l0_collect/*/{role}/*.parquet")) for row in pq.read_table(path).to_pylist()
    ]


def test_a_folder_of_texts(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    (docs / "deep").mkdir(parents=True)
    for number in range(3):
        (docs / "deep" / f"{number}.md").write_text(document(number), encoding="utf-8")
    (docs / "blank.txt").write_text(" \n", encoding="utf-8")
    (docs / "long.txt").write_text("x" * 9_000, encoding="utf-8")
    chosen = recipe(tmp_path, {"kind": "text", "paths": [str(docs)], "max_document_bytes": 5_000})
    done = result_of(orefine("run", chosen, "--store", tmp_path / "store", "--json"))
    [level] = done["levels"]
    assert (level["rows_in"], level["rows_out"], level["quarantined"]) == (5, 3, 0)
    assert level["dropped"] == {"text.empty": 1, "text.too_large": 1}
    dropped = {row["id"]: (row["value"], row["threshold"]) for row in table(tmp_path / "store", "dropped")}
    assert dropped == {"blank.txt": (None, None), "long.txt": (None, 5_000)}
    assert "deep/1.md" in str(table(tmp_path / "store", "data"))
    again = result_of(orefine("run", chosen, "--input", f"{docs}/", "--store", tmp_path / "store", "--json"))
    assert again["levels"][0]["reused"], "the content decides, not how the folder is spelled"


def test_paths_that_hold_nothing_are_said_before_the_start(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for paths, message in (([], "paths is empty; name folders"), ([str(tmp_path / "docs")], "holds no .txt or")):
        chosen = recipe(tmp_path, {"kind": "text", "paths": paths})
        done = orefine("run", chosen, "--store", tmp_path / "store", code=2)
        assert (message in done.stderr, done.stderr.count("\n")) == (True, 1)
    assert not (tmp_path / "store").exists()


def test_input_chooses_the_source_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(document(1), encoding="utf-8")
    chosen = recipe(tmp_path, {"kind": "parquet"})
    done = result_of(orefine("run", chosen, "--input", tmp_path / "a.md", "--store", tmp_path / "store", "--json"))
    assert done["levels"][0]["rows_out"] == 1
