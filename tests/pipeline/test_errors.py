"""One tree of errors: whose fault each is, the exit code it ends a command with, and its one line."""

import pytest

from pipeline.errors import Fault, OrefineError, UsageError, WorkerDied, describe, is_fault


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
