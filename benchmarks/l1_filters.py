"""The four heuristic L1 filters against datatrove's: speed on one core, and whether the decisions agree.

Both judge the same texts in the same run, in turn: Gopher repetition, Gopher quality, C4 (terminal punctuation off, as
FineWeb has it), FineWeb quality. For speed a document that one filter drops is not shown to the next; for agreement
every filter sees every document. datatrove manages a few documents a second, so it gets the first `--peer-documents` of
each set in FOLDER (fineweb, c4, boilerplate, wikipedia); ours is also timed on `--documents` of each.

    python -m benchmarks.l1_filters FOLDER [--json results.json]

Needs datatrove[processing]==0.10.1 and spacy>=3.8 (the extra `datatrove`).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
import time
from collections import Counter
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.rows.batch import Batch
from pipeline.steps import RowStep
from pipeline.store.bounded import BATCH_BYTES
from stages.l1_filter.heuristics.c4_quality import C4Quality
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition

SETS = ("fineweb", "c4", "boilerplate", "wikipedia")
STEPS: dict[str, RowStep] = {
    step.kind: step for step in (GopherRepetition(), GopherQuality(), C4Quality(), FineWebQuality())
}

# Our names for datatrove's reasons; None stands for kept.
RULES = {
    "empty": "empty",
    "dup_para_frac": "duplicate_paragraphs",
    "dup_para_char_frac": "duplicate_paragraph_chars",
    "dup_line_frac": "duplicate_lines",
    "dup_line_char_frac": "duplicate_line_chars",
    **{f"top_{n}_gram": f"top_{n}_gram" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"duplicate_{n}_gram" for n in range(5, 11)},
    "gopher_short_doc": "too_few_words",
    "gopher_long_doc": "too_many_words",
    "gopher_below_avg_threshold": "words_too_short",
    "gopher_above_avg_threshold": "words_too_long",
    "gopher_too_many_hashes": "too_many_hash_signs",
    "gopher_too_many_ellipsis": "too_many_ellipses",
    "gopher_too_many_bullets": "too_many_bullet_lines",
    "gopher_too_many_end_ellipsis": "too_many_ellipsis_lines",
    "gopher_below_alpha_threshold": "too_few_alphabetic_words",
    "gopher_enough_stop_words": "too_few_stop_words",
    "lorem_ipsum": "lorem_ipsum",
    "curly_bracket": "curly_bracket",
    "too_few_sentences": "too_few_sentences",
    "line_punct_ratio": "line_punctuation",
    "short_line_ratio": "short_lines",
    "char_dup_ratio": "duplicate_line_chars",
    "list_ratio": "too_many_newlines",
}

Verdict = dict[str, Any]
"""Step kind → rule or None; and the text as C4 leaves it."""


def verdicts(batch: Batch) -> list[Verdict]:
    """What our filters say of each row."""
    found: list[Verdict] = [{} for _ in range(len(batch))]
    for kind, step in STEPS.items():
        outcome = step.process(batch)
        batch = outcome.batch
        assert outcome.judgement is not None
        for verdict, rule in zip(found, outcome.judgement.rule, strict=True):
            verdict[kind] = outcome.judgement.rules[rule] if rule >= 0 else None
    for verdict, text in zip(found, batch.text.to_pylist(), strict=True):
        verdict["text"] = text
    return found


@cache
def peers() -> dict[str, Any]:
    from datatrove.pipeline import filters

    return {
        "gopher_repetition": filters.GopherRepetitionFilter(),
        "gopher_quality": filters.GopherQualityFilter(),
        "c4_quality": filters.C4QualityFilter(filter_no_terminal_punct=False),
        "fineweb_quality": filters.FineWebQualityFilter(),
    }


def peer_verdicts(text: str) -> Verdict:
    """What datatrove's filters say of a text, under our names."""
    from datatrove.data import Document

    document, verdict = Document(text=text, id=""), {}
    for kind, peer in peers().items():
        kept = peer.filter(document)
        verdict[kind] = None if kept is True else RULES[kept[1]]
    return {**verdict, "text": document.text}


def read_texts(folder: Path, name: str, count: int) -> list[str]:
    """The first English texts of a set; Wikipedia's every eighth, as its articles are sorted."""
    if name == "fineweb":
        parts = [pq.read_table(path, columns=["text"]) for path in sorted(folder.glob("fineweb/part-*.parquet"))[:4]]
        return [text for part in parts for text in part.column("text").to_pylist()[: -(-count // 4)]][:count]
    path = {"c4": "c4/c4_sample", "boilerplate": "boilerplate/uk_pages", "wikipedia": "wikipedia/en"}[name]
    with gzip.open(folder / f"{path}.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = (json.loads(line) for line in islice(file, 0, None, 8 if name == "wikipedia" else 1))
        english = (row["text"] for row in rows if row.get("language", "en") == "en" and row["text"])
        return list(islice(english, count))


def batches(texts: list[str]) -> list[Batch]:
    """Batches as the level makes them: up to `BATCH_BYTES` of text."""
    rows = pa.record_batch({"text": pa.array(texts, pa.string())})
    length = max(1, len(texts) * BATCH_BYTES // max(1, rows.nbytes))
    return [Batch(rows.slice(start, length)) for start in range(0, len(texts), length)]


def refine(batch: Batch) -> None:
    """As a level runs the steps: what one drops, the next does not see."""
    for step in STEPS.values():
        outcome = step.process(batch)
        assert outcome.judgement is not None
        batch = outcome.batch.filter(outcome.judgement.kept)


def peer_refine(text: str) -> None:
    from datatrove.data import Document

    document = Document(text=text, id="")
    all(peer.filter(document) is True for peer in peers().values())


def seconds_of(work: Any) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(folder: Path, name: str, documents: int, peer_documents: int, repeats: int) -> dict[str, Any]:
    texts = read_texts(folder, name, documents)
    sample = texts[:peer_documents]
    size, sample_size = (sum(len(text.encode()) for text in part) for part in (texts, sample))

    refine(batches(texts[:5])[0])  # compiles, or loads what is compiled
    peer_refine(texts[0])
    ours = min(seconds_of(lambda: [refine(batch) for batch in batches(texts)]) for _ in range(repeats))
    ours_sample = min(seconds_of(lambda: [refine(batch) for batch in batches(sample)]) for _ in range(repeats))
    theirs = seconds_of(lambda: [peer_refine(text) for text in sample])

    found = [verdict for batch in batches(sample) for verdict in verdicts(batch)]
    expected = [peer_verdicts(text) for text in sample]
    differences = Counter(
        f"{kind}: {theirs[kind]} -> {ours[kind]}" if kind != "text" else "text as C4 leaves it"
        for ours, theirs in zip(found, expected, strict=True)
        for kind in theirs
        if ours[kind] != theirs[kind]
    )
    agreeing = sum(ours == theirs for ours, theirs in zip(found, expected, strict=True))
    return {
        "set": name,
        "documents": len(texts),
        "megabytes": size / 1e6,
        "megabytes_per_second": size / 1e6 / ours,
        "documents_per_second": len(texts) / ours,
        "peer_documents": len(sample),
        "peer_documents_per_second": len(sample) / theirs,
        "peer_megabytes_per_second": sample_size / 1e6 / theirs,
        "ratio": theirs / ours_sample,
        "agreement": agreeing / len(sample),
        "differences": dict(differences.most_common()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--documents", type=int, default=800)
    parser.add_argument("--peer-documents", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3, help="ours is the fastest of so many runs")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        peers()
    except ImportError as error:
        sys.exit(f"{error}: the peer is not installed; install the extra 'datatrove'")

    print(f"{'set':12}{'docs':>6}{'MB':>7}{'MB/s':>8}{'docs/s':>9}{'peer docs/s':>13}{'ratio':>8}{'agreement':>11}")
    results = []
    for name in SETS:
        row = measure(options.folder, name, options.documents, options.peer_documents, options.repeats)
        results.append(row)
        print(
            f"{name:12}{row['documents']:6}{row['megabytes']:7.1f}{row['megabytes_per_second']:8.1f}"
            f"{row['documents_per_second']:9.0f}{row['peer_documents_per_second']:13.1f}{row['ratio']:8.0f}"
            f"{row['agreement']:11.1%}",
            flush=True,
        )
        for cause, count in row["differences"].items():
            print(f"    {count} x {cause}")
    if options.json:
        options.json.write_text(json.dumps({"clock": "CPU seconds of one thread", "results": results}, indent=2))


if __name__ == "__main__":
    main()
