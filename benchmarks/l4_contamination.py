"""How many planted evaluation items the checker `contamination` finds, how often it errs, and how fast it is.

    python -m benchmarks.l4_contamination DATA [--items 150] [--set NAME]…
    python -m benchmarks.l4_contamination DATA --natural
    python -m benchmarks.l4_contamination DATA --paraphrases MODEL [--pages 300]

DATA is the folder of real data (eval/, verify/, fineweb/, c4/). Items are planted one a page into FineWeb and C4 pages,
at a line's edge. Limits (`stages/l4_verify/contamination_rules.py`) were chosen on samples of all items; figures are of
fresh samples of those with odd numbers. Forms: verbatim (question with lettered choices), gold (question and right
answer), shuffled (options), renumbered, edited (8 % of the words replaced by others of the pages, one sign in ten
changed, other numbers).
False flags are pages of FineWeb and C4 with nothing planted; what is flagged there is printed, since some may be true.
Speed is of processor time of one core over all of those pages. Intervals are Wilson's at 95 %.
--natural plants nothing and lists what English Wikipedia (wikipedia/) holds of the sets: BoolQ's passages are
paragraphs of it, and so are some questions of MMLU.
--paraphrases plants the second half of the items that were reworded by hand (l4_paraphrases.jsonl; limits were chosen
on the first) into pages, and looks for them by `paraphrased_items` with the embedding model of that folder, and at so
many pages with nothing planted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.books.interval import rounded
from pipeline.kernels.contamination.item_index import ItemIndex, find_items
from stages.l4_verify.contamination import known_items, renumbered, shuffled, verbatim
from stages.l4_verify.contamination_rules import rule_of
from stages.l4_verify.evaluation_sets import Item

NAMED = 8
"""Items of a set that are shown."""
Tell = Callable[[Item, random.Random], str]


def pages(data: Path) -> list[str]:
    """2,000 FineWeb and 1,000 C4 pages, all distinct."""
    files = sorted((data / "fineweb").glob("part-0000[0-3].parquet"))
    texts = [text for file in files for text in pq.read_table(file, columns=["text"]).column(0).to_pylist()]
    with gzip.open(data / "c4" / "c4_sample.jsonl.gz", "rt", encoding="utf-8") as lines:
        return texts + [json.loads(line)["text"] for line in lines]


def gold(item: Item, chance: random.Random) -> str:
    return f"{item.texts[0]}\n{item.texts[item.answer] if item.answer else ''}"


def editing(words: list[str]) -> Tell:
    def edited(item: Item, chance: random.Random) -> str:
        told = renumbered(item, chance).split(" ")
        for place, word in enumerate(told):
            if chance.random() < 0.08 and word.isalpha():
                told[place] = chance.choice(words)
            elif chance.random() < 0.1:
                told[place] = re.sub(r"[.,;:?!]$", "", word) + chance.choice((",", ";", " -", ""))
        return " ".join(told)

    return edited


def plant(item: Item, tell: Tell, texts: list[str], chance: random.Random) -> str:
    lines = chance.choice(texts).split("\n")
    lines.insert(chance.randint(0, len(lines)), tell(item, chance))
    return "\n".join(lines)


def natural(data: Path, index: ItemIndex, items: tuple[Item, ...]) -> None:
    """Articles of English Wikipedia that hold an item, by set and part, with the first ones of each."""
    with gzip.open(data / "wikipedia" / "en.jsonl.gz", "rt", encoding="utf-8") as lines:
        articles = [json.loads(line) for line in lines]
    texts = [article["text"] for article in articles]
    size = sum(len(text.encode()) for text in texts)
    find_items(index, pa.array(texts[:2]))  # compiles
    started = time.process_time()
    hits = find_items(index, pa.array(texts))
    rate = size / (time.process_time() - started) / 1e6
    print(f"{len(texts):,} articles, {size / 1e6:.1f} MB, {rate:.1f} MB/s a core")
    found: dict[tuple[str, str], dict[int, str]] = {}
    for hit, rule in zip(hits, rule_of(index, hits), strict=True):
        if rule:
            item = items[hit["item"]]
            span = texts[hit["row"]].encode()[hit["begin"] : hit["end"]].decode(errors="replace")
            told = f"{articles[hit['row']]['title']}: {item.set} {item.number}: {' '.join(span.split())[:100]!r}"
            found.setdefault((item.set, item.part), {}).setdefault(int(hit["item"]), told)
    for (name, part), those in sorted(found.items()):
        print(f"{name} {part}: {len(those)} items")
        for told in list(those.values())[:NAMED]:
            print(f"  {told}")


def paraphrases(data: Path, model: Path, index: ItemIndex, items: tuple[Item, ...], clean: int) -> None:
    """Reworded items that are found, with and without the model; pages with nothing planted that are flagged."""
    from stages.l4_verify.reworded import Reworded, told

    written = Path(__file__).with_name("l4_paraphrases.jsonl").read_text(encoding="utf-8").splitlines()
    asked = [json.loads(line) for line in written][1::2]
    texts, chance = pages(data), random.Random("paraphrases")
    planted = []
    for one in asked:
        lines = chance.choice(texts).split("\n")
        lines.insert(chance.randint(0, len(lines)), one["text"])
        planted.append("\n".join(lines))
    hits = find_items(index, pa.array(planted))
    plain = {int(hit["row"]) for hit, rule in zip(hits, rule_of(index, hits), strict=True) if rule}
    reworded = Reworded(model, index, items)
    found = plain | {one.row for one in reworded.find(pa.array(planted)) if _is(items[one.item], asked[one.row])}
    print(f"by words {len(plain)} of {len(asked)}, with the model {len(found)}, {rounded(len(found), len(asked))}")
    for name in dict.fromkeys(one["set"] for one in asked):
        rows = [row for row, one in enumerate(asked) if one["set"] == name]
        print(f"  {name}: {len(found.intersection(rows))} of {len(rows)}")
    sample = chance.sample(texts, min(clean, len(texts)))
    started = time.process_time()
    errs = list(reworded.find(pa.array(sample)))
    rate = sum(len(text.encode()) for text in sample) / (time.process_time() - started) / 1e6
    rows = {one.row for one in errs}
    print(f"flagged {len(rows)} of {len(sample)} pages, {rounded(len(rows), len(sample))}; {rate:.3f} MB/s a core")
    for one in errs:
        span = sample[one.row].encode()[one.begin : one.end].decode(errors="replace")
        print(f"  {one.cosine:.2f} {items[one.item].set}: {told(items[one.item])[:120]!r} in {span[:160]!r}")


def _is(item: Item, asked: dict[str, Any]) -> bool:
    return (item.set, item.number) == (asked["set"], asked["number"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--items", type=int, default=150, help="of each set and form")
    parser.add_argument("--set", action="append", help="only these")
    parser.add_argument("--natural", action="store_true", help="list what Wikipedia holds of the sets")
    parser.add_argument("--paraphrases", type=Path, metavar="MODEL", help="find reworded items with this model")
    parser.add_argument("--pages", type=int, default=300, help="pages that --paraphrases looks at with nothing planted")
    asked = parser.parse_args()
    started = time.process_time()
    index, items = known_items((str(asked.data / "eval"), str(asked.data / "verify")))
    print(f"{len(items):,} items indexed in {time.process_time() - started:.1f} s of processor time")
    if asked.natural:
        natural(asked.data, index, items)
        return
    if asked.paraphrases:
        paraphrases(asked.data, asked.paraphrases, index, items, asked.pages)
        return
    texts = pages(asked.data)
    column, size = pa.array(texts), sum(len(text.encode()) for text in texts)
    find_items(index, column.slice(0, 2))  # compiles
    started = time.process_time()
    hits = find_items(index, column)
    rate = size / (time.process_time() - started) / 1e6
    rules = rule_of(index, hits)
    flagged = {int(row) for row, rule in zip(hits["row"], rules, strict=True) if rule}
    print(f"{rate:.1f} MB/s a core over {size / 1e6:.1f} MB")
    print(f"flagged {len(flagged)} of {len(texts)} pages, interval {rounded(len(flagged), len(texts))}")
    for hit, rule in zip(hits, rules, strict=True):
        if rule:
            item = items[hit["item"]]
            span = texts[hit["row"]].encode()[hit["begin"] : hit["end"]].decode(errors="replace")
            print(f"  {item.set} {item.number} {item.part}: {item.texts[0][:90]!r} in {span[:90]!r}")
    words = [word for text in texts[:200] for word in text.split() if word.isalpha() and len(word) > 3]
    forms: dict[str, Tell] = {
        "verbatim": verbatim, "gold": gold, "shuffled": shuffled, "renumbered": renumbered, "edited": editing(words),
    }  # fmt: skip
    names = asked.set or list(dict.fromkeys(item.set for item in items))
    print(f"{'set':<16}" + "".join(f"{form:>28}" for form in forms))
    for name in names:
        odd = (n for n, item in enumerate(items) if item.set == name and item.number % 2)
        numbers = [n for n in odd if items[n].part == "question"]
        row = f"{name:<16}"
        for form, tell in forms.items():
            chance = random.Random(f"{name} {form}")
            chosen = chance.sample(numbers, min(asked.items, len(numbers)))
            planted = pa.array([plant(items[n], tell, texts, chance) for n in chosen])
            found = find_items(index, planted)
            right = {int(hit["row"]) for hit, rule in zip(found, rule_of(index, found), strict=True) if rule}
            row += f"{len(right) / len(chosen):>10.3f} {rounded(len(right), len(chosen))!s:>17}"
        print(row, flush=True)


if __name__ == "__main__":
    main()
