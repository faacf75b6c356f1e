"""A generator that ends at a number of rows, at its budget, or where its prompts yield too little."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow.parquet as pq
import pytest

from pipeline.books.accounting import Tokens
from pipeline.run.level import Finished, run_level
from pipeline.run.passes import Level
from pipeline.run.quota import FEWEST_TRIES, FIRST, Quota
from pipeline.run.runners import InlineRunner
from pipeline.steps import Reason, Reply, Request, Step, Target
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import MinWords, SameFirstWord, l0, silent, write_lines
from tests.pipeline.run.test_generate import Echo


class Wanted(Echo):
    """Says each line in capitals; refuses those with `refuse` and all that prompt `p@1` makes."""

    kind: Literal["wanted"] = "wanted"  # type: ignore[assignment]
    rows: int | None = None
    budget: int | None = None
    floor: float = 0.0
    backwards: bool = True
    bad: str = "p@1"
    order: ClassVar[list[str]] = []

    def target(self) -> Target:
        return Target(self.rows, self.budget, {f"p@{n}": self.floor for n in range(self.prompts)}, 10)

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        found = list(super().generate(requests))
        for reply in found if self.backwards else reversed(found):
            yield replace(reply, prompt_tokens=7, completion_tokens=3)

    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> Mapping[str, Any] | Reason:
        self.order.append(request.parent.id)
        return Reason("poor") if request.prompt == self.bad else super().judge_reply(request, reply, siblings)


def run(
    folder: Path, *steps: Step, files: int = 3, each: int = 60, notes: list[str] | None = None
) -> tuple[LocalStore, Finished, list[dict[str, Any]]]:
    """Lines in several files through `steps`; the rows that came out."""
    store = LocalStore(folder / "store")
    Echo.asked.clear()
    Wanted.order.clear()
    inputs = [
        file
        for number in range(files)
        for file in write_lines(folder / f"{number}", [f"line {number} {n}" for n in range(each)])
    ]
    first = run_level(l0(), store, InlineRunner(), silent, inputs)

    def emit(event: str, fields: Mapping[str, Any]) -> None:
        if event == "note" and notes is not None:
            notes.append(fields["text"])

    level = run_level(Level("l3", "toy", steps), store, InlineRunner(), emit, parent=first)
    rows = [
        row
        for file in level.manifest.of("data")
        for row in pq.read_table(store.shown(f"{level.directory}/{file.path}")).to_pylist()
    ]
    return store, level, rows


def ending(level: Finished) -> Any:
    (found,) = [at.ending for at in level.manifest.by_step.values() if at.ending is not None]
    return found


def test_exactly_so_many_rows_and_the_others_are_accounted_for(tmp_path: Path):
    notes: list[str] = []
    _, level, rows = run(tmp_path, Wanted(rows=70), notes=notes)
    assert len(rows) == level.manifest.rows_out == 70
    assert (level.manifest.rows_in, level.manifest.dropped) == (180, {"wanted.enough": 110})
    found = ending(level)
    assert (found.accepted, found.ended_by, found.stopped) == (70, "accept", {})
    assert found.tokens == 10 * len(Echo.asked)
    assert notes == [
        f"l3, 01 wanted: 70 of 70 rows accepted with {found.tokens} tokens; the number asked for is reached"
    ]


def test_the_first_documents_by_id_are_chosen_from_all_files(tmp_path: Path):
    store, level, rows = run(tmp_path, Wanted(rows=70))
    parent = level.manifest.parents[0].manifest.rpartition("/")[0]
    ids = sorted(
        row["id"]
        for part in range(3)
        for row in pq.read_table(store.shown(f"{parent}/data/part-{part:05d}.parquet")).to_pylist()
    )
    assert [row["parent_id"] for row in rows] == ids[:70]
    assert {row["text"].split()[1] for row in rows} == {"0", "1", "2"}


def test_little_more_is_asked_than_is_needed(tmp_path: Path):
    run(tmp_path, Wanted(rows=70))
    assert len(Echo.asked) <= FIRST + 7  # all were accepted: six are missing after the first lot, and a tenth on top


def test_neither_the_order_of_replies_nor_how_rows_are_parted_changes_the_rows(tmp_path: Path):
    *_, one = run(tmp_path / "a", Wanted(rows=70, floor=0.3, prompts=2), files=1, each=90)
    *_, other = run(tmp_path / "b", Wanted(rows=70, floor=0.3, prompts=2, backwards=False), files=1, each=90)
    assert len(one) == 70
    assert one == other


def test_a_second_run_asks_nothing_and_gives_the_same_rows(tmp_path: Path):
    store, level, rows = run(tmp_path, Wanted(rows=70))
    store.remove(level.directory)
    _, again, same = run(tmp_path, Wanted(rows=70))
    assert Echo.asked == []
    assert same == rows
    assert ending(again) == ending(level)


def test_the_budget_ends_it_and_is_named(tmp_path: Path):
    notes: list[str] = []
    _, level, rows = run(tmp_path, Wanted(rows=170, budget=400), notes=notes)
    assert len(rows) == 40 == len(Echo.asked)
    assert (ending(level).tokens, ending(level).ended_by) == (400, "budget_tokens")
    assert level.manifest.dropped == {"wanted.budget_spent": 140}
    assert notes == ["l3, 01 wanted: 40 of 170 rows accepted with 400 of 400 tokens; the budget of tokens is spent"]


def test_documents_may_end_first(tmp_path: Path):
    _, level, rows = run(tmp_path, Wanted(rows=500))
    assert len(rows) == 180
    assert ending(level).ended_by == "documents"


def test_a_prompt_under_its_floor_is_stopped_and_the_others_go_on(tmp_path: Path):
    notes: list[str] = []
    _, level, rows = run(tmp_path, Wanted(rows=150, prompts=2, floor=0.3), notes=notes)
    assert len(rows) == 150
    (stopped,) = ending(level).stopped.items()
    assert stopped[0] == "p@1"
    assert stopped[1].accepted == 0
    assert stopped[1].at_most < 0.3 == stopped[1].min_accept
    assert stopped[1].tries == FEWEST_TRIES == level.manifest.dropped["wanted.poor"]
    assert "prompt p@1 was stopped: 0 of 20 replies accepted, at most 0.161 (95 %) against min_accept 0.3" in notes[1]
    assert len(Echo.asked) < 150 + 150  # no document is asked for by it after the first lot


def test_where_every_prompt_is_stopped_it_ends(tmp_path: Path):
    _, level, rows = run(tmp_path, MinWords(), Wanted(rows=10, floor=0.3, bad="p@0"))
    assert not rows
    assert ending(level).ended_by == "prompts"
    assert level.manifest.dropped == {"wanted.poor": 20, "wanted.prompt_stopped": 160}


@pytest.mark.parametrize("steps", [(MinWords(minimum=3),), (SameFirstWord(),), (MinWords(), SameFirstWord())])
def test_what_earlier_steps_dropped_in_any_file_is_carried_on(tmp_path: Path, steps: tuple[Step, ...]):
    _, level, rows = run(tmp_path, *steps, Wanted(rows=50))
    left = 1 if isinstance(steps[-1], SameFirstWord) else 180
    assert len(rows) == min(left, 50)
    assert sum(file.rows for file in level.manifest.of("dropped")) == sum(level.manifest.dropped.values())
    assert level.manifest.rows_in == 180 == len(rows) + sum(level.manifest.dropped.values())


def test_steps_after_it_see_only_what_it_made(tmp_path: Path):
    _, level, rows = run(tmp_path, Wanted(rows=50), MinWords(minimum=4))
    assert not rows
    assert level.manifest.dropped == {"min_words.too_few_words": 50, "wanted.enough": 130}


def test_a_few_tries_do_not_stop_a_prompt():
    quota = Quota(Target(None, None, {"p": 0.9}))
    for _ in range(FEWEST_TRIES - 1):
        quota.judge("p", False)
    assert not quota.stopped
    quota.judge("p", False)
    assert list(quota.stopped) == ["p"]
    assert quota.over() == "prompt_stopped"


def test_a_prompt_at_its_floor_goes_on():
    quota = Quota(Target(None, None, {"p": 0.5}))
    for number in range(200):
        quota.judge("p", number % 2 == 0)
    assert not quota.stopped


def test_what_is_left_of_a_budget_bounds_what_is_asked_at_once():
    quota = Quota(Target(None, 1_000, {}, tokens_each=100))
    assert quota.next_documents() == 10
    quota.documents = 10
    quota.spend(Tokens(prompt_tokens=300, completion_tokens=200))
    assert quota.next_documents() == 10  # 500 left at 50 each
    quota.spend(Tokens(prompt_tokens=499))
    assert quota.next_documents() == 1


def test_so_many_documents_are_asked_at_once_as_the_rate_so_far_lets_expect():
    quota = Quota(Target(110, None, {}, 10), documents=200, accepted=100)
    assert quota.next_documents() == 22, "ten more at a half, and a tenth to spare"
    quota.accepted = 0
    assert quota.next_documents() == 200, "as many as are known, where nearly all are refused"
    assert Quota(Target(110, None, {}, 10)).next_documents() == FIRST
    assert Quota(Target(None, 95, {}, 10), documents=10, tokens=50).next_documents() == 9
