"""Runs in processes of their own give what runs in this one give, and leave nothing behind."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from pipeline.ablation import side_by_side
from pipeline.ablation.data import survey
from pipeline.ablation.heldout import Domain, hold_out
from pipeline.ablation.runs import Runs
from pipeline.ablation.side_by_side import run_all
from pipeline.ablation.tokenizer import train_tokenizer
from tests.pipeline.ablation.helpers import TINY, sentences, write
from tests.pipeline.ablation.test_runs import SETTING

pytestmark = pytest.mark.slow  # each starts two processes that import torch


def trainer(folder: Path, steps: int = 10) -> tuple[Runs, dict]:
    arm = survey([write(folder / "a.parquet", sentences(60, 1))])
    held: Domain = hold_out(survey([write(folder / "held.parquet", sentences(20, 2))]), "held", 8_000, whole=True)
    budget = replace(TINY, steps=steps)
    runs = Runs(folder / "out", budget, train_tokenizer(sentences(30, 1), 300), [held], SETTING, print, False)
    return runs, {"baseline": (arm, range(2)), "other": (arm, range(2))}


def test_the_records_are_those_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone, wanted = trainer(tmp_path / "alone")
    expected = run_all(alone, wanted)  # so few tokens are trained here
    monkeypatch.setattr(side_by_side, "WORTHWHILE", 0)
    monkeypatch.setattr(side_by_side, "cores", lambda: 2)
    lines: list[str] = []
    beside, wanted = trainer(tmp_path / "beside")
    found = run_all(replace(beside, progress=lines.append), wanted)
    assert {name: [run["bits"] for run in of] for name, of in found.items()} == {
        name: [run["bits"] for run in of] for name, of in expected.items()
    }
    assert sum("training on" in line for line in lines) == 4, "what the processes say is not heard"
    assert not [
        child for child in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(child.cmdline())
    ]


def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from pipeline.ablation import side_by_side\n"
        "from tests.pipeline.ablation.test_side_by_side import trainer\n"
        "if __name__ == '__main__':\n"
        "    side_by_side.WORTHWHILE, side_by_side.cores = 0, lambda: 2\n"
        f"    side_by_side.run_all(*trainer(Path({str(tmp_path)!r}), 100_000))\n"
    )
    (tmp_path / "main.py").write_text(code, encoding="utf-8")
    # A script does not see the working directory, and the processes that it starts import these tests as well.
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, tmp_path / "main.py"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as parent:
        until = time.monotonic() + 120
        while not (workers := psutil.Process(parent.pid).children()) or len(workers) < 3:  # the tracker is the third
            assert parent.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
        os.kill(parent.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=60)
    assert not alive
