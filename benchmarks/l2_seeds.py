"""Which seeds help, on the whole toy budget: `orefine train-classifier --candidates` on a crawl of two languages.

    python -m benchmarks.l2_seeds FOLDER --output OUT [--rounds 2]

The data to select from are 1,000 documents of English FineWeb and 2,600 Chinese Wikipedia articles, as many bytes. One
pool holds English C4, one Chinese Wikipedia; judged is by other C4. A budget of a million parameters sees languages and
broken text, not the worth of facts, so this shows that the loop keeps what helps and drops what does not: it takes
about ten minutes of two cores, and finds its finished trials when it is called again.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.studies.ablate import Hook
from flows.studies.seed_pools import Candidates, table, verify_seeds

TRAIN = {"dim": 32, "epochs": 20, "lr": 0.5, "min_count": 3, "word_ngrams": 2}


def jsonl(path: Path, first: int, stop: int) -> list[str]:
    with gzip.open(path) as lines:
        return [json.loads(line)["text"] for line in itertools.islice(lines, first, stop)]


def write_texts(folder: Path, data: Path) -> dict[str, str]:
    """Name → file of the texts that play each part."""
    english = [
        text
        for part in range(2)
        for text in pq.read_table(data / f"fineweb/part-0000{part}.parquet")["text"].to_pylist()
    ]
    c4, chinese = data / "c4/c4_sample.jsonl.gz", data / "wikipedia/zh.jsonl.gz"
    texts = {
        "crawl": english + jsonl(chinese, 0, 2600),
        "english": jsonl(c4, 0, 500),
        "chinese": jsonl(chinese, 2600, 3100),
        "heldout": jsonl(c4, 600, 900),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in texts.items():
        pq.write_table(pa.table({"text": part}), folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in texts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    files = write_texts(options.output / "texts", options.folder)
    fields: dict[str, Any] = {
        "data": [files["crawl"]],
        "keep": 0.3,
        "heldout": [files["heldout"]],
        "train": TRAIN,
        "pools": {name: {"positives": {"paths": [files[name]]}} for name in ("english", "chinese")},
    }
    plan = Candidates.model_validate(fields)
    hook = Hook("toy", plan.heldout)
    print("\n".join(table(verify_seeds(plan, [Path(files["crawl"])], hook, options.output, options.rounds, print))))


if __name__ == "__main__":
    main()
