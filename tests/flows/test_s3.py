"""A run over a bucket: the same content at every level as over a folder, and every command that looks at a store."""

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from pipeline.store.store import locate, open_store
from tests.flows.helpers import orefine, result_of, rows, write_parquet

RECIPE = Path(__file__).parent / "l1.yaml"
AGAINST = """
dataset: crawl
l0_collect: {source: {kind: parquet, paths: []}}
l1_filter:
  steps:
    - {kind: exact_duplicates, index: true, against: [crawl]}
    - {kind: near_duplicates, index: true, against: [crawl]}
"""


def content_ids(result) -> list[str]:
    return [level["content_id"] for level in result["levels"]] + [result["content_id"], result["version"]]


@pytest.fixture
def inputs(tmp_path: Path) -> list[str | Path]:
    """Two files that repeat each other in part."""
    first = write_parquet(tmp_path / "a.parquet", rows(40))
    short = {"text": "Too short.", "url": "https://short.example/"}
    second = write_parquet(tmp_path / "b.parquet", [*rows(10), *rows(20, first=40), short])
    return ["--input", first, "--input", second]


def test_a_folder_and_a_bucket_hold_the_same(bucket: str, inputs, tmp_path: Path):
    run = ["run", RECIPE, *inputs, "--runner", "inline", "--json"]
    local = result_of(orefine(*run, "--store", tmp_path / "store"))
    remote = result_of(orefine(*run, "--store", f"{bucket}/some/where"))
    assert content_ids(remote) == content_ids(local)
    assert remote["levels"][1]["dropped"]["exact_duplicates.repeat"] == 10
    assert remote["release"] == f"{bucket}/some/where/releases/toy/{remote['version']}"
    around, name = locate(remote["report"])
    assert b"exact_duplicates" in around.read(name)
    assert written(f"{bucket}/some/where") == written(str(tmp_path / "store"))
    assert open_store(bucket).list("tmp") == []


def written(location: str) -> dict[str, bytes]:
    """What the levels and releases hold, less what tells times; by name."""
    store = open_store(location)
    paths = [path for path in store.list(".") if path.endswith((".parquet", ".md"))]
    return {path: store.read(path) for path in paths}


def test_a_second_run_finds_everything_and_the_commands_see_it(bucket: str, inputs, tmp_path: Path):
    run = ["run", RECIPE, *inputs, "--store", bucket, "--json"]
    result = result_of(orefine(*run))
    assert all(level["reused"] for level in result_of(orefine(*run))["levels"])
    plan = json.loads(orefine(*run, "--plan").stdout.splitlines()[-1])["plan"]
    assert [level["state"] for level in plan] == ["found"] * 3
    assert "toy: latest" in orefine("show", "--store", bucket).stdout
    assert f"rows in {result['release']}" in orefine("show", "toy", "--store", bucket).stdout
    why = orefine("explain", "https://short.example/", "--store", bucket).stdout
    assert "dropped by gopher_quality.too_few_words: measured 2, threshold 50" in why
    assert f"verified: {result['release']}" in orefine("verify", "toy", "--store", bucket).stdout
    orefine("export", "toy", "--to", tmp_path / "hf", "--store", bucket)
    assert ds.dataset(tmp_path / "hf" / "data").count_rows() == result["levels"][-1]["rows_out"]


def test_verify_finds_one_changed_byte(bucket: str, tmp_path: Path):
    source = write_parquet(tmp_path / "a.parquet", rows(5))
    result = result_of(orefine("run", RECIPE, "--input", source, "--store", bucket, "--json"))
    store = open_store(bucket)
    victim = store.list(f"releases/toy/{result['version']}/data")[0]
    data = bytearray(store.read(victim))
    data[100] ^= 1
    store.replace(victim, bytes(data))
    assert f"{victim}: sha256" in orefine("verify", "toy", "--store", bucket, code=1).stderr


def test_versions_are_compared_with_those_before_them(bucket: str, tmp_path: Path):
    recipe = tmp_path / "crawl.yaml"
    recipe.write_text(AGAINST)
    found = []
    for store in (bucket, str(tmp_path / "store")):
        versions = []
        for first in (0, 10):
            source = write_parquet(tmp_path / f"{first}.parquet", rows(20, first))
            run = ["run", recipe, "--input", source, "--store", store, "--json"]
            versions.append(result_of(orefine(*run)))
        assert versions[1]["levels"][1]["dropped"]["exact_duplicates.repeat"] == 10
        level = f"{store}/{versions[0]['levels'][1]['manifest']}".removesuffix("/manifest.json")
        kinds = ("exact_duplicates", "near_duplicates")
        named = [part for kind in kinds for part in ("--set", f"l1_filter.{kind}.against=[{level}]")]
        assert result_of(orefine(*run, *named))["content_id"] == versions[1]["content_id"]
        found.append([content_ids(version) for version in versions])
    assert found[0] == found[1]
