"""`orefine show --runs`: what is leased, failed or waiting, why, and the way on."""

from pathlib import Path

from pipeline.store.artifact import Artifact
from pipeline.store.local import LocalStore
from tests.flows.helpers import orefine, result_of


def test_nothing_is_shown_of_what_is_done(tmp_path: Path):
    Artifact(LocalStore(tmp_path), "models/a", "models/a/card.json").make(lambda: b"{}")
    assert "nothing is leased, failed or waiting" in orefine("show", "--runs", "--store", tmp_path).stdout


def test_each_state_is_shown_with_its_reason_and_the_way_on(tmp_path: Path):
    store = LocalStore(tmp_path)
    Artifact(store, "l1_filter/a", "l1_filter/a/manifest.json").fail(OSError(28, "No space left on device"))
    Artifact(store, "l4_verify/lot", "l4_verify/lot/manifest.json").wait("40 documents wait for a second reviewer")
    shown = []
    Artifact(store, "models/b", "models/b/card.json").make(
        lambda: shown.append(orefine("show", "--runs", "--store", tmp_path).stdout) or b"{}"
    )
    (text,) = shown
    assert "failed   l1_filter/a" in text
    assert "1 attempts, the last: OSError: [Errno 28] No space left on device" in text
    assert "run the same command again" in text
    assert "waiting  l4_verify/lot" in text
    assert "40 documents wait for a second reviewer" in text
    assert "leased   models/b" in text
    entries = result_of(orefine("show", "--runs", "--store", tmp_path, "--json"))["unfinished"]
    assert [(entry["key"], entry["state"]) for entry in entries] == [
        ("l1_filter/a", "failed"),
        ("l4_verify/lot", "waiting"),
    ]


def test_what_a_later_version_came_past_says_so(tmp_path: Path):
    artifact = Artifact(LocalStore(tmp_path), "l1_filter/toy-1", "l1_filter/toy-1/manifest.json")
    artifact.fail(OSError("killed"))
    artifact.supersede("toy@12")
    shown = orefine("show", "--runs", "--store", tmp_path).stdout
    assert "→ toy@12 was published since; run the same command again if this is still wanted" in shown


def test_runs_take_no_name(tmp_path: Path):
    orefine("show", "toy", "--runs", "--store", tmp_path, code=2)
