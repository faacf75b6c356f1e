"""A checker's recall on seeded defects and its false alarms, with intervals."""

from typing import Literal

import pyarrow as pa
import pytest

from pipeline.books.interval import rounded
from pipeline.publish.calibration import calibrate
from pipeline.steps import Checker, Verdicts


class Guessing(Checker):
    """A checker that says of a text what it says of itself."""

    kind: Literal["guessing"] = "guessing"

    def mutants(self, rows, seed):
        texts = ["pass", "fail", "abstain"] + ["pass"] * 6
        return {
            "some": pa.RecordBatch.from_pydict({"text": texts[: 6 + seed]}), "none": pa.RecordBatch.from_pydict({}),
        }  # fmt: skip

    def variants(self, rows, seed):
        return {"said otherwise": pa.RecordBatch.from_pydict({"text": ["pass", "fail", "abstain", "pass"]})}

    def check(self, batch):
        return Verdicts(batch.text.to_pylist(), ["defect"] * len(batch), [{}] * len(batch))


def test_calibration_counts_what_was_not_passed_and_says_nothing_of_no_rows():
    found = calibrate(Guessing(), pa.RecordBatch.from_pydict({}), seed=3)
    assert found == {
        "some": {"mutants": 9, "caught": 2, "recall": 0.2222, "interval": [0.0632, 0.5474]},
        "none": {"mutants": 0, "caught": 0},
        "said otherwise": {"variants": 4, "failed": 1, "false_alarms": 0.25, "interval": [0.0456, 0.6994]},
    }


# Values of the facts page: 0/100, 0/300 and 5/300 at 95 %.
@pytest.mark.parametrize(
    ("part", "of", "wanted"), [(0, 100, [0, 0.037]), (0, 300, [0, 0.0126]), (5, 300, [0.0071, 0.0384])]
)
def test_intervals_are_wilsons(part, of, wanted):
    assert rounded(part, of) == pytest.approx(wanted, abs=1e-4)
    assert rounded(of - part, of) == pytest.approx([1 - wanted[1], 1 - wanted[0]], abs=1e-4)


def test_only_rows_that_the_checker_is_for_are_damaged():
    class Copies(Guessing):
        """Returns the rows that it gets."""

        def mutants(self, rows, seed):
            return {"none": rows}

    rows = pa.RecordBatch.from_pydict({"text": ["pass", "fail"], "form": ['{"kind": "prose"}', '{"kind": "task"}']})
    assert calibrate(Copies(forms=("task",)), rows, seed=0)["none"]["mutants"] == 1
