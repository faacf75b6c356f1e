"""The one tree of errors, each with the exit code of the command that it ends, and the two fates of an error in a task.

    OrefineError   1   the command failed
      UsageError   2   recipe, command or input cannot be used as they stand; found before any row was processed
      Fault        1   the surroundings failed; the same command goes on from there
      WaitsForPeople 0 nothing failed: people have to do something first, and the same command then goes on

What a step says of a row is the row's; what the surroundings do ends the attempt.

A row on which a step raises, alone, is quarantined. A full disk, no memory, a missing library, a killed worker or a
dead engine says nothing of any row: it is tried again where it can pass, and else ends the run. Nothing is published,
finished shards stay, and the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator


class OrefineError(Exception):
    """An error that says in one line what is wrong and what to do; the command line shows just that line."""

    exit_code = 1


class UsageError(OrefineError, ValueError):
    """Recipe, command or input cannot be used as they stand: the value, the rule, the way out."""

    exit_code = 2


class Fault(OrefineError, RuntimeError):
    """The surroundings failed: no row's fault. Nothing is published, and the same command goes on."""


class WorkerDied(Fault):
    """The process that ran a task was killed or crashed, again and again."""


class WaitsForPeople(OrefineError):
    """A level cannot go on before people have judged a lot; its line says what to do. Nothing failed."""

    exit_code = 0

    def __init__(self, lot: str, note: str) -> None:
        super().__init__(note)
        self.lot = lot


FAULTS = (Fault, OSError, MemoryError, ImportError)
"""UnicodeError, which a row may well cause, is a ValueError and so none of them."""


def is_fault(error: BaseException) -> bool:
    """Whether an error comes from the surroundings, so that no row may be blamed for it."""
    return isinstance(error, FAULTS)


OF_A_NAME = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL,
)  # fmt: skip
"""What the system answers where a path is wrong, or not for us; all other numbers are of disks and networks."""
PASSING_STATUS = (408, 425, 429)
"""Of the answers 4xx of a server, those that blame the moment and not the request."""


def is_of_recipe(error: BaseException) -> bool:
    """Of an error before the first row: whether what a recipe names is wrong, and not the machine, disk or network.

    An OSError without a number is pyarrow's word for a file that it cannot read.
    """
    if isinstance(error, Fault) or not isinstance(error, ValueError | OSError | ImportError):
        return False
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return 400 <= status < 500 and status not in PASSING_STATUS
    # Hugging Face's client says "not found" where it found no network either; what it met is among the causes.
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionError | TimeoutError | socket.gaierror):
            return False
        cause = cause.__cause__ or cause.__context__
    return not isinstance(error, OSError) or error.errno in (None, *OF_A_NAME)


@contextlib.contextmanager
def of_recipe() -> Iterator[list[str]]:
    """What the block says against what the recipe names, in one line each; faults of the surroundings rise."""
    said: list[str] = []
    try:
        yield said
    except (ValueError, OSError, ImportError) as error:
        if not is_of_recipe(error):
            raise
        said.append(" ".join(str(error).split()))


def describe(error: BaseException) -> str:
    """An exception as one line for a quarantine row."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500]


def shortened(text: str, most: int = 100) -> str:
    """At most so many characters of a value, for a line that names it."""
    return text if len(text) <= most else f"{text[:most]}…"
