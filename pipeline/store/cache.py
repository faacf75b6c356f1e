"""The folder of what a machine may forget: compiled kernels, models that have loaded, converted ones."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """`orefine` in the user's cache, or in the temporary folder for a user without a home, as containers have them."""
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orefine"
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except (OSError, RuntimeError):  # RuntimeError: the user is unknown here
        pass
    folder = Path(tempfile.gettempdir(), f"orefine-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    # Compiled code is run: whoever else could have put it there must not be trusted.
    if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022:
        return folder
    return Path(tempfile.mkdtemp(prefix="orefine-"))
