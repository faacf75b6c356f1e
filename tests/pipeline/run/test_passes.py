"""How a level is cut into passes, which columns leave it, and what is wrong with its steps."""

from typing import Literal

import pyarrow as pa
import pytest

from pipeline.errors import Fault
from pipeline.rows.document import BASE_SCHEMA
from pipeline.run.passes import TOGETHER, Level, PlanError, check_steps, schema_after, split_passes, together
from pipeline.steps import GroupingStep, Resources, Scorer, Unit
from stages.l1_filter.duplicates.exact_duplicates import ExactDuplicates
from stages.l3_synthesize.rewrite import Rewrite
from tests.pipeline.helpers import Lines, MinWords, SameFirstWord, Shout
from tests.pipeline.run.test_quota import Wanted


class Changing(GroupingStep):
    """Changes the text, and adds no column."""

    kind: Literal["changing"] = "changing"
    changes_text = True

    def group(self, grouping):
        raise AssertionError("no row is looked at here")


class Quality(Scorer):
    """Adds a column of the type that it is given."""

    kind: Literal["quality"] = "quality"
    type: Literal["float", "string"] = "float"
    gpus: float = 0
    index: bool = False

    def columns(self):
        return (pa.field("quality", pa.float32() if self.type == "float" else pa.string()),)

    def resources(self):
        return Resources(gpus=self.gpus)

    def score(self, batch):
        raise AssertionError("no row is looked at here")


class Faulty(MinWords):
    """Says against itself what it is told to, with the error of that name."""

    kind: Literal["faulty"] = "faulty"
    error: str = ""

    def resolve(self):
        errors = {"OSError": OSError, "ImportError": ImportError, "ValueError": ValueError, "KeyError": KeyError}
        if self.error == "Fault":
            raise Fault("the disk is gone")
        raise errors[self.error]("faulty:  two\nlines")


def test_a_level_begins_with_its_source():
    words, lines = MinWords(), Lines()
    assert Level("l0", "toy", (words,), lines).all_steps() == (lines, words)
    assert Level("l1", "toy", (words,)).all_steps() == (words,)


def test_passes_end_with_a_row_pass():
    words, group = MinWords(), SameFirstWord()
    assert split_passes([words, group]) == [(words,), group, ()]
    assert split_passes([words, words, group, words]) == [(words, words), group, (words,)]
    assert split_passes([]) == [()]


def test_what_a_grouping_step_adds_or_changes_is_written_before_the_next_one_reads():
    words, group, repeats, changing = MinWords(), SameFirstWord(), ExactDuplicates(), Changing()
    assert split_passes([repeats, group, group, words]) == [repeats, group, (), group, (words,)]
    assert split_passes([changing, repeats]) == [changing, (), repeats, ()]
    assert split_passes([group, words, group]) == [group, (words,), group, ()]


def test_a_pass_is_cut_where_the_place_changes():
    words, model = MinWords(), Quality(gpus=1)
    assert split_passes([words, model, model, words]) == [(words,), (model, model), (words,)]


def test_columns_add_up_but_a_generator_starts_anew():
    quality = schema_after(BASE_SCHEMA, [MinWords(), Quality(), Shout()])
    assert quality.names == [*BASE_SCHEMA.names, "quality"]
    made = schema_after(quality, [Rewrite(engine="template", prompts=("rephrase",))])
    assert "quality" not in made.names
    assert {"prompt", "model"} <= set(made.names)


def test_each_problem_names_its_step_once_and_the_columns_go_on():
    problems, schema = check_steps([Faulty(error="ValueError"), Quality(), Quality(type="string")], BASE_SCHEMA)
    first, second = problems
    assert first == "01 faulty: two lines"
    assert second.startswith("03 quality: column 'quality' is declared as float and as string")
    assert schema.field("quality").type == pa.float32()


@pytest.mark.parametrize("error", ["OSError", "ImportError"])
def test_what_a_step_cannot_find_is_a_problem_of_the_recipe(error: str):
    assert check_steps([Faulty(error=error)], BASE_SCHEMA)[0] == ["01 faulty: two lines"]


@pytest.mark.parametrize(("error", "raised"), [("Fault", Fault), ("KeyError", KeyError)])
def test_a_fault_and_a_bug_are_none(error: str, raised: type[Exception]):
    with pytest.raises(raised):
        check_steps([Faulty(error=error)], BASE_SCHEMA)


def test_a_source_has_place_0_and_is_not_asked_for_its_input():
    class Broken(Lines):
        kind: Literal["broken"] = "broken"

        def resolve(self):
            return ["broken: no such folder"]

        def check_input(self, schema):
            raise AssertionError("a source reads no columns")

    problems, schema = check_steps([Faulty(error="OSError")], BASE_SCHEMA, Broken())
    assert problems == ["00 broken: no such folder", "01 faulty: two lines"]
    assert schema == BASE_SCHEMA


def test_a_level_has_one_index_of_a_kind():
    indexed = Quality(index=True)
    problems, _ = check_steps([indexed, Quality(), indexed], BASE_SCHEMA)
    assert problems == ["two steps 'quality' have `index: true`, but a level has one index of a kind; remove one"]
    assert check_steps([indexed, Quality()], BASE_SCHEMA)[0] == []


def test_a_problem_is_told_once():
    error = PlanError(["b", "a", "b"])
    assert error.problems == ("b", "a")
    assert str(error) == "b; a"


def test_a_generator_with_a_target_begins_a_pass_without_decisions():
    words, group, wanted = MinWords(), SameFirstWord(), Wanted(rows=1)
    assert split_passes([wanted, words]) == [(wanted, words)]
    assert split_passes([words, wanted]) == [(words,), (wanted,)]
    assert split_passes([group, wanted, wanted]) == [group, (), (wanted,), (wanted,)]


TEMPLATE = Rewrite(engine="template")


def test_a_generator_takes_small_shards_together():
    def groups(*rows: int, part=(TEMPLATE,), each_alone: bool = False) -> list[list[int]]:
        units = [Unit(f"part-{number}", "0" * 64, 0, count) for number, count in enumerate(rows)]
        return [list(numbers) for numbers in together(part, units, each_alone)]

    assert groups(30, 40, 50) == [[0, 1, 2]]
    assert groups(TOGETHER - 1, 1, 1) == [[0, 1], [2]], "no more than so many documents"
    assert groups(10, TOGETHER + 5, 10, 10) == [[0], [1], [2, 3]], "a large one stays alone"
    assert groups(0, 0) == [[0, 1]], "empty ones too"
    assert groups() == []
    assert groups(30, 40, part=(MinWords(),)) == [[0], [1]], "a filter is as fast either way"
    assert groups(30, 40, part=()) == [[0], [1]]
    assert groups(30, 40, each_alone=True) == [[0], [1]]
    assert groups(TOGETHER, TOGETHER, part=(Wanted(rows=1),)) == [[0, 1]], "what ends at a target sees the level"
    assert groups(part=(Wanted(rows=1),)) == []
