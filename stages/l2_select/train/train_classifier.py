"""Train a fastText quality classifier from seeds and measure it on a part held out by content.

Writes `model.bin` and `model_card.json` (a `Report`). With one thread and one seed the model file depends on the seeds'
texts and the settings alone: not on the order of the texts, nor on how often one occurs.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.books.auc import roc_auc
from pipeline.books.guard import remember
from pipeline.errors import UsageError
from pipeline.store.shard import file_sha256
from stages.l2_select.normalize.normalizers import Normalizer, normalize
from stages.l2_select.train.calibration import (
    calibration_error,
    cross_fitted,
    fit_platt,
    precision_recall,
    reliability,
)
from stages.l2_select.train.seeds import ReadTexts, Sample, content_keys, in_batches, match_hosts
from stages.l2_select.train.settings import MINIMUM_ROWS, TrainSettings, TrainSpec

POSITIVE, NEGATIVE = "__label__pos", "__label__neg"
INFLUENTIAL_WORDS = 40


class TooFewSeeds(UsageError):
    """The seeds hold too few texts of a class to learn and measure from."""


class Undertrained(TooFewSeeds):
    """The classifier hardly tells the classes apart: a selection by it would be a draw."""


@dataclass(frozen=True)
class Report:
    """What was trained on what, and how it does on the held-out part; written as the model card."""

    model: str
    sha256: str
    settings: dict[str, Any]
    deterministic: bool
    """Whether training again gives the same file: with one thread."""
    normalizer: str
    tokenizer: str | None
    given: dict[str, int]
    duplicates: dict[str, int]
    in_both: int
    """Texts that both classes hold; they teach nothing and are left out."""
    trained: dict[str, int]
    held_out: dict[str, int]
    roc_auc: float
    spread: tuple[float, float]
    """Between these lie nine in ten of the held-out scores."""
    precision: float | None
    """At a score of 0.5; None if nothing scores that high."""
    recall: float
    calibration: list[dict[str, float]]
    """Per tenth of the score: rows, mean score, share of positives."""
    calibrated: list[dict[str, float]]
    """The same after Platt's scaling, each half of the held-out part scaled by what the other half teaches."""
    calibration_error: dict[str, float]
    """`before` and `after`: mean distance of score and share of positives."""
    platt: tuple[float, float]
    """Slope and intercept on the log-odds, from the whole held-out part; in use only with `calibrate`."""
    precision_recall: list[dict[str, float]]
    influential_words: dict[str, list[tuple[str, float]]]
    """The words that speak most for each class, with the log-odds of a text that held nothing else."""


def train(
    positives: pa.Array,
    negatives: pa.Array,
    settings: TrainSettings,
    output: Path,
    normalizer: Normalizer = "plain",
    tokenizer: str | None = None,
) -> Report:
    """Balance, de-duplicate, hold out, train and measure; writes `model.bin` and `model_card.json` into `output`.

    Raises ValueError if a class has too few texts, or none that the other lacks, and Undertrained, with both files
    written, if the classifier has learned next to nothing.
    """
    import fasttext

    from pipeline.kernels.classifier.fasttext import load_classifier  # numba takes two seconds to import

    classes = _Balanced(positives, negatives, settings)
    chosen = settings.for_texts(int((~classes.held_out).sum()))
    settings = settings.model_copy(update=chosen)  # the card says what was taken
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output) as scratch:
        lines, model = Path(scratch, "train.txt"), Path(scratch, "model.bin")
        held_out = _write_lines(lines, classes, normalizer, tokenizer)
        try:
            trained = fasttext.train_supervised(
                str(lines), lr=chosen["lr"], dim=chosen["dim"], epoch=chosen["epochs"],
                wordNgrams=chosen["word_ngrams"], minCount=chosen["min_count"], bucket=settings.bucket,
                seed=settings.seed, thread=settings.threads, verbose=0,
            )  # fmt: skip
        except RuntimeError as error:
            raise ValueError(f"fastText: {error}; lower min_count or lr, or give more texts") from error
        trained.save_model(str(model))
        os.replace(model, output / "model.bin")
    report = _measure(classes, held_out, settings, output / "model.bin", normalizer, tokenizer)
    card = json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n"
    (output / "model_card.json").write_text(card, encoding="utf-8")
    _check(report, settings)
    remember(load_classifier, output / report.model)
    return report


def _check(report: Report, settings: TrainSettings) -> None:
    """Raise Undertrained for a classifier that does not tell the classes apart, or only by a hair's breadth."""
    after = f"after {settings.epochs} epochs on {sum(report.trained.values())} texts"
    if report.roc_auc < settings.minimum_auc:
        raise Undertrained(
            f"held-out ROC-AUC {report.roc_auc:.3f} is below minimum_auc {settings.minimum_auc:g} (0.5 is chance) "
            f"{after}; raise epochs or lr, lower min_count, or give more and clearer seeds"
        )
    low, high = report.spread
    if high - low < settings.minimum_spread:
        raise Undertrained(
            f"nine in ten held-out scores lie between {low:.3f} and {high:.3f} {after}, closer than minimum_spread "
            f"{settings.minimum_spread:g}, so that no threshold can part them; leave out epochs, lr, dim, word_ngrams "
            "and min_count, which then follow from the number of seeds, or raise epochs or lr"
        )


def collect_seeds(spec: TrainSpec, rows: Iterable[pa.RecordBatch], read_texts: ReadTexts) -> tuple[pa.Array, pa.Array]:
    """The texts of both classes (large_string), at most a few times `per_class` each in memory at once.

    `rows` (with `text` and `url`) is read once, and only if a class takes rows by host or by rest. A row that the
    hosts of both classes match goes to neither.
    """
    samples = {name: Sample(spec.per_class, spec.seed) for name in ("positives", "negatives")}
    for name, sample in samples.items():
        for texts in read_texts(spec.classes()[name].files()):
            sample.add(texts)
    if not (spec.positives.paths and spec.negatives.paths):
        for batch in rows:
            for name, chosen in rows_of_classes(spec, batch).items():
                samples[name].add(batch.column("text").filter(chosen))
    return samples["positives"].texts(), samples["negatives"].texts()


def rows_of_classes(spec: TrainSpec, batch: pa.RecordBatch) -> dict[str, pa.BooleanArray]:
    """For each class that takes rows by host, or as the rest: which rows of the batch (with `url`) are its own."""
    hosts = {name: match_hosts(batch, seeds.hosts) for name, seeds in spec.classes().items()}
    taken = pc.or_(hosts["positives"], hosts["negatives"])
    both = pc.and_(hosts["positives"], hosts["negatives"])
    return {
        name: pc.invert(taken) if seeds.rest else pc.and_not(hosts[name], both)
        for name, seeds in spec.classes().items()
        if not seeds.paths
    }


class _Balanced:
    """As many distinct positives as negatives, in an order mixed by content hash."""

    def __init__(self, positives: pa.Array, negatives: pa.Array, settings: TrainSettings) -> None:
        keys, texts = {}, {}
        for name, given in ((POSITIVE, positives), (NEGATIVE, negatives)):
            filled = given.filter(pc.greater(pc.binary_length(given), 0)).cast(pa.large_string())
            keys[name], first = np.unique(content_keys(filled, settings.seed), axis=0, return_index=True)
            texts[name] = filled.take(pa.array(first))
        self.given = {POSITIVE: len(positives), NEGATIVE: len(negatives)}
        self.duplicates = {name: self.given[name] - len(keys[name]) for name in keys}
        shared = set(map(bytes, keys[POSITIVE])) & set(map(bytes, keys[NEGATIVE]))
        self.in_both = len(shared)
        for name in keys:
            own = np.array([bytes(key) not in shared for key in keys[name]], np.bool_)
            keys[name], texts[name] = keys[name][own], texts[name].filter(pa.array(own))
        size = min(settings.per_class, len(keys[POSITIVE]), len(keys[NEGATIVE]))
        if size < MINIMUM_ROWS:
            found = ", ".join(f"{len(keys[name])} {name.removeprefix('__label__')}" for name in keys)
            raise TooFewSeeds(f"a classifier needs {MINIMUM_ROWS} distinct texts of each class; found {found}")
        both = np.concatenate([keys[POSITIVE][:size], keys[NEGATIVE][:size]])
        order = np.lexsort((both[:, 1], both[:, 0]))
        self.texts = pa.concat_arrays([texts[POSITIVE][:size], texts[NEGATIVE][:size]]).take(pa.array(order))
        self.positive = (np.arange(2 * size) < size)[order]
        # A share of each class, by rank of a hash and not by its value, so that no small class is left without.
        self.held_out = np.zeros(2 * size, np.bool_)
        for members in (np.flatnonzero(self.positive), np.flatnonzero(~self.positive)):
            ranked = members[np.argsort(both[order][members, 1])]
            self.held_out[ranked[: max(1, round(settings.held_out * size))]] = True


def _write_lines(path: Path, classes: _Balanced, normalizer: Normalizer, tokenizer: str | None) -> list[pa.StringArray]:
    """Write the training part as the library reads it; the held-out texts, normalised as well."""
    held_out, start = [], 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for part in in_batches(classes.texts):
            texts = normalize(part, normalizer, tokenizer)
            # Such words would be read as labels or as the end of the line.
            for marker in ("__label__", "</s>"):
                texts = pc.replace_substring(texts, marker, " ")
            here = slice(start, start := start + len(texts))
            is_held_out, is_positive = classes.held_out[here], classes.positive[here]
            held_out.append(texts.filter(pa.array(is_held_out)))
            rest = texts.filter(pa.array(~is_held_out)).to_pylist()
            for text, positive in zip(rest, is_positive[~is_held_out], strict=True):
                file.write(f"{POSITIVE if positive else NEGATIVE} {text}\n".replace("\0", " "))
    return held_out


def _measure(
    classes: _Balanced,
    held_out: list[pa.StringArray],
    settings: TrainSettings,
    model: Path,
    normalizer: str,
    tokenizer: str | None,
) -> Report:
    from pipeline.kernels.classifier.fasttext import load_classifier

    classifier = load_classifier(model)
    column = classifier.labels.index(POSITIVE)
    truth = classes.positive[classes.held_out]
    scores = np.concatenate([classifier.probabilities(texts) for texts in held_out])[:, column].clip(max=1)
    chosen = scores >= 0.5
    before, after = reliability(truth, scores), reliability(truth, cross_fitted(truth, scores))
    words, weights = classifier.word_logits(POSITIVE)
    order = np.argsort(weights, kind="stable")
    top = {POSITIVE: order[::-1][:INFLUENTIAL_WORDS], NEGATIVE: order[:INFLUENTIAL_WORDS]}
    trained = classes.positive[~classes.held_out]
    return Report(
        model=model.name,
        sha256=file_sha256(model),
        settings=settings.model_dump(mode="json"),
        deterministic=settings.threads == 1,
        normalizer=normalizer,
        tokenizer=tokenizer,
        given=classes.given,
        duplicates=classes.duplicates,
        in_both=classes.in_both,
        trained={POSITIVE: int(trained.sum()), NEGATIVE: int((~trained).sum())},
        held_out={POSITIVE: int(truth.sum()), NEGATIVE: int((~truth).sum())},
        roc_auc=roc_auc(truth, scores),
        spread=(round(float(np.quantile(scores, 0.05)), 4), round(float(np.quantile(scores, 0.95)), 4)),
        precision=float(truth[chosen].mean()) if chosen.any() else None,
        recall=float(chosen[truth].mean()),
        calibration=before,
        calibrated=after,
        calibration_error={"before": calibration_error(before), "after": calibration_error(after)},
        platt=fit_platt(truth, scores),
        precision_recall=precision_recall(truth, scores),
        influential_words={
            name: [(words[word], round(abs(float(weights[word])), 4)) for word in ids] for name, ids in top.items()
        },
    )
