import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.runs.texts import read_texts
from stages.l2_select.train.seeds import Sample, Seeds, content_keys, match_hosts
from stages.l2_select.train.settings import TrainSettings, TrainSpec
from stages.l2_select.train.train_classifier import Undertrained, collect_seeds, train

GOOD = [f"the theorem number {n} follows from the lemma by induction" for n in range(150)]
BAD = [f"click here to buy cheap pills order {n} now" for n in range(90)]
SETTINGS = TrainSettings(dim=8, lr=1.0, epochs=20, min_count=1, word_ngrams=2, bucket=1000)


def test_the_model_depends_on_the_texts_and_not_on_their_order_or_repetition(tmp_path):
    first = train(pa.array(GOOD), pa.array(BAD), SETTINGS, tmp_path / "a")
    again = train(pa.array(GOOD[::-1] + GOOD[:9]), pa.array(BAD[::-1]), SETTINGS, tmp_path / "b")
    assert (tmp_path / "a" / "model.bin").read_bytes() == (tmp_path / "b" / "model.bin").read_bytes()
    assert again.duplicates["__label__pos"] == 9
    assert again.sha256 == first.sha256
    assert first.deterministic
    other = train(pa.array(GOOD), pa.array(BAD), SETTINGS.model_copy(update={"seed": 1}), tmp_path / "c")
    assert other.sha256 != first.sha256


def test_several_threads_are_said_to_give_another_model_each_time(tmp_path):
    report = train(pa.array(GOOD), pa.array(BAD), SETTINGS.model_copy(update={"threads": 2}), tmp_path)
    assert not report.deterministic
    assert report.roc_auc == 1.0


def test_balances_holds_out_and_leaves_out_what_both_classes_hold(tmp_path):
    report = train(pa.array([*GOOD, "contested"]), pa.array(["contested", *BAD]), SETTINGS, tmp_path)
    assert report.in_both == 1
    assert report.trained == {"__label__pos": 81, "__label__neg": 81}
    assert report.held_out == {"__label__pos": 9, "__label__neg": 9}
    assert report.roc_auc == 1.0
    assert report.precision == report.recall == 1.0
    assert sum(bin_["rows"] for bin_ in report.calibration) == 18
    assert "theorem" in dict(report.influential_words["__label__pos"])
    assert "pills" in dict(report.influential_words["__label__neg"])
    assert json.loads((tmp_path / "model_card.json").read_text())["roc_auc"] == 1.0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.bin", "model_card.json"]


def test_label_words_in_a_text_do_not_become_labels(tmp_path):
    sly = [f"{text} __label__neg __label__third </s> more" for text in GOOD]
    report = train(pa.array(sly), pa.array(BAD), SETTINGS, tmp_path)
    assert report.roc_auc == 1.0
    assert set(report.influential_words) == {"__label__pos", "__label__neg"}


def test_too_few_texts_are_refused_with_the_counts(tmp_path):
    with pytest.raises(ValueError, match="50 distinct texts of each class; found 150 pos, 1 neg"):
        train(pa.array(GOOD), pa.array(["spam"] * 99), SETTINGS, tmp_path)


def test_a_sample_is_the_same_in_any_order_and_in_any_pieces():
    texts = [f"text {n}" for n in range(500)]
    whole, pieces = Sample(20, seed=0), Sample(20, seed=0)
    whole.add(pa.array(texts))
    for start in range(480, -1, -20):
        pieces.add(pa.array(texts[start : start + 20] * 2))
    by_hash = np.lexsort(content_keys(pa.array(texts), 0).T[::-1])[:40]
    assert whole.texts().to_pylist() == pieces.texts().to_pylist() == [texts[place] for place in by_hash]
    assert whole.texts().type == pa.large_string()  # 100,000 texts soon hold more than 2 GB
    assert Sample(20, seed=1).texts().to_pylist() == []


def test_a_sample_holds_no_more_than_it_needs():
    sample = Sample(10, seed=0)
    for start in range(0, 5000, 50):
        sample.add(pa.array([f"text {n}" for n in range(start, start + 50)]))
        assert sum(len(texts) for texts, _ in sample._parts) <= 2 * 2 * 10
    assert sample.rows == 5000
    assert len(sample.texts()) == 20


def test_hosts_match_themselves_and_what_lies_below_them():
    urls = [
        "https://www.nasa.gov/a", "http://GOV", "https://notgov.com/x.gov", "https://user:pw@a.example.org:80/", "",
        None, "https://evil.com?h=.gov",
    ]  # fmt: skip
    rows = pa.RecordBatch.from_pydict({"url": pa.array(urls, pa.string())})
    assert match_hosts(rows, (".gov",)).to_pylist() == [True, True, False, False, False, False, False]
    assert match_hosts(rows, ("example.org", "nasa.gov")).to_pylist()[:4] == [True, False, False, True]
    assert match_hosts(rows, ()).to_pylist() == [False] * 7


def test_seeds_come_from_files_hosts_and_the_rest(tmp_path):
    with gzip.open(tmp_path / "good.jsonl.gz", "wt") as file:
        file.writelines(json.dumps({"text": text, "id": 1}) + "\n" for text in GOOD)
    spec = TrainSpec(positives=Seeds(paths=(f"{tmp_path}/*.gz",)), negatives=Seeds(rest=True))
    rows = pa.RecordBatch.from_pydict({"text": ["a", "b"], "url": ["http://x.org", ""]})
    positives, negatives = collect_seeds(spec, [rows], read_texts)
    assert sorted(positives.to_pylist()) == sorted(GOOD)
    assert sorted(negatives.to_pylist()) == ["a", "b"]
    spec = TrainSpec(positives=Seeds(hosts=("x.org",)), negatives=Seeds(hosts=(".org",)))
    assert [len(texts) for texts in collect_seeds(spec, [rows], read_texts)] == [
        0,
        0,
    ]  # x.org is in both, so in neither


def test_unusable_seed_files_are_named(tmp_path):
    pq.write_table(pa.table({"content": ["a"]}), tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text('{"text": "a"}\n[]\n')
    wrong = (
        ("a.parquet", "no column 'text', only content"),
        ("b.jsonl", r"b.jsonl#2: the line is a list"),
        ("c.csv", "none of .parquet and .jsonl"),
    )
    for name, message in wrong:
        with pytest.raises(ValueError, match=message):
            list(read_texts([str(tmp_path / name)]))
    with pytest.raises(FileNotFoundError, match="no seed file matches"):
        Seeds(paths=(f"{tmp_path}/*.zip",)).files()


def test_a_classifier_that_learned_nothing_is_refused_with_its_card_left_to_read(tmp_path):
    same = [f"one and the same sentence with the number {n}" for n in range(240)]
    with pytest.raises(Undertrained, match=r"held-out ROC-AUC 0\.\d+ is below minimum_auc 0.6 \(0.5 is chance\)"):
        train(pa.array(same[::2]), pa.array(same[1::2]), SETTINGS.model_copy(update={"min_count": 30}), tmp_path)
    assert json.loads((tmp_path / "model_card.json").read_text())["roc_auc"] < 0.6
    anyway = SETTINGS.model_copy(update={"min_count": 30, "minimum_auc": 0, "minimum_spread": 0})
    assert train(pa.array(same[::2]), pa.array(same[1::2]), anyway, tmp_path).roc_auc < 0.6
