"""Which toy setting sees most for its processor time, on pairs of arms of which the better one is known.

    python -m benchmarks.ablation_toy DATA --output OUT [--settings documents pieces narrow …] [--arms boilerplate …]

Every setting trains the clean arm (C4 and FineWeb) and worse ones: half of it UK pages with their navigation, half of
it Chinese, its words shuffled. Judged on C4 and Wikipedia that no arm has. A setting is as good as its verdicts are
decisive: z = mean paired difference / its standard error over seeds, and z² grows in proportion to the seeds, so z² a
CPU minute compares settings of any size. One thread; finished runs lie in OUT/runs.jsonl and are not made again.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.ablation import BUDGETS, Budget, ngram, train
from pipeline.ablation.compare import PROTOCOL
from pipeline.ablation.data import I64Array, shuffle_words, survey
from pipeline.ablation.evaluate import document_bits
from pipeline.ablation.heldout import domains
from pipeline.ablation.order import Stream
from pipeline.ablation.runs import Runs
from pipeline.ablation.side_by_side import run_all
from pipeline.ablation.statistics import paired
from pipeline.ablation.tokenizer import Corpus, encode, tokenize, train_tokenizer

BASE = replace(BUDGETS["toy"], cpu_threads=1)
DEEP = replace(BASE, width=128, layers=4, heads=4, vocabulary=2_048, sequence=256, batch=4, learning_rate=2e-3)
NARROW = replace(BASE, width=64, layers=2, heads=2, vocabulary=2_048, sequence=128, batch=8, learning_rate=4e-3)
MIDDLE = replace(NARROW, width=128, heads=4)
WHOLE = 1 << 40
SETTINGS: dict[str, tuple[Budget, int]] = {  # budget, and the size of the pieces that are shuffled
    "documents": (replace(DEEP, steps=64), WHOLE),
    "pieces": (replace(DEEP, steps=64), 256),
    "narrow": (replace(NARROW, steps=192), 128),
    "narrow, rate / 4": (replace(NARROW, steps=192, learning_rate=1e-3), 128),
    "narrow, 1,024 ids": (replace(NARROW, steps=256, vocabulary=1_024), 128),
    "middle": (replace(MIDDLE, steps=100), 128),
}
N_GRAMS = ("n-grams", 1_000_000)
AA_TOKENS = 100_000
HELD = ("c4", "wikipedia")
HELD_DOCUMENTS, HELD_BYTES = 60, 1_000


def jsonl(path: Path, first: int, stop: int) -> list[str]:
    with gzip.open(path) as lines:
        return [json.loads(line)["text"] for line in itertools.islice(lines, first, stop)]


def write_texts(data: Path, folder: Path) -> None:
    fineweb = itertools.chain.from_iterable(
        pq.read_table(data / f"fineweb/part-0000{part}.parquet")["text"].to_pylist() for part in range(2)
    )
    c4 = data / "c4/c4_sample.jsonl.gz"
    clean = [text[:6_000] for text in (*jsonl(c4, 0, 700), *fineweb)]
    half = clean[::2]
    texts = {
        "clean": clean,
        "boilerplate": half + [text[:6_000] for text in jsonl(data / "boilerplate/uk_pages.jsonl.gz", 0, len(half))],
        "chinese": half + [text[:2_000] for text in jsonl(data / "wikipedia/zh.jsonl.gz", 0, len(half))],
        "shuffled": shuffle_words(pa.array(clean)).to_pylist(),
        "held-c4": jsonl(c4, 700, 700 + HELD_DOCUMENTS),
        "held-wikipedia": jsonl(data / "wikipedia/en.jsonl.gz", 3_000, 3_000 + HELD_DOCUMENTS),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in texts.items():
        pq.write_table(pa.table({"text": part}), folder / f"{name}.parquet")


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder, self.done = folder, folder / "runs.jsonl"
        self.records = [json.loads(line) for line in self.done.read_text().splitlines()] if self.done.exists() else []

    @lru_cache  # noqa: B019 - one bench a process
    def tokenizer(self, vocabulary: int) -> Any:
        texts = pq.read_table(self.folder / "clean.parquet")["text"].to_pylist()
        return train_tokenizer([text[:3_000] for text in texts[::3]], vocabulary)

    @lru_cache  # noqa: B019
    def corpus(self, arm: str, vocabulary: int) -> Corpus:
        shard = self.folder / "tokens" / f"{arm}-{vocabulary}"
        return tokenize(survey([self.folder / f"{arm}.parquet"]), self.tokenizer(vocabulary), shard)

    @lru_cache  # noqa: B019
    def held(self, vocabulary: int) -> dict[str, tuple[list[Any], int]]:
        found = {}
        for name in HELD:
            texts = pq.read_table(self.folder / f"held-{name}.parquet")["text"].to_pylist()
            cut = [text.encode()[:HELD_BYTES].decode(errors="ignore") for text in texts]
            found[name] = encode(self.tokenizer(vocabulary), cut), sum(len(text.encode()) for text in cut)
        return found

    def sizes(self, name: str) -> I64Array:
        texts = pq.read_table(self.folder / f"held-{name}.parquet")["text"].to_pylist()
        return np.array([len(text.encode()[:HELD_BYTES].decode(errors="ignore").encode()) for text in texts])

    def run(self, setting: str, arm: str, seed: int) -> dict[str, Any]:
        budget, piece = SETTINGS.get(setting, (DEEP, WHOLE))
        key = json.dumps([setting, asdict(budget), piece, arm, seed])
        found = next((record for record in self.records if record["key"] == key), None)
        if found is None:
            corpus, held = self.corpus(arm, budget.vocabulary), self.held(budget.vocabulary)
            begun = time.process_time()
            bits = self._ngrams if setting == N_GRAMS[0] else self._model
            rates = bits(budget, piece, corpus, held, seed)
            found = {"key": key, "cpu": time.process_time() - begun, "bpb": rates}
            self.records.append(found)
            with self.done.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(f"  {setting} {arm} {seed}: {found['cpu']:.1f} s, {rates}", flush=True)
        return found

    def _model(self, budget: Budget, piece: int, corpus: Corpus, held: Any, seed: int) -> dict[str, float]:
        vocabulary = self.tokenizer(budget.vocabulary).get_vocab_size()
        vars(train)["Stream"] = lambda corpus, seed, _: Stream(corpus, seed, piece)
        try:
            with train.deterministic(1):
                model = train.train(budget, vocabulary, corpus, seed, lambda line: None).model
                return {
                    name: document_bits(model, ids, vocabulary - 1, budget.sequence, 16).sum() / size
                    for name, (ids, size) in held.items()
                }
        finally:
            vars(train)["Stream"] = Stream

    def _ngrams(self, budget: Budget, piece: int, corpus: Corpus, held: Any, seed: int) -> dict[str, float]:
        vocabulary = self.tokenizer(budget.vocabulary).get_vocab_size()
        levels = ngram.count(Stream(corpus, seed, 128).read(0, N_GRAMS[1]))
        return {
            name: ngram.document_bits(levels, ids, [0] * len(ids), vocabulary - 1, vocabulary).sum() / size
            for name, (ids, size) in held.items()
        }


def table(bench: Bench, settings: Sequence[str], arms: Sequence[str], seeds: int) -> Iterator[str]:
    yield "| setting | tokens | CPU s a run | arm | clean, BPB | difference | sd over seeds | z² a CPU minute |"
    yield "|---|---|---|---|---|---|---|---|"
    for setting in settings:
        tokens = N_GRAMS[1] if setting == N_GRAMS[0] else SETTINGS[setting][0].tokens
        runs: dict[str, list[dict[str, Any]]] = {"clean": [], **{arm: [] for arm in arms}}
        for seed in range(seeds):
            for arm in runs:
                runs[arm].append(bench.run(setting, arm, seed))
        cpu = float(np.mean([run["cpu"] for of in runs.values() for run in of]))
        clean = np.array([list(run["bpb"].values()) for run in runs["clean"]])
        for arm in arms:
            worse = np.array([list(run["bpb"].values()) for run in runs[arm]])
            difference = (worse - clean).mean(1)
            mean, sd = float(difference.mean()), float(difference.std(ddof=1))
            yield (
                f"| {setting} | {tokens:,} | {cpu:.1f} | {arm} | {clean.mean():.3f} | {mean:+.4f} | {sd:.4f} "
                f"| {(mean / sd) ** 2 / (2 * cpu / 60):,.0f} |"
            )


def repeated_aa(bench: Bench, repetitions: int) -> str:
    """The clean arm against itself by n-grams of few tokens, three seeds a side: how often the interval covers zero."""
    corpus, held = bench.corpus("clean", DEEP.vocabulary), bench.held(DEEP.vocabulary)
    vocabulary = bench.tokenizer(DEEP.vocabulary).get_vocab_size()
    bits = []
    for seed in range(6 * repetitions):
        levels = ngram.count(Stream(corpus, seed, 128).read(0, AA_TOKENS))
        bits.append(
            [ngram.document_bits(levels, ids, [0] * len(ids), vocabulary - 1, vocabulary) for ids, _ in held.values()]
        )
    covered = _covered(bits, [bench.sizes(name) for name in held])
    return f"A/A by n-grams of {AA_TOKENS:,} tokens: the interval covers zero in {covered} of {repetitions} repetitions"


def repeated_aa_by_models(folder: Path, repetitions: int) -> str:
    """The same by proxy models of `toy` that are trained on a quarter of its tokens."""
    budget = replace(BUDGETS["toy"], steps=BUDGETS["toy"].steps // 4, ngram_tokens=10_000)
    held = domains({}, [folder / f"held-{name}.parquet" for name in HELD], HELD_DOCUMENTS * HELD_BYTES)
    texts = pq.read_table(folder / "clean.parquet")["text"].to_pylist()
    setting = {"protocol": PROTOCOL, "tokenizer": "clean", "device": "cpu", "versions": {}, "weight_decay": 0.1}
    setting |= {"trunk": "", "ruler": {"identity": "held"}}
    tokenizer = train_tokenizer([text[:3_000] for text in texts[::3]], budget.vocabulary)
    runs = Runs(folder / "aa", budget, tokenizer, held, setting, lambda line: None, False)
    records = run_all(runs, {"clean": (survey([folder / "clean.parquet"]), range(6 * repetitions))})["clean"]
    bits = [[np.array(run["bits"][domain.name]) for domain in held] for run in records]
    covered = _covered(bits, [domain.sizes for domain in held])
    return (
        f"A/A by models of {budget.tokens:,} tokens: the interval covers zero in {covered} of {repetitions} repetitions"
    )


def _covered(bits: Sequence[Sequence[Any]], sizes: Sequence[I64Array]) -> int:
    """Of repetitions of three runs a side, those whose interval covers zero. `bits`: of each run, by domain."""
    covered = 0
    for first in range(0, len(bits), 6):
        pairs = list(zip(bits[first : first + 3], bits[first + 3 : first + 6], strict=True))
        differences = [np.array([b[row] - a[row] for a, b in pairs]) for row in range(len(sizes))]
        found = paired(differences, sizes, [np.arange(len(size)) for size in sizes])
        covered += found.low <= 0 <= found.high
    return covered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--settings", nargs="*", default=[N_GRAMS[0], *SETTINGS])
    parser.add_argument("--arms", nargs="*", default=["boilerplate", "chinese", "shuffled"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--aa", type=int, default=0, help="repetitions of an A/A comparison instead of the table")
    options = parser.parse_args()
    if not (options.output / "held-wikipedia.parquet").exists():
        write_texts(options.data, options.output)
    if options.aa:
        print(repeated_aa(Bench(options.output), options.aa))
        print(repeated_aa_by_models(options.output, options.aa))
        return
    print("\n".join(table(Bench(options.output), options.settings, options.arms, options.seeds)))


if __name__ == "__main__":
    main()
