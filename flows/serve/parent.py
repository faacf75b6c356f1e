"""A process that ends when the one that started it does, so that a killed service leaves no run behind."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
OWNED = "OREFINE_SERVICE"
"""Set for the worker of a service, to the service's process: the runs that it starts shall end with it."""


def end_with_parent() -> None:
    """Ask the kernel to kill this process when its parent is gone; Linux only, elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def end_with_service() -> None:
    """As `end_with_parent`, in a run that a service's worker has started.

    A run imports for seconds before it comes here. One whose service was killed meanwhile ends as the kernel would have
    ended it: else it would tell the next service's server that it failed, when it is known there as cut off.
    """
    service = os.environ.get(OWNED)
    if service:
        end_with_parent()
        try:
            os.kill(int(service), 0)
        except ProcessLookupError:
            os.kill(os.getpid(), signal.SIGKILL)
