"""From finished runs to a verdict: paired differences, their intervals, and what the reader is warned of."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ablation.compare import LIBRARIES, _describe_arm, _result, _setting, _verdict
from pipeline.ablation.data import Domain, survey
from pipeline.ablation.statistics import Estimate
from pipeline.ablation.tokenizer import train_tokenizer
from pipeline.store.shard import file_sha256
from tests.pipeline.ablation.helpers import TINY, sentences, write

HELD = [Domain(name, tuple("abcdefgh"), np.arange(8, dtype=np.uint64)) for name in ("web", "books")]  # a byte each


def runs(*scores: tuple[float, float], epochs: float = 1.0) -> list[dict[str, Any]]:
    """A run for each (bits per byte of the web, of books)."""
    return [
        {
            "seed": seed, "epochs": epochs, "bpb": {"web": web, "books": books, "mean": (web + books) / 2},
            "bits": {"web": [web] * 8, "books": [books] * 8},
        }
        for seed, (web, books) in enumerate(scores)
    ]  # fmt: skip


def result(baseline: list[dict[str, Any]], candidate: list[dict[str, Any]], aa: bool = False) -> dict[str, Any]:
    return _result({"baseline": baseline, "candidate": candidate}, HELD, len(candidate), {"aa": aa})


def test_differences_are_candidate_minus_baseline_seed_by_seed() -> None:
    found = result(runs((3, 5), (3, 4), (3, 6)), runs((2, 4), (2.5, 3), (1.5, 5)))
    assert found["verdict"] == "candidate better"
    assert found["bpb"] == {"baseline": 4.0, "candidate": 3.0}
    assert found["difference"]["per_seed"] == (-1.0, -0.75, -1.25)
    assert found["difference"]["mean"] == -1.0
    assert found["smallest_detectable"] == pytest.approx(2.4841 * 0.25, abs=1e-3)
    assert found["by_domain"]["web"]["per_seed"] == (-1.0, -0.5, -1.5)
    assert found["by_domain"]["books"]["per_seed"] == (-1.0, -1.0, -1.0)
    assert found["bootstrap"] == (-1.0, -1.0)  # all documents of a domain are alike here
    assert found["noise_floor"] is None
    assert found["warnings"] == []
    assert found["runs"][0] == {"seed": 0, "epochs": 1.0, "bpb": {"web": 3, "books": 5, "mean": 4.0}}
    assert len(found["runs"]) == 6
    turned = result(runs((2, 4), (2.5, 3), (1.5, 5)), runs((3, 5), (3, 4), (3, 6)))
    assert turned["verdict"] == "baseline better"


def test_the_noise_floor_is_the_baseline_under_other_seeds() -> None:
    baseline = runs((3, 3), (3, 3), (3, 3), (4, 4), (3.5, 3.5), (3, 3))
    found = result(baseline, runs((2, 2), (2, 2), (2, 2)), aa=True)
    assert found["noise_floor"]["per_seed"] == (1.0, 0.5, 0.0)
    assert found["bpb"]["baseline"] == 3.0  # of those that are compared
    floor = "the difference is no larger than that between runs on the same data with other seeds"
    assert found["warnings"] == [floor]
    assert result(baseline, runs((1.9, 1.9), (1.9, 1.9), (1.9, 1.9)), aa=True)["warnings"] == []


@pytest.mark.parametrize(
    ("low", "high", "bootstrap", "verdict"),
    [
        (-2.0, -1.0, (-3.0, -0.1), "candidate better"),
        (-2.0, -1.0, (-3.0, 0.0), "no significant difference"),
        (-2.0, 0.0, (-3.0, -1.0), "no significant difference"),
        (0.1, 2.0, (0.2, 3.0), "baseline better"),
        (0.1, 2.0, (0.0, 3.0), "no significant difference"),
        (0.0, 2.0, (1.0, 3.0), "no significant difference"),
    ],
)
def test_both_intervals_must_exclude_zero(
    low: float, high: float, bootstrap: tuple[float, float], verdict: str
) -> None:
    assert _verdict(Estimate((), 0.0, low, high), bootstrap) == verdict


def test_what_the_reader_is_warned_of() -> None:
    disagree = result(runs((3, 3), (3, 3)), runs((2, 5), (2, 5)))["warnings"]
    assert [warning.split(":")[0] for warning in disagree] == [
        "the domains disagree about the winner", "two seeds",
    ]  # fmt: skip
    three = (runs((3, 3), (3, 3), (3, 3), epochs=4.0), runs((2, 2), (2, 2), (2, 2), epochs=4.04))
    assert result(*three)["warnings"] == [
        "the candidate was repeated 4.0 times; above 4 repetition itself costs, so give it more text or compare at a "
        "smaller budget"
    ]


def test_all_that_is_fixed_before_training_is_written_down(tmp_path: Path) -> None:
    texts = ["ab", "cde"]
    path = write(tmp_path / "a.parquet", texts)
    arm = survey([path])
    arm.chosen[0] = False
    assert _describe_arm(arm) == {
        "files": [{"path": str(path), "sha256": file_sha256(path)}],
        "documents": 2, "bytes": 5, "chosen_documents": 1, "chosen_bytes": 3, "identity": arm.identity,
    }  # fmt: skip
    tokenizer = train_tokenizer(sentences(9, 1), 300)
    first = _setting({"baseline": arm}, HELD, tokenizer, TINY, 2, False, True)
    assert json.loads(json.dumps(first)) == first
    assert (first["protocol"], first["seeds"], first["aa"]) == (1, 2, False)
    assert first["metric"] == "macro mean of bits per byte over the held-out domains web, books"
    assert first["rule"].startswith("significant if the 95 % t interval over seeds and the 95 % bootstrap interval")
    assert first["budget"]["tokens"] == 10 * 8 * 64
    assert first["arms"]["baseline"]["documents"] == 2
    assert first["heldout"]["origin"] == "a slice of each arm, by content hash"
    assert first["heldout"]["domains"]["web"] == {"documents": 8, "bytes": 8, "left_out_as_overlapping": 0}
    assert first["tokenizer"]["vocabulary"] == tokenizer.get_vocab_size()
    assert set(first["versions"]) == set(LIBRARIES) == {"torch", "transformers", "tokenizers", "numpy"}
    other = _setting({"baseline": arm}, HELD[::-1], train_tokenizer(sentences(9, 2), 300), TINY, 2, True, False)
    assert (other["aa"], other["heldout"]["origin"]) == (True, "files given")
    assert other["heldout"]["identity"] != first["heldout"]["identity"]
    assert other["tokenizer"]["identity"] != first["tokenizer"]["identity"]
