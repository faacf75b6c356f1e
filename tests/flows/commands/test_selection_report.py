"""The report of a run that selects: pictures inside, texts escaped, and the same figures as the files."""

import re
from pathlib import Path

import pytest
import yaml

from flows.commands.models import _calibration
from tests.flows.helpers import QUICK_TRAINING, orefine, result_of, rows, write_parquet

TRAIN = QUICK_TRAINING | {"epochs": 5}


def pictures(page: str) -> list[str]:
    """The pictures of a page, by what they show."""
    return re.findall(r'role="img" aria-label="([^":]*)', page)


def test_a_run_that_selects_shows_how(tmp_path: Path):
    documents = rows(240)
    for row in documents:
        row["text"] += " <script>alert(1)</script>"
    source = write_parquet(tmp_path / "a.parquet", documents)
    seeds = {"positives": {"hosts": [".edu"]}, "negatives": {"rest": True}}
    recipe = {
        "dataset": "toy",
        "l0_collect": {"source": {"kind": "parquet", "paths": [str(source)], "source": "web"}},
        "l2_select": {
            "steps": [
                {"kind": "fasttext_quality", "train": seeds | TRAIN},
                {"kind": "top_fraction", "fraction": 0.25},
            ]
        },
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    result = result_of(orefine("run", tmp_path / "recipe.yaml", "--store", tmp_path / "store", "--json"))
    page = Path(result["report"]).read_text(encoding="utf-8")
    drawn = pictures(page[page.index("The classifier of quality") :])
    assert drawn[:3] == ["share of positives over mean score", "precision over recall", "quality"]
    assert "<script>" not in page
    assert "top_fraction by quality" in page
    assert re.search(r'<td>web</td><td class="n">240</td>\s<td class="n">25.0 %</td>', page)
    around = page[page.index("Around the cut") :]
    shown = re.findall(r"<b>(kept|dropped)</b> ([\d.]+)\s<code>(\w{32})</code><p>([^<]+)<", around)
    assert [fate for fate, *_ in shown] == ["kept"] * 3 + ["dropped"] * 3
    scores = [float(score) for _, score, *_ in shown]
    assert scores == sorted(scores, reverse=True)
    assert all(len(text) >= 290 for *_, text in shown)
    assert not re.search(r"(src|href)=", page)


def test_train_classifier_writes_a_report_beside_its_card(tmp_path: Path):
    good = [{"text": f"the theorem number {n} follows from the lemma"} for n in range(60)]
    bad = [{"text": f"click here to buy cheap pills <b>{n}</b> now"} for n in range(60)]
    for name, texts in (("good", good), ("bad", bad)):
        write_parquet(tmp_path / f"{name}.parquet", texts)
    arguments = ["--positives", tmp_path / "good.parquet", "--negatives", tmp_path / "bad.parquet"]
    arguments += [text for name, value in TRAIN.items() for text in ("--set", f"{name}={value}")]
    card = result_of(orefine("train-classifier", *arguments, "--output", tmp_path / "out", "--json"))
    assert {"before", "after"} == set(card["calibration_error"])
    page = (tmp_path / "out" / "report.html").read_text()
    assert pictures(page) == ["share of positives over mean score", "precision over recall"]
    assert "<b>" not in page
    assert "54 __label__pos, 54 __label__neg" in page
    assert "On 12 held-out texts: ROC-AUC" in page
    page = " ".join(page.split())
    said = "not deterministic: with 2 threads another training differs"
    done = orefine("train-classifier", *arguments, "--set", "threads=2", "--output", tmp_path / "threads")
    assert said in done.stdout
    counts = "trained on 54 pos and 54 neg texts, held out 6 pos and 6 neg: as many of each class, of 60 pos and 60 neg"
    assert counts in done.stdout
    assert re.search(r"ROC-AUC 1\.000; at a score of 0\.5 precision (none|1\.000), recall [01]\.\d{3}\n", done.stdout)
    assert (said in page, said in " ".join((tmp_path / "threads" / "report.html").read_text().split())) == (False, True)


@pytest.mark.parametrize(
    ("before", "after", "calibrate", "said"),
    [
        (0.04, 0.03, False, "a score may be read as a probability, off by 0.04 on average"),
        (0.16, 0.05, False, "a score is no probability: off by 0.16 on average, with --set calibrate=true by 0.05"),
        (0.16, 0.21, False, "a score is no probability: off by 0.16 on average, and calibrating does not mend it"),
        (0.16, 0.05, True, "scores are calibrated, and off by 0.05 on average"),
    ],
)
def test_how_far_a_score_is_a_probability_is_said_in_words(before: float, after: float, calibrate: bool, said: str):
    card = {"calibration_error": {"before": before, "after": after}, "settings": {"calibrate": calibrate}}
    assert _calibration(card) == said
