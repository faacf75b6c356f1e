"""Several workers on one crawl do what one does: each page once, no host hurried, no limit passed."""

import contextlib
import os
import signal
import threading
from collections import Counter
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from pipeline.run.runners import InlineRunner, open_runner
from pipeline.store.store import open_store
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.crawled import Crawled
from stages.l0_collect.crawl.part import Part
from stages.l0_collect.crawl.workers import crawl_together
from tests.stages.l0_collect.crawl.helpers import DELAY, Web, kept_urls, sealed_urls, settings

HOSTS = ("plain", "opted_out", "busy", "mapped")
GIVEN = {"lot_seconds": 0.4, "max_depth": 5}


def together(folder: Path, web: Web, workers: int = 2, **more: object) -> Crawled:
    given = settings(folder, [web.seed(kind) for kind in HOSTS], **(GIVEN | more))
    return crawl_together(given, open_store(str(folder)), InlineRunner(), workers)


def alone(folder: Path, web: Web, **more: object) -> Crawled:
    given = settings(folder, [web.seed(kind) for kind in HOSTS], **(GIVEN | more))
    return crawl(given, open_store(str(folder)))


def test_two_workers_fetch_what_one_fetches(web: Web, tmp_path: Path):
    one, two = alone(tmp_path / "one", web), together(tmp_path / "two", web)
    assert two.why == one.why == "done"
    assert two.outcomes == one.outcomes
    assert sorted(sealed_urls(tmp_path / "two")) == sorted(sealed_urls(tmp_path / "one"))
    assert sorted(kept_urls(tmp_path / "two")) == sorted(kept_urls(tmp_path / "one"))
    lots = {path.name.count("-p001-") for path in (tmp_path / "two/lots").glob("*.json")}
    assert lots == {0, 1}, "both have sealed some"


def test_the_pages_of_all_workers_are_counted_together(web: Web, tmp_path: Path):
    done = together(tmp_path, web, max_pages=21)
    assert (done.why, done.pages) == ("max_pages", 21)
    assert together(tmp_path, web, max_pages=22, workers=3).pages == 22


@pytest.mark.parametrize("most", [1, 3_000, 9_000])
def test_bytes_of_all_workers_are_counted_together(web: Web, tmp_path: Path, most: int):
    assert together(tmp_path, web, max_bytes=most).why == "max_bytes"


def test_the_number_of_workers_may_change_in_the_middle(web: Web, tmp_path: Path):
    together(tmp_path / "crawl", web, workers=3, max_pages=15)
    alone(tmp_path / "crawl", web, max_pages=25)
    done = together(tmp_path / "crawl", web)
    whole = alone(tmp_path / "whole", web)
    assert done.outcomes == whole.outcomes
    assert max(Counter(sealed_urls(tmp_path / "crawl")).values()) == 1


def test_a_host_that_only_another_worker_s_page_names_is_handed_over(web: Web, tmp_path: Path):
    hosts = [web.seed("loops"), web.seed("plain")]
    assert not any(all(Part(index, 5).owns(host) for host in hosts) for index in range(5)), "they have two owners"
    for folder, workers in ((tmp_path / "one", 1), (tmp_path / "five", 5)):
        given = settings(folder, hosts, max_depth=5)
        crawl_together(given, open_store(str(folder)), InlineRunner(), workers)
    assert f"{web.seed('plain')}only/by/another" in sealed_urls(tmp_path / "one")
    assert sorted(sealed_urls(tmp_path / "five")) == sorted(sealed_urls(tmp_path / "one"))


def test_people_stop_all_workers(web: Web, tmp_path: Path):
    (tmp_path / "STOP").touch()
    done = together(tmp_path, web)
    assert (done.why, done.pages) == ("stopped", 0)


@pytest.mark.ray
@pytest.mark.slow
def test_workers_on_ray_are_killed_and_go_on(web: Web, tmp_path: Path):
    kills = int(os.environ.get("KILLS", 3))
    before = {kind: len(web.visits(kind)) for kind in HOSTS}
    runner = open_runner("ray", None, 2)
    over, killed = threading.Event(), 0

    def kill() -> None:
        nonlocal killed
        while killed < kills and not over.wait(0.7):
            for process in psutil.Process().children(recursive=True):
                with contextlib.suppress(psutil.Error):
                    if "ray::attempt" in process.cmdline():
                        process.send_signal(signal.SIGKILL)
                        killed += 1
                        break

    killer = threading.Thread(target=kill)
    killer.start()
    given = settings(tmp_path, [web.seed(kind) for kind in HOSTS], **(GIVEN | {"delay": 0.2}))
    done = crawl_together(given, open_store(str(tmp_path)), runner, 2)
    over.set()
    killer.join()
    print(f"{killed} workers killed")
    whole = alone(tmp_path / "whole", web)
    assert killed >= 1
    assert done.outcomes == whole.outcomes
    assert max(Counter(sealed_urls(tmp_path)).values()) == 1
    for kind in HOSTS:
        times = [when for when, _ in web.visits(kind)[before[kind] :]]
        assert min(b - a for a, b in pairwise(times)) >= DELAY, kind
