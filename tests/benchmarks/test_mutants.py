"""Mutants are small, parse, differ from the code, and are the same whenever they are made."""

import ast
import textwrap
from pathlib import Path

import pytest

from benchmarks import mutants
from benchmarks.mutants import CORE, TOO_SLOW, Log, Trial, checked_by, modules, mutants_of, sample, table


def mutated(source: str) -> set[str]:
    """What becomes of a line of source."""
    data = textwrap.dedent(source).encode()
    return {mutant.applied().decode() for mutant in mutants_of("a.py", data)}


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
        "A = Literal['a', 1]",
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
        assert ast.dump(ast.parse(mutant.applied())) != ast.dump(ast.parse(source))


def test_a_modules_own_tests_come_first_then_those_that_import_it_and_the_cores():
    own, beside, others = checked_by("pipeline/store/partitions.py")
    assert (own, beside) == (("tests/pipeline/store/test_partitions.py",), ("tests/pipeline/store",))
    assert "tests/pipeline/run/test_grouping.py" in others
    assert others[-len(CORE) :] == CORE
    assert "tests/pipeline/books/test_fingerprint.py" in checked_by("pipeline/books/fingerprint.py")[-1]
    assert checked_by("pipeline/steps/__init__.py", near=True) == [("tests/pipeline/steps",)]
    assert checked_by("pipeline/errors.py", near=True) == [("tests/pipeline/test_errors.py",)]
    assert "tests/pipeline/run/test_plan_lines.py" in checked_by("pipeline/run/plan.py")[0]


def test_the_table_shows_shares_and_what_survived():
    one, two = (mutant for mutant in mutants_of("a.py", b"x = 1\ny = 2\n") if mutant.text in ("(2)", "(1)"))
    lines = table([Trial(one, TOO_SLOW, 1.0), Trial(two, "", 3.0)])
    assert lines[1].split() == ["a.py", "2", "1", "50.0%", "4"]
    assert lines[2].split() == ["all", "2", "1", "50.0%", "4"]
    assert lines[3].endswith(": 1")
    assert lines[4].splitlines() == ["", "survived: a.py:2", "    -y = 2", "    +y = (1)"]


def test_a_sample_is_drawn_by_its_seed_and_holds_only_python():
    source = b"""a = [1, 2, 3, 4]\nx = f'{a["b"] / c}'\n"""
    some = mutants_of("a.py", source)
    assert any(not mutant.parses() for mutant in some)
    drawn = [sample(some, 4, seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    everything = sample(some, 99, 1)
    assert sorted(mutant.text for mutant in everything) == sorted(mutant.text for mutant in some if mutant.parses())


def test_what_is_known_is_not_tried_again(tmp_path: Path):
    one, two, *_ = mutants_of("a.py", b"x = 1\ny = 2\n")
    log = Log(tmp_path / "log", near=True)
    assert log.known(one) is None
    log.add(Trial(one, "failed", 1.5))
    log.add(Trial(two, "", 2.5))
    again = Log(tmp_path / "log", near=True)
    assert again.known(one) == Trial(one, "failed", 1.5)
    assert again.known(two) == Trial(two, "", 2.5)
    # More tests may kill what survived; another file is another mutant.
    wider = Log(tmp_path / "log", near=False)
    assert wider.known(one)
    assert wider.known(two) is None
    assert wider.known(mutants_of("a.py", b"x = 1\ny = 3\n")[0]) is None
    assert Log(None, near=True).known(one) is None


def test_how_long_tests_take_is_measured_once_for_a_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = Log(tmp_path / "log", near=True)
    log.passed(("tests/a.py",), 4.0)
    assert Log(tmp_path / "log", near=True).seconds == {("tests/a.py",): 4.0}
    monkeypatch.setattr(mutants, "_hash_of", lambda *folders: "another")
    assert Log(tmp_path / "log", near=True).seconds == {}
