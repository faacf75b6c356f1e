"""A certificate that no longer speaks of what is there says so in words."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest

from pipeline.publish import expiry
from pipeline.publish.expiry import code_of, expired
from pipeline.rows.batch import Batch
from pipeline.steps import Checker, Verdicts
from pipeline.store.shard import file_sha256


class Listed(Checker):
    """Judges by a file."""

    kind: Literal["listed"] = "listed"
    file: str

    def assets(self) -> Mapping[str, str]:
        return {Path(self.file).name: file_sha256(Path(self.file))}

    def check(self, batch: Batch) -> Verdicts:
        return Verdicts()


@pytest.fixture
def made(tmp_path: Path):
    """File, certificate, policy and checkers, as they were when it was made."""
    file = tmp_path / "set.jsonl"
    file.write_text("one")
    checkers = {"01 listed": Listed(file=str(file))}
    certificate = {"tools": {"01 listed": "listed"}, "code": dict.fromkeys(checkers, "c0de")}
    return file, certificate, {"01 listed": {"assets": dict(checkers["01 listed"].assets())}}, checkers


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(expiry, "code_version", lambda module: "c0de")


def test_nothing_has_changed(made):
    assert expired(*made[1:]) == []
    assert code_of(made[3]) == {"01 listed": "c0de"}
    assert expired({}, *made[2:]) == []  # a certificate from before code was named


def test_another_file(made):
    made[0].write_text("two")
    (finding,) = expired(*made[1:])
    assert finding.startswith("expired: set.jsonl, by which 01 listed judged, is another file; certify the lot again")


def test_a_file_that_is_gone(made):
    made[0].unlink()
    (finding,) = expired(*made[1:])
    assert finding.startswith("expired: what 01 listed judged by cannot be read")


def test_other_code_and_another_tool(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(expiry, "code_version", lambda module: "other")
    assert expired(*made[1:])[0].startswith("expired: the code of 01 listed has changed since")
    monkeypatch.setattr(Listed, "tool", lambda self: "listed 2")
    assert expired(*made[1:])[0].startswith("expired: 01 listed judged with listed, and listed 2 is here")
