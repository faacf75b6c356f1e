"""The Croissant file of a release: valid to `mlcroissant`, which reads the rows through it."""

import json
import warnings
from pathlib import Path

import pytest

from pipeline.publish.croissant import CONTEXT
from pipeline.publish.export import export_croissant
from pipeline.publish.verify import verify_release
from tests.pipeline.publish.helpers import forge, release


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    store, directory, _ = release(tmp_path)
    for _ in range(2):  # again over what is there
        export_croissant(store, directory, tmp_path / "out")
    return tmp_path / "out"


def test_it_states_files_columns_and_where_they_come_from(exported):
    text = (exported / "croissant.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    made = json.loads(text)
    manifest = json.loads((exported / "manifest.json").read_text(encoding="utf-8"))
    stated = {file["contentUrl"]: file["sha256"] for file in made["distribution"] if "contentUrl" in file}
    assert stated == {file["path"]: file["sha256"] for file in manifest["files"] if file["role"] == "data"}
    assert made["conformsTo"] == "http://mlcommons.org/croissant/1.1"
    assert [entity["name"] for entity in made["prov:wasDerivedFrom"]] == [one["level"] for one in manifest["levels"]]
    assert "text" in {field["name"] for field in made["recordSet"][0]["field"]}


def test_each_term_of_croissant_stands_for_itself():
    terms = {name: value["@id"] if isinstance(value, dict) else value for name, value in CONTEXT.items()}
    croissant = {name: value for name, value in terms.items() if value.startswith("cr:")}
    assert croissant == {name: f"cr:{name}" for name in croissant}
    others = terms.keys() - croissant.keys()
    assert others == {"@language", "@vocab", "conformsTo", "cr", "dct", "prov", "rai", "sc"}


def test_it_lies_in_the_release_and_is_verified_there(tmp_path: Path):
    store, directory, made = release(tmp_path)
    assert [file.path for file in made.files if file.role == "croissant"] == ["croissant.json"]
    assert verify_release(store, directory) == []
    forge(store, f"{directory}/manifest.json", lambda manifest: manifest.update(rows=5))
    assert any("not the description that follows" in finding for finding in verify_release(store, directory))


def test_mlcroissant_validates_it_and_reads_the_rows(exported):
    mlcroissant = pytest.importorskip("mlcroissant")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = mlcroissant.Dataset(exported / "croissant.json")
        row = next(iter(dataset.records("documents")))
    assert not dataset.metadata.issues.errors
    assert row["documents/text"]
