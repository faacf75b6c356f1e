"""How far our scores are from the fastText library's, on documents of many languages, for each kind of model.

Models are trained here on the beginnings of the documents, to tell the sets apart; lid.176 is as published. Compared is
the probability of every label, on one line, newlines as spaces, as the library wants it.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fasttext
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.kernels.classifier.fasttext import load_classifier
from pipeline.kernels.classifier.languages import installed_lid176

JSONL = ("c4/c4_sample", "boilerplate/uk_pages", "wikipedia/zh", "near_duplicates/pages", "wikipedia/en")
WARC = "crawl/pages_mixed.warc.gz"
TRAINED_CHARACTERS = 500
PER_SET = 150
"""Documents of each set that a model is trained on."""
MODELS: dict[str, dict[str, Any]] = {
    "word 3-grams, two classes": {"two": True, "wordNgrams": 3, "dim": 256, "bucket": 50_000},
    "word 3-grams": {"wordNgrams": 3, "dim": 32, "bucket": 50_000},
    "subwords": {"minn": 2, "maxn": 5, "wordNgrams": 2, "dim": 32, "bucket": 50_000},
    "hierarchical softmax": {"loss": "hs", "maxn": 4, "dim": 16, "bucket": 50_000},
    ".ftz, pruned": {"minn": 2, "maxn": 4, "dim": 32, "bucket": 50_000, "quantised": {"cutoff": 5000, "qnorm": True}},
}
CHUNK = 250
LIMIT = 1e-4


def agreement(data: Path, documents: int, folder: Path) -> dict[str, Any]:
    """The largest difference per model and set, and how many documents there were."""
    sets = read_sets(data, documents)
    paths = {name: train(sets, settings, folder) for name, settings in MODELS.items()}
    paths["lid.176 (.ftz)"] = Path(installed_lid176())
    rows = [
        {"model": name, "set": origin, "documents": len(texts), "largest_difference": largest_difference(path, texts)}
        for name, path in paths.items()
        for origin, texts in sets.items()
    ]
    return {"documents": sum(map(len, sets.values())), "limit": LIMIT, "rows": rows}


def table(result: dict[str, Any]) -> list[str]:
    """A line per model, its largest difference per set."""
    origins = list(dict.fromkeys(row["set"] for row in result["rows"]))
    by_model: dict[str, list[float]] = {}
    for row in result["rows"]:
        by_model.setdefault(row["model"], []).append(row["largest_difference"])
    lines = [f"{result['documents']:,} documents; limit {result['limit']:g}", ""]
    lines.append(f"{'model':<28}" + "".join(f"{Path(origin).name[:14]:>15}" for origin in origins))
    return [*lines, *(f"{name:<28}" + "".join(f"{one:>15.1e}" for one in found) for name, found in by_model.items())]


def read_sets(data: Path, documents: int) -> dict[str, list[str]]:
    """Texts by origin, as evenly as the sets' sizes allow; lines and zero bytes as the library takes them."""
    sources = {
        "fineweb": (text for path in sorted((data / "fineweb").glob("part-0000[0-3].parquet"))
                    for text in pq.read_table(path)["text"].to_pylist()),
        WARC.removesuffix(".warc.gz"): read_pages(data / WARC),
        **{name: read_jsonl(data / f"{name}.jsonl.gz") for name in JSONL},
    }  # fmt: skip
    sets: dict[str, list[str]] = {}
    left, waiting = documents, len(sources)
    for name, texts in sources.items():
        share = -(-left // waiting)
        sets[name] = [text.replace("\n", " ") for _, text in zip(range(share), texts, strict=False)]
        left, waiting = left - len(sets[name]), waiting - 1
    return sets


def read_jsonl(path: Path) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def read_pages(path: Path) -> Iterator[str]:
    """The pages of a WARC with their tags cut out: crude, but in dozens of languages."""
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    with path.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            body = record.reader.read().decode("utf-8", "ignore")
            text = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", " ", body)
            yield html.unescape(text).encode("utf-8", "ignore").decode()


def train(sets: dict[str, list[str]], settings: dict[str, Any], folder: Path) -> Path:
    lines, path = folder / "lines.txt", folder / f"{len(list(folder.iterdir()))}.bin"
    options = {name: value for name, value in settings.items() if name not in ("two", "quantised")}
    with lines.open("w", encoding="utf-8") as file:
        for number, texts in enumerate(sets.values()):
            label = int(number < 2) if settings.get("two") else number
            for text in texts[:PER_SET]:
                shown = " ".join(text[:TRAINED_CHARACTERS].replace("__label__", " ").split())
                file.write(f"__label__{label} {shown}\n".replace("\0", " "))
    model = fasttext.train_supervised(str(lines), epoch=5, lr=0.5, minCount=1, thread=1, verbose=0, **options)
    if "quantised" in settings:
        model.quantize(str(lines), **settings["quantised"])
    model.save_model(str(path))
    return path


def largest_difference(path: Path, texts: list[str]) -> float:
    """Over all labels; the library keeps back what is below 1e-5, which counts as that."""
    library, classifier, worst = fasttext.load_model(str(path)), load_classifier(path), 0.0
    place = {label: index for index, label in enumerate(classifier.labels)}
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        expected = np.full((len(part), len(place)), 1e-5)
        for row, (labels, scores) in enumerate(zip(*library.predict(part, k=-1), strict=True)):
            expected[row, [place[label] for label in labels]] = scores
        found = np.nan_to_num(classifier.probabilities(pa.array(part)), nan=1e-5)
        worst = max(worst, float(np.abs(found - expected).max()))
    return worst
