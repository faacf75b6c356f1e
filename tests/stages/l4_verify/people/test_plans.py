"""Plans against the published table, against brute force, and against each other."""

import itertools

import pytest

from stages.l4_verify.people.plans import Look, PlanSettings, acceptance, design, judge, next_look

LARGE = 10_000_000
TABLE = [  # aql, ltpd, n, c, P(reject at aql), P(accept at ltpd)
    (0.005, 0.02, 462, 5, 0.0302, 0.0996),
    (0.01, 0.03, 390, 7, 0.0445, 0.0999),
    (0.01, 0.05, 132, 3, 0.0443, 0.0992),
    (0.02, 0.05, 306, 10, 0.0460, 0.0987),
    (0.02, 0.10, 65, 3, 0.0414, 0.0996),
]


@pytest.mark.parametrize(("aql", "ltpd", "rows", "limit", "rejected", "accepted"), TABLE)
def test_single_plans_of_the_published_table(aql, ltpd, rows, limit, rejected, accepted):
    looks = design(PlanSettings(aql=aql, ltpd=ltpd), LARGE)
    assert looks == (Look(rows, limit, limit + 1),)
    assert 1 - acceptance(looks, aql)[0] == pytest.approx(rejected, abs=6e-5)
    assert acceptance(looks, ltpd)[0] == pytest.approx(accepted, abs=6e-5)


@pytest.mark.parametrize(("rate", "rows"), [(0.05, 59), (0.02, 149), (0.01, 299), (0.005, 598), (0.001, 2995)])
def test_a_sample_without_a_defect_bounds_the_rate(rate, rows):
    assert acceptance((Look(rows, 0, 1),), rate)[0] <= 0.05 < acceptance((Look(rows - 1, 0, 1),), rate)[0]


@pytest.mark.parametrize("kind", ["single", "double", "sequential"])
@pytest.mark.parametrize(("aql", "ltpd"), [row[:2] for row in TABLE[2:]])
@pytest.mark.parametrize("lot", [150, 700, LARGE])
def test_every_plan_keeps_both_risks(kind, aql, ltpd, lot):
    settings = PlanSettings(kind=kind, aql=aql, ltpd=ltpd)
    looks = design(settings, lot)
    finite = lot if looks[-1].rows > 0.05 * lot else None
    good = int(aql * lot) / lot if finite else aql
    assert acceptance(looks, good, finite)[0] >= 0.95
    assert acceptance(looks, ltpd, finite)[0] <= 0.10
    assert all(look.accept < look.reject for look in looks)
    assert looks[-1].reject == looks[-1].accept + 1  # the last look always decides


def test_a_small_lot_needs_fewer_rows():
    settings = PlanSettings(aql=0.01, ltpd=0.05)
    sizes = [design(settings, lot)[-1].rows for lot in (100, 500, 2000, LARGE)]
    assert sizes == sorted(sizes)
    assert sizes[0] < 100 < sizes[-1]
    assert design(settings, 3)[-1].rows <= 3


def test_double_and_sequential_plans_look_at_fewer_rows_of_a_good_lot():
    average = {
        kind: acceptance(design(PlanSettings(kind=kind, aql=0.01, ltpd=0.05), LARGE), 0.005)[1]
        for kind in ("single", "double", "sequential")
    }
    assert average["sequential"] < average["double"] < average["single"] == 132


def test_the_exact_recursion_equals_counting_all_orders():
    looks = (Look(2, 0, 2), Look(4, 1, 2))
    lot, bad = 6, 2
    accepted = looked = 0
    orders = list(itertools.permutations([True] * bad + [False] * (lot - bad)))
    for order in orders:
        verdict, rows = judge(looks, list(order[:4]))
        accepted += verdict == "accept"
        looked += rows
    assert acceptance(looks, bad / lot, lot) == pytest.approx((accepted / len(orders), looked / len(orders)))


def test_what_is_decided_stays_decided_by_the_first_look_that_decides():
    looks = (Look(2, 0, 2), Look(4, 1, 2))
    assert judge(looks, [False]) == ("continue", 1)
    assert next_look(looks, [False]) == 2
    assert judge(looks, [False, True]) == ("continue", 2)
    assert next_look(looks, [False, True]) == 4
    assert judge(looks, [True, True, False, False]) == ("reject", 2)
    assert judge(looks, [False, False, True, True]) == ("accept", 2)
    assert next_look(looks, [False, False]) == 2


def test_rates_that_no_sample_tells_apart_are_refused():
    with pytest.raises(ValueError, match=r"aql 0\.05 must be below ltpd 0\.05"):
        PlanSettings(aql=0.05, ltpd=0.05)
    with pytest.raises(ValueError, match="without rows"):
        design(PlanSettings(), 0)


def test_all_looks_at_every_row():
    assert design(PlanSettings(kind="all"), 7) == (Look(7, 7, 8),)
