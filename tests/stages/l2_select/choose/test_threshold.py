import pyarrow as pa

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
