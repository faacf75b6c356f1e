"""Export: one version in a folder of its own, each file as it was published."""

from pathlib import Path

import pytest

from pipeline.publish.export import NotEmpty, export_hf
from pipeline.store.damage import Damaged
from tests.pipeline.publish.helpers import forge, release, write

DATA = "data/train-00000-of-00001.parquet"


@pytest.fixture
def made(tmp_path: Path):
    return release(tmp_path)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_all_files_arrive_and_a_second_call_changes_nothing(made, tmp_path: Path):
    store, directory, _ = made
    for _ in range(2):
        export_hf(store, directory, tmp_path / "out")
        assert names(tmp_path / "out") == ["README.md", "croissant.json", DATA, "manifest.json"]
    assert (tmp_path / "out" / DATA).read_bytes() == store.read(f"{directory}/{DATA}")


def test_what_a_killed_call_left_is_completed(made, tmp_path: Path):
    store, directory, _ = made
    out = export_hf(store, directory, tmp_path / "out")
    whole = names(out)
    (out / "manifest.json").unlink()
    (out / DATA).rename(out / "data" / f".{Path(DATA).name}.part")
    export_hf(store, directory, out)
    assert names(out) == whole


@pytest.mark.parametrize("name", ["data/train-00002-of-00003.parquet", DATA, "manifest.json", ".git/config"])
def test_a_folder_with_anything_else_is_refused_and_left_alone(made, tmp_path: Path, name: str):
    store, directory, _ = made
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text("other")
    with pytest.raises(NotEmpty, match=f"holds '{name}', which is no file of this version"):
        export_hf(store, directory, tmp_path / "out")
    assert names(tmp_path / "out") == [name]


def test_a_link_in_the_folder_leads_nowhere(made, tmp_path: Path):
    store, directory, _ = made
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotEmpty, match="is a link"):
        export_hf(store, directory, tmp_path / "out")
    assert names(tmp_path / "elsewhere") == []


def test_a_manifest_whose_paths_lead_out_is_refused(made, tmp_path: Path):
    store, directory, _ = made
    write(store, "releases/stolen", b"x")
    forge(store, f"{directory}/manifest.json", lambda m: m["files"][0].update(path="../../stolen"))
    with pytest.raises(Damaged, match=r"path '\.\./\.\./stolen' of a file leads out of its folder"):
        export_hf(store, directory, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", [DATA, "README.md"])
def test_a_changed_file_is_not_exported(made, tmp_path: Path, name: str):
    store, directory, _ = made
    write(store, f"{directory}/{name}", store.read(f"{directory}/{name}") + b"x")
    with pytest.raises(Damaged, match=f"{name} is damaged"):
        export_hf(store, directory, tmp_path / "out")
    assert not [found for found in names(tmp_path / "out") if found in (name, "manifest.json") or ".part" in found]
