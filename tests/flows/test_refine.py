"""The Prefect flow gives what the plain run gives, on an embedded server that nobody set up."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = Path(__file__).parent / "l1.yaml"


@pytest.mark.prefect
def test_the_flow_gives_the_same_as_the_plain_run(tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(30))
    plain = result_of(orefine("run", RECIPE, "--input", source, "--store", tmp_path / "plain", "--json"))
    # In a process of its own: the flow sets Prefect's environment before it imports it.
    command = [sys.executable, "-m", "flows.cli", "run", RECIPE, "--input", source, "--prefect", "--json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(
        [*command, "--store", tmp_path / "flow"], capture_output=True, text=True, timeout=400, env=environment
    )
    assert done.returncode == 0, done.stderr
    flow = json.loads(done.stdout.splitlines()[-1])
    assert flow["content_id"] == plain["content_id"]
    assert [level["recipe_id"] for level in flow["levels"]] == [level["recipe_id"] for level in plain["levels"]]
    assert (tmp_path / "flow" / "prefect").is_dir(), "an embedded run must leave the user's ~/.prefect alone"


@pytest.mark.prefect
def test_an_error_of_the_user_is_the_same_line_as_without_prefect(tmp_path: Path):
    pq.write_table(pa.table({"body": ["no column called text"]}), tmp_path / "a.parquet")
    arguments = ("run", RECIPE, "--input", tmp_path / "a.parquet", "--store")
    plain = orefine(*arguments, tmp_path / "plain", code=2)
    command = [sys.executable, "-m", "flows.cli", *arguments, tmp_path / "flow", "--prefect"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", plain.stderr)
    assert plain.stderr.count("\n") == 1


@pytest.mark.prefect
def test_a_level_that_is_done_is_shown_as_whole():
    code = """
from flows import refine
told = []
refine.create_progress_artifact = lambda percent, *_: told.append(percent) or "it"
refine.update_progress_artifact = lambda _, percent, *__: told.append(percent)
shown = refine._Shown("toy", "l1_filter")
for done in (1, 2, 3, 4):
    shown.hear("shard_done", {"level": "l1_filter", "done": done, "of": 4, "rows_out": 0})
print(told)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2])
    assert done.stdout == "[25.0, 100.0]\n", done.stderr
