"""A recipe that asks people: the flow waits and ends well, people decide by their page, the next flow publishes."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

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


def flow(recipe: Path, source: Path, store: Path) -> dict[str, Any]:
    """A flow run of its own, in a process of its own: the flow sets Prefect's environment before it imports it."""
    command = [
        sys.executable,
        "-m",
        "flows.cli",
        "run",
        recipe,
        "--input",
        source,
        "--store",
        store,
        "--prefect",
        "--json",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, env=environment)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def judge_by_the_page(lot: str, store: Path) -> None:
    """One person passes every record through the page's own interface, and publishes the decision."""
    server = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "review", lot, "--store", str(store), "--port", "0"],
        stdout=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        link = re.search(r"(http://[^/]+)/\?reviewer=reviewer&token=(\S+)", server.stdout.readline())
        assert link is not None

        def ask(path: str, body: dict[str, Any]) -> Any:
            data = json.dumps(body).encode()
            headers = {
                "authorization": f"Bearer {link[2]}{b'reviewer'.hex()}", "x-orefine-review": "1",
                "content-type": "application/json",
            }  # fmt: skip
            with urllib.request.urlopen(
                urllib.request.Request(f"{link[1]}{path}", data, headers), timeout=60
            ) as answer:
                return json.load(answer)

        while records := ask("/api/take", {"count": 1})["records"]:
            ask("/api/submit", {"item": records[0]["id"], "verdict": "pass"})
        assert ask("/api/decide", {})["outcome"] == "accepted"
    finally:
        server.kill()
        server.communicate()


@pytest.mark.prefect
def test_a_flow_waits_for_people_and_the_next_one_publishes_what_they_accept(tmp_path: Path):
    recipe, store = tmp_path / "recipe.yaml", tmp_path / "store"
    recipe.write_text(RECIPE, encoding="utf-8")
    source = write_parquet(tmp_path / "a.parquet", rows(20))
    waiting = flow(recipe, source, store)
    assert "version" not in waiting
    assert not (store / "releases").exists()
    runs = json.loads(orefine("show", "--runs", "--store", store, "--json").stdout.splitlines()[-1])
    (level,) = runs["unfinished"]
    assert (level["state"], level["key"].partition("/")[0]) == ("waiting", "l4_verify")
    assert f"orefine review {waiting['waiting']['lot']}" in level["note"]

    judge_by_the_page(waiting["waiting"]["lot"], store)
    done = flow(recipe, source, store)
    assert done["levels"][0]["reused"]
    assert done["levels"][-1]["rows_out"] == 20
    (people,) = json.loads(Path(done["certificate"]).read_text(encoding="utf-8"))["people"]
    assert (people["outcome"], people["inspected"]) == ("accepted", 5)
    assert "nothing is leased" in orefine("show", "--runs", "--store", store).stdout
    assert "verified" in orefine("verify-certificate", done["certificate"]).stdout
