"""Room on disks and in memory: what there is, and the error where it is not enough."""

from __future__ import annotations

import os
from pathlib import Path


class DoesNotFit(RuntimeError):
    """The disk or the memory is too small for what a step needs."""


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container that limits it."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="utf-8").strip() if limit.is_file() else "max"
    return physical if text == "max" else min(physical, int(text))


def gigabytes(count: int) -> str:
    return f"{count / 1e9:,.1f} GB"
