"""A purge takes the texts out of every file, says how many, and finds none that is left."""

import html
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.books.manifest import Manifest, load
from pipeline.publish.release import load_release
from pipeline.publish.verify import verify_release
from pipeline.rows.document import content_hash
from pipeline.run.ledger import Ledger
from pipeline.run.passes import WORK
from pipeline.steps import Reply
from pipeline.store.shard import read_batches
from pipeline.upkeep.purge import Purge, purge
from pipeline.upkeep.takedown import data_files, take_down
from tests.pipeline.upkeep.pages import APPLE, COPY, PEAR, PLUM, refine, text_of

URL = "https://shop.example/apple"


def texts(store, role: str) -> list[str | None]:
    paths = [path for path in data_files(store) if path.split("/")[-2] == role]
    return [text for path in paths for batch in read_batches(store.open(path)) for text in batch["text"].to_pylist()]


def test_nothing_was_asked_for(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE)
    before = store.list(".")
    assert purge(store, dry_run=True) == Purge()
    done = purge(store)
    assert (done.rows, done.texts, done.files, done.replies, done.removed, done.left) == (0, 0, 0, 0, [], [])
    assert store.list(".") == before


def test_rows_go_texts_beside_them_are_blanked_and_the_old_version_stays_true(tmp_path: Path):
    store, release = refine(tmp_path, APPLE, COPY, PEAR, PLUM)
    (dropped,) = [text for text in texts(store, "dropped") if text]  # one of APPLE and COPY, which begin alike
    take_down(store, [], [page.split(" ")[0] for page in (APPLE, COPY)], [], "asked")
    counted = purge(store, dry_run=True)
    assert len(texts(store, "data")) == 4 + 3 + 3, "a dry run changes nothing"
    done = purge(store)
    # Two rows of L0, the one that L1 kept, in the level and in the version; the text of the one that it dropped.
    assert (done.rows, done.texts, done.files) == (counted.rows, counted.texts, counted.files) == (4, 1, 4)
    assert done.lines()[0] == "4 rows removed and 1 texts blanked in 4 files"
    assert (done.removed, done.left) == ([], [])
    assert done.searched > 10
    assert done.searched_bytes > 1000
    assert done.lines()[2] == f"searched {done.searched:,} objects, {done.searched_bytes:,} bytes"
    assert len(counted.lines()) == 2, "a dry run has nothing to search for"
    assert texts(store, "dropped") == [None], dropped
    assert {text for text in texts(store, "data")} == {text_of(PEAR), text_of(PLUM)}
    place = f"releases/toy/{release.version}"
    assert verify_release(store, place) == []
    (note,) = load_release(store, place).purged
    assert (note.rows, note.texts) == (1, 0)
    level = load(Manifest, store, release.levels[-1].manifest)
    assert [(one.rows, one.texts) for one in level.purged] == [(1, 1)]
    assert level.rows_out == 3, "as it was made"
    again = purge(store)
    assert (again.rows, again.texts, again.files) == (0, 0, 0)


def test_replies_to_it_and_pages_that_show_it_go_too(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE, PLUM)
    take_down(store, [], [URL], [], "asked")
    text, ledger = text_of(APPLE), Ledger(store)
    for key, of in (("a", text), ("b", text_of(PLUM))):
        ledger.record(Reply(key, "said of it", "stop", about=content_hash(of), prompt="p@1"))
    ledger.flush()
    store.create("runs/r1/report.html", f"<p>{text.replace(' ', '  ')}</p>".encode())
    store.create("runs/r2/report.html", f"<p>{text_of(PLUM)}</p>".encode())
    counted = purge(store, dry_run=True)
    assert (counted.replies, counted.removed) == (1, ["runs/r1/report.html"])
    assert store.exists("runs/r1/report.html")
    done = purge(store)
    assert (done.replies, done.removed, done.left) == (1, ["runs/r1/report.html"], [])
    assert not store.exists("runs/r1/report.html")
    assert store.exists("runs/r2/report.html")
    assert [reply.key for reply in Ledger(store).replies()] == ["b"]
    assert done.lines()[1] == "1 replies of models and 1 other objects removed"


@pytest.mark.parametrize(
    "written", [html.escape, json.dumps, lambda text: text.replace(" ", "\\n"), lambda text: text.replace(" ", "\\t")]
)
def test_a_page_shows_a_text_also_with_its_signs_escaped(tmp_path: Path, written: Callable[[str], str]):
    text = 'the cook said "an apple pie" & nothing more, on more than one page'
    store, _ = refine(tmp_path, f"{URL} {text}", PLUM)
    take_down(store, [], [URL], [], "asked")
    store.create("reviews/lot.json", written(text).encode())
    assert purge(store).removed == ["reviews/lot.json"]


@pytest.mark.parametrize("kept", ["work/00/data", "data"])
def test_an_unfinished_level_goes_whole_and_of_a_finished_one_its_passes(tmp_path: Path, kept: str):
    store, release = refine(tmp_path, APPLE, PLUM)
    place = release.levels[-1].manifest.rpartition("/")[0]
    store.copy(f"{place}/data/part-00000.parquet", f"{place}/work/00/data/part-00000.parquet")
    store.copy(f"{place}/data/part-00000.parquet", f"l1_filter/half/{kept}/part-00000.parquet")
    take_down(store, [], [URL], [], "asked")
    done = purge(store)
    assert done.removed == ["l1_filter/half", f"{place}/work"]
    assert store.list("l1_filter/half") == []
    assert not [path for path in store.list(place) if f"/{WORK}/" in path]


def test_what_is_left_is_said(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE, PLUM)
    take_down(store, [], [URL], [], "asked")
    store.create("notes/by-hand.txt", text_of(APPLE).encode())
    done = purge(store)
    assert done.left == ["notes/by-hand.txt"]
    assert done.lines()[-1] == "still there: notes/by-hand.txt"
