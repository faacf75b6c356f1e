"""What the demo shows of L2: how well the classifier tells what explains from what lists, and that labels taught it.

Shuffled labels teach nothing, so a classifier trained on them must be refused: this shows that the measured figure
comes from the labels and not from how it is measured.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from flows.demo.pages import OTHER_HOSTS
from flows.demo.quote import quoted
from flows.runs.recipe import load_recipe
from flows.runs.texts import read_texts
from pipeline.books.manifest import Manifest, load
from pipeline.store.local import LocalStore
from stages.l2_select.score.fasttext_quality import FasttextQuality
from stages.l2_select.train.seeds import match_hosts
from stages.l2_select.train.settings import TrainSettings, TrainSpec
from stages.l2_select.train.train_classifier import Undertrained, collect_seeds, train

SHUFFLES = 5
SHOWN = 2


def show_selection(filtered: Path, selected: Path, truth: Path) -> str:
    """The classifier's figures, and what it did where no host says what a page is; the figures in one line."""
    card = _card(selected)
    shuffled = shuffled_aucs(*seeds_of(filtered), demo_training())
    print("\n# L2: what explains against what lists")
    print(f"\nwords for it:     {_words(card, '__label__pos')}\nwords against it: {_words(card, '__label__neg')}")
    kinds = json.loads(truth.read_text(encoding="utf-8"))["pages"]
    texts = ds.dataset(filtered / "data").to_table(columns=["url", "text"])
    text_of = dict(zip(texts["url"].to_pylist(), texts["text"].to_pylist(), strict=True))
    counts = {True: [0, 0], False: [0, 0]}
    for kept in (True, False):
        rows = _unlabelled(selected / ("data" if kept else "dropped"))
        print(f"\n## {'kept' if kept else 'dropped'} from hosts without a label: {len(rows)}")
        for row in rows:
            counts[kept][kinds[row["url"]] == "explains"] += 1
        for row in rows[:SHOWN]:
            print(f"\n{row['score']:.2f}  {row['url']}\n{quoted(text_of[row['url']], '  | ')}")
    total = [sum(pair) for pair in zip(*counts.values(), strict=True)]
    held_out = sum(card["held_out"].values())
    return (
        f"classifier: held-out ROC-AUC {card['roc_auc']:.3f} on {held_out} pages; on hosts without a label it kept "
        f"{counts[True][1]} of {total[1]} pages that explain and {counts[True][0]} of {total[0]} that list\n"
        f"shuffled labels: ROC-AUC {', '.join(f'{auc:.2f}' for auc in shuffled)}: refused each time"
    )


def demo_training() -> TrainSpec:
    """How the demo's recipe trains."""
    settings = load_recipe("demo").l2_select
    assert settings is not None
    [step] = [step for step in settings.steps if isinstance(step, FasttextQuality)]
    assert step.train is not None
    return step.train


def seeds_of(filtered: Path) -> tuple[pa.Array, pa.Array]:
    """The texts that the recipe takes for both classes."""
    rows = ds.dataset(filtered / "data").to_table(columns=["text", "url"])
    return collect_seeds(demo_training(), rows.to_batches(), read_texts)


def shuffled_aucs(positives: pa.Array, negatives: pa.Array, settings: TrainSettings) -> list[float]:
    """Held-out ROC-AUC of classifiers trained on the same texts with labels by lot. Each must be refused."""
    texts, found = pa.concat_arrays([positives, negatives]), []
    for seed in range(SHUFFLES):
        mixed = texts.take(pa.array(np.random.default_rng(seed).permutation(len(texts))))
        with tempfile.TemporaryDirectory() as folder:
            try:
                train(mixed[: len(positives)], mixed[len(positives) :], settings, Path(folder))
            except Undertrained:
                found.append(float(json.loads(Path(folder, "model_card.json").read_text(encoding="utf-8"))["roc_auc"]))
            else:
                raise SystemExit("a classifier with shuffled labels was accepted: its figure does not come from them")
    return found


def _card(selected: Path) -> dict[str, Any]:
    """Of the model that the level used."""
    manifest = load(Manifest, LocalStore(selected), "manifest.json")
    [used] = [step["assets"]["model"] for step in manifest.steps if step["kind"] == "fasttext_quality"]
    cards = (
        json.loads(path.read_text(encoding="utf-8")) for path in selected.parents[1].glob("models/*/model_card.json")
    )
    card: dict[str, Any] = next(card for card in cards if card["sha256"] == used)
    return card


def _words(card: dict[str, Any], label: str) -> str:
    return ", ".join(word for word, _ in card["influential_words"][label][:12])


def _unlabelled(folder: Path) -> list[dict[str, Any]]:
    """url and score of the rows of hosts that say nothing of their pages, the clearest first."""
    table = ds.dataset(folder).to_table()
    score = "quality" if "quality" in table.column_names else "value"  # kept rows, dropped rows
    found = [row for batch in table.to_batches() for row in batch.filter(match_hosts(batch, OTHER_HOSTS)).to_pylist()]
    rows = [{"url": row["url"], "score": row[score]} for row in found]
    return sorted(rows, key=lambda row: (-abs(row["score"] - 0.5), row["url"]))
