"""Paths and patterns to files."""

from pathlib import Path

import fsspec
import pytest

from stages.l0_collect.readers import files
from stages.l0_collect.readers.files import expand, name_of, open_input


def test_expand_takes_files_patterns_and_folders_once_and_sorted(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "c.parquet", "[odd].jsonl", "deep/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")

    def names(*paths: str) -> list[str]:
        return [str(Path(path).relative_to(tmp_path)) for path in expand(f"{tmp_path}/{path}" for path in paths)]

    assert names("*.jsonl", "a.jsonl") == ["[odd].jsonl", "a.jsonl", "b.jsonl"]
    assert names("[odd].jsonl") == ["[odd].jsonl"]
    assert names("**/*.jsonl") == ["[odd].jsonl", "a.jsonl", "b.jsonl", "deep/d.jsonl"]
    assert names(".") == ["[odd].jsonl", "a.jsonl", "b.jsonl", "c.parquet"]


def test_one_file_under_several_spellings_is_one_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text("x", encoding="utf-8")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")  # another name is another input
    assert expand(["./a.jsonl", "a.jsonl", str(tmp_path / "a.jsonl"), "*.jsonl"]) == ["./a.jsonl", "b.jsonl"]


@pytest.mark.parametrize("path", ["none.parquet", "*.none", "."])
def test_a_path_that_matches_nothing_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"input '.*' matches no file; check the path"):
        expand([f"{tmp_path}/{path}"])


def test_remote_paths_go_through_fsspec(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/data/b.parquet": b"bb", "/data/a.parquet": b"aa", "/data/c.txt": b"c"})
    monkeypatch.setattr(files, "_file_system", lambda _path: memory)
    monkeypatch.setattr(files, "REMOTE", files.re.compile("^(memory)://"))
    assert expand(["memory://data/*.parquet"]) == ["memory:///data/a.parquet", "memory:///data/b.parquet"]
    assert expand(["memory://data/c.txt"]) == ["memory://data/c.txt"]
    with open_input("memory://data/a.parquet") as stream:
        assert (stream.seek(1), stream.readline()) == (1, b"a")


def test_name_of_is_the_last_part() -> None:
    assert (name_of("hf://datasets/org/name/part-0.parquet"), name_of("a.jsonl")) == ("part-0.parquet", "a.jsonl")
