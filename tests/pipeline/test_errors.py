"""One tree of errors: whose fault each is, the exit code it ends a command with, and its one line."""

import errno
import socket
from types import SimpleNamespace

import pytest

from pipeline.errors import Fault, OrefineError, UsageError, WorkerDied, describe, is_fault, is_of_recipe


def test_each_error_has_its_exit_code():
    # Scripts depend on them: 2 is for who typed, 1 for who runs the machine.
    assert [kind("x").exit_code for kind in (OrefineError, UsageError, Fault, WorkerDied)] == [1, 2, 1, 1]


@pytest.mark.parametrize("error", [Fault(), WorkerDied(), OSError(), TimeoutError(), MemoryError(), ImportError()])
def test_what_the_surroundings_do_is_no_rows_fault(error: Exception):
    assert is_fault(error)


@pytest.mark.parametrize("error", [ValueError(), UnicodeDecodeError("utf-8", b"", 0, 1, ""), KeyError(), UsageError()])
def test_what_a_row_can_cause_is_the_rows(error: Exception):
    assert not is_fault(error)


def test_an_error_is_one_line_of_bounded_length():
    assert describe(ValueError("first\n  second\tthird")) == "ValueError: first second third"
    assert describe(KeyError()) == "KeyError: "
    assert describe(ValueError("x" * 1000)) == "ValueError: " + "x" * 488


def answered(status: int) -> OSError:
    error = OSError("the server said so")
    error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    return error


def without_network() -> FileNotFoundError:
    """As Hugging Face's client puts it."""
    error = FileNotFoundError("neither on the hub nor in the cache")
    error.__cause__ = RuntimeError("while asking")
    error.__cause__.__context__ = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    return error


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"), UsageError("x"), ImportError("x"), FileNotFoundError(errno.ENOENT, "x"),
        PermissionError(errno.EACCES, "x"), OSError("pyarrow: no Parquet file"), answered(404), answered(403),
    ],
)  # fmt: skip
def test_before_the_first_row_what_is_named_wrongly_is_the_recipes(error: Exception):
    assert is_of_recipe(error)


@pytest.mark.parametrize(
    "error",
    [
        Fault(), MemoryError(), OSError(errno.EIO, "x"), OSError(errno.ENOSPC, "x"), OSError(errno.EMFILE, "x"),
        TimeoutError(), ConnectionResetError(), socket.gaierror(-2, "unknown name"), answered(503), answered(429),
        without_network(), KeyError("a defect"),
    ],
)  # fmt: skip
def test_before_the_first_row_what_machine_and_network_do_is_not(error: Exception):
    assert not is_of_recipe(error)
