"""A lot from text to certificate with the rule-based engine, and each way in which it may be tampered with."""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.manifest import Manifest, content_id, dump, load, read_rows
from pipeline.books.tombstones import Tombstone
from pipeline.publish import certificate as module
from pipeline.publish.certificate import certificate_hash, make, verify
from pipeline.rows.document import content_hash
from pipeline.run.level import Finished, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.store.local import LocalStore
from stages.l3_synthesize.rewrite import Rewrite
from stages.l4_verify.faithfulness import Faithfulness
from stages.l4_verify.format import Format
from tests.pipeline.helpers import l0, silent, write_lines

STORY = (
    "In {year}, the town of {town} built a wooden bridge over the river (and a mill). The mill burnt down because the "
    "watchman had fallen asleep. After long debates, the citizens of {town} paid {sum} pounds for a second one. The "
    "market was held every Saturday before the bridge was finished."
)
PLAIN = (
    "After the rain, the wooden bridge over the river was wet (and cold). The mill burnt down because the watchman had "
    "fallen asleep. After long debates, the citizens paid for a second one. The market was held every week before the "
    "bridge was finished."
)
LINES = [STORY.format(year=1200 + n, town=town, sum=100 + n) for n, town in enumerate(["Aarau", "Olten", "Brugg"])]
CHECKERS = (Format(), Faithfulness())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalStore, Finished]:
    folder = tmp_path_factory.mktemp("lot")
    store = LocalStore(folder / "store")
    files = write_lines(folder / "input", [*LINES, PLAIN], ["Too short."])
    collected = run_level(l0(), store, InlineRunner(), silent, files)
    rewrite = Rewrite(engine="template", prompts=("rephrase",))
    level = Level("l3_synthesize", "toy", (rewrite,))
    synthetic = run_level(level, store, InlineRunner(), silent, parent=collected)
    return store, run_level(Level("l4_verify", "toy", CHECKERS), store, InlineRunner(), silent, parent=synthetic)


@pytest.fixture
def lot(made: tuple[LocalStore, Finished], tmp_path: Path) -> tuple[LocalStore, str]:
    """A copy that a test may damage."""
    store, level = made
    for path in store.list(level.directory):
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(store.read(path))
    return LocalStore(tmp_path), level.directory


def test_it_counts_what_was_certified_and_refused(lot):
    certificate = make(*lot, CHECKERS)
    counts = {key: certificate[key] for key in ("rows_in", "certified", "refused", "quarantined", "verdicts")}
    assert counts == {
        "rows_in": 4,
        "certified": 3,
        "refused": {"faithfulness.abstained_nothing_to_check": 1},
        "quarantined": 0,
        "verdicts": {
            "01 format": {"pass": 4, "fail": 0, "abstain": 0},
            "02 faithfulness": {"pass": 3, "fail": 0, "abstain": 1},
        },
    }
    assert (certificate["prompts"], certificate["models"]) == ({"rephrase@1": 3}, {"template@1": 3})
    assert certificate["calibration"]["02 faithfulness"]["number_changed"]["recall"] == 1.0
    assert certificate["tools"] == {"01 format": "format", "02 faithfulness": "faithfulness"}
    assert certificate["defects"] == {
        "rephrase@1 by template@1": {
            "rows": 4, "refused": {"faithfulness.abstained_nothing_to_check": {"rows": 1, "share": 0.25}},
            "defective": 1, "interval": [0.0456, 0.6994],
        }
    }  # fmt: skip
    assert [step["kind"] for step in certificate["policy"]] == ["format", "faithfulness"]
    assert certificate["parents"][0]["level"] == "l3_synthesize"


def test_it_follows_from_content_alone(lot):
    first = make(*lot, CHECKERS)
    assert first == json.loads(json.dumps(make(*lot, CHECKERS)))
    assert first["certificate_hash"] == certificate_hash(first)
    chained = make(*lot, CHECKERS, previous=first["certificate_hash"])
    assert chained["previous"] == first["certificate_hash"] != chained["certificate_hash"]


def test_an_untouched_lot_verifies(lot):
    assert verify(make(*lot, CHECKERS), *lot, CHECKERS) == []
    assert verify(json.loads(json.dumps(make(*lot, CHECKERS, previous="0", seed=5))), *lot, CHECKERS) == []


def test_it_expires_where_a_row_was_to_be_taken_down(lot):
    store, directory = lot
    certificate = make(*lot, CHECKERS)
    manifest = load(Manifest, store, f"{directory}/manifest.json")
    (ids,) = [rows["id"].to_pylist() for rows in read_rows(store, directory, manifest, "data", ["id"])]
    for name, taken in (("one", "of another lot"), ("two", ids[0])):
        stone = Tombstone(asked=datetime(2026, 1, 1, tzinfo=UTC), reason="asked", ids=(taken,))
        store.create(f"tombstones/{name}.json", dump(stone))
        said = ["expired: 1 certified rows were to be taken down since; run the recipe again"]
        assert verify(certificate, *lot, CHECKERS) == (said if name == "two" else [])


def test_a_changed_certificate_shows_twice(lot):
    certificate = make(*lot, CHECKERS)
    certificate["certified"] = 4
    findings = verify(certificate, *lot, CHECKERS)
    assert [finding.split(":")[0] for finding in findings] == ["certificate_hash", "certified"]
    assert findings[1] == "certified: expected 4, found 3"
    certificate["certificate_hash"] = certificate_hash(certificate)  # a forger would do that
    assert verify(certificate, *lot, CHECKERS) == ["certified: expected 4, found 3"]


def test_a_changed_file_is_named(lot):
    store, directory = lot
    certificate = make(*lot, CHECKERS)
    path = f"{directory}/data/part-00000.parquet"
    expected = store_hash(store, path)
    Path(store.shown(path)).write_bytes(store.read(path) + b"x")
    (finding,) = verify(certificate, *lot, CHECKERS)
    assert finding == f"{path}: sha256: expected {expected}, found {store_hash(store, path)}"
    Path(store.shown(path)).unlink()
    assert verify(certificate, *lot, CHECKERS)[0].endswith("found no such file")


def test_a_changed_row_with_all_hashes_mended_is_still_found(lot):
    store, directory = lot
    certificate = make(*lot, CHECKERS)
    path = Path(store.shown(f"{directory}/data/part-00000.parquet"))
    table = pq.read_table(path)
    texts = [text.replace("100 pounds", "999 pounds") for text in table.column("text").to_pylist()]
    pq.write_table(table.set_column(table.schema.get_field_index("text"), "text", pa.array(texts)), path)
    mend(store, directory)
    findings = verify(certificate, *lot, CHECKERS)
    assert any(finding.startswith("manifest_sha256: expected") for finding in findings)
    forged = make(*lot, CHECKERS)
    row = next(row for row, text in zip(table.column("id").to_pylist(), texts, strict=True) if "999" in text)
    findings = verify(forged, *lot, CHECKERS)
    assert f"row {row}: expected to pass 02 faithfulness, found fail" in findings
    assert any(finding.startswith(f"row {row}: verdict of 02 faithfulness: expected") for finding in findings)


def test_a_lost_drop_breaks_the_conservation_law(lot):
    store, directory = lot
    for path in Path(store.shown(f"{directory}/dropped")).iterdir():
        pq.write_table(pq.read_table(path).slice(0, 0), path)
    mend(store, directory)
    findings = verify(make(*lot, CHECKERS), *lot, CHECKERS)
    assert 'dropped: rows by reason: expected {"faithfulness.abstained_nothing_to_check":1}, found {}' in findings
    assert "rows in and made: expected 4, found 3" in findings


def test_other_checkers_than_those_of_the_policy_are_refused(lot):
    certificate = make(*lot, CHECKERS)
    lax = (Format(), Faithfulness(max_novel_names=9))
    assert any(finding.startswith("policy of 02 faithfulness: expected") for finding in verify(certificate, *lot, lax))
    findings = verify(certificate, *lot, CHECKERS[:1])
    assert findings[0] == "02 faithfulness: expected a checker of the policy to verify with, found none"


def test_two_checkers_of_one_kind_are_two(made, tmp_path: Path):
    store, level = made
    parent = level.manifest.parents[0].manifest
    synthetic = Finished(Manifest.model_validate_json(store.read(parent)), parent)
    checkers = (Format(), Faithfulness(names=False), Faithfulness(numbers=False), Format())
    lot = run_level(Level("l4_verify", "two", checkers), store, InlineRunner(), silent, parent=synthetic)
    certificate = make(store, lot.directory, checkers)
    assert certificate["verdicts"] == {
        "01 format": {"pass": 4, "fail": 0, "abstain": 0},
        "02 faithfulness": {"pass": 3, "fail": 0, "abstain": 1},
        "03 faithfulness": {"pass": 3, "fail": 0, "abstain": 0},
        "04 format": {"pass": 3, "fail": 0, "abstain": 0},
    }
    saw = {name: sum(verdicts.values()) for name, verdicts in certificate["verdicts"].items()}
    assert saw == {name: at.rows_in for name, at in lot.manifest.by_step.items()}
    numbers, names = (set(certificate["calibration"][name]) for name in ("02 faithfulness", "03 faithfulness"))
    assert numbers - names >= {"number_changed", "sign_changed"}
    assert names - numbers == {"name_swapped"}
    assert verify(certificate, store, lot.directory, checkers) == []
    changed_over = (checkers[0], checkers[2], checkers[1], checkers[3])
    findings = verify(certificate, store, lot.directory, changed_over)
    assert [found.split(":")[0] for found in findings if found.startswith("policy")] == [
        "policy of 02 faithfulness",
        "policy of 03 faithfulness",
    ]


def test_a_lot_that_is_not_there_is_one_finding(lot, tmp_path):
    (finding,) = verify(make(*lot, CHECKERS), LocalStore(tmp_path / "nowhere"), "l4_verify/x", CHECKERS)
    assert finding == "l4_verify/x/manifest.json: expected the lot's manifest, found none"


def store_hash(store: LocalStore, path: str) -> str:
    return hashlib.sha256(store.read(path)).hexdigest()


def mend(store: LocalStore, directory: str) -> None:
    """Write the files' present hashes into the manifest, as a forger would."""
    path = f"{directory}/manifest.json"
    manifest = json.loads(store.read(path))
    for file in manifest["files"]:
        file["sha256"] = store_hash(store, f"{directory}/{file['path']}")
    manifest["content_id"] = content_id(Manifest.model_validate(manifest).files)
    Path(store.shown(path)).write_bytes(dump(Manifest.model_validate(manifest)))


def test_all_that_a_certificate_states_follows_from_the_lot(lot):
    store, directory = lot
    certificate = make(*lot, CHECKERS, seed=3)
    manifest = load(Manifest, store, f"{directory}/manifest.json")
    assert set(certificate) == {
        "format", "lot", "level", "dataset", "recipe_id", "content_id", "parents", "versions", "manifest_sha256",
        "policy", "rows_in", "certified", "quarantined", "refused", "verdicts", "calibration", "prompts", "models",
        "tools", "code", "defects", "people", "seed", "previous", "certificate_hash",
    }  # fmt: skip
    assert (certificate["format"], certificate["seed"], certificate["previous"]) == (5, 3, None)
    assert certificate["lot"] == content_hash("l4_verify", manifest.recipe_id, manifest.content_id)
    assert certificate["manifest_sha256"] == store_hash(store, f"{directory}/manifest.json")
    assert (certificate["level"], certificate["dataset"]) == ("l4_verify", "toy")


def test_the_sample_for_calibration_is_by_hash_and_no_larger_than_wanted(lot, monkeypatch: pytest.MonkeyPatch):
    store, directory = lot
    manifest = load(Manifest, store, f"{directory}/manifest.json")
    ids = [row for rows in read_rows(store, directory, manifest, "data", ["id"]) for row in rows["id"].to_pylist()]
    monkeypatch.setattr(module, "CALIBRATION_ROWS", 2)
    for seed in (0, 1, 2):
        drawn = module._sample(store, directory, manifest, seed).column("id").to_pylist()
        assert drawn == sorted(ids, key=lambda name: content_hash(str(seed), name))[:2]


def test_what_is_long_is_cut_in_a_finding():
    assert module._compare("a", "x" * 200, "y" * 201) == [f"a: expected {'x' * 200}, found {'y' * 200}…"]
    assert module._compare("a", [1], {"b": 2}) == ['a: expected [1], found {"b":2}']
    assert module._compare("a", [1], [1]) == []


def test_a_damaged_manifest_is_one_finding(lot):
    store, directory = lot
    certificate = make(*lot, CHECKERS)
    path = Path(store.shown(f"{directory}/manifest.json"))
    path.write_bytes(path.read_bytes().replace(b'"rows_out": 3', b'"rows_out": 4'))
    (finding,) = verify(certificate, *lot, CHECKERS)
    assert f"{directory}/manifest.json is damaged" in finding


def test_every_field_changed_in_turn_is_noticed(lot):
    certificate = make(*lot, CHECKERS, seed=3)
    for key, value in certificate.items():
        if key in ("previous", "seed", "certificate_hash"):
            continue
        forged = {**certificate, key: "changed" if value != "changed" else ""}
        forged["certificate_hash"] = certificate_hash(forged)  # a forger would do that
        assert any(found.startswith(f"{key}: expected") for found in verify(forged, *lot, CHECKERS)), key
    # What nothing else states is held by the certificate's own hash, and by a signature.
    for key in ("previous", "seed", "certificate_hash"):
        assert verify({**certificate, key: 7}, *lot, CHECKERS)[0].startswith("certificate_hash: expected"), key


@pytest.mark.parametrize(
    ("judged", "finding"),
    [
        ({"outcome": "rejected"}, "people: lot 7 was rejected: expected no certified row"),
        ({"outcome": "accepted"}, ""),
        ({"outcome": "rejected", "each": True}, ""),  # every row was looked at, and those that passed stay
    ],
)
def test_of_a_lot_that_people_rejected_no_row_is_certified(made, monkeypatch: pytest.MonkeyPatch, judged, finding: str):
    store, level = made
    monkeypatch.setattr(module, "_people", lambda *_: [{"lot": "7", **judged}])
    found = module._accounting(store, level.directory, level.manifest)
    assert "".join(found).startswith(finding)
    assert len(found) == bool(finding)
