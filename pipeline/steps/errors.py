"""The two fates of an error: what a step says of a row is the row's; what the surroundings do ends the attempt.

A row on which a step raises, alone, is quarantined. A full disk, no memory, a missing library, a killed worker or a
dead engine says nothing of any row: it is tried again where it can pass, and else ends the run. Nothing is published,
finished shards stay, and the next run goes on from there.
"""

from __future__ import annotations


class Fault(RuntimeError):
    """The surroundings failed: no row's fault. The run ends with exit code 1, and the same command goes on."""


class WorkerDied(Fault):
    """The process that ran a task was killed or crashed, again and again."""


FAULTS = (Fault, OSError, MemoryError, ImportError)
"""UnicodeError, which a row may well cause, is a ValueError and so none of them."""


def is_fault(error: BaseException) -> bool:
    """Whether an error comes from the surroundings, so that no row may be blamed for it."""
    return isinstance(error, FAULTS)


def describe(error: BaseException) -> str:
    """An exception as one line for a quarantine row."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]
