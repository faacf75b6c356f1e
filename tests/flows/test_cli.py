"""The command line as a user sees it: what it prints, where things lie, exit codes."""

import gzip
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from flows.cli import app
from pipeline.rows.document import BASE_SCHEMA
from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = Path(__file__).parent / "l1.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory):
    """A run over two files that repeat each other in part, and its JSON."""
    folder = tmp_path_factory.mktemp("run")
    first = write_parquet(folder / "a.parquet", rows(40))
    second = write_parquet(folder / "b.parquet", [*rows(10), *rows(20, first=40), {"text": "Too short.", "url": "u"}])
    arguments = ["run", RECIPE, "--input", first, "--input", second, "--store", folder / "store", "--json"]
    return folder, arguments, result_of(orefine(*arguments))


def test_counts_add_up_and_name_reasons(finished):
    _, _, result = finished
    for level in result["levels"]:
        assert level["rows_in"] == level["rows_out"] + sum(level["dropped"].values()) + level["quarantined"]
    l1 = result["levels"][1]
    assert l1["rows_in"] == 71
    assert l1["dropped"]["exact_duplicates.repeat"] == 10
    assert l1["dropped"]["gopher_quality.too_few_words"] == 1


def test_manifests_list_files_that_are_as_they_say(finished):
    folder, _, result = finished
    for level in result["levels"]:
        path = folder / "store" / level["manifest"]
        manifest = json.loads(path.read_text())
        assert {file["role"] for file in manifest["files"]} >= {"data", "dropped", "quarantine"}
        for file in manifest["files"]:
            assert pq.read_metadata(path.parent / file["path"]).num_rows == file["rows"]


def test_the_release_opens_in_the_usual_readers(finished, tmp_path: Path):
    folder, _, result = finished
    import datasets
    import duckdb

    release = Path(result["release"])
    count = result["levels"][-1]["rows_out"]
    assert ds.dataset(release / "data").count_rows() == count
    assert duckdb.sql(f"select count(*) from '{release}/data/*.parquet'").fetchall() == [(count,)]
    ref = f"{result['dataset']}@{result['version']}"
    orefine("export", ref, "--to", tmp_path / "hf", "--format", "hf", "--store", folder / "store")
    loaded = datasets.load_dataset(str(tmp_path / "hf"), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == count
    assert set(BASE_SCHEMA.names) < set(loaded.column_names)


def test_the_input_columns_without_a_place_are_in_meta(finished):
    _, _, result = finished
    metas = ds.dataset(Path(result["release"]) / "data").to_table().column("meta").to_pylist()
    assert {"number"} == set(json.loads(metas[0]))


def test_running_again_reuses_every_level(finished):
    _, arguments, result = finished
    again = orefine(*arguments)
    assert all(level["reused"] for level in result_of(again)["levels"])
    assert result_of(again)["content_id"] == result["content_id"]
    assert "l1_filter: nothing to do" in again.stderr


def test_another_threshold_re_runs_only_what_depends_on_it(finished):
    _, arguments, _ = finished
    changed = result_of(orefine(*arguments, "--set", "l2_select.threshold.minimum=0.41"))
    assert [level["reused"] for level in changed["levels"]] == [True, True, False]


def test_show_explain_verify_export(finished, tmp_path: Path):
    folder, _, result = finished
    store = folder / "store"
    assert "toy: latest" in orefine("show", "--store", store).stdout
    shown = orefine("show", f"toy@{result['version']}", "--store", store).stdout
    assert "exact_duplicates.repeat" in shown
    why = orefine("explain", "u", "--store", store).stdout
    assert "dropped by gopher_quality.too_few_words: measured 2, threshold 50" in why
    exported = tmp_path / "hf"
    orefine("export", "toy", "--to", exported, "--format", "hf", "--store", store)
    assert "data/train-*.parquet" in (exported / "README.md").read_text()
    orefine("verify", "toy", "--store", store)
    assert orefine("verify", exported).stdout == f"verified: {exported}\n"
    for other in (tmp_path, tmp_path / "absent"):
        assert f"{other} is no folder that `orefine export` wrote" in orefine("verify", other, code=2).stderr
    (exported / "README.md").write_text("another card")
    assert "does not begin with the card that was published" in orefine("verify", exported, code=1).stderr


def test_verify_finds_one_changed_byte(tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(5))
    result = result_of(orefine("run", RECIPE, "--input", source, "--store", tmp_path / "s", "--json"))
    victim = next((Path(result["release"]) / "data").iterdir())
    data = bytearray(victim.read_bytes())
    data[100] ^= 1
    victim.write_bytes(data)
    assert "sha256" in orefine("verify", "toy", "--store", tmp_path / "s", code=1).stderr


def test_bad_rows_are_counted_and_the_run_ends_with_3(tmp_path: Path):
    texts = [*(row["text"] for row in rows(30)), None, "", "  \n"]
    source = write_parquet(tmp_path / "a.parquet", [{"text": text, "url": "u"} for text in texts])
    result = result_of(orefine("run", RECIPE, "--input", source, "--store", tmp_path / "s", "--json", code=3))
    assert result["levels"][0]["quarantined"] == 3
    manifest = tmp_path / "s" / result["levels"][0]["manifest"]
    errors = ds.dataset(manifest.parent / "quarantine").to_table().column("error").to_pylist()
    assert sorted(errors) == ["text is empty", "text is empty", "text is null"]


def test_a_file_of_which_nothing_can_be_read_is_published_only_if_the_recipe_says_so(tmp_path: Path):
    good = write_parquet(tmp_path / "good.parquet", rows(5))
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(good.read_bytes()[:-20])
    arguments = ("run", RECIPE, "--input", good, "--input", bad, "--store", tmp_path / "s", "--json")
    error = orefine(*arguments, code=1).stderr.splitlines()[-1]
    assert f"nothing could be read of {bad} (1 of 2 input files)" in error
    assert "`allow_empty: true`" in error
    assert not (tmp_path / "s" / "refs").exists()
    done = orefine(*arguments, "--set", "allow_empty=true", code=3)
    level = result_of(done)["levels"][0]
    assert (level["rows_in"], level["rows_out"], level["quarantined"]) == (6, 5, 1)


def test_a_truncated_gzip_keeps_the_lines_before_the_cut(tmp_path: Path):
    lines = "".join(json.dumps(row) + "\n" for row in rows(400))
    whole = gzip.compress(lines.encode())
    source = tmp_path / "cut.jsonl.gz"
    source.write_bytes(whole[: len(whole) * 3 // 4])
    level = result_of(orefine("run", RECIPE, "--input", source, "--store", tmp_path / "s", "--json", code=3))["levels"][
        0
    ]
    assert 100 < level["rows_out"] < 400
    assert level["quarantined"] == 1


def test_no_rows_are_a_release_only_if_the_recipe_says_so(tmp_path: Path):
    source = tmp_path / "empty.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), source)
    arguments = ("run", RECIPE, "--input", source, "--store", tmp_path / "s", "--json")
    assert "l0_collect: no row came in, so nothing was published" in orefine(*arguments, code=1).stderr
    assert not (tmp_path / "s" / "refs").exists()
    result = result_of(orefine(*arguments, "--set", "allow_empty=true"))
    assert [level["rows_out"] for level in result["levels"]] == [0, 0, 0]


def test_a_level_that_drops_everything_names_the_step(tmp_path: Path):
    short = [{"text": f"This {what} is much too short.", "url": what} for what in ("text", "page", "story")]
    source = write_parquet(tmp_path / "a.parquet", short)
    error = orefine("run", RECIPE, "--input", source, "--store", tmp_path / "s", code=1).stderr.splitlines()[-1]
    assert "l1_filter: none of 3 rows is left (gopher_quality.too_few_words dropped 3)" in error
    assert not (tmp_path / "s" / "refs").exists()
    shown = orefine("show", "--runs", "--store", tmp_path / "s").stdout
    assert "failed   l1_filter/" in shown
    assert "none of 3 rows is left" in shown


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"text": [1, 2]}, r"text.*int64.*string"),
        ({"body": ["a"]}, r"text.*body"),
    ],
)
def test_a_column_of_the_wrong_type_stops_before_the_start(tmp_path: Path, table: dict, message: str):
    source = tmp_path / "a.parquet"
    pq.write_table(pa.table(table), source)
    done = orefine("run", RECIPE, "--input", source, "--store", tmp_path / "s", code=2)
    assert re.search(message, done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nothing"], "recipe 'nothing' is not there"),
        (["run", "nothing", "--prefect"], "recipe 'nothing' is not there"),
        (["run", RECIPE, "--input", "nothing.parquet"], "'nothing.parquet' matches no file"),
        (["run", RECIPE, "--set", "l1_filter.gopher_quality.minimum_wrds=3"], "unknown key 'minimum_wrds'"),
        (["show", "nothing"], "no data set 'nothing'"),
        (["explain", "nothing"], "knows 'nothing'"),
        (["frobnicate"], "No such command"),
        (["run"], "Missing argument"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_code_2(tmp_path: Path, monkeypatch, arguments: list, message: str):
    monkeypatch.chdir(tmp_path)
    done = orefine(*arguments, code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_every_command_has_help():
    assert len(app.registered_commands) == 28
    for command in app.registered_commands:
        assert command.callback is not None
        assert command.callback.__doc__


def test_steps_lists_parameters_with_defaults():
    entries = {entry["kind"]: entry for entry in json.loads(orefine("steps", "--json").stdout)}
    assert entries["near_duplicates"]["parameters"]["bands"]["default"] == 14
    assert entries["threshold"]["level"] == "l2_select"
