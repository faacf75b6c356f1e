"""The demo's labels can be learned, and only they: with shuffled ones the classifier is refused."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest

from flows.demo import build_demo_web
from flows.demo.labels import demo_training, seeds_of, show_selection, shuffled_aucs
from flows.runs.recipe import Recipe, load_recipe
from flows.runs.run import open_run, run_recipe


def up_to_l2(web: Path) -> Recipe:
    recipe = load_recipe("demo", [str(web)])
    return recipe.model_copy(update={"l3_synthesize": None, "l4_verify": None})


def run(web: Path, store: Path) -> list[Path]:
    """The folders of L0, L1 and L2."""
    opened = open_run(str(store), "inline", None, None, (), quiet=True)
    result = run_recipe(up_to_l2(web), opened)
    return [Path(opened.store.shown(level.directory)) for level in result.levels]


@pytest.mark.slow
def test_true_labels_are_learned_and_shuffled_ones_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [_, filtered, selected] = run(build_demo_web(tmp_path), tmp_path / "store")
    [card] = [json.loads(path.read_text()) for path in tmp_path.glob("store/models/*/model_card.json")]
    assert card["roc_auc"] >= demo_training().minimum_auc >= 0.9
    shuffled = shuffled_aucs(*seeds_of(filtered), demo_training())
    assert (
        abs(sum(shuffled) / len(shuffled) - 0.5) < 0.15
    )  # five of some 70 pages, each with a standard deviation of 0.07
    said = show_selection(filtered, selected, tmp_path / "demo.truth.json")
    assert re.search(rf"held-out ROC-AUC {card['roc_auc']:.3f} on [5-9]\d pages", said)
    assert "kept from hosts without a label" in capsys.readouterr().out


def test_accepted_shuffled_labels_end_the_demo() -> None:
    texts = [[f"{word} number {n} of {n * n}" for n in range(60)] for word in ("river", "shop")]
    blind = demo_training().model_copy(update={"minimum_auc": 0.0, "minimum_spread": 0.0, "epochs": 1})
    with pytest.raises(SystemExit, match="shuffled labels was accepted"):
        shuffled_aucs(pa.array(texts[0]), pa.array(texts[1]), blind)
