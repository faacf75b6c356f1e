"""What is wrong with a recipe is said before its first row, all at once, each problem with level, place and kind."""

from typing import Literal

import pyarrow as pa

from pipeline.run.checks import PlanError, chain_problems
from pipeline.run.passes import Level
from pipeline.steps import DocumentFilter
from tests.pipeline.helpers import MinWords


class Needs(DocumentFilter):
    """Needs a column, and adds one."""

    kind: Literal["needs"] = "needs"
    column: str
    adds: str = "made"
    type: str = "string"
    extra: str = ""

    def columns(self):
        return (pa.field(self.adds, pa.type_for_alias(self.type)),)

    def extras(self):
        return (self.extra,) if self.extra else ()

    def check_input(self, schema):
        if self.column not in schema.names:
            raise ValueError(f"needs: no column '{self.column}'")

    def reason_to_drop(self, document):
        return None


def level(name, *steps):
    return Level(name, "toy", steps)


def test_each_step_gets_the_columns_of_those_before_it_also_of_earlier_levels():
    levels = [level("l1", Needs(column="text", adds="a")), level("l2", Needs(column="a", adds="b"), Needs(column="b"))]
    assert chain_problems(levels) == []


def test_all_problems_are_said_with_level_place_and_kind():
    found = chain_problems([level("l1", MinWords(), Needs(column="x")), level("l2", Needs(column="y"))])
    assert found == ["l1 02 needs: no column 'x'", "l2 01 needs: no column 'y'"]


def test_two_steps_of_one_kind_are_two():
    found = chain_problems([level("l1", Needs(column="x"), Needs(column="x"))])
    assert found == ["l1 01 needs: no column 'x'", "l1 02 needs: no column 'x'"]


def test_a_column_of_two_types_is_a_problem_of_the_second_step():
    (found,) = chain_problems([level("l1", Needs(column="text"), Needs(column="text", type="int64"))])
    assert found.startswith("l1 02 needs: column 'made' is declared as string and as int64")


def test_a_missing_package_is_said_instead_of_what_follows_from_it(monkeypatch):
    monkeypatch.setattr("pipeline.steps.extras.find_spec", lambda module: None)
    (found,) = chain_problems([level("l1", Needs(column="x", extra="substrings"))])
    assert "extra 'substrings' is not installed" in found


def test_a_missing_file_is_named(tmp_path):
    class Opens(MinWords):
        def assets(self):
            return {"list": (tmp_path / "none").read_text()}

    (found,) = chain_problems([level("l1", Opens())])
    assert found == f"l1 01 min_words: No such file: '{tmp_path / 'none'}'; correct the path"


def test_a_problem_said_twice_is_one():
    assert PlanError(["a", "b", "a"]).problems == ("a", "b")
    assert str(PlanError(["a", "b"])) == "a; b"
