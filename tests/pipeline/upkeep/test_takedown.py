"""What a takedown finds of a page, and what its tombstone says."""

from pathlib import Path

import pytest

from pipeline.books.manifest import load
from pipeline.books.tombstones import FOLDER, Tombstone, targets_of
from pipeline.rows.document import content_hash
from pipeline.upkeep.takedown import Found, NothingFound, place_of, take_down
from tests.pipeline.upkeep.pages import APPLE, COPY, PEAR, PLUM, refine, text_of


def stone(store) -> Tombstone:
    (path,) = store.list(FOLDER)
    return load(Tombstone, store, path)


def test_a_host_takes_the_pages_below_it_wherever_they_lie(tmp_path: Path):
    store, release = refine(tmp_path, APPLE, PEAR, PLUM)
    found = take_down(store, [], [], ["Shop.Example.", *(f"{name}.example" for name in "hgfedcba")], "asked by mail")
    kept = stone(store)
    assert found.name == kept.name
    assert kept.hosts == (*(f"{name}.example" for name in "abcdefgh"), "shop.example")
    assert kept.reason == "asked by mail"
    assert kept.texts == tuple(sorted(content_hash(text_of(page)) for page in (APPLE, PEAR)))
    assert len(kept.ids) == 2
    assert kept.ids == tuple(sorted(kept.ids))
    places = {place.partition("/")[0]: rows for place, rows in found.rows.items()}
    assert places == {"l0_collect": 2, "l1_filter": 2, "releases": 2}
    assert f"releases/toy/{release.version}: 2 rows" in found.lines()


def test_a_url_takes_that_page_alone_and_its_text_under_any_url(tmp_path: Path):
    again = APPLE.replace("shop.example/apple", "mirror.example/a")
    store, _ = refine(tmp_path, APPLE, again, COPY, PLUM)
    found = take_down(store, [], ["https://shop.example/apple"], [], "asked")
    kept = stone(store)
    assert kept.urls == ("https://shop.example/apple",)
    assert kept.texts == (content_hash(text_of(APPLE)),)
    assert len(kept.ids) == 2, "the mirror has another id"
    assert {place.partition("/")[0]: rows for place, rows in found.rows.items()}["l0_collect"] == 2


def test_an_id_that_nobody_knows_is_refused_unless_something_else_was_asked(tmp_path: Path):
    store, _ = refine(tmp_path, APPLE, PLUM)
    with pytest.raises(NothingFound, match=r"no level of .* knows 'ab'"):
        take_down(store, ["ab"], [], [], "asked")
    assert store.list(FOLDER) == []
    take_down(store, ["ab"], ["https://later.example/"], [], "asked")
    assert stone(store).ids == ("ab",)
    assert targets_of([(store, store.list(FOLDER)[0])]).urls == {"later.example/"}


def test_near_duplicates_are_told_of():
    assert Found().lines() == []
    assert Found(near={"a", "b"}).lines() == ["2 near duplicates stay: --near-duplicates takes them down too"]


def test_a_file_belongs_to_its_level_or_version():
    assert place_of("l0_collect/toy-1/work/00/data/part-00000.parquet") == "l0_collect/toy-1"
    assert place_of("releases/toy/v1/data/a.parquet") == "releases/toy/v1"
