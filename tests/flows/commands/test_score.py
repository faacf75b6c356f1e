"""`orefine score`: files with one more column."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stages.l2_select.train.settings import TrainSettings
from stages.l2_select.train.train_classifier import train
from tests.flows.helpers import orefine, result_of, rows, write_parquet

GOOD = [f"the theorem number {n} follows from the lemma by induction" for n in range(60)]
BAD = [f"click here to buy cheap pills order {n} now" for n in range(60)]
SETTINGS = TrainSettings(dim=4, lr=1.0, epochs=20, min_count=1, word_ngrams=1, bucket=100)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    train(pa.array(GOOD), pa.array(BAD), SETTINGS, folder)
    return folder / "model.bin"


def test_every_row_and_column_comes_back_with_a_score(tmp_path: Path, model: Path):
    documents = [{"content": text, "number": n} for n, text in enumerate([*GOOD[:3], *BAD[:3]])]
    source = write_parquet(tmp_path / "a.parquet", documents)
    arguments = ["score", source, "--model", model, "--output", tmp_path / "out", "--text-column", "content"]
    result = result_of(orefine(*arguments, "--json"))
    table = pq.read_table(result["files"][0])
    assert table.drop_columns(["quality"]).to_pylist() == documents
    assert min(table["quality"].to_pylist()[:3]) > 0.9 > 0.1 > max(table["quality"].to_pylist()[3:])
    assert (result["rows"], sum(result["histogram"]), result["without_score"]) == (6, 6, 0)
    assert (sum(result["histogram"][:2]), sum(result["histogram"][-2:])) == (3, 3)
    assert result["quantiles"]["0.05"] < 0.1 < 0.9 < result["quantiles"]["0.95"]
    assert result["mb_per_cpu_second"] > 0
    printed = orefine(*arguments).stdout  # a second call replaces what the first wrote
    assert "6 rows, 0 without a score" in printed
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.parquet"]


def test_lines_that_are_no_documents_are_counted(tmp_path: Path, model: Path):
    lines = [json.dumps({"text": GOOD[0], "url": "u", "x": 1}), "{", json.dumps({"text": BAD[0]})]
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    result = result_of(
        orefine("score", tmp_path / "b.jsonl", "--model", model, "--output", tmp_path / "out", "--json", code=3)
    )
    assert (result["rows"], result["unreadable_lines"]) == (2, 1)
    assert pq.read_table(result["files"][0])["meta"].to_pylist() == ['{"x": 1}', None]


def test_scores_a_release_as_the_recipe_step_does(tmp_path: Path, model: Path):
    from pipeline.rows.batch import Batch
    from stages.l2_select.score.fasttext_quality import FasttextQuality

    recipe = Path(__file__).parents[1] / "l1.yaml"
    source = write_parquet(tmp_path / "a.parquet", rows(12))
    orefine("run", recipe, "--input", source, "--store", tmp_path / "store")
    result = result_of(
        orefine("score", "toy", "--store", tmp_path / "store", "--model", model, "--output", tmp_path / "out", "--json")
    )
    table = pq.read_table(result["files"][0])
    expected = FasttextQuality(model=str(model)).score(Batch(table.to_batches()[0]))["quality"]
    assert table["quality"].to_pylist() == expected.to_pylist()
    assert result["rows"] == table.num_rows == 12


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--label", "__label__hq"], "has no label '__label__hq', only __label__"),
        (["--sha256", "0" * 64], "the recipe wants 000"),
        (["--sha256", "xyz"], "String should match pattern"),
        (["--normalizer", "ultrafine"], "needs one: a tokenizer.json"),
        (["--normalizer", "ultrafine", "--tokenizer", "none.json"], "none.json: No such file"),
        (["--column", "url"], "has a column 'url' already"),
        (["--text-column", "body"], "has no column 'body', only text"),
        (["nothing.parquet"], "'nothing.parquet' is no Parquet or JSONL file"),
    ],
)
def test_what_cannot_work_stops_before_anything_is_written(tmp_path: Path, model: Path, extra: list, message: str):
    source = write_parquet(tmp_path / "a.parquet", rows(2))
    arguments = ["score", source, "--model", model, "--output", tmp_path / "out", "--store", tmp_path, *extra]
    done = orefine(*arguments, code=2)
    assert message in done.stderr
    assert "\n" not in done.stderr.strip()
    assert not (tmp_path / "out").exists()


def test_a_column_of_another_name_is_scored_in_jsonl_too(tmp_path: Path, model: Path):
    lines = [json.dumps({"content": text}) for text in (GOOD[0], BAD[0])]
    (tmp_path / "b.jsonl").write_text("\n".join(lines), encoding="utf-8")
    arguments = ["score", tmp_path / "b.jsonl", "--model", model, "--output", tmp_path / "out", "--json"]
    result = result_of(orefine(*arguments, "--text-column", "content"))
    high, low = pq.read_table(result["files"][0])["quality"].to_pylist()
    assert (result["rows"], high > 0.9, low < 0.1) == (2, True, True)


def test_every_part_of_a_large_jsonl_file_is_scored(tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("stages.l0_collect.readers.jsonl.UNIT_BYTES", 100)
    lines = [json.dumps({"text": f"the wave crosses the plate {number}"}) for number in range(50)]
    (tmp_path / "b.json").write_text("\n".join(lines), encoding="utf-8")  # JSON, and no manifest
    arguments = ["score", tmp_path / "b.json", "--model", model, "--output", tmp_path / "out"]
    assert result_of(orefine(*arguments, "--json"))["rows"] == 50
    assert "--output" in orefine(*arguments[:-1], model, code=2).stderr  # a file
    assert pq.read_metadata(tmp_path / "out" / "b.parquet").num_rows == 50


def test_files_keep_their_whole_stems_and_are_never_their_own_output(tmp_path: Path, model: Path):
    for number in range(2):
        source = write_parquet(tmp_path / f"part.{number}.parquet", [{"text": GOOD[number]}])
        orefine("score", source, "--model", model, "--output", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["part.0.parquet", "part.1.parquet"]
    before = source.read_bytes()
    done = orefine("score", source, "--model", model, "--output", tmp_path / "out" / "..", code=2)
    assert "would be replaced by its own scores" in done.stderr
    assert source.read_bytes() == before
