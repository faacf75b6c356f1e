import pyarrow as pa
import pytest

from stages.l2_select.train.settings import FEWER, PUBLISHED, TrainSettings
from stages.l2_select.train.train_classifier import Undertrained, train

GOOD = [f"the theorem number {n} follows from the lemma by induction" for n in range(60)]
BAD = [f"click here to buy cheap pills order {n} now" for n in range(60)]


@pytest.mark.parametrize(("texts", "epochs"), [(108, 50), (450, 50), (1_800, 14), (4_680, 5), (99_999, 5)])
def test_few_seeds_are_gone_through_more_often(texts: int, epochs: int):
    assert TrainSettings().for_texts(texts) == FEWER | {"epochs": epochs}


def test_many_seeds_are_trained_as_published():
    assert TrainSettings().for_texts(100_000) == PUBLISHED


def test_what_is_set_stays():
    assert TrainSettings(epochs=7, dim=16).for_texts(108) == FEWER | {"epochs": 7, "dim": 16}
    assert TrainSettings(min_count=1).for_texts(200_000) == PUBLISHED | {"min_count": 1}


def test_a_few_seeds_give_scores_that_a_threshold_can_part(tmp_path):
    report = train(pa.array(GOOD), pa.array(BAD), TrainSettings(bucket=1000), tmp_path)
    assert report.spread[0] < 0.3
    assert report.spread[1] > 0.7
    assert (report.settings["epochs"], report.settings["dim"]) == (50, 32)


def test_scores_that_all_lie_at_one_place_are_refused(tmp_path):
    settings = TrainSettings(bucket=1000, **PUBLISHED)
    with pytest.raises(Undertrained, match=r"scores lie between 0\.5\d* and 0\.5\d* after 3 epochs"):
        train(pa.array(GOOD), pa.array(BAD), settings, tmp_path)
