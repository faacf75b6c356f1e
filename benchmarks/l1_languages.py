"""The heuristic L1 filters with parameters by language: what they keep of real articles, and whether datatrove agrees.

    python -m benchmarks.l1_languages FOLDER [--json results.json]

FOLDER holds `wikipedia/{en,zh}.jsonl.gz` and `crawl/pages_mixed.warc.gz`. For German and French, datatrove judges the
same pages with the same parameters and its splitter for that language, in FineWeb2's order. For Chinese, FineWeb2's
thresholds on jieba's words are carried over to characters, which is where the figures of `languages/zh.yaml` come from:
the threshold that drops the same share of the articles, and of 2,000 of them with a passage pasted in again and again.

Needs datatrove[processing]==0.10.1, spacy>=3.8 (the extra `datatrove`) and rjieba==0.2.2.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.kernels.utf8 import hash_bytes, text_buffers
from pipeline.kernels.words.english import SYMBOL
from pipeline.kernels.words.scripts import script_table, split_characters
from pipeline.kernels.words.words import HAS_LETTER, NOT_ASCII, ONLY_SYMBOLS, Words
from pipeline.rows.batch import Batch
from pipeline.steps import RowStep
from stages.l0_collect.extract.extract_html import ExtractHtml
from stages.l0_collect.readers.warc import WarcSource
from stages.l1_filter.heuristics.fineweb_quality import FineWebQuality
from stages.l1_filter.heuristics.gopher_quality import GopherQuality
from stages.l1_filter.heuristics.gopher_repetition import GopherRepetition
from stages.l1_filter.language import Language

CODES = ("en", "de", "fr", "zh")
FILTERS = (GopherRepetition, FineWebQuality, GopherQuality)
DATATROVE_NAMES = {"de": "deu_Latn", "fr": "fra_Latn"}
FINEWEB2_CHINESE = {  # huggingface/fineweb-2, configs/cmn_Hani.yml
    "top_2_gram": 0.256, "top_3_gram": 0.201, "top_4_gram": 0.171, "duplicate_5_gram": 0.198, "duplicate_6_gram": 0.182,
    "duplicate_7_gram": 0.167, "duplicate_8_gram": 0.154, "duplicate_9_gram": 0.14, "duplicate_10_gram": 0.127,
    "too_few_alphabetic_words": 0.735, "newlines_per_word": 0.178,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    chinese = articles(arguments.folder / "wikipedia" / "zh.jsonl.gz")
    results: dict[str, Any] = {"kept": [], "chinese": carried_over(chinese)}
    sets = {
        "wikipedia zh": chinese,
        "wikipedia en": articles(arguments.folder / "wikipedia" / "en.jsonl.gz")[:3000],
        "pages": pages(arguments.folder / "crawl" / "pages_mixed.warc.gz"),
    }
    print(f"{'set':<14} {'language':<9} {'documents':>9} {'kept':>7} {'by English':>11} {'datatrove':>10} {'agree':>7}")
    for name, texts in sets.items():
        languages, ours = judge(texts, [step(languages=CODES) for step in FILTERS])
        _, english = judge(texts, [step() for step in FILTERS])
        for code in CODES:
            rows = [row for row, language in enumerate(languages) if language == code]
            if len(rows) < 10:
                continue
            kept, by_english = np.array(ours)[rows], np.array(english)[rows]
            row = {"set": name, "language": code, "documents": len(rows), "kept": kept.mean()}
            row["by_english"], line = by_english.mean(), ""
            if code in DATATROVE_NAMES:
                theirs = np.array([datatrove_keeps(texts[row], code) for row in rows])
                row |= {"datatrove": theirs.mean(), "agree": (theirs == kept).mean()}
                line = f"{row['datatrove']:10.1%} {row['agree']:7.1%}"
            results["kept"].append(row)
            print(f"{name:<14} {code:<9} {len(rows):9} {row['kept']:7.1%} {row['by_english']:11.1%} {line}")
    print("\nChinese: threshold on jieba's words, share of articles it drops, carried over to characters")
    for rule, row in results["chinese"].items():
        print(f"{rule:<26} {row['jieba']:6} {row['share']:7.2%} {row['characters']:7.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


def articles(path: Path) -> list[str]:
    with gzip.open(path, "rt") as file:
        return [json.loads(line)["text"] for line in file]


def pages(path: Path) -> list[str]:
    """Main texts by the steps of L0, in a minute."""
    texts: list[str] = []
    source, extract = WarcSource(paths=(str(path),)), ExtractHtml()
    for unit in source.units(str(path), ""):
        for found in source.read(unit):
            outcome = extract.process(Batch(found.rows))
            kept = outcome.judgement.kept if outcome.judgement else np.ones(len(outcome.batch), np.bool_)
            texts += outcome.batch.filter(kept).text.to_pylist()
    return texts


def judge(texts: list[str], filters: list[Any]) -> tuple[list[str], list[bool]]:
    """(language, kept by all filters) per text whose language is certain enough; else ("", False)."""
    languages, kept = [], []
    steps: list[RowStep] = [Language(languages=CODES), *filters]
    for first in range(0, len(texts), 500):
        batch = Batch(pa.RecordBatch.from_pydict({"text": texts[first : first + 500]}))
        outcome = steps[0].process(batch)
        certain, batch = outcome.judgement.kept, outcome.batch
        fine = certain.copy()
        for step in filters:
            fine &= step.judge(batch).kept
        names = batch.column("language").to_pylist()
        languages += [name if sure else "" for name, sure in zip(names, certain, strict=True)]
        kept += fine.tolist()
    return languages, kept


def datatrove_keeps(text: str, code: str) -> bool:
    from datatrove.data import Document

    return all(one.filter(Document(text=text, id="")) is True for one in _datatrove_filters(code))


@cache
def _datatrove_filters(code: str) -> list[Any]:
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter

    name = DATATROVE_NAMES[code]
    repetition, fineweb, quality = (step(languages=CODES).by_language[code] for step in FILTERS)
    off = {"dup_para_frac": 0, "dup_line_char_frac": 0, "dup_para_char_frac": 0}
    return [
        GopherRepetitionFilter(
            language=name, dup_line_frac=repetition.dup_line_frac, top_n_grams=repetition.top_n_grams,
            dup_n_grams=repetition.dup_n_grams, **off,
        ),
        FineWebQualityFilter(
            language=name, line_punct_thr=fineweb.line_punct_thr, short_line_thr=fineweb.short_line_thr,
            char_duplicates_ratio=fineweb.char_duplicates_ratio, new_line_ratio=fineweb.new_line_ratio,
        ),
        GopherQualityFilter(
            language=name, min_avg_word_length=quality.min_avg_word_length, stop_words=quality.stop_words,
            max_avg_word_length=quality.max_avg_word_length, max_non_alpha_words_ratio=quality.min_alpha_words_ratio,
        ),
    ]  # fmt: skip


def carried_over(texts: list[str]) -> dict[str, dict[str, float]]:
    """Per rule: FineWeb2's threshold, the share of articles it drops, and what drops as much on characters."""
    documents = [*texts, *pasted(texts)]
    by_jieba, by_characters = measured(documents, jieba_words), measured(documents, split_characters)
    found = {}
    for rule, threshold in FINEWEB2_CHINESE.items():
        below = rule == "too_few_alphabetic_words"
        theirs = by_jieba[rule] < threshold if below else by_jieba[rule] > threshold
        equal = np.quantile(by_characters[rule], theirs.mean() if below else 1 - theirs.mean())
        found[rule] = {"jieba": threshold, "share": theirs[: len(texts)].mean(), "characters": float(equal)}
    return found


def pasted(texts: list[str]) -> list[str]:
    """Articles in which a passage of 4 to 60 characters is repeated, up to 60 % of the text."""
    rng, found = random.Random(0), []
    for text in rng.sample(texts, 2000):
        size = rng.randint(4, 60)
        times = rng.randint(1, max(1, int(len(text) * rng.uniform(0.05, 0.6) / size)))
        start = rng.randrange(max(1, len(text) - size))
        passage = text[start : start + size]
        for _ in range(times):
            place = rng.randrange(len(text))
            text = text[:place] + passage + text[place:]
        found.append(text)
    return found


def measured(texts: list[str], split: Any) -> dict[str, Any]:
    """Rule → its value per text, for words as `split` cuts them."""
    values: dict[str, list[Any]] = {rule: [] for rule in FINEWEB2_CHINESE}
    for first in range(0, len(texts), 500):
        part = pa.array(texts[first : first + 500])
        words = split(part)
        batch = Batch(pa.RecordBatch.from_arrays([part], ["text"]), {"words": words})
        for step in (GopherRepetition(keep_signals=True), GopherQuality(keep_signals=True)):
            signals = step.measure(batch).values
            for rule in values.keys() & signals.keys():
                values[rule].append(np.asarray(signals[rule]))
        newlines = np.array([text.count("\n") for text in part.to_pylist()])
        values["newlines_per_word"].append(newlines / np.maximum(words.end - words.begin, 1))
    return {rule: np.concatenate(parts) for rule, parts in values.items()}


def jieba_words(texts: pa.StringArray) -> Words:
    """What FineWeb2's splitter cuts: jieba's words without white space."""
    import rjieba

    data, offsets = text_buffers(texts)
    symbols = {chr(code) for code in np.flatnonzero(script_table() & SYMBOL)}
    begin, end, start, stop, hashes, flags = [], [], [], [], [], []
    for text, place in zip(texts.to_pylist(), offsets.tolist(), strict=False):
        begin.append(len(start))
        for piece in rjieba.cut(text):
            word = piece.strip()
            if word:
                low = place + len(piece[: piece.index(word)].encode())
                size = len(word.encode())
                start.append(low)
                stop.append(low + size)
                hashes.append(hash_bytes(data, low, low + size))
                letters, signs = any(map(str.isalpha, word)), symbols.issuperset(word)
                flags.append(HAS_LETTER * letters | ONLY_SYMBOLS * signs | NOT_ASCII * (size != len(word)))
            place += len(piece.encode())
        end.append(len(start))
    bounds = [np.array(array, np.int32) for array in (begin, end, start, stop)]
    return Words(*bounds, np.array(hashes, np.uint64), np.array(flags, np.uint8), data)


if __name__ == "__main__":
    main()
