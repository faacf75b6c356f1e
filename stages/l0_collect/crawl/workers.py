"""A crawl by several workers, in rounds: each asks its own hosts (part.py) until it has nothing left, then all look
again at what the others have found for them.

The store is all that they share. A worker's sealed lots name the URLs that were new to it, also those of other workers'
hosts; these read them when they seal a lot of their own, and when they have nothing else to do. A worker that is killed
is started again by the runner, and goes on from its sealed lots. The number of workers may change between two runs.

    limits   max_pages and max_bytes are dealt out anew in each round, so that the sum is never more than asked for;
             `parallel` and `per_address` are divided by the number of workers, each at least 1
    end      a round in which no lot was sealed
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.errors import Fault
from pipeline.store.store import Store, open_store
from stages.l0_collect.crawl.crawl import crawl
from stages.l0_collect.crawl.crawled import Crawled, write_end
from stages.l0_collect.crawl.journal import Lot, lot_names, read_lot
from stages.l0_collect.crawl.part import Part
from stages.l0_collect.crawl.settings import CrawlSettings

if TYPE_CHECKING:
    from pipeline.run.runners import Runner

LIMITS = ("max_pages", "max_bytes")


@dataclass(frozen=True, slots=True)
class Turn:
    """What one worker does in one round."""

    settings: CrawlSettings
    root: str
    part: Part


def crawl_together(
    settings: CrawlSettings, store: Store, runner: Runner, workers: int, tell: Callable[[str], None] = lambda line: None
) -> Crawled:
    """Crawl with so many workers, or go on. Raises Fault if one of them failed for good, AnotherCrawl, OSError."""
    settings.starts()  # so that a bad seed is told before anything starts
    everyone = [Part(index, workers) for index in range(workers)]
    started, news, hungry = time.monotonic(), True, everyone
    lots = _lots(store)
    while True:
        done = _sum_up(list(lots.values()))
        left = settings.max_seconds - (time.monotonic() - started)
        done.why = _end(settings, done, left)
        if done.why:
            break
        turns = _deal(settings, store, lots, done, hungry, left)
        tell(f"{len(turns)} of {workers} workers at work: {done.pages:,} pages so far in {done.lots} lots")
        whys = _run(runner, turns)
        before, lots = len(lots), lots | {name: read_lot(store, name) for name in lot_names(store) if name not in lots}
        news = news or len(lots) > before
        is_spent = len(lots) == before and "max_bytes" in whys.values()  # no room for another lot's head
        if is_spent or "stopped" in whys.values():
            done = _sum_up(list(lots.values()))
            done.why = "max_bytes" if is_spent else "stopped"
            break
        # Those whose share was too small, or who had none; then all, if the others may have found something for them.
        hungry = [part for part in hungry if whys.get(part, "max_pages") in LIMITS]
        if not hungry:
            if not news:
                done.why = "done"
                break
            news, hungry = False, everyone
    write_end(store, done)
    return done


def _deal(
    settings: CrawlSettings, store: Store, lots: dict[str, Lot], done: Crawled, hungry: Sequence[Part], seconds: float
) -> list[Turn]:
    """The turns of those who want work; pages and bytes that are left are dealt out among them."""
    pages = settings.max_pages - done.pages - done.outcomes["unchanged"]
    playing = hungry[:pages]
    turns = []
    for place, part in enumerate(playing):
        own = _sum_up([lot for name, lot in lots.items() if part.is_own(name)])
        limits = {
            "max_pages": own.pages + own.outcomes["unchanged"] + _share(pages, len(playing), place),
            "max_bytes": own.bytes + max(1, _share(settings.max_bytes - done.bytes, len(playing), place)),
            "max_seconds": max(seconds, 0.001),
            "parallel": max(1, settings.parallel // part.of),
            "per_address": max(1, settings.per_address // part.of),
        }
        turns.append(Turn(settings.model_copy(update=limits), store.root, part))
    return turns


def _run(runner: Runner, turns: Sequence[Turn]) -> dict[Part, str]:
    """Why each worker ended."""
    whys = {}
    for index, result in runner.map(take_turn, turns):
        if isinstance(result, Exception):
            if isinstance(result, Fault | OSError):
                raise result
            raise Fault(f"worker {turns[index].part.index} of the crawl failed: {result}") from result
        whys[turns[index].part] = result
    return whys


def take_turn(turn: Turn) -> str:
    """One worker's round, on whatever machine it is; why it ended."""
    return crawl(turn.settings, open_store(turn.root), part=turn.part).why


def _end(settings: CrawlSettings, done: Crawled, seconds: float) -> str:
    if done.pages + done.outcomes["unchanged"] >= settings.max_pages:
        return "max_pages"
    if done.bytes >= settings.max_bytes:
        return "max_bytes"
    return "max_seconds" if seconds <= 0 else ""


def _lots(store: Store) -> dict[str, Lot]:
    return {name: read_lot(store, name) for name in lot_names(store)}


def _sum_up(lots: Sequence[Lot]) -> Crawled:
    done = Crawled("", lots=len(lots), bytes=sum(lot.bytes for lot in lots))
    done.cuts = list({cut.prefix: cut for lot in lots for cut in lot.cuts}.values())
    done.altered = len({mark.url for lot in lots for mark in lot.marks})
    for visit in (visit for lot in lots for visit in lot.visits):
        done.outcomes[visit.outcome] += 1
    done.pages = done.outcomes["fetched"]
    return done


def _share(total: int, of: int, place: int) -> int:
    return total // of + (place < total % of)
