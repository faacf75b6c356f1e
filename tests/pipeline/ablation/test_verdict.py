"""From finished runs to answers: paired differences, controls, noise floors, and what the reader is warned of."""

from typing import Any

import numpy as np
import pytest

from pipeline.ablation.heldout import Domain
from pipeline.ablation.verdict import compare, control_holds, noise_floor, warnings

WEB, BOOKS = (
    Domain(name, tuple("abcdefgh"), np.arange(8, dtype=np.uint64)) for name in ("web", "books")
)  # a byte each
HELD = [WEB, BOOKS]


def runs(*scores: tuple[float, float], epochs: float = 1.0, ngram: float = 0.0) -> list[dict[str, Any]]:
    """A run for each (bits per byte of the web, of books)."""
    return [
        {
            "epochs": epochs, "bits": {"web": [web] * 8, "books": [books] * 8},
            "ngram_bits": {"web": [ngram] * 8, "books": [ngram] * 8},
        }
        for web, books in scores
    ]  # fmt: skip


BASE = runs((3, 5), (3, 4), (3, 6))


def test_differences_are_second_minus_first_seed_by_seed() -> None:
    better = runs((2, 4), (2.5, 3), (1.5, 5), ngram=0.5)
    (found,) = compare({"baseline": BASE, "candidate": better}, HELD, [("baseline", "candidate")], 1)
    assert found.verdict == "candidate better"
    assert found.difference.per_seed == (-1.0, -0.75, -1.25)
    assert found.by_domain["web"].per_seed == (-1.0, -0.5, -1.5)
    assert found.by_domain["books"].per_seed == (-1.0, -1.0, -1.0)
    assert found.second_opinion.mean == 0.5
    (turned,) = compare({"baseline": better, "candidate": BASE}, HELD, [("baseline", "candidate")], 1)
    assert turned.verdict == "baseline better"
    said = warnings({"baseline": BASE, "candidate": better}, found, [], {})
    assert said == ["n-grams see the opposite; the verdict is that of the proxy models"]


def test_claims_share_the_error_level_and_controls_do_not() -> None:
    near = runs((2.9, 4.9), (2.8, 3.8), (2.86, 5.86))  # t = 5.05 with two degrees of freedom
    arms = {"baseline": BASE, "one": near, "two": BASE, "shuffled": near}
    pairs = [("baseline", "one"), ("baseline", "two"), ("baseline", "shuffled")]
    one, two, control = compare(arms, HELD, pairs, 2)
    assert control.adjusted_p == pytest.approx(0.0371, abs=1e-4)
    assert one.adjusted_p == pytest.approx(2 * control.adjusted_p)
    assert (one.verdict, two.verdict, control.verdict) == (
        "not distinguishable",
        "not distinguishable",
        "shuffled better",
    )
    (alone,) = compare(arms, HELD, pairs[:1], 1)
    assert alone.verdict == "one better"


def test_a_control_on_the_wrong_side_makes_the_budget_blind() -> None:
    arms = {"baseline": BASE, "shuffled": BASE, "target": runs((2, 4), (2, 3), (2, 5)), "candidate": BASE}
    pairs = [("baseline", name) for name in ("candidate", "shuffled", "target")]
    main, blind, sees = compare(arms, HELD, pairs, 1)
    assert not control_holds(blind)
    assert control_holds(sees)
    (said,) = warnings(arms, main, [blind, sees], {})
    assert said.startswith("the budget is blind: the control `shuffled` must be worse than the baseline and is +0.0000")


def test_the_noise_floor_is_one_half_of_the_seeds_against_the_other() -> None:
    six = runs((3, 3), (3, 3), (3, 3), (4, 4), (3.5, 3.5), (3, 3))
    floor = noise_floor(six, HELD)
    assert floor.per_seed == (1.0, 0.5, 0.0)
    arms = {"baseline": six, "candidate": six}
    (main,) = compare(arms, HELD, [("baseline", "candidate")], 1)
    assert warnings(arms, main, [], {"baseline": floor}) == []
    off = noise_floor(runs((3, 3), (3, 3), (4, 4), (4, 4)), HELD)
    assert warnings(arms, main, [], {"baseline": off})[0].startswith("the noise floor of the baseline does not cover")


def test_what_the_reader_is_warned_of() -> None:
    arms = {
        "baseline": runs((3, 3), (3, 3), epochs=4.0), "candidate": runs((2, 5), (2, 5), epochs=4.04),
        "repeated": runs((3, 3), (3, 3), epochs=99.0),
    }  # fmt: skip
    (main,) = compare(arms, HELD, [("baseline", "candidate")], 1)
    assert [said.split(":")[0].split(";")[0] for said in warnings(arms, main, [], {})] == [
        "the candidate was repeated 4.0 times", "the domains disagree about the winner", "two seeds",
    ]  # fmt: skip


def test_a_verdict_that_another_learning_rate_turns_round_is_none() -> None:
    better = runs((2, 4), (2.5, 3), (1.5, 5))
    arms, pair = {"baseline": BASE, "candidate": better}, [("baseline", "candidate")]
    (same,) = compare(arms, HELD, pair, 1, slowly=arms)
    assert same.verdict == "candidate better"
    assert same.at_second_rate == same.difference
    (turned,) = compare(arms, HELD, pair, 1, slowly={"baseline": better, "candidate": BASE})
    assert turned.verdict == "not distinguishable"
    assert turned.at_second_rate is not None
    assert turned.at_second_rate.mean == pytest.approx(1.0)
    said = warnings(arms, turned, [], {})
    assert said == ["at another learning rate the other arm is ahead: a verdict that flips is none"]
    (control,) = compare(arms | {"shuffled": BASE}, HELD, [("baseline", "shuffled")], 0, slowly=arms)
    assert control.at_second_rate is None, "controls are not trained a second time"
