from pathlib import Path

import pytest

from pipeline.store.store import open_store
from stages.l0_collect.crawl.journal import Cut, Lot, Visit
from stages.l0_collect.crawl.source import CrawlSource


def lot(folder: Path, number: int, *cuts: Cut) -> None:
    made = Lot(warc=f"lots/lot-{number}.warc.gz", sha256="", bytes=0, cuts=list(cuts))
    open_store(str(folder)).create(f"lots/lot-{number:06d}.json", made.model_dump_json().encode())


def test_only_sealed_lots_are_inputs(tmp_path: Path):
    (tmp_path / "lots").mkdir()
    (tmp_path / "lots/lot-000009-abc.warc.gz").touch()
    with pytest.raises(FileNotFoundError, match="holds no sealed lot; run `orefine crawl` on this recipe first"):
        CrawlSource(folder=str(tmp_path)).inputs()
    lot(tmp_path, 0)
    assert CrawlSource(folder=str(tmp_path)).inputs() == [str(tmp_path / "lots/lot-0.warc.gz")]


def test_what_was_cut_off_decides_rows_and_how_it_was_fetched_does_not(tmp_path: Path):
    lot(tmp_path, 0)
    plain = CrawlSource(folder=str(tmp_path))
    assert plain.identity() == CrawlSource(folder=str(tmp_path), delay=5.0, seeds=("https://a.example/",)).identity()
    lot(tmp_path, 1, Cut(prefix="https://a.example/maze/", reason="endless_tree"))
    assert CrawlSource(folder=str(tmp_path)).identity() != plain.identity()


def test_the_last_crawl_that_got_an_answer_knows_best(tmp_path: Path):
    visits = {
        "a": {"/1": "fetched", "/2": "fetched", "/3": "fetched", "/4": "fetched"},
        "b": {"/1": "http_status", "/2": "unchanged", "/3": "fetched", "/4": "time_out"},
        "c": {"/3": "unchanged"},
    }
    folders = [tmp_path / name for name in visits]
    for folder, asked in zip(folders, visits.values(), strict=True):
        made = Lot(
            warc="lots/0.warc.gz", sha256="", bytes=0, visits=[Visit(url=u, outcome=o) for u, o in asked.items()]
        )
        open_store(str(folder)).create("lots/lot-000000.json", made.model_dump_json().encode())
    source = CrawlSource(folder=str(folders[2]), earlier=tuple(map(str, folders[:2])))
    lots = [f"{folder}/lots/0.warc.gz" for folder in folders]
    assert source.inputs() == lots
    assert [sorted(source._sealed()[lot]) for lot in lots] == [["/1", "/3"], [], []]


def test_what_is_missing_to_crawl_is_said():
    problems = " ".join(CrawlSource(user_agent="mybot").problems())
    assert "`folder` is missing" in problems
    assert "no `seeds`" in problems
    assert "mail address" in problems
    full = CrawlSource(folder="f", seeds=("https://a.example/",), user_agent="mybot/1 (+https://a.example/bot)")
    assert full.problems() == []
    assert full.agent == "mybot"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("seeds", ("example.org",), "write it whole, with https://"),
        ("honour", ("noads",), "no opt-out 'noads'"),
        ("allow_networks", ("intranet",), "is no network"),
    ],
)
def test_settings_that_mean_nothing_are_refused(field: str, value: object, message: str):
    with pytest.raises(ValueError, match=message):
        CrawlSource(**{field: value})
