"""Input files: opened, identified, and refused when they change."""

import os
import shutil
from pathlib import Path

import fsspec
import pytest

from pipeline.steps import Unit
from stages.l0_collect.readers import files
from stages.l0_collect.readers.files import InputChanged, identify, open_unit


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
    monkeypatch.setattr(files, "file_system", lambda _path: memory)
    unit = Unit("memory://data/a.parquet", *identify("memory://data/a.parquet")[:1], state=told[0])
    assert read(unit) == b"aa"
    told[0] = "etag two"
    with pytest.raises(InputChanged, match="since the run was planned"):
        read(unit)
