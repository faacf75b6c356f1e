import math

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.rows.batch import Batch
from stages.l2_select.choose.threshold import Threshold


def test_drops_below_the_minimum_and_quarantines_what_has_no_score():
    scores = pa.array([0.5, 0.49, None, float("nan"), 1.0], pa.float32())
    batch = Batch(pa.RecordBatch.from_arrays([pa.array(list("abcde")), scores], ["id", "quality"]))
    outcome = Threshold(minimum=0.5).process(batch)
    assert outcome.judgement.rules == ["below_minimum"]
    assert outcome.judgement.rule.tolist() == [-1, 0, -1, -1, -1]
    assert outcome.judgement.value[1] == scores[1].as_py()
    assert outcome.judgement.threshold[1] == 0.5
    assert outcome.errors == {row: "column 'quality' holds no score for this row" for row in (2, 3)}


@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64(), pa.int64()])
def test_a_score_that_is_exactly_the_minimum_stays_in_any_type(kind: pa.DataType):
    for minimum in (0.7, 0.1, 98.85, 1 / 3, 3.0):
        at = np.asarray(minimum).astype(kind.to_pandas_dtype())
        below = np.nextafter(at, at.dtype.type(0)) if pa.types.is_floating(kind) else at - 1
        scores = pa.array(np.array([at, below]), kind)
        judgement = (
            Threshold(minimum=minimum).process(Batch(pa.RecordBatch.from_arrays([scores], ["quality"]))).judgement
        )
        reached = pa.types.is_floating(kind) or at == minimum  # 0 does not reach 0.7
        assert judgement.rule.tolist() == [-1 if reached else 0, 0], (kind, minimum)
        assert judgement.value[1] < judgement.threshold[1]


@pytest.mark.parametrize("minimum", [math.nan, math.inf, -math.inf])
def test_a_minimum_is_a_finite_number(minimum: float):
    with pytest.raises(ValidationError, match="finite"):
        Threshold(minimum=minimum)
