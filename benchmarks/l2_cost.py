"""What L0 to L2 cost: the recipe `ultra_fineweb_en`, raw FineWeb Parquet to selected Parquet, in core-hours.

The input is English FineWeb from FOLDER/fineweb. To grow it, the first half of each document is followed by the second
half of another: real text without more near duplicates than there are. The classifier is trained by the recipe's own
rule before the clock starts. Everything runs in this process on one core; speed is text per CPU second of a process
that has run all three levels on a part before. Core-hours are for 15 T GPT-2 tokens, counted on a sample of the same
text with FOLDER/tokenizer_gpt2, and as if all of them entered each level: nothing is gained from what a level dropped.

    python -m benchmarks.l2_cost FOLDER [--megabytes 150] [--json results.json]
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from benchmarks.l2_score import gpt2_tokenizer
from flows.runs.recipe import load_recipe
from pipeline.run.level import Finished, InputFile, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import open_runner
from pipeline.store.shard import file_sha256
from pipeline.store.store import open_store
from stages.l2_select.normalize.normalizers import load_ultrafine
from stages.l2_select.score.fasttext_quality import FasttextQuality

RECIPE = "ultra_fineweb_en"
TOKENS = 15e12
SHARDS = 8
SAMPLE = 300
"""Documents whose tokens are counted."""
PUBLISHED = 80_000
"""Core-hours of Ultra-FineWeb's scoring at most: under 1,000 hours on a server of 80 CPUs (arXiv 2505.05427)."""

Rows = list[tuple[str, str]]
"""(text, url)"""


def read_rows(folder: Path) -> Rows:
    parts = [pq.read_table(part, columns=["text", "url"]) for part in sorted(folder.glob("fineweb/part-*.parquet"))[:4]]
    return [(row["text"], row["url"]) for part in parts for row in part.to_pylist()]


def grown(rows: Rows, megabytes: int) -> Rows:
    """So much text: the rows, then halves of rows that lie ever further apart."""
    halves = [(text[:cut], text[cut:], url) for text, url in rows for cut in (middle(text),)]
    found, size, copy = list[tuple[str, str]](), 0, 0
    while size < megabytes * 1_000_000:
        for index, (first, _, url) in enumerate(halves):
            found.append((first + halves[(index + copy) % len(halves)][1], f"{url}#{copy}" if copy else url))
            size += len(found[-1][0].encode())
            if size >= megabytes * 1_000_000:
                break
        copy += 1
    return found


def middle(text: str) -> int:
    return max(text.find(" ", len(text) // 2), 0)


def write_shards(folder: Path, rows: Rows) -> list[InputFile]:
    folder.mkdir()
    files = []
    for shard in range(SHARDS):
        texts, urls = zip(*rows[shard::SHARDS], strict=True)
        path = folder / f"part-{shard:02d}.parquet"
        pq.write_table(pa.table({"text": texts, "url": urls}), path, row_group_size=1000)
        files.append(InputFile(str(path), file_sha256(path)))
    return files


def run_levels(levels: list[Level], files: list[InputFile], store: str) -> list[dict[str, Any]]:
    """Each level's CPU seconds and what it read and kept."""
    rows: list[dict[str, Any]] = []
    done: Finished | None = None
    for level in levels:
        start = time.process_time()
        done = run_level(level, open_store(store), open_runner("inline"), lambda *_: None, parent=done, inputs=files)
        seconds, counts = time.process_time() - start, done.manifest
        rows.append(
            {
                "level": level.name,
                "megabytes": counts.bytes_in / 1e6,
                "rows_in": counts.rows_in,
                "rows_out": counts.rows_out,
                "dropped": dict(counts.dropped),
                "cpu_seconds": seconds,
            }
        )
        files = []
    return rows


def with_classifier(levels: list[Level], rows: Rows, normalizer: str, tokenizer: Path, folder: Path) -> list[Level]:
    """The same levels with a trained classifier file in place of the rule by which to train one."""
    *others, select = levels
    quality, *rest = select.steps
    assert isinstance(quality, FasttextQuality)
    if normalizer == "ultrafine":
        quality = quality.model_copy(update={"normalizer": normalizer, "tokenizer": str(tokenizer)})
    texts, urls = zip(*rows, strict=True)
    folder.mkdir()
    quality = quality.fitted([pa.RecordBatch.from_pydict({"text": texts, "url": urls})], folder)
    return [*others, Level(select.name, select.dataset, (quality, *rest))]


def bytes_per_token(rows: Rows, tokenizer: Path) -> float:
    texts = [text for text, _ in rows[:: max(1, len(rows) // SAMPLE)]]
    encoded = Tokenizer.from_file(str(tokenizer)).encode_batch_fast(texts, add_special_tokens=False)
    return sum(len(text.encode()) for text in texts) / sum(len(one.ids) for one in encoded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--megabytes", type=int, default=150)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pa.set_cpu_count(1)
    rows, results = read_rows(options.folder), list[dict[str, Any]]()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        tokenizer = gpt2_tokenizer(options.folder / "tokenizer_gpt2", folder)
        per_token = bytes_per_token(rows, tokenizer)
        levels = load_recipe(RECIPE, inputs=["-"]).levels()
        warm_up = write_shards(folder / "warm-up", rows[: len(rows) // 4])
        files = write_shards(folder / "raw", grown(rows, options.megabytes))
        print(f"{TOKENS / 1e12:.0f} T GPT-2 tokens of {per_token:.2f} bytes; published: {PUBLISHED:,} core-hours")
        print(f"{'normaliser':<11}{'level':<12}{'MB':>7}{'rows in':>9}{'out':>8}{'MB/s':>8}{'core-hours':>12}")
        for normalizer in ("plain", "ultrafine"):
            fitted = with_classifier(levels, rows, normalizer, tokenizer, folder / normalizer)
            run_levels(fitted, warm_up, str(folder / f"store-{normalizer}-warm-up"))
            if normalizer == "ultrafine":
                load_ultrafine(tokenizer).forget()
            found = run_levels(fitted, files, str(folder / f"store-{normalizer}"))
            for row in found:
                rate = row["megabytes"] / row["cpu_seconds"]
                row |= {"normalizer": normalizer, "megabytes_per_cpu_second": rate}
                row["core_hours"] = TOKENS * per_token / 1e6 / rate / 3600
                print(
                    f"{normalizer:<11}{row['level']:<12}{row['megabytes']:>7.0f}{row['rows_in']:>9}{row['rows_out']:>8}"
                    f"{rate:>8.1f}{row['core_hours']:>12,.0f}"
                )
            print(f"{normalizer:<11}{'all':<44}{sum(row['core_hours'] for row in found):>12,.0f}")
            results += found
    if options.json:
        options.json.write_text(json.dumps({"bytes_per_token": per_token, "levels": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
