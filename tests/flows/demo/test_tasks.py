"""Every right task of the tour is certified, and none that is wrong on purpose."""

from pathlib import Path

import pytest

from flows.demo.tasks import show_tasks


def test_the_right_tasks_are_certified_and_the_wrong_ones_are_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pytest.importorskip("math_verify")
    assert show_tasks(tmp_path / "store") == "tasks: 16 right ones certified, 5 wrong ones refused"
    shown = capsys.readouterr().out
    assert "0 of 1 certified: an object that equals everything" in shown
    assert "math_answer.wrong_step" in shown
