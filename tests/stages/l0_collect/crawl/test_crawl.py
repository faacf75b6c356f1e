"""Real crawls of a loopback web in a process of its own."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import fastwarc
import pyarrow.dataset as ds
import pytest
import warcio.archiveiterator

from flows.runs.recipe import load_recipe_text
from flows.runs.run import open_run, run_recipe
from pipeline.store.store import open_store
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.crawled import Crawled
from stages.l0_collect.crawl.journal import Lot, sealed_lots
from stages.l0_collect.crawl.lots import AnotherCrawl
from stages.l0_collect.crawl.traps import HOST_WINDOW, WINDOW
from tests.stages.l0_collect.crawl.helpers import DELAY, Web, batches, kept_urls, sealed_urls, settings
from tests.stages.l0_collect.crawl.loopback_web import KINDS, PAGES, TRAPS


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Second tries come quickly."""
    monkeypatch.setattr("stages.l0_collect.crawl.engine.RETRY_SECONDS", 0.2)


def run(folder: Path, seeds: list[str], **more: object) -> Crawled:
    return crawl(settings(folder, seeds, **more), open_store(str(folder)))


def outcomes(folder: Path) -> dict[str, str]:
    """Path → outcome."""
    visits = [visit for lot in sealed_lots(open_store(str(folder))) for visit in lot.visits]
    return {visit.url.split("/", 3)[3]: visit.outcome for visit in visits}


def test_a_plain_site_is_fetched_whole_and_politely(web: Web, tmp_path: Path):
    done = run(tmp_path, [web.seed("plain")])
    assert (done.why, done.pages) == ("done", PAGES + 1)
    visits = web.visits("plain")
    assert visits[0][1] == "/robots.txt"
    assert not any(path.startswith("/private/") for _, path in visits)
    times = [when for when, _ in visits]
    assert min(later - earlier for earlier, later in pairwise(times)) >= DELAY


def test_three_readers_agree_on_a_lot(web: Web, tmp_path: Path):
    run(tmp_path, [web.seed("plain")])
    (lot,) = (tmp_path / "lots").glob("*.warc.gz")
    with lot.open("rb") as stream:
        records = [
            (record.rec_type, record.raw_stream.read()) for record in warcio.archiveiterator.ArchiveIterator(stream)
        ]
    kinds = Counter(kind for kind, _ in records)
    assert kinds == {"warcinfo": 1, "request": PAGES + 1, "response": PAGES + 1, "metadata": PAGES + 1}
    with lot.open("rb") as stream:
        checked = [record.verify_block_digest() for record in fastwarc.ArchiveIterator(stream, parse_http=False)]
    assert len(checked) == len(records)
    assert all(checked)
    rows = [row for batch in batches(tmp_path) for row in batch.rows.to_pylist()]
    assert {row["url"].rsplit("/", 1)[1] for row in rows} == {"", *map(str, range(PAGES))}
    assert all(b"<nav>" in row["html"] for row in rows)


def test_nothing_is_asked_of_a_host_whose_robots_do_not_come(web: Web, tmp_path: Path):
    done = run(tmp_path, [web.seed("broken_robots")])
    assert done.pages == 0
    assert {path for _, path in web.visits("broken_robots")} == {"/robots.txt"}
    assert outcomes(tmp_path) == {"": "robots_unreachable"}


def test_a_slow_page_costs_its_timeout_and_no_more(web: Web, tmp_path: Path):
    started = time.monotonic()
    done = run(tmp_path, [web.seed("slow")], timeout=0.5)
    assert time.monotonic() - started < 60
    assert done.pages == PAGES
    assert outcomes(tmp_path)["page/1"] == "time_out"


def test_the_whole_web_at_once_within_all_bounds(web: Web, tmp_path: Path):
    """What is forbidden is not asked for, no host is hurried, all that never ends is ended, and L2 has none of it."""
    seen = {kind: len(web.visits(kind)) for kind in KINDS}
    folder, started = tmp_path / "crawl", time.monotonic()
    done = run(folder, [web.seed(kind) for kind in KINDS], max_depth=1000, timeout=1.0)
    assert done.why == "done"
    assert time.monotonic() - started < 120
    visits = {kind: web.visits(kind)[seen[kind] :] for kind in KINDS}
    for kind, asked in visits.items():
        assert not any(path.startswith("/private/") for _, path in asked)
        assert min((b - a for (a, _), (b, _) in pairwise(asked)), default=DELAY) >= DELAY, kind
        assert len(asked) < HOST_WINDOW + 2 * PAGES + 10, kind
    assert {path for _, path in visits["silent_robots"] + visits["broken_robots"]} == {"/robots.txt"}
    assert "/page/3" not in {path for _, path in visits["many_rules"]}
    assert {f"/listed/{number}" for number in range(PAGES)} <= {path for _, path in visits["mapped"]}
    assert {(cut.prefix, cut.reason) for cut in done.cuts} == {
        (f"{web.seed('maze')}maze/", "endless_tree"), (web.seed("scattered_maze"), "endless_tree"),
        (f"{web.seed('calendar')}month/", "near_duplicates"), (f"{web.seed('sessions')}shop/", "near_duplicates"),
    }  # fmt: skip
    dropped = Counter(
        url.partition("?")[0].rsplit("/", 1)[0]
        for one in batches(folder)
        for _, url, rule in one.dropped
        if rule == "trap"
    )
    assert dropped[f"{web.seed('maze')}maze"] == WINDOW - 1  # the last one told what it is, and was not kept
    assert not trap_urls(web, selected(folder, tmp_path / "store", "crawl"))
    # The same lots, read as WARC that nobody has judged: trap pages would pass all levels.
    assert len(trap_urls(web, selected(folder, tmp_path / "other", "warc"))) > 2 * WINDOW


def trap_urls(web: Web, urls: list[str]) -> list[str]:
    starts = tuple(web.seed(kind).rstrip("/") + path for kind, path in TRAPS.items())
    return [url for url in urls if url.startswith(starts)]


def selected(crawled: Path, store: Path, kind: str) -> list[str]:
    """The URLs that L2 keeps of a crawl's lots, read by the source `crawl` or as WARC."""
    source = {"folder": str(crawled)} if kind == "crawl" else {"paths": [str(crawled / "lots")]}
    recipe = {
        "dataset": "crawled",
        "l0_collect": {"source": {"kind": kind, **source}, "steps": [{"kind": "extract_html"}]},
        "l1_filter": {"steps": [{"kind": "exact_duplicates"}]},
        "l2_select": {"steps": [{"kind": "threshold", "column": "extractor_confidence", "minimum": 0.0}]},
    }
    opened = open_run(str(store), "inline", None, None, (), quiet=True)
    result = run_recipe(load_recipe_text(json.dumps(recipe)), opened)
    folder = opened.store.shown(result.levels[-1].directory)
    urls: list[str] = ds.dataset(f"{folder}/data").to_table(columns=["url"])["url"].to_pylist()
    assert len(urls) > 5 * PAGES
    return urls


def test_opt_outs_are_honoured(web: Web, tmp_path: Path):
    run(tmp_path, [web.seed("opted_out")])
    found = {path: outcome for path, outcome in outcomes(tmp_path).items() if outcome != "fetched"}
    assert found.pop("private/secret") == "robots_disallowed"
    assert found == {
        "page/1": "opt_out_noai", "page/2": "opt_out_noindex", "page/3": "opt_out_tdm_reservation",
        "page/4": "opt_out_train_ai",
    }  # fmt: skip


def test_opt_outs_that_are_not_honoured_are_written_down(web: Web, tmp_path: Path):
    run(tmp_path, [web.seed("opted_out")], honour=())
    (lot,) = (tmp_path / "lots").glob("*.warc.gz")
    with lot.open("rb") as stream:
        blocks = [record.raw_stream.read() for record in warcio.archiveiterator.ArchiveIterator(stream)]
    assert any(b"opt-out-noai: X-Robots-Tag: noai" in block for block in blocks)


def test_bombs_and_what_is_no_page(web: Web, tmp_path: Path):
    run(tmp_path, [web.seed("bombs")], timeout=20.0)
    found = outcomes(tmp_path)
    assert {found[f"page/{number}"] for number in (1, 5, 6, 7)} == {"undecodable"}
    assert (found["page/3"], found["page/4"]) == ("not_html", "fetched")
    (lot,) = (tmp_path / "lots").glob("*.warc.gz")
    assert lot.stat().st_size < 1 << 20
    with lot.open("rb") as stream:
        cut = [
            record.rec_headers.get_header("WARC-Target-URI")
            for record in warcio.archiveiterator.ArchiveIterator(stream)
            if record.rec_headers.get_header("WARC-Truncated") == "length"
        ]
    assert [url.rsplit("/", 1)[1] for url in cut] == ["2"]


def test_a_busy_server_is_asked_again_later(web: Web, tmp_path: Path):
    before = len(web.visits("busy"))
    done = run(tmp_path, [web.seed("busy")])
    assert done.pages == PAGES + 1
    asked = [when for when, path in web.visits("busy")[before:] if path == "/page/1"]
    assert len(asked) == 2
    assert asked[1] - asked[0] >= 0.2


def test_redirects_end_and_lead_to_no_forbidden_address(web: Web, tmp_path: Path):
    done = run(tmp_path, [web.seed("loops")], scope="host")
    found = outcomes(tmp_path)
    assert found["page/1"] == found["page/3"] == "redirect"
    assert "too_many_redirects" in found.values()
    assert done.pages == PAGES - 2


def test_names_that_lead_inside_are_not_connected_to(web: Web, tmp_path: Path):
    spellings = ["localhost", "127.0.0.2", "0x7f.2", "2130706434", "[::ffff:127.0.0.2]", "127.0.0.2.", "0177.0.0.2"]
    before = len(web.visits("plain"))
    done = run(tmp_path, [f"http://{name}:{web.port}/" for name in spellings], allow_networks=())
    assert done.pages == 0
    assert len(web.visits("plain")) == before


def test_a_crawl_that_is_cut_off_goes_on(web: Web, tmp_path: Path):
    seeds = [web.seed("plain"), web.seed("opted_out")]
    first = run(tmp_path, seeds, max_pages=5)
    assert first.why == "max_pages"
    before = {visit.url for lot in sealed_lots(open_store(str(tmp_path))) for visit in lot.visits}
    second = run(tmp_path, seeds)
    visits = [visit.url for lot in sealed_lots(open_store(str(tmp_path))) for visit in lot.visits]
    assert len(visits) == len(set(visits))
    assert before < set(visits)
    assert second.pages == 2 * (PAGES + 1) - 4  # opt-outs


def test_the_delay_holds_between_two_runs_of_a_crawl(web: Web, tmp_path: Path):
    seeds, before = [web.seed("plain")], len(web.visits("plain"))
    for pages in (1, 2):
        run(tmp_path, seeds, max_pages=pages, delay=0.4)
    times = [when for when, _ in web.visits("plain")[before:]]
    assert len(times) == 2 * 4  # robots.txt, two that say how text may be used, and a page
    assert min(later - earlier for earlier, later in pairwise(times)) >= 0.4


def test_pages_of_a_host_count_over_all_runs_of_a_crawl(web: Web, tmp_path: Path):
    seeds, before = [web.seed("plain")], len(web.visits("plain"))
    run(tmp_path, seeds, max_pages=2, max_pages_per_host=4)
    for _ in range(2):
        assert run(tmp_path, seeds, max_pages_per_host=4).pages == 4  # of all runs
    assert {path for _, path in web.visits("plain")[before:] if path.startswith("/page/")} == {
        "/page/0", "/page/1", "/page/2"
    }  # fmt: skip


def test_a_killed_crawl_loses_and_doubles_nothing(web: Web, tmp_path: Path):
    kills = int(os.environ.get("KILLS", 3))
    recipe = tmp_path / "crawl.yaml"
    source = settings(tmp_path / "folder", [web.seed("plain"), web.seed("opted_out")], lot_seconds=0.3).model_dump(
        mode="json"
    )
    steps = [{"kind": "extract_html"}]
    recipe.write_text(
        json.dumps({"dataset": "crawled", "l0_collect": {"source": {"kind": "crawl", **source}, "steps": steps}})
    )
    command = [sys.executable, "-m", "flows.cli", "crawl", str(recipe), "--set"]
    seeds = [web.seed("plain"), web.seed("opted_out")]

    def begin(folder: Path) -> subprocess.Popen[bytes]:
        name = f"l0_collect.source.folder={folder}"
        return subprocess.Popen([*command, name], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    started = time.monotonic()
    assert begin(tmp_path / "whole").wait() == 0
    whole, moments, killed, tries = time.monotonic() - started, random.Random(os.environ.get("SEED", "16")), 0, 0
    while killed < kills:
        tries += 1
        folder = tmp_path / f"folder-{tries}"
        for _ in range(2):
            before = sealed_urls(folder)
            process = begin(folder)
            time.sleep(moments.uniform(0.0, whole))
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
            assert sealed_urls(folder)[: len(before)] == before
        run(folder, seeds)
        visits = Counter(sealed_urls(folder))
        assert len(visits) == 2 * (PAGES + 2)  # the start page, and one that robots.txt forbids
        assert set(visits.values()) == {1}
        rows = kept_urls(folder)
        assert len(rows) == len(set(rows)) == 2 * (PAGES + 1) - 4
        print(f"{killed} kills at random moments of {whole:.1f} s, {tries} crawls", flush=True)


def test_of_two_crawls_in_one_folder_one_ends(web: Web, tmp_path: Path):
    store = open_store(str(tmp_path))
    store.create("lots/lot-000001.json", Lot(warc="x", sha256="", bytes=0).model_dump_json().encode())
    store.create("lots/lot-000000.json", Lot(warc="x", sha256="", bytes=0).model_dump_json().encode())
    run(tmp_path, [web.seed("plain")])
    store.remove("lots/lot-000000.json")
    with pytest.raises(AnotherCrawl, match="was sealed by another crawl"):
        run(tmp_path, [web.seed("opted_out")])


def test_people_can_stop_it(web: Web, tmp_path: Path):
    (tmp_path / "STOP").touch()
    done = run(tmp_path, [web.seed("plain")])
    assert (done.why, done.pages) == ("stopped", 0)
