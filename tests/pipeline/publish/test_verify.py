"""What verify notices. Forged files are sealed again, so that each finding comes from what was computed."""

from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.publish.verify import _compare, verify_release
from pipeline.store.shard import footer_sha256, stored_sha256
from tests.pipeline.publish.helpers import forge, release, write

DATA = "data/train-00000-of-00001.parquet"


@pytest.fixture
def made(tmp_path: Path):
    store, directory, published = release(tmp_path)
    return store, directory, published, published.levels[0].manifest, published.levels[1].manifest


def test_an_untouched_release_has_no_findings(made):
    assert verify_release(*made[:2]) == []


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda m: m.update(rows=999), "rows is 4, and 999 is stated"),
        (lambda m: m.update(content_id="0" * 32), "version is "),
        (lambda m: m.update(content_id="0" * 32), "content_id is "),
        (lambda m: m.update(recipe_id="0" * 32), "recipe_id is "),
        (lambda m: m.update(version="0" * 12), "version is "),
        (lambda m: m.update(dataset="other"), "place is releases/other/"),
        (lambda m: m["funnel"][1].update(rows_out=5), "funnel is "),
        (lambda m: m["levels"][0].update(content_id="x"), "what the release says of it is "),
        (lambda m: m["files"].pop(0), "data files is "),
        (lambda m: m["files"].pop(), "card is ['README.md'], and [] is stated"),
        (lambda m: m["files"][0].update(rows=3), "rows is 4, and 3 is stated"),
        (lambda m: m["files"][0].update(sha256="0" * 64), f"{DATA} is damaged: its sha256 is"),
        (lambda m: m["files"][-1].update(bytes=1), "README.md: bytes is "),
        (lambda m: m["files"][0].update(bytes=1), "bytes, and 1 were written"),
        (lambda m: m["files"][0].update(footer="0" * 64), "footer is not the one"),
        (lambda m: m["files"][0].update(path="../../x"), "leads out of its folder"),
        (lambda m: m.update(level="l9"), "level is l1_filter, and l9 is stated"),
    ],
)
def test_each_statement_of_a_release_is_computed_again(made, change, finding: str):
    store, directory, *_ = made
    forge(store, f"{directory}/manifest.json", change)
    assert any(finding in line for line in verify_release(store, directory)), verify_release(store, directory)


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda m: m.update(rows_in=6), "rows_in is 5, and 6 is stated"),
        (lambda m: m.update(rows_out=3), "rows out is 4, and 3 is stated"),
        (lambda m: m.update(rows_out=3), "5 rows in and 0 made, but 3 kept"),
        (lambda m: m.update(quarantined=1), "quarantined rows is 0, and 1 is stated"),
        (
            lambda m: m.update(dropped={"min_words.other": 1}),
            "dropped rows by reason is {'min_words.too_few_words': 1}",
        ),
        (lambda m: m.update(bytes_out=1), "bytes_out is "),
        (lambda m: m.update(content_id="x"), "content id is "),
        (lambda m: m.update(recipe_id="x"), "place is l1_filter/toy-x"),
        (lambda m: m["parents"][0].update(content_id="x"), "parent is "),
        (lambda m: m["parents"].clear(), "parent is "),
        (lambda m: m["files"].pop(), "files is "),
        (lambda m: m.update(groups={}), "groups is "),
    ],
)
def test_each_statement_of_a_level_is_computed_again(made, change, finding: str):
    store, directory, _, _, level = made
    forge(store, level, change)
    findings = verify_release(store, directory)
    assert any(line.startswith(f"{level}: ") and finding in line for line in findings), findings


def test_files_that_nobody_lists_are_named(made):
    store, directory, _, first, _ = made
    folder = first.rpartition("/")[0]
    content = ("clusters", "data", "dropped", "index", "quarantine", "shards")
    places = [f"{directory}/data/train-00009.parquet", f"{directory}/x", *(f"{folder}/{name}/x" for name in content)]
    for path in places:
        write(store, path, b"x")
    write(store, f"{folder}/lease.json", b"{}")  # lies beside the content
    findings = verify_release(store, directory)
    assert [line.partition(": not in the manifest")[0] for line in findings] == places


@pytest.mark.parametrize("name", ["README.md", DATA, "manifest.json"])
def test_a_missing_file_of_the_release_is_named(made, name: str):
    store, directory, *_ = made
    Path(store.shown(f"{directory}/{name}")).unlink()
    assert any(line.startswith(f"{directory}/{name}: missing") for line in verify_release(store, directory))


@pytest.mark.parametrize("name", ["data/part-00000.parquet", "dropped/part-00001.parquet", "shards/part-00000.json"])
def test_a_missing_file_of_a_level_is_named(made, name: str):
    store, directory, _, _, level = made
    path = f"{level.rpartition('/')[0]}/{name}"
    Path(store.shown(path)).unlink()
    assert [line.partition(": missing")[0] for line in verify_release(store, directory)] == [path]


def test_a_missing_level_is_named(made):
    store, directory, _, first, _ = made
    Path(store.shown(first)).unlink()
    assert verify_release(store, directory) == [f"{first}: missing, and with it what could be checked against it"]


def test_a_card_that_says_something_else_is_found_even_if_it_is_listed(made):
    store, directory, *_ = made
    card = f"{directory}/README.md"
    write(store, card, store.read(card).replace(b"4 documents", b"9 documents"))
    forge(store, f"{directory}/manifest.json", lambda m: m["files"][-1].update(sha256=stored_sha256(store, card)))
    assert verify_release(store, directory) == [f"{card}: not the card that follows from the manifests"]


def test_a_row_taken_from_both_files_with_all_hashes_mended_is_found(made):
    store, directory, _, _, level = made
    for folder, name in ((directory, DATA), (level.rpartition("/")[0], "data/part-00000.parquet")):
        path = f"{folder}/{name}"
        rows = pq.read_table(store.shown(path)).slice(1)
        Path(store.shown(path)).unlink()
        pq.write_table(rows, store.shown(path))
        forge(store, f"{folder}/manifest.json", partial(mend, store, folder, name))
    findings = verify_release(store, directory)
    assert f"{level}: rows out is 3, and 4 is stated" in findings
    assert f"{directory}/manifest.json: rows is 3, and 4 is stated" in findings
    assert any(line.startswith(f"{level}: files is ") for line in findings)


def mend(store, folder: str, name: str, manifest) -> None:
    path = f"{folder}/{name}"
    entry = next(file for file in manifest["files"] if file["path"] == name)
    entry |= {"sha256": stored_sha256(store, path), "footer": footer_sha256(store, path)}
    entry |= {"bytes": store.size(path), "rows": entry["rows"] - 1}


@pytest.mark.parametrize(
    ("change", "finding"),
    [
        (lambda m: m.update(history=[]), "history {version} is not among"),
        (lambda m: m.update(latest="x"), "latest x is not among"),
        (lambda m: m.update(tags={"good": "y"}), "tags y is not among"),
    ],
)
def test_the_ref_names_versions_of_its_history(made, change, finding: str):
    store, directory, published, *_ = made
    forge(store, "refs/toy.json", change)
    expected = f"refs/toy.json: {finding.format(version=published.version)}"
    assert any(line.startswith(expected) for line in verify_release(store, directory))


def test_a_level_that_read_other_rows_than_its_parent_gave_is_found(made):
    store, directory, _, _, level = made

    def more(manifest):
        manifest["rows_in"] += 1
        manifest["quarantined"] += 1

    forge(store, level, more)
    assert f"{level}: rows in is 5, and 6 is stated" in verify_release(store, directory)


def test_what_is_long_is_cut_in_a_finding():
    assert _compare("a", "rows", "x" * 100, "y" * 101) == [f"a: rows is {'x' * 100}, and {'y' * 100}… is stated"]
    assert _compare("a", "rows", 1, 1) == []
