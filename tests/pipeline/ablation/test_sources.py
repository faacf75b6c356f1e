"""A score that knows only the site is found out."""

import numpy as np
import pytest

from pipeline.ablation.sources import inside_sources


def test_a_score_of_sites_has_no_auc_inside_them() -> None:
    # Of site a 8 of 13 are good, of site b 5 of 17, and the score knows the site alone.
    good = [True] * 8 + [False] * 5 + [True] * 5 + [False] * 12
    sources = ["a"] * 13 + ["b"] * 17
    by_site = np.array([1.0 if source == "a" else 0.0 for source in sources])
    found = inside_sources(by_site, good, sources)
    assert found.auc == pytest.approx(0.66, abs=0.01)
    assert found.inside == {"a": (8, 5, 0.5), "b": (5, 12, 0.5)}
    assert found.mean_inside == 0.5
    truth = inside_sources(np.array(good, float), good, sources)
    assert (truth.auc, truth.mean_inside) == (1.0, 1.0)
    assert truth.source_alone == found.source_alone < 0.7


def test_what_a_lone_document_says_of_its_source_is_nothing() -> None:
    good, sources = [True, False] * 6, [f"site {number}" for number in range(12)]
    found = inside_sources(np.arange(12.0), good, sources)
    assert found.source_alone == 0.5
    assert found.inside == {}
    assert found.mean_inside is None


def test_a_source_alone_is_worth_what_its_other_documents_say() -> None:
    good = [True, True, False, True, True, False, False, False]
    sources = ["a"] * 3 + ["b"] * 5
    # Among the others of a document: of a's 1/2, 1/2, 2/2, of b's 1/4, 1/4, 2/4, 2/4, 2/4. Sixteen pairs in all.
    found = inside_sources(np.zeros(8), good, sources)
    assert found.source_alone == pytest.approx((2 * 3 * 0.5) / 16)
