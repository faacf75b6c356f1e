"""Mutants are small, parse, differ from the code, and are the same whenever they are made."""

import ast
import textwrap
from pathlib import Path

import pytest

from benchmarks import mutants
from benchmarks.mutants import CORE, TOO_SLOW, Mutant, Trial, checked_by, modules, mutants_of, table


def mutated(source: str) -> set[str]:
    """What becomes of a line of source."""
    data = textwrap.dedent(source).encode()
    return {mutant.applied(data).decode() for mutant in mutants_of("a.py", data)}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a < b", {"a <= b"}),
        ("a is not b", {"a is b"}),
        ("a + b * c", {"(a - b * c)", "a + (b + c)"}),
        ("a and b", {"(a or b)"}),
        ("not a", {"(a)"}),
        ("x = 1", {"x = (0)", "x = (2)"}),
        ("x = True", {"x = False"}),
        ("x = 'é', a < b", {"x = '', a < b", "x = 'é', a <= b"}),  # places are counted in bytes
        ("x = sorted(a, key=f)", {"x = list(a)"}),
        ("x = f(a, b, c=d)", {"x = f(b, a, c=d)"}),
        ("x = max(a, b)", set()),
        ("x = [a for a in b if a]", {"x = [a for a in b if (not (a))]"}),
        ("x = a if b else c", {"x = a if (not (b)) else c"}),
        ("a.b = c", {"pass"}),
        ("def f():\n    return a", {"def f():\n    return None"}),
        ("for a in b:\n    continue", {"for a in b:\n    pass"}),
    ],
)
def test_each_change(source: str, expected: set[str]):
    # An expression by itself may also be left out.
    assert mutated(source) - {"pass"} == expected - {"pass"}


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring."""', "x: int | None", "def f(x: 'A' = y) -> 'B': ...", "__all__ = ['a']", "x = f'words {a}'",
        "if TYPE_CHECKING:\n    import a", "class A(Protocol):\n    def f(self) -> int:\n        return 1",
    ],
)  # fmt: skip
def test_what_decides_nothing_is_left_alone(source: str):
    assert mutated(source) == set()


def test_all_of_the_core_can_be_mutated_but_its_kernels():
    paths = modules(["pipeline"])
    assert "pipeline/run/rowpass.py" in paths
    assert not any("kernels" in path for path in paths)
    assert modules(["pipeline/rows/batch.py"]) == ["pipeline/rows/batch.py"]
    path = "pipeline/rows/document.py"
    source = (mutants.ROOT / path).read_bytes()
    found = mutants_of(path, source)
    assert len(found) > 50
    assert found == mutants_of(path, source)
    for mutant in found:
        assert ast.dump(ast.parse(mutant.applied(source))) != ast.dump(ast.parse(source))


def test_a_modules_own_tests_come_first_then_those_that_import_it_then_the_cores():
    first, *others = checked_by("pipeline/store/partitions.py")
    assert first == "tests/pipeline/store/test_partitions.py"
    assert "tests/pipeline/run/test_grouping.py" in others
    assert tuple(others[-len(CORE) :]) == CORE
    assert checked_by("pipeline/books/fingerprint.py")[0] == "tests/pipeline/books/test_fingerprint.py"


def test_the_table_shows_shares_and_what_survived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("x = 1\ny = 2\n")
    one, two = Mutant("a.py", 1, 4, 5, "(2)"), Mutant("a.py", 2, 10, 11, "(1)")
    lines = table([Trial(one, TOO_SLOW, 1.0), Trial(two, "", 3.0)])
    assert lines[1].split() == ["a.py", "2", "1", "50.0%", "4"]
    assert lines[2].split() == ["all", "2", "1", "50.0%", "4"]
    assert lines[3].endswith(": 1")
    assert lines[4].splitlines() == ["", "survived: a.py:2", "    -y = 2", "    +y = (1)"]
