"""What happens to the model's process when ours ends, without a model."""

import subprocess
import sys

SCRIPT = """
import os, signal, sys
from stages.l3_synthesize.engines.vllm_engine import _kill_with_us
watcher = _kill_with_us([int(sys.argv[1])])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_dies_with_us_even_after_sigkill():
    model = subprocess.Popen(["sleep", "60"])
    try:
        ours = subprocess.run([sys.executable, "-c", SCRIPT, str(model.pid)], check=False)
        assert ours.returncode == -9
        assert model.wait(timeout=20) == -9
    finally:
        model.kill()
        model.wait()
