"""Does a score sort documents, or only the sites they are from?

A classifier whose positives come from some sites can learn the sites: its AUC over all documents is high, inside every
site it is near .5, and a rule that knows nothing but the site does as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.books.auc import roc_auc
from pipeline.steps import FloatArray

LEAST = 5
"""Documents of each label that a source needs for an AUC of its own."""


@dataclass(frozen=True)
class InsideSources:
    auc: float
    """Over all documents."""
    source_alone: float
    """Of the share of good documents among the others of the same source: what knowing the source is worth."""
    inside: dict[str, tuple[int, int, float]]
    """Source → good documents, others, and the AUC among them; sources with LEAST of each."""

    @property
    def mean_inside(self) -> float | None:
        """Over those sources, by their pairs of a good document and another."""
        weights = [good * other for good, other, _ in self.inside.values()]
        if not weights:
            return None
        return float(np.average([value for _, _, value in self.inside.values()], weights=weights))


def inside_sources(scores: FloatArray, good: Sequence[bool], sources: Sequence[str]) -> InsideSources:
    labels = np.asarray(good, np.bool_)
    names, of = np.unique(np.asarray(sources), return_inverse=True)
    inside = {}
    for number, name in enumerate(names):
        rows = of == number
        positives = int(labels[rows].sum())
        negatives = int(rows.sum()) - positives
        if min(positives, negatives) >= LEAST:
            inside[str(name)] = (positives, negatives, roc_auc(labels[rows], scores[rows]))
    counts, positive = np.bincount(of), np.bincount(of, labels)
    # A document that is alone of its source says nothing of it: the share of all stands for it.
    others = np.where(counts[of] > 1, (positive[of] - labels) / np.maximum(counts[of] - 1, 1), labels.mean())
    return InsideSources(roc_auc(labels, scores), roc_auc(labels, others), inside)
