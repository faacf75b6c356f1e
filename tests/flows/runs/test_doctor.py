"""`orefine doctor`: what is wrong with a machine is said with the way out, and what is missing is no fault."""

from pathlib import Path

import pytest

from flows.runs import doctor
from pipeline.store.local import LocalStore
from tests.flows.helpers import orefine, result_of


def lines(findings: list[doctor.Finding], kind: str) -> list[str]:
    return [f"{one.about}: {one.text}" for one in findings if one.kind == kind]


def test_this_machine_is_fine(tmp_path: Path):
    result = result_of(orefine("doctor", "--store", tmp_path / "store", "--json"))
    assert result["fine"]
    about = {one["about"] for one in result["findings"]}
    assert {"python", "extras", "machine", "sandbox", "store"} <= about
    assert not LocalStore(str(tmp_path / "store")).list(""), "the probe left files"


def test_packages_that_break_others_are_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch):
    installed = {
        "fasttext-community": "0.11.9",
        "fasttext-predict": "0.9",
        "torch": "2.13.0+cpu",
        "torchvision": "0.30",
    }
    installed["sqlalchemy"] = "2.1.9"
    monkeypatch.setattr(doctor, "_version", installed.get)
    monkeypatch.setattr(doctor, "requires", lambda name: ['sqlalchemy<2.1,>=2.0.58; extra == "flows"', "numpy>=2.3"])
    wrong = lines(list(doctor._versions()), "wrong")
    assert len(wrong) == 3
    assert "sqlalchemy is 2.1.9" in wrong[0]
    assert "pip install 'sqlalchemy<2.1,>=2.0.58'" in wrong[0]
    assert "fasttext-predict and fasttext-community write the same files" in wrong[1]
    assert "pip uninstall -y torchvision" in wrong[2]


def test_a_missing_extra_is_a_note_and_a_missing_part_of_the_core_wrong(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor, "missing", lambda extras: [f"{extra} is not installed" for extra in extras])
    found = list(doctor._extras())
    assert lines(found, "wrong") == ["extras: core is not installed"]
    assert "extras: ray is not installed" in lines(found, "note")


def test_a_store_that_does_not_decide_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def last_writer_wins(self: LocalStore, path: str, data: bytes) -> bool:
        self.replace(path, data)
        return True

    monkeypatch.setattr(LocalStore, "create", last_writer_wins)
    found = doctor._store(str(tmp_path))
    assert found.kind == "wrong"
    assert "lets a second writer overwrite a first" in found.text


def test_a_store_that_swaps_whatever_is_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def always(self: LocalStore, path: str, expected: bytes | None, data: bytes) -> bool:
        self.replace(path, data)
        return True

    monkeypatch.setattr(LocalStore, "compare_and_swap", always)
    assert doctor._store(str(tmp_path)).kind == "wrong"


def test_an_unreachable_store_is_one_line():
    found = doctor._store("ftp://somewhere")
    assert found.kind == "wrong"
    assert "ftp" in found.text


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 14, 0))
    assert doctor._python().kind == "wrong"
