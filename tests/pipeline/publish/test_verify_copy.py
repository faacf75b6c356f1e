"""A folder that export wrote: each change of it is found without its store."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.publish.export import export_croissant, export_hf
from pipeline.publish.verify_copy import is_copy, verify_copy
from tests.pipeline.publish.helpers import forge, release
from tests.pipeline.publish.test_ablated import judge

DATA = "data/train-00000-of-00001.parquet"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    store, directory, published = release(tmp_path)
    judge(store, published.version)
    out = export_hf(store, directory, tmp_path / "out")
    shutil.rmtree(store.root)
    return out


def add(path: Path, data: bytes) -> None:
    path.write_bytes((path.read_bytes() if path.exists() else b"") + data)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "data": (lambda out: add(out / DATA, b"x"), "is damaged"),
    "data gone": (lambda out: (out / DATA).unlink(), "missing"),
    "another file": (lambda out: add(out / "data" / "train-7.parquet", b"x"), "not in the manifest"),
    "card": (lambda out: (out / "README.md").write_text("mine"), "does not begin with the card"),
    "a claim in the card": (lambda out: add(out / "README.md", b"- much better\n"), "does not follow from"),
    "a claim": (lambda out: edit(out / "ablation.json"), "does not follow from"),
    "no claims": (lambda out: (out / "ablation.json").unlink(), "does not follow from"),
    "no result": (lambda out: (out / "ablation.json").write_text("[1]"), "is no result of an ablation"),
    "description": (lambda out: add(out / "croissant.json", b" "), "is damaged"),
    "manifest": (lambda out: add(out / "manifest.json", b" "), "manifest.json is damaged"),
}


def edit(path: Path) -> None:
    claims = json.loads(path.read_text(encoding="utf-8"))
    claims["comparisons"][0]["difference"]["mean"] = -0.9
    path.write_text(json.dumps(claims), encoding="utf-8")


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_is_found(copy: Path, change: str):
    assert is_copy(copy)
    assert verify_copy(copy) == []
    work, said = CHANGES[change]
    work(copy)
    (finding,) = verify_copy(copy)
    assert said in finding


def test_what_the_hub_adds_is_no_finding(copy: Path):
    (copy / ".cache" / "huggingface").mkdir(parents=True)
    for name in (".gitattributes", ".cache/huggingface/CACHEDIR.TAG"):
        (copy / name).write_text("*.parquet filter=lfs", encoding="utf-8")
    assert verify_copy(copy) == []


def test_what_a_manifest_says_against_itself_is_found(tmp_path: Path):
    store, directory, _ = release(tmp_path)
    export_hf(store, directory, tmp_path / "store" / "out")
    forge(store, "out/manifest.json", lambda manifest: manifest.update(rows=9))
    (finding,) = verify_copy(tmp_path / "store" / "out")
    assert "rows is 4, and 9 is stated" in finding


def test_the_description_of_an_older_version_is_computed_again(tmp_path: Path):
    store, directory, _ = release(tmp_path)
    forge(store, f"{directory}/manifest.json", lambda manifest: manifest["files"].pop(-2))
    out = export_croissant(store, directory, tmp_path / "out")
    assert verify_copy(out) == []
    add(out / "croissant.json", b" ")
    assert ["not the description that follows" in finding for finding in verify_copy(out)] == [True]
