"""The data that the ablation's figures are of: raw pages as they come, what they are judged by, and L1 of them.

    python -m benchmarks.ablation_data DATA --output OUT

| file under OUT           | what                                                                          |
|--------------------------|-------------------------------------------------------------------------------|
| raw.parquet              | 700 pages of C4, 2,600 rows of FineWeb (600 repeats), 900 UK pages with menus |
| held/NAME.jsonl          | Wikipedia, C4, WCXB's articles and forums, LAMBADA: texts that no arm holds   |
| positives/NAME.jsonl     | seeds: Wikipedia, WCXB's articles of other sites, and as many of each (`both`) |
| scored/part-*.parquet    | what L1 of `ultra_fineweb_en` keeps, with a score for each pool and `hosts`   |
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import itertools
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

C4_PAGES, HELD_C4 = 700, 300
WIKIPEDIA_SEEDS, HELD_WIKIPEDIA = 1_500, 300
RECIPE = """
dataset: ablation
l0_collect: {{source: {{kind: parquet, paths: [{raw}]}}}}
l1_filter:
  steps:
    - {{kind: exact_duplicates}}
    - {{kind: language, keep: [en], minimum: 0.65}}
    - {{kind: gopher_repetition}}
    - {{kind: gopher_quality}}
    - {{kind: c4_quality}}
    - {{kind: fineweb_quality}}
    - {{kind: near_duplicates, ngram: 5, bands: 14, rows: 8, verify: 0.8}}
    - {{kind: personal_data}}
l2_select:
  steps:
    - kind: fasttext_quality
      column: hosts
      train:
        positives: {{hosts: [.gov, .edu, .ac.uk, .gov.uk, .mil, .int, wikipedia.org, arxiv.org, plos.org]}}
        negatives: {{rest: true}}
"""
POOL = """
    - kind: fasttext_quality
      column: {name}
      train: {{positives: {{paths: [{seeds}]}}, negatives: {{rest: true}}}}
"""
POOLS = ("wikipedia", "articles", "both")


def jsonl(path: Path, first: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in itertools.islice(lines, first, stop)]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def raw_rows(data: Path) -> list[dict[str, str]]:
    rows = [{**row, "origin": "c4"} for row in jsonl(data / "c4/c4_sample.jsonl.gz", 0, C4_PAGES)]
    for part in sorted((data / "fineweb").glob("part-*.parquet")):
        rows += [{**row, "origin": "fineweb"} for row in pq.read_table(part).to_pylist()]
    rows += [{**row, "origin": "uk"} for row in jsonl(data / "boilerplate/uk_pages.jsonl.gz")]
    return [{"text": row["text"], "url": row.get("url") or "", "origin": row["origin"]} for row in rows]


def write_held(data: Path, folder: Path) -> None:
    rows = jsonl(data / "wikipedia/en.jsonl.gz", 0, WIKIPEDIA_SEEDS + HELD_WIKIPEDIA)
    write(folder / "wikipedia.jsonl", ({"text": row["text"], "url": row["url"]} for row in rows[WIKIPEDIA_SEEDS:]))
    c4 = jsonl(data / "c4/c4_sample.jsonl.gz", C4_PAGES, C4_PAGES + HELD_C4)
    write(folder / "c4.jsonl", ({"text": row["text"], "url": row["url"]} for row in c4))
    pages = json.loads(gzip.decompress((data / "crawl/wcxb_dev.truth.json.gz").read_bytes()))
    found = {
        kind: [{"text": page["text"], "url": url} for url, page in pages.items() if page["type"] == kind]
        for kind in ("article", "forum")
    }
    seeds = [row for row in found["article"] if not _is_held(row["url"])]
    write(folder / "articles.jsonl", (row for row in found["article"] if _is_held(row["url"])))
    write(folder / "forums.jsonl", found["forum"])
    wikipedia = [{"text": row["text"]} for row in rows[:WIKIPEDIA_SEEDS]]
    pools = {"wikipedia": wikipedia, "articles": seeds, "both": [*seeds, *wikipedia[: len(seeds)]]}
    for name in POOLS:
        write(folder.parent / f"positives/{name}.jsonl", pools[name])
    lambada = jsonl(data / "eval/lambada_openai.jsonl.gz")
    write(folder / "lambada.jsonl", ({"text": f"{row['context']} {row['continuation']}"} for row in lambada))


def _is_held(url: str) -> bool:
    """Half of the sites."""
    return bool(hashlib.sha256((urlsplit(url).hostname or "").encode()).digest()[0] % 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    out = options.output.resolve()
    write_held(options.data, out / "held")
    pq.write_table(pa.Table.from_pylist(raw_rows(options.data)), out / "raw.parquet")
    recipe = out / "recipe.yaml"
    steps = "".join(POOL.format(name=name, seeds=out / f"positives/{name}.jsonl") for name in POOLS)
    recipe.write_text(RECIPE.format(raw=out / "raw.parquet") + steps)
    command = [sys.executable, "-m", "flows.cli", "run", str(recipe), "--store", str(out / "store"), "--json"]
    done = subprocess.run([*command, "--runner", "inline"], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 3):
        sys.exit(done.returncode)
    level = json.loads(done.stdout.splitlines()[-1])["levels"][-1]
    manifest = (
        out / "store" / level["manifest"] if not Path(level["manifest"]).is_absolute() else Path(level["manifest"])
    )
    scored = out / "scored"
    scored.mkdir(exist_ok=True)
    for part in (manifest.parent / "data").glob("*.parquet"):
        (scored / part.name).write_bytes(part.read_bytes())
    print(f"{level['rows_in']} rows of L1 with their scores in {scored}")


if __name__ == "__main__":
    main()
