"""Runs end with the service that started them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.serve.parent import OWNED

RUN = "from flows.serve.parent import end_with_service; end_with_service(); print('at work')"


def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-S", "-c", ""]) as process:
        pass
    return process.pid


@pytest.mark.parametrize(
    ("service", "code", "said"),
    [(os.getpid, 0, "at work\n"), (lambda: "", 0, "at work\n"), (gone, -9, "")],
    ids=["alive", "none", "killed before"],
)
def test_a_run_whose_service_is_gone_ends_without_a_word(service, code: int, said: str):
    root = Path(__file__).parents[3]
    environment = os.environ | {OWNED: str(service())}
    done = subprocess.run([sys.executable, "-c", RUN], cwd=root, env=environment, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (code, said)
