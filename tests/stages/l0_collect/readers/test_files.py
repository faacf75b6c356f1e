"""Paths and patterns to files."""

import os
import shutil
from pathlib import Path

import fsspec
import pytest

from pipeline.steps import Unit
from stages.l0_collect.readers import files
from stages.l0_collect.readers.files import InputChanged, expand, identify, name_of, open_input, open_unit


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


def planned(path: Path) -> Unit:
    sha256, state = identify(str(path))
    return Unit(str(path), sha256, state=state)


def read(unit: Unit) -> bytes:
    with open_unit(unit) as stream:
        return stream.read()


def test_a_file_that_was_replaced_after_the_plan_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one")
    unit, before = planned(path), path.stat()
    assert read(unit) == b"one"
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same size and time: ctime tells
    with pytest.raises(InputChanged, match=r"a\.jsonl changed since the run was planned; run the same command again"):
        read(unit)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one")
    unit = planned(path)
    opened = open_unit(unit)
    assert opened.__enter__().read() == b"one"
    path.write_text("two")
    with pytest.raises(InputChanged, match="changed while it was read"):
        opened.__exit__(None, None, None)


def test_a_copy_of_the_planned_content_is_the_planned_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("one")
    unit = planned(path)
    shutil.copy(path, tmp_path / "b")
    os.replace(tmp_path / "b", path)  # as on another machine's disk: another inode, the same bytes
    assert read(unit) == b"one"


def test_a_unit_of_no_plan_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("one")
    assert read(Unit(str(tmp_path / "a.jsonl"), "")) == b"one"


def test_a_remote_file_is_what_its_server_says(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ["etag one"]
    monkeypatch.setattr(files, "REMOTE", files.re.compile("^(memory)://"))
    monkeypatch.setattr(files, "remote_identity", lambda _path: told[0])
    memory = fsspec.filesystem("memory")
    memory.pipe({"/data/a.parquet": b"aa"})
    monkeypatch.setattr(files, "_file_system", lambda _path: memory)
    unit = Unit("memory://data/a.parquet", *identify("memory://data/a.parquet")[:1], state=told[0])
    assert read(unit) == b"aa"
    told[0] = "etag two"
    with pytest.raises(InputChanged, match="since the run was planned"):
        read(unit)
