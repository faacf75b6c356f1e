"""Train the model that says which blocks of a page are its text, and judge it by cross-validation.

    python -m benchmarks.l0_content_model read WARC TRUTH PAGES [--part 0/2]     # pages → blocks with labels, once
    python -m benchmarks.l0_content_model judge PAGES --fold 0                   # one of five folds; all without --fold
    python -m benchmarks.l0_content_model train PAGES stages/l0_collect/extract/content_model.npz
    python -m benchmarks.l0_content_model train PAGES MODELS/fold0.npz --fold 0  # without that fold

WARC and TRUTH are those of WCXB's development pages (CC BY 4.0). Folds are split by site, so that no page is judged by
a model that has seen another page of its site; the tables of odds are made within the folds too. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import hashlib
import json
import pickle
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from numba import njit

from stages.l0_collect.extract.content import WORDS, Model, best_cut, context
from stages.l0_collect.extract.features import Matrix, Odds, Outline, features, outline
from stages.l0_collect.extract.trees import Trees, from_scikit_learn

FOLDS = 5
WORD = re.compile(r"\w+")
GRAM = 4
"""Words in a row that are taken for the truth's wherever they stand."""
LARGEST = 1_500_000_000
"""Cells of an alignment, a byte each; of what is longer the end is not aligned."""
BLOCKS_PER_PAGE = 100
"""Learnt from: long pages repeat themselves."""
SITES = 5
"""Fewer say nothing about a name or word."""
LEAST_ODDS = 25
"""Hundredths; what says less is left out of the table."""
FIRST: dict[str, Any] = {"max_iter": 120, "learning_rate": 0.1}
SECOND: dict[str, Any] = {"max_iter": 240, "learning_rate": 0.07}
BOTH: dict[str, Any] = {
    "max_leaf_nodes": 31, "max_depth": 6, "min_samples_leaf": 20, "max_bins": 128, "l2_regularization": 1.0,
    "early_stopping": False, "random_state": 0,
}  # fmt: skip


class Page:
    """A page of the development set as the trainer needs it."""

    def __init__(self, url: str, kind: str, seen: Outline, texts: list[str], truth: str) -> None:
        self.url, self.kind, self.seen, self.texts, self.truth = url, kind, seen, texts, truth
        self.labels, self.words = labels(texts, truth)

    @property
    def site(self) -> str:
        return site(self.url)


def site(url: str) -> str:
    return ".".join((urlsplit(url).hostname or url).split(".")[-2:])


def fold_of(url: str, folds: int, of: str = "") -> int:
    return int(hashlib.md5((of + site(url)).encode()).hexdigest(), 16) % folds


def fold(page: Page, folds: int, of: str = "") -> int:
    return fold_of(page.url, folds, of)


# Labels: which share of each block's words the truth has too, in the same place.


def labels(texts: list[str], truth: str) -> tuple[Matrix, npt.NDArray[np.int64]]:
    """(of each block, the share of its words that are the truth's; how many words it has)"""
    wanted = WORD.findall(truth.lower())
    words = [WORD.findall(text.lower()) for text in texts]
    numbers: dict[str, int] = {}
    ours = np.array([numbers.setdefault(word, len(numbers)) for some in words for word in some], np.int32)
    theirs = np.array([numbers.setdefault(word, len(numbers)) for word in wanted], np.int32)
    aligned = np.zeros(len(ours), bool)
    if len(ours) and len(theirs):
        most = LARGEST // len(theirs)
        aligned[:most] = _align(ours[:most], theirs)
    grams = {tuple(wanted[at : at + GRAM]) for at in range(len(wanted) - GRAM + 1)}
    shares, start = np.zeros(len(texts), np.float32), 0
    for number, some in enumerate(words):
        if some:
            found = _without_lone_words(aligned[start : start + len(some)])
            share = found.mean()
            if len(some) >= GRAM + 2:
                known = np.zeros(len(some), bool)
                for at in range(len(some) - GRAM + 1):
                    if tuple(some[at : at + GRAM]) in grams:
                        known[at : at + GRAM] = True
                share = max(share, known.mean())
            shares[number] = share
        start += len(some)
    return shares, np.array([len(some) for some in words])


def _without_lone_words(aligned: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """In a longer block a single word that fits is chance."""
    if len(aligned) < 6:
        return aligned
    padded = np.concatenate([[False], aligned, [False]])
    beside: npt.NDArray[np.bool_] = padded[:-2] | padded[2:]
    return aligned & beside


@njit(cache=True)  # type: ignore[untyped-decorator]
def _align(ours: Any, theirs: Any) -> Any:  # pragma: no cover
    """Which of our words a longest common subsequence has; runs count for more than words that stand alone."""
    rows, columns = len(ours), len(theirs)
    came = np.zeros((rows + 1, columns + 1), np.uint8)
    before, score = np.zeros(columns + 1, np.float32), np.zeros(columns + 1, np.float32)
    was_run, is_run = np.zeros(columns + 1, np.uint8), np.zeros(columns + 1, np.uint8)
    for row in range(1, rows + 1):
        score[0], is_run[0] = 0, 0
        for column in range(1, columns + 1):
            best, direction, run = before[column], 1, 0
            if score[column - 1] > best:
                best, direction = score[column - 1], 2
            if ours[row - 1] == theirs[column - 1]:
                matched = before[column - 1] + (1.0 if was_run[column - 1] else 0.6)
                if matched > best:
                    best, direction, run = matched, 3, 1
            score[column], came[row, column], is_run[column] = best, direction, run
        before, score = score, before
        was_run, is_run = is_run, was_run
    found = np.zeros(rows, np.bool_)
    row, column = rows, columns
    while row > 0 and column > 0:
        if came[row, column] == 3:
            found[row - 1] = True
            row, column = row - 1, column - 1
        elif came[row, column] == 1:
            row -= 1
        else:
            column -= 1
    return found


# Tables of odds


def odds(pages: list[Page]) -> Odds:
    """How much more often than not each name stands over content and each word in it, a page one vote."""
    tables: list[dict[str, int]] = []
    for votes in (_name_votes, _word_votes):
        sums: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
        sites = collections.defaultdict(set)
        for page in pages:
            per: dict[str, list[float]] = collections.defaultdict(lambda: [0.0, 0.0])
            votes(page, per)
            for key, (share, count) in per.items():
                sums[key][0] += share / count
                sums[key][1] += 1
                sites[key].add(page.site)
        usual = sum(share for share, _ in sums.values()) / sum(count for _, count in sums.values())
        table = {}
        for key, (share, count) in sums.items():
            if len(sites[key]) >= SITES:
                smoothed = (share + 3 * usual) / (count + 3)
                value = round(100 * float(np.log(smoothed / (1 - smoothed)) - np.log(usual / (1 - usual))))
                if abs(value) >= LEAST_ODDS:
                    table[key] = value
        tables.append(table)
    return Odds(*tables)


def _name_votes(page: Page, per: dict[str, list[float]]) -> None:
    parent = page.seen.parent.tolist()
    kept, words = [0.0] * len(parent), [0.0] * len(parent)
    for holder, share, count in zip(page.seen.holder.tolist(), page.labels.tolist(), page.words.tolist(), strict=True):
        kept[holder] += share * count
        words[holder] += count
    for number in range(len(parent) - 1, 0, -1):
        kept[parent[number]] += kept[number]
        words[parent[number]] += words[number]
    for number, look in enumerate(page.seen.look.tolist()):
        if words[number]:
            for name in page.seen.names[look]:
                per[name][0] += kept[number] / words[number]
                per[name][1] += 1


def _word_votes(page: Page, per: dict[str, list[float]]) -> None:
    for words, share in zip(page.seen.words, page.labels.tolist(), strict=True):
        for word in set(words):
            per[word][0] += share
            per[word][1] += 1


# Fitting


def fit(pages: list[Page], rows: dict[str, Matrix], settings: dict[str, Any]) -> Trees:
    from sklearn.ensemble import HistGradientBoostingRegressor  # type: ignore[import-untyped]

    chosen, targets, weights = [], [], []
    for page in pages:
        count = len(page.labels)
        picked = np.arange(count)
        if count > BLOCKS_PER_PAGE:
            picked = np.sort(np.random.default_rng(count).choice(count, BLOCKS_PER_PAGE, replace=False))
        # Every page counts the same, as in the measure; within it long blocks count for more, but not all.
        weight = np.maximum(page.words, 1) ** 0.7
        chosen.append(rows[page.url][picked])
        targets.append(page.labels[picked])
        weights.append(1000 * weight[picked] / weight[picked].sum())
    model = HistGradientBoostingRegressor(**BOTH, **settings)
    model.fit(np.concatenate(chosen), np.concatenate(targets), sample_weight=np.concatenate(weights))
    return from_scikit_learn(model)


def train(pages: list[Page]) -> Model:
    """Halves of the sites teach each other's first trees; the mean of both halves' is what the model holds.

    So the second trees learn from what the first say of pages that they have not seen.
    """
    pages = [page for page in pages if len(page.labels)]
    halves = [[page for page in pages if fold(page, 2, "half") == number] for number in (0, 1)]
    rows: dict[str, Matrix] = {}
    for half, other in zip(halves, halves[::-1], strict=True):
        table = odds(other)
        rows |= {page.url: features(page.seen, table) for page in half}
    firsts = [fit(half, rows, FIRST) for half in halves]
    seconds = {}
    for half, first in zip(halves, firsts[::-1], strict=True):
        for page in half:
            seconds[page.url] = context(rows[page.url], first.predict(rows[page.url]), page.seen)
    columns = next(iter(rows.values())).shape[1]
    return Model(odds(pages), mean(*firsts), fit(pages, seconds, SECOND), columns)


def mean(one: Trees, other: Trees) -> Trees:
    nodes = len(one.feature)
    join = np.concatenate
    return Trees(
        join([one.feature, other.feature]), join([one.threshold, other.threshold]),
        join([one.child, other.child + np.int32(nodes)]), join([one.value // 2, other.value // 2]),
        join([one.roots, other.roots + np.int32(nodes)]), (one.base + other.base) // 2, max(one.depth, other.depth),
    )  # fmt: skip


# Judging


def f1(text: str, truth: str) -> float:
    """Of the bags of lower-case words."""
    ours, theirs = (collections.Counter(WORD.findall(some.lower())) for some in (text, truth))
    common, both = sum((ours & theirs).values()), sum(ours.values()) + sum(theirs.values())
    return 2 * common / both if both else 1.0


def judge(pages: list[Page], number: int) -> list[tuple[str, str, float, float]]:
    """(url, kind, expected F1, F1) of each page of one fold"""
    model = train([page for page in pages if fold(page, FOLDS) != number])
    judged = []
    for page in pages:
        if fold(page, FOLDS) == number:
            text, expected = "", 0.0
            if page.texts:
                kept, expected = best_cut(model.shares(page.seen), page.seen.texts[:, WORDS])
                text = "\n".join(text for text, is_kept in zip(page.texts, kept, strict=True) if is_kept)
            judged.append((page.url, page.kind, expected, f1(text, page.truth)))
    return judged


def table(judged: list[tuple[str, str, float, float]]) -> str:
    kinds = collections.defaultdict(list)
    for _, kind, _, score in judged:
        kinds["all"].append(score)
        kinds[kind].append(score)
    return " · ".join(f"{kind} {np.mean(scores):.3f} ({len(scores)})" for kind, scores in sorted(kinds.items()))


def read(warc: Path, truth: Path, part: int, parts: int) -> list[Page]:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    from stages.l0_collect.extract.about import about
    from stages.l0_collect.extract.blocks import blocks
    from stages.l0_collect.extract.decode import decode
    from stages.l0_collect.extract.main_text import json_ld, summary
    from stages.l0_collect.extract.tree import parse

    known = json.loads(gzip.decompress(truth.read_bytes()))
    pages = []
    with warc.open("rb") as stream:
        for number, record in enumerate(ArchiveIterator(stream, record_types=WarcRecordType.response)):
            if number % parts != part:
                continue
            url = record.headers["WARC-Target-URI"]
            html = decode(record.reader.read(), record.http_headers.get("Content-Type") or "")
            tree = parse(html)
            found = blocks(tree)
            said = f"{summary(tree)} {json_ld(tree)}"
            seen = outline(found, html, about(tree)["title"], said)
            pages.append(Page(url, known[url]["type"], seen, [block.text for block in found], known[url]["text"]))
    return pages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("read", "judge", "train"))
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--fold", type=int)
    options = parser.parse_args()
    if options.what == "read":
        warc, truth, to = options.paths
        part, parts = map(int, options.part.split("/"))
        to.write_bytes(pickle.dumps(read(warc, truth, part, parts)))
        return
    pages = [page for path in options.paths if path.suffix == ".pickle" for page in pickle.loads(path.read_bytes())]
    if options.what == "train":
        train([page for page in pages if fold(page, FOLDS) != options.fold]).save(options.paths[-1])
        return
    judged = []
    for number in range(FOLDS) if options.fold is None else [options.fold]:
        judged += judge(pages, number)
        print(f"fold {number}: {table(judged)}", flush=True)
    for judgement in judged:
        print(json.dumps(judgement))


if __name__ == "__main__":
    main()
