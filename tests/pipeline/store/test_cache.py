"""Where the cache lies, with a home and without one."""

import os
import stat
import tempfile
from pathlib import Path

import pytest

from pipeline.store.cache import cache_folder


def unknown_user() -> Path:
    raise RuntimeError("Could not determine home directory.")


def test_it_lies_where_the_user_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "orefine"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "orefine"


@pytest.mark.parametrize("home", ["unknown", "a file"])
def test_without_a_home_it_is_a_temporary_folder_of_this_user(tmp_path: Path, monkeypatch, home: str):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    if home == "unknown":
        monkeypatch.setattr(Path, "home", unknown_user)
    else:
        (tmp_path / "file").touch()
        monkeypatch.setenv("HOME", str(tmp_path / "file"))
    folder = cache_folder()
    assert folder == tmp_path / f"orefine-{os.getuid()}" == cache_folder()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "below"))
    (tmp_path / "file").touch()
    shared = tmp_path / f"orefine-{os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    assert cache_folder() != shared
    shared.rmdir()
    shared.symlink_to(tmp_path)
    assert cache_folder() != shared
