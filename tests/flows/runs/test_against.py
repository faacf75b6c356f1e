"""A recipe that compares each new crawl with all versions before it."""

import random
from pathlib import Path
from string import ascii_lowercase

import pyarrow.dataset as ds
import pytest

from tests.flows.helpers import orefine, result_of, write_parquet

RECIPE = """
dataset: crawl
l0_collect: {source: {kind: parquet, paths: []}}
l1_filter:
  steps:
    - {kind: exact_duplicates, keep: oldest, index: true, against: [crawl]}
    - {kind: near_duplicates, keep: oldest, index: true, against: [crawl]}
"""


def text(number: int) -> str:
    return " ".join("".join(random.Random(f"{number} {word}").choices(ascii_lowercase, k=6)) for word in range(60))


@pytest.fixture
def crawl(tmp_path: Path):
    """crawl(number of the first document) → the run's JSON; 20 documents each."""
    recipe = tmp_path / "crawl.yaml"
    recipe.write_text(RECIPE)

    def run(first: int, *settings: str, code: int = 0):
        documents = [{"text": text(number), "url": f"u{number}"} for number in range(first, first + 20)]
        source = write_parquet(tmp_path / f"{first}.parquet", documents)
        arguments = ["run", recipe, "--input", source, "--store", tmp_path / "store", "--json", *settings]
        return result_of(orefine(*arguments)) if not code else orefine(*arguments, code=code).stderr

    return run


def ids(result) -> set[str]:
    return set(ds.dataset(Path(result["release"]) / "data").to_table().column("id").to_pylist())


def test_each_version_holds_what_none_before_it_has(crawl, tmp_path: Path):
    first, second, third = crawl(0), crawl(10), crawl(5, "--set", "allow_empty=true")
    counts = [len(ids(version)) for version in (first, second, third)]
    assert counts == [20, 10, 0]  # documents 0 to 19, 20 to 29, and 5 to 24 once more
    assert third["levels"][1]["dropped"] == {"exact_duplicates.repeat": 20}
    assert len(ids(crawl(25))) == 15  # 25 to 29 are in the second; the third has an index without rows
    orefine("verify", f"crawl@{second['version']}", "--store", tmp_path / "store")  # index files are checked too


def test_a_second_run_is_not_compared_with_its_first(crawl):
    crawl(0)
    second = crawl(10)
    again = crawl(10)
    assert again["version"] == second["version"]
    assert again["levels"][1]["reused"]


def test_versions_and_paths_are_named_or_refused(crawl, tmp_path: Path):
    first = crawl(0)
    level = Path(first["levels"][1]["manifest"]).parent
    expected = crawl(10)["content_id"]
    for place in (f"crawl@{first['version']}", level, tmp_path / "store" / level / "manifest.json"):
        setting = f"[{place}]"
        steps = [f"l1_filter.{kind}.against={setting}" for kind in ("exact_duplicates", "near_duplicates")]
        assert crawl(10, "--set", steps[0], "--set", steps[1])["content_id"] == expected
    error = crawl(10, "--set", "l1_filter.exact_duplicates.against=[nothing]", code=2)
    assert "against 'nothing': no finished level lies there, and no data set 'nothing'" in error
