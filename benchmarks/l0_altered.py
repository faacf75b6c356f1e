"""Altered copies of real pages, planted on hosts of their own among the real ones: how many are told, and what else is.

Real pages: three crawls (their HTML as the crawler reads it), FineWeb, C4, UK pages, Wikipedia; each under its own URL.
For each share of words that is changed, and each way to choose the other word, a host shows 60 copies of random ones
of them, each with navigation of its own. Pages come in random order, so that half of the copies are met before their
originals. The ways: `any` word of the corpus by its frequency; a `like` one, which ends with the same three letters;
a `fixed` dictionary, the same other word each time, of the same ending.

    python -m benchmarks.l0_altered DATA [--seed 0]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from stages.l0_collect.crawl.altered import ALIGNED, Known
from stages.l0_collect.crawl.page import read_page
from stages.l0_collect.crawl.traps import words_of
from stages.l0_collect.crawl.urls import name_of
from stages.l0_collect.readers.warc import WarcSource

SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3)
COPIES = 60
LETTERS = re.compile(r"[^\W\d_]+")
Change = Callable[[str], str]


def real_pages(data: Path) -> Iterator[tuple[str, str]]:
    """(URL, text)"""
    for name in ("pages_mixed", "pages_2005", "wcxb_dev"):
        source = WarcSource()
        for unit in source.units(str(data / f"crawl/{name}.warc.gz"), ""):
            for batch in source.read(unit):
                for row in batch.rows.select(["url", "html"]).to_pylist():
                    yield row["url"], read_page(row["html"], row["url"]).text
    for number in range(4):
        for row in pq.read_table(data / f"fineweb/part-0000{number}.parquet", columns=["url", "text"]).to_pylist():
            yield row["url"], row["text"]
    for path in ("c4/c4_sample", "boilerplate/uk_pages", "wikipedia/en"):
        with gzip.open(data / f"{path}.jsonl.gz", "rt", encoding="utf-8") as lines:
            for _, line in zip(range(5000), lines, strict=False):
                row = json.loads(line)
                yield row.get("url") or f"https://none.example/{hash(line)}", row["text"]


def ways(texts: list[str], chance: random.Random) -> dict[str, Change]:
    counts = Counter(word.lower() for text in chance.sample(texts, 2000) for word in LETTERS.findall(text))
    ending = defaultdict(list)
    for word, number in counts.items():
        ending[word[-3:]] += [word] * min(number, 50)
    every = list(counts.elements())
    fixed: dict[str, str] = {}

    def like(word: str) -> str:
        return chance.choice(ending.get(word.lower()[-3:]) or every)

    return {
        "any": lambda _: chance.choice(every),
        "like": like,
        "fixed": lambda word: fixed.setdefault(word, like(word)),
    }


def altered(text: str, share: float, change: Change, chance: random.Random) -> str:
    return LETTERS.sub(lambda word: change(word[0]) if chance.random() < share else word[0], text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    real = dict(real_pages(options.data))
    pages = [(url, text, "") for url, text in real.items()]
    long = [text for text in real.values() if len(words_of(text)) >= 2 * ALIGNED]
    copied: set[str] = set()
    for way, change in ways(long, chance).items():
        for share in SHARES:
            host = f"https://{way}-{share}.example"
            menu = " ".join(chance.choice(LETTERS.findall(chance.choice(long))) for _ in range(40))
            for number, text in enumerate(chance.sample(long, COPIES)):
                copied.add(text)
                pages.append((f"{host}/{number}", f"{menu} {altered(text, share, change, chance)}", f"{way} {share}"))
    chance.shuffle(pages)
    kind_of = {url: kind for url, _, kind in pages}
    told: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        known, spent = Known(Path(folder, "words")), 0.0
        for url, text, _ in pages:
            words = words_of(text)
            began = time.process_time()
            told |= dict(known.observe(url, words))
            spent += time.process_time() - began
        cut = sorted({name_of(url) for url in told if known.is_source(url)})
        known.close()
    hosts = len({name_of(url) for url in real})
    print(f"{len(real):,} real pages of {hosts:,} hosts, {len(pages) - len(real):,} copies")
    print(f"{spent / len(pages) * 1000:.2f} ms a page")
    print("words changed   " + "".join(f"{share:>7.0%}" for share in SHARES))
    found = Counter(kind_of[url] for url in told)
    for way in ("any", "like", "fixed"):
        print(f"{way:<16}" + "".join(f"{found[f'{way} {share}'] / COPIES:>7.0%}" for share in SHARES))
    false = [(url, original) for url, original in told.items() if not kind_of[url]]
    of_copies = [pair for pair in false if kind_of[pair[1]]]
    print(f"real pages marked: {len(false)} of {len(real):,}, {len(of_copies)} of them for one of their copies")
    for url, original in false[:40]:
        print(f"   {url}   of {original}")
    print(f"hosts cut off: {', '.join(cut)}")


if __name__ == "__main__":
    main()
