"""What the report shows of rows chosen by a score: shares, the rows around the cut, the classifier that scored them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.books.manifest import Manifest, Parent, dump, load
from pipeline.report import selection, svg
from pipeline.report.selection import classifier_section, selection_sections
from pipeline.rows.document import DROPPED_SCHEMA
from pipeline.store.damage import Damaged
from pipeline.store.local import LocalStore
from pipeline.store.sealed import seal
from pipeline.store.shard import FileEntry, ShardWriter

DATA = pa.schema(
    [pa.field(name, pa.string()) for name in ("id", "text", "source", "language")] + [pa.field("quality", pa.float64())]
)
STEP = {"kind": "threshold", "column": "quality", "shows": {"score": "quality", "rules": ["below"]}}
CARD = {
    "sha256": "m1", "held_out": {"pos": 700, "neg": 800}, "roc_auc": 0.91234, "precision": 0.8, "recall": 0.7,
    "calibration_error": {"before": 0.25, "after": 0.125}, "settings": {"calibrate": True, "threads": 2},
    "deterministic": True, "influential_words": {"pos<": [["theorem", 2.0], ["lemma", 1.0]]},
    "calibration": [], "calibrated": [], "precision_recall": [],
}  # fmt: skip


@pytest.fixture(autouse=True)
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What the histogram was asked to draw; the drawing itself is for eyes."""
    calls: list[tuple] = []
    monkeypatch.setattr(svg, "histogram", lambda *given, **_: calls.append(given) or "[histogram]")
    return calls


def selection_html(store: LocalStore, path: str) -> str:
    """The sections of a level, as the page shows them."""
    found = selection_sections(store, path, load(Manifest, store, path))
    return "".join(f"<h3>{section.title}</h3>{section.body}" for section in found)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path)


def write(store: LocalStore, path: str, role: str, schema: pa.Schema, rows: list[dict]) -> FileEntry:
    with ShardWriter(store, path, schema) as writer:
        writer.write(pa.RecordBatch.from_pylist(rows, schema))
        entry = writer.commit(role)
    return entry.model_copy(update={"path": path.split("/", 1)[1]})


def manifest(store: LocalStore, folder: str, files: list[FileEntry], **fields: Any) -> str:
    given = {"level": folder, "dataset": "toy", "recipe_id": "", "content_id": "", "steps": [], "versions": {}}
    given |= {
        "rows_in": 0,
        "rows_out": 0,
        "dropped": {},
        "quarantined": 0,
        "changed": {},
        "bytes_in": 0,
        "bytes_out": 0,
    }
    store.create(f"{folder}/manifest.json", dump(Manifest(**(given | {"seconds": 0, "files": files} | fields))))
    return f"{folder}/manifest.json"


def level(store: LocalStore, *shards: list[tuple], cut: float = 0.5, **fields: Any) -> str:
    """A level that keeps rows of (id, score, source, language or nothing) from the cut on, and the level before it."""
    before, files = [], []
    for number, rows in enumerate(shards):
        documents = [
            {"id": name, "text": f"text of {name}", "source": source, "quality": score, "language": "".join(language)}
            for name, score, source, *language in rows
        ]
        name = f"part-{number:05d}.parquet"
        before.append(write(store, f"l1/data/{name}", "data", DATA, documents))
        files.append(write(store, f"l2/data/{name}", "data", DATA, [row for row in documents if row["quality"] >= cut]))
        gone = [
            {
                "id": row["id"],
                "reason": "threshold.below",
                "value": row["quality"],
                "threshold": cut,
                "step": "threshold",
            }
            for row in documents
            if row["quality"] < cut
        ]
        gone.append({"id": "other", "reason": "language.other", "value": 0.01, "threshold": 0.9, "step": "language"})
        files.append(write(store, f"l2/dropped/{name}", "dropped", DROPPED_SCHEMA, gone))
    parent = Parent(level="l1", recipe_id="", content_id="", manifest=manifest(store, "l1", before))
    given = {"parents": [parent], "steps": [STEP], "dropped": {"threshold.below": 1, "language.other": 1}}
    return manifest(store, "l2", files, **(given | fields))


def around(page: str) -> list[tuple[str, ...]]:
    """(fate, score, id, text) as shown."""
    return re.findall(r"<b>(kept|dropped)</b> ([\d.]+)\s<code>(\w*)</code><p>([^<]*)<", page)


def test_the_rows_nearest_to_the_cut_are_shown_with_their_texts(store: LocalStore):
    first = [(f"a{n}", n / 10, "web") for n in range(10)]
    second = [("b1", 0.52, "web"), ("b2", 0.48, "web")]
    page = selection_html(store, level(store, first, second))
    assert around(page) == [
        ("kept", "0.6000", "a6", "text of a6"),
        ("kept", "0.5200", "b1", "text of b1"),
        ("kept", "0.5000", "a5", "text of a5"),
        ("dropped", "0.4800", "b2", "text of b2"),
        ("dropped", "0.4000", "a4", "text of a4"),
        ("dropped", "0.3000", "a3", "text of a3"),
    ]
    assert "<h3>threshold by quality</h3><p>Threshold 0.5.</p>" in page


def test_the_histogram_gets_the_scores_of_this_steps_rows_alone(store: LocalStore, drawn: list[tuple]):
    selection_html(store, level(store, [("a", 0.9, "web"), ("b", 0.2, "web")], [("c", 0.6, "web")]))
    (call,) = drawn
    assert call == ([0.9, 0.6], [0.2], [0.5], "quality")


def test_shares_are_per_source_most_rows_first(store: LocalStore):
    rows = [("a", 0.9, "news"), ("b", 0.2, "web"), ("c", 0.1, "web"), ("d", 0.9, "web"), ("e", 0.8, "web")]
    page = selection_html(store, level(store, rows))
    found = re.findall(r'<tr><td>(\w+)</td><td class="n">(\d+)</td>\s<td class="n">([\d.]+) %</td>', page)
    assert found == [("web", "4", "50.0"), ("news", "1", "100.0")]
    assert "<title>50.0 %</title>" in page


def test_a_language_is_a_group_as_a_source_is(store: LocalStore):
    rows = [("a", 0.9, "web", "de"), ("b", 0.8, "web", "en"), ("c", 0.7, "web", "en"), ("d", 0.1, "web", "en")]
    page = selection_html(store, level(store, rows))
    assert re.findall(r'<tr><th>(\w+)</th><th class="n">rows', page) == ["source", "language"]
    found = re.findall(r'<tr><td>(\w+)</td><td class="n">(\d+)</td>\s<td class="n">([\d.]+) %</td>', page)
    assert found == [("web", "4", "75.0"), ("en", "3", "66.7"), ("de", "1", "100.0")]


def test_twelve_values_of_a_group_are_shown_and_rows_without_one_are_named(store: LocalStore):
    rows = [(f"a{number:02d}", 0.9, f"s{number:02d}" if number else "") for number in range(13)]
    page = selection_html(store, level(store, rows))
    shown = re.findall(r'<tr><td>([^<]*)</td><td class="n">1</td>\s<td class="n">100.0 %', page)
    assert shown == ["(none)", *(f"s{number:02d}" for number in range(1, 12))]


def test_several_shards_add_up(store: LocalStore, drawn: list[tuple]):
    shards = [[(f"{shard}{row}", (row + shard / 10) / 10, "web") for row in range(10)] for shard in range(3)]
    page = selection_html(store, level(store, *shards))
    assert 'web</td><td class="n">30</td>\n<td class="n">50.0 %' in page
    assert [score for _, score, *_ in around(page)] == ["0.5200", "0.5100", "0.5000", "0.4200", "0.4100", "0.4000"]
    ((kept, dropped, cuts, name),) = drawn
    assert (len(kept), len(dropped), cuts, name) == (15, 15, [0.5], "quality")


def test_equal_scores_come_by_id(store: LocalStore):
    rows = [(f"k{number}", 0.6, "web") for number in range(5)] + [(f"d{number}", 0.4, "web") for number in range(5)]
    page = selection_html(store, level(store, rows[::-1]))
    assert [name for _, _, name, _ in around(page)] == ["k2", "k1", "k0", "d0", "d1", "d2"]


def test_a_changed_file_is_not_shown(store: LocalStore, tmp_path: Path):
    path = level(store, [("a", 0.9, "web"), ("b", 0.2, "web")])
    file = tmp_path / "l1/data/part-00000.parquet"
    file.write_bytes(file.read_bytes().replace(b"text of a", b"text of x"))
    with pytest.raises(Damaged, match=r"l1/data/part-00000\.parquet is damaged"):
        selection_html(store, path)


def test_a_group_that_nothing_has_is_not_shown(store: LocalStore):
    assert "<th>source</th>" not in selection_html(store, level(store, [("a", 0.9, ""), ("b", 0.2, "")]))


def test_only_as_many_rows_as_wanted_are_read_and_that_is_said(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selection, "ROWS", 2)
    path = level(store, [("a", 0.9, "web"), ("b", 0.2, "web")], [("c", 0.6, "web")])
    assert "The first 2 rows." in selection_html(store, path)
    monkeypatch.setattr(selection, "ROWS", 3)
    assert "The first" not in selection_html(store, path)


def test_a_long_text_is_cut_and_none_reaches_the_page_unescaped(store: LocalStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selection, "SHOWN", 4)
    assert [
        text for *_, text in around(selection_html(store, level(store, [("a", 0.9, "<i>"), ("b", 0.2, "<i>")])))
    ] == ["text"] * 2
    assert "<i>" not in selection_html(store, "l2/manifest.json")
    assert "&lt;i&gt;" in selection_html(store, "l2/manifest.json")


def test_a_level_that_dropped_nothing_by_a_score_has_no_section(store: LocalStore, drawn: list[tuple]):
    assert selection_html(store, level(store, [("a", 0.9, "web")], dropped={"language.other": 1})) == ""
    assert drawn == []


def test_without_the_level_before_dropped_rows_have_no_text(store: LocalStore):
    path = level(store, [("a", 0.9, "web"), ("b", 0.2, "web")], parents=[])
    assert around(selection_html(store, path)) == [("kept", "0.9000", "a", "text of a"), ("dropped", "0.2000", "b", "")]


def test_several_thresholds_are_shown_as_a_range():
    found = selection.Selection("quality", thresholds={0.75, 0.25, 0.5})
    assert "Threshold 0.25 to 0.75." in selection._section(found)
    assert "Threshold none." in selection._section(selection.Selection("quality"))


def test_a_classifier_says_how_good_it_is():
    page = classifier_section(CARD)
    words = " ".join(page.split())
    assert "On 1,500 held-out texts: ROC-AUC 0.9123 (0.5 is chance, 1 is perfect)" in words
    assert "at a score of 0.5 precision 0.800, recall 0.700" in words
    assert "0.250 before, 0.125 after Platt's scaling, which is in use" in " ".join(page.split())
    assert "<td>pos&lt;</td><td>theorem, lemma</td>" in page
    assert "not deterministic" not in page
    other = classifier_section(
        CARD | {"precision": None, "deterministic": False, "settings": {"calibrate": False, "threads": 2}}
    )
    assert "precision -," in other
    assert "which is not in use" in " ".join(other.split())
    assert "not deterministic: with 2 threads" in " ".join(other.split())


def test_a_level_shows_the_classifier_that_it_used_and_no_other(store: LocalStore):
    for name in ("m0", "m1"):
        store.create(
            f"models/{name}/model_card.json",
            seal(json.dumps(CARD | {"sha256": name, "recall": 0.1 if name == "m0" else 0.7}, indent=1).encode()),
        )
    step = {"kind": "fasttext_quality", "column": "quality", "shows": {"classifier": "m1"}}
    page = selection_html(store, level(store, [("a", 0.9, "web")], steps=[step]))
    assert page.startswith("<h3>The classifier of quality</h3>")
    assert "recall 0.700" in page
    assert "recall 0.100" not in page
