"""Does a selection teach more than a random choice of the same size, and how dense is it? Judged by n-grams.

    python -m benchmarks.ablation_selection RAW SCORED --heldout FILE… --columns hosts wiki [--keep 0.1 0.3 0.5]

RAW is a Parquet file with `text`, `url` and optionally `origin`; SCORED a folder of Parquet files that L1 and the
classifiers of L2 made of it, with a column for each score. Arms: raw, all of SCORED (L1), and for each score and share
the best rows, the best of each origin (balanced), and the worst (inverted), against random rows of as many bytes. The
n-grams of a run are counted on equally many tokens of both arms. A run of a million takes a second, so five seeds and
thirty arms take minutes. What n-grams cannot see: more than four tokens.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.runs.texts import as_parquet
from pipeline.ablation import ngram
from pipeline.ablation.data import hash_texts, mix
from pipeline.ablation.density import density
from pipeline.ablation.heldout import Domain, domains
from pipeline.ablation.order import Stream
from pipeline.ablation.statistics import Estimate, paired
from pipeline.ablation.tokenizer import Corpus, encode, train_tokenizer

VOCABULARY, HELD_BYTES = 4_096, 100_000
Rows = np.ndarray[tuple[int], np.dtype[np.int64]]


class Judge:
    def __init__(self, held: Sequence[Domain], texts: Sequence[str], tokens: int, seeds: int) -> None:
        self.tokens, self.seeds = tokens, seeds
        self.held, self.tokenizer = held, train_tokenizer((text[:3_000] for text in texts[::5]), VOCABULARY)
        self.vocabulary = self.tokenizer.get_vocab_size()
        self.documents = [encode(self.tokenizer, domain.texts) for domain in held]

    def corpus(self, texts: Sequence[str]) -> Corpus:
        bos = np.array([self.vocabulary - 1], np.uint16)
        parts = [np.concatenate([bos, ids]) for ids in encode(self.tokenizer, texts)]
        starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
        keys = mix(hash_texts(pa.array(texts, pa.string())) + np.arange(len(texts), dtype=np.uint64))
        return Corpus(np.concatenate(parts), starts, keys, np.ones(len(texts), np.int64), int(starts[-1]))

    def bits(self, corpus: Corpus, rows: Rows, tokens: int) -> list[np.ndarray]:
        """Of each domain: one row a seed, one column a document."""
        part = rows_of(corpus, rows)
        found = []
        for seed in range(self.seeds):
            levels = ngram.count(Stream(part, seed, 128).read(0, min(tokens, part.pass_tokens)))
            found.append(
                [ngram.document_bits(levels, ids, [0] * len(ids), self.vocabulary - 1, self.vocabulary)
                 for ids in self.documents]
            )  # fmt: skip
        return [np.array([of[number] for of in found]) for number in range(len(self.held))]

    def compare(self, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> dict[str, Estimate]:
        pairs = list(zip(self.held, first, second, strict=True))
        found = {held.name: paired([b - a], [held.sizes], [held.sites]) for held, a, b in pairs}
        sizes, sites = [held.sizes for held in self.held], [held.sites for held in self.held]
        return found | {"mean": paired([b - a for _, a, b in pairs], sizes, sites)}

    def losses(self, bits: Sequence[np.ndarray]) -> list[float]:
        rates = [of.sum(1) / held.sizes.sum() for held, of in zip(self.held, bits, strict=True)]
        return [float(rate) for rate in np.mean(rates, 0)]


def rows_of(corpus: Corpus, rows: Rows) -> Corpus:
    parts = [corpus.tokens[corpus.starts[row] : corpus.starts[row + 1]] for row in rows]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    return Corpus(np.concatenate(parts), starts, corpus.keys[rows], corpus.repeats[rows], int(starts[-1]))


def best(scores: np.ndarray, lengths: np.ndarray, share: float, groups: np.ndarray, turned: bool = False) -> Rows:
    """The best rows of each group, as many as hold the share of its tokens."""
    chosen = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        order = members[np.argsort(scores[members] if turned else -scores[members], kind="stable")]
        reach = np.cumsum(lengths[order]) <= share * lengths[members].sum()
        chosen.append(order[reach])
    return np.sort(np.concatenate(chosen))


def lines(
    judge: Judge,
    raw: Corpus,
    scored: Corpus,
    scores: Mapping[str, np.ndarray],
    origins: np.ndarray,
    shares: list[float],
) -> Iterator[str]:
    names = [held.name for held in judge.held] + ["mean"]
    yield f"| arm - other arm, tokens | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"

    def row(name: str, first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> str:
        found = judge.compare(first, second)
        marked = (f"{e.mean:+.4f} [{e.low:+.4f}, {e.high:+.4f}]{'*' if e.p < 0.05 else ''}" for e in found.values())
        return f"| {name} | {' | '.join(marked)} |"

    lengths = np.diff(scored.starts)
    everything, one = np.arange(len(lengths)), np.zeros(len(lengths), np.int64)
    sizes = [
        judge.tokens // 8,
        judge.tokens // 4,
        judge.tokens // 2,
        judge.tokens,
        min(2 * judge.tokens, raw.pass_tokens),
    ]
    of_raw = {size: judge.bits(raw, np.arange(len(raw.keys)), size) for size in sizes}
    of_l1 = judge.bits(scored, everything, judge.tokens)
    yield row(f"L1 - raw, {judge.tokens:,}", of_raw[judge.tokens], of_l1)
    again = judge.bits(scored, everything[::2], judge.tokens)
    yield row(
        f"half of L1 - other half (A/A), {judge.tokens:,}", judge.bits(scored, everything[1::2], judge.tokens), again
    )
    densities = [("L1", of_l1, judge.tokens)]
    for share in shares:
        chance = np.random.default_rng(0).random(len(lengths))
        drawn = best(chance, lengths, share, one)
        tokens = min(judge.tokens, int(lengths[drawn].sum()))
        at_random = judge.bits(scored, drawn, tokens)
        for name, values in scores.items():
            top = judge.bits(scored, best(values, lengths, share, one), tokens)
            yield row(f"best {share:.0%} by {name} - random, {tokens:,}", at_random, top)
            even = judge.bits(scored, best(values, lengths, share, origins), tokens)
            yield row(f"best {share:.0%} of each origin by {name} - random, {tokens:,}", at_random, even)
            worst = judge.bits(scored, best(values, lengths, share, one, True), tokens)
            yield row(f"worst {share:.0%} by {name} - random, {tokens:,}", at_random, worst)
            densities.append((f"best {share:.0%} by {name}", top, tokens))
            densities.append((f"best {share:.0%} of each origin by {name}", even, tokens))
    yield ""
    yield "| arm | tokens | density against raw, mean of all domains | |"
    yield "|---|---|---|---|"
    baseline = {size: judge.losses(bits) for size, bits in of_raw.items()}
    for name, bits, tokens in densities:
        found = density(baseline, judge.losses(bits), tokens)
        note = "extrapolated" if found.extrapolated else ""
        yield f"| {name} | {tokens:,} | {found.rho:.2f} [{found.low:.2f}, {found.high:.2f}] | {note} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("raw", type=Path)
    parser.add_argument("scored", type=Path)
    parser.add_argument("--heldout", type=Path, nargs="+", required=True)
    parser.add_argument("--columns", nargs="+", required=True)
    parser.add_argument("--keep", type=float, nargs="*", default=[0.1, 0.3, 0.5])
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--cut", type=int, default=1_000_000, help="characters of a document that count")
    options = parser.parse_args()
    raw = pq.read_table(options.raw).to_pylist()
    scored = [row for path in sorted(options.scored.glob("*.parquet")) for row in pq.read_table(path).to_pylist()]
    held = [Path(as_parquet(str(path))) for path in options.heldout]
    origin = {row["url"]: row.get("origin", "") for row in raw}
    judge = Judge(domains({}, held, HELD_BYTES), [row["text"] for row in raw], options.tokens, options.seeds)
    scores = {name: np.array([row[name] for row in scored]) for name in options.columns}
    origins = np.array([origin.get(row["url"], "") for row in scored])
    first, second = (judge.corpus([row["text"][: options.cut] for row in rows]) for rows in (raw, scored))
    print(f"raw {first.pass_tokens:,} tokens, L1 {second.pass_tokens:,}, of them by origin:", flush=True)
    print({str(o): int(np.diff(second.starts)[origins == o].sum()) for o in np.unique(origins)}, flush=True)
    for line in lines(judge, first, second, scores, origins, options.keep):
        print(line, flush=True)


if __name__ == "__main__":
    main()
