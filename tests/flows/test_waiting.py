"""A flow that asks people ends well and waits; when they have decided, the next one goes on and publishes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.helpers import orefine, rows, write_parquet

RECIPE = """
dataset: judged
l0_collect: {source: {kind: parquet, paths: [x]}}
l4_verify:
  steps:
    - {kind: human_review, plan: {aql: 0.02, ltpd: 0.4}, double_share: 0, gold_share: 0}
    - {kind: policy, needs: {document: [human_review]}}
"""
# Both flows in one process, which starts Prefect's server once: that is most of the time.
FLOWS = """
import json, sys
from flows.runs.review import find_lot
from flows.refine import refine
recipe, source, store = sys.argv[1:]
def flow():
    state = refine(recipe, [source], store, "inline", return_state=True)
    return {"state": state.type.value, **state.result()}
first = flow()
lot = find_lot(first["waiting"]["lot"], store)
queue = lot.open()
for one in queue.records:
    queue.take("ann", len(queue.records))
    queue.submit("ann", one["id"], "pass")
lot.publish(queue)
print(json.dumps([first, flow()]))
"""


@pytest.mark.prefect
def test_a_flow_waits_for_people_and_the_next_one_publishes_what_they_accept(tmp_path: Path):
    recipe, store = tmp_path / "recipe.yaml", tmp_path / "store"
    recipe.write_text(RECIPE, encoding="utf-8")
    source = write_parquet(tmp_path / "a.parquet", rows(20))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    environment |= {"PREFECT_HOME": str(tmp_path / "prefect")}
    command = [sys.executable, "-c", FLOWS, str(recipe), str(source), str(store)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert ran.returncode == 0, ran.stderr
    waiting, done = json.loads(ran.stdout.splitlines()[-1])
    assert waiting["state"] == done["state"] == "COMPLETED"
    assert "Traceback" not in ran.stderr, "to wait is no error"
    assert "version" not in waiting
    assert f"orefine review {waiting['waiting']['lot']}" in waiting["waiting"]["way_on"]
    assert done["levels"][0]["reused"], "what was done before the lot is not done again"
    assert done["levels"][-1]["rows_out"] == 20
    (people,) = json.loads(Path(done["certificate"]).read_text(encoding="utf-8"))["people"]
    assert (people["outcome"], people["inspected"]) == ("accepted", 5)
    assert "nothing is leased" in orefine("show", "--runs", "--store", store).stdout
