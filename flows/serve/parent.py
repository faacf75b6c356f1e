"""A process that ends when the one that started it does, so that a killed service leaves no run behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
OWNED = "OREFINE_SERVICE"
"""Set for the worker of a service: the runs that it starts shall end with it."""


def end_with_parent() -> None:
    """Ask the kernel to kill this process when its parent is gone; Linux only, elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_with_service() -> None:
    """As `end_with_parent`, in a run that a service's worker has started."""
    if os.environ.get(OWNED):
        end_with_parent()
