"""`orefine review` from a run that waits to the run that goes on, by the command line."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.runs.review import find_lot, secret
from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = """
dataset: judged
l0_collect: {source: {kind: parquet, paths: [x]}}
l4_verify: {steps: [{kind: human_review, plan: {aql: 0.02, ltpd: 0.4}, double_share: 0}]}
"""


@pytest.fixture
def started(tmp_path: Path) -> tuple[Any, ...]:
    """The arguments of a run that has come to its lot, and what it said."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE, encoding="utf-8")
    source = write_parquet(tmp_path / "a.parquet", rows(20))
    command = ("run", recipe, "--input", source, "--store", tmp_path / "store", "--json")
    return command, orefine(*command, code=0)


def judge(started: tuple[Any, ...], store: Path, verdict: str) -> str:
    lot = result_of(started[1])["waiting"]["lot"]
    queue = find_lot(lot, str(store)).open()
    for one in queue.records:
        queue.take("ann", len(queue.records))
        queue.submit("ann", one["id"], verdict)
    queue.close()
    return lot


def test_a_run_waits_ends_well_and_goes_on_when_the_lot_is_decided(started, tmp_path: Path):
    command, first = started
    store = tmp_path / "store"
    waiting = result_of(first)
    assert "version" not in waiting
    assert waiting["waiting"]["way_on"] == f"orefine review {waiting['waiting']['lot']} --store {store}"
    assert "then run the same command again; nothing is published yet" in first.stderr
    assert waiting["waiting"]["way_on"].rsplit(" --store")[0] in orefine("show", "--runs", "--store", store).stdout
    assert "0 records of the sample" in orefine("review", "decide", "judged", "--store", store, code=2).stderr
    lot = judge(started, store, "pass")
    assert "is accepted: 0 defects" in orefine("review", "decide", lot[:6], "--store", store).stdout
    assert "accepted" in orefine("review", "status", lot, "--store", store).stdout
    assert "is decided: accepted" in orefine("review", lot, "--store", store, code=2).stderr
    done = result_of(orefine(*command))
    assert done["levels"][-1]["rows_out"] == 20
    assert "nothing is leased" in orefine("show", "--runs", "--store", store).stdout
    assert "verified" in orefine("verify", "judged", "--store", store).stdout
    assert "verified" in orefine("verify-certificate", done["certificate"]).stdout


def test_the_certificate_says_what_people_found_and_any_change_of_it_shows(started, tmp_path: Path):
    command, _ = started
    lot = judge(started, tmp_path / "store", "pass")
    orefine("review", "decide", lot, "--store", tmp_path / "store")
    path = Path(result_of(orefine(*command))["certificate"])
    (people,) = json.loads(path.read_text(encoding="utf-8"))["people"]
    assert (people["lot"], people["outcome"], people["inspected"]) == (lot, "accepted", 5)
    assert people["statistics"]["defect_rate"]["rate"] == 0.0
    assert 0.4 < people["statistics"]["defect_rate"]["high"] < 0.7  # five rows say little
    said = path.parent / "people" / f"{lot}.json"
    said.write_text(said.read_text(encoding="utf-8").replace('"defects": 0', '"defects": 1'), encoding="utf-8")
    orefine("verify-certificate", path, code=1)


@pytest.mark.parametrize("kind", ["jsonl", "label_studio", "prodigy", "argilla"])
def test_verdicts_come_back_from_another_tool(started, tmp_path: Path, kind: str):
    store, file = tmp_path / "store", tmp_path / "out"
    lot = judge(started, store, "fail")
    orefine("review", "export", lot, "--store", store, "--to", file, "--format", kind)
    other = tmp_path / "other.sqlite"
    asked = ("review", "import", lot, file, "--store", store, "--format", kind, "--database", other)
    assert "5 of 5 verdicts are new" in orefine(*asked).stdout
    assert "0 of 5 verdicts are new" in orefine(*asked).stdout
    assert "rejected" in orefine("review", "decide", lot, "--store", store, "--database", other).stdout
    assert "takes no more" in orefine(*asked, code=2).stderr


def test_a_file_is_a_lot_too(tmp_path: Path):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "a b", "source": "a"}\n\n{"id": "x", "text": "c"}\n', encoding="utf-8")
    assert "0 of 2 judged" in orefine("review", "status", file).stdout
    for text, says in (
        ('{"text": 1}', "line 1"),
        ("[]", "line 1"),
        ("", "at least one"),
        ('{"text": "a"}\n' * 2, "own"),
    ):
        file.write_text(text, encoding="utf-8")
        assert says in orefine("review", "status", file, code=2).stderr


def test_what_cannot_be_reviewed_is_said_in_one_line(started, tmp_path: Path):
    store = tmp_path / "store"
    assert "names no lot that waits" in orefine("review", "nothing", "--store", store, code=2).stderr
    assert (
        "give one of jsonl"
        in orefine("review", "export", "judged", "--to", "x", "--format", "xml", "--store", store, code=2).stderr
    )
    assert "record 'z'" in bad_import(tmp_path, store, '{"id": "z", "reviews": [{"reviewer": "a", "verdict": "pass"}]}')
    assert "row 1" in bad_import(tmp_path, store, '{"id": 1, "reviews": 2}')


def bad_import(tmp_path: Path, store: Path, content: str) -> str:
    file = tmp_path / "in.jsonl"
    file.write_text(content, encoding="utf-8")
    return orefine("review", "import", "judged", file, "--store", store, code=2).stderr


def test_the_secret_is_this_users_alone_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = secret()
    assert (len(first), secret()) == (32, first)
    assert stat.S_IMODE((tmp_path / "orefine" / "review.key").stat().st_mode) == 0o600


def test_the_page_listens_on_loopback_and_its_links_carry_a_token(started, tmp_path: Path):
    lot = result_of(started[1])["waiting"]["lot"]
    server = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "review", lot, "--store", str(tmp_path / "store"), "--port", "0",
         "--reviewer", "ann", "--reviewer", "bob"],
        stdout=subprocess.PIPE, text=True, env=os.environ,
    )  # fmt: skip
    try:
        assert server.stdout is not None
        links = [server.stdout.readline() for _ in range(2)]
    finally:
        server.kill()
        server.communicate()
    assert [link.split(": ")[0] for link in links] == ["ann", "bob"]
    assert all("http://127.0.0.1:" in link and "token=" in link for link in links)
    assert links[0].partition("token=")[2] != links[1].partition("token=")[2]
