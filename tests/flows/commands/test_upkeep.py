"""Takedown, purge and gc on a store that a run of L0 to L3 has filled."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.run.ledger import Ledger
from pipeline.store.local import LocalStore
from pipeline.upkeep.purge import Purge
from pipeline.upkeep.purge import _search as search
from tests.flows.helpers import document, orefine, result_of, rows, write_parquet

RECIPE = """
dataset: toy
l0_collect: {source: {kind: parquet, paths: [x]}}
l1_filter: {keep_dropped_text: true, steps: [{kind: exact_duplicates}, {kind: gopher_quality}]}
l3_synthesize: {steps: [{kind: rewrite, engine: template, prompts: [rephrase], min_words: 10}]}
"""
GONE = 3
URL = rows(1, GONE)[0]["url"]


@pytest.fixture
def run(tmp_path: Path):
    (tmp_path / "r.yaml").write_text(RECIPE)
    entries = rows(8)
    copy = entries[GONE] | {"url": "https://elsewhere.example/copy"}  # drops out as a repeat, its text beside it
    source = write_parquet(tmp_path / "in" / "a.parquet", [*entries, copy])
    store = tmp_path / "store"

    def again():
        return result_of(orefine("run", tmp_path / "r.yaml", "--input", source, "--store", store, "--json"))

    again()
    return again


def texts(result: dict[str, str]) -> list[str]:
    return pq.read_table(Path(result["release"]) / "data").column("text").to_pylist()


def test_what_is_taken_down_is_gone_from_the_store_and_from_later_runs(run, tmp_path: Path):
    store, first = tmp_path / "store", run()
    place = LocalStore(store)
    text = document(GONE)
    rewritten = set(texts(first))
    assert holds(place, text), "else the search proves nothing"

    taken = result_of(orefine("takedown", "--url", URL, "--reason", "asked by mail", "--store", store, "--json"))
    found = {folder.split("/")[0] for folder in taken["rows"]}
    assert found == {"l0_collect", "l1_filter", "l3_synthesize", "releases"}
    second = run()
    assert second["version"] != first["version"]
    (of_it,) = rewritten - set(texts(second))
    assert sum(second["levels"][0]["dropped"].values()) == 2, "the copy goes too"

    before = len(list(Ledger(place).replies()))
    assert "nothing was changed" in orefine("purge", "--store", store).stdout
    assert holds(place, text)
    done = result_of(orefine("purge", "--yes", "--store", store, "--json"))
    assert done["left"] == []
    assert done["searched"] > 10
    assert before - len(list(Ledger(place).replies())) == done["replies"] == 1
    assert not holds(place, text)
    assert not holds(place, of_it)
    assert text not in everything(store)

    checked = orefine("verify", f"toy@{first['version']}", "--store", store)
    assert checked.stdout.startswith("verified")
    assert "were removed on request (tombstones " + taken["tombstone"] in checked.stderr
    assert len(texts(first)) == len(rewritten) - 1, "the old version is there, less these rows"
    assert orefine("verify", f"toy@{second['version']}", "--store", store).stderr == ""
    assert result_of(orefine("purge", "--yes", "--store", store, "--json"))["files"] == 0, "twice changes nothing"


def holds(store: LocalStore, text: str) -> bool:
    found = Purge()
    search(store, {text}, found)
    return bool(found.left)


def everything(store: Path) -> str:
    """Every text of every Parquet file, by another way than purge's own search."""
    found = []
    for path in store.rglob("*.parquet"):
        for column in pq.read_table(path).columns:
            found += [str(value) for value in column.to_pylist()]
    return "\n".join(found + [path.read_bytes().decode("utf-8", "replace") for path in store.rglob("*.html")])


def test_an_id_that_nobody_knows_is_refused(run, tmp_path: Path):
    said = orefine("takedown", "--id", "0" * 32, "--store", tmp_path / "store", code=2).stderr
    assert "no level of" in said
    assert not (tmp_path / "store" / "tombstones").exists()


def test_gc_keeps_what_a_version_leads_to_and_removes_the_rest(run, tmp_path: Path):
    store, first = tmp_path / "store", run()
    orefine("takedown", "--host", "shop.example", "--store", store)
    second = run()
    assert result_of(orefine("gc", "--store", store, "--json"))["folders"] == {}
    dry = result_of(orefine("gc", "--keep", "1", "--store", store, "--json"))
    assert dry["versions"] == [f"toy@{first['version']}"]
    assert Path(first["release"]).exists()
    done = result_of(orefine("gc", "--keep", "1", "--yes", "--store", store, "--json"))
    assert done["folders"] == dry["folders"]
    assert not Path(first["release"]).exists()
    assert orefine("verify", "toy", "--store", store).stdout.startswith("verified")
    assert all("shop.example" not in url for url in urls(second))


def urls(result: dict[str, str]) -> list[str]:
    return pq.read_table(Path(result["release"]) / "data").column("url").to_pylist()
