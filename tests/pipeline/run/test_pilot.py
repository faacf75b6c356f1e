"""A step on a few documents: what came of each reply, the prompts side by side, and what all would take."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA, content_hash
from pipeline.run.ledger import Ledger
from pipeline.run.pilot import Pilot, lines_of, try_out
from pipeline.store.local import LocalStore
from tests.pipeline.run.test_generate import Echo


class Priced(Echo):
    """Ten tokens a reply, a cent each; the second prompt refuses what ends in an even number."""

    def generate(self, requests):
        for reply in super().generate(requests):
            yield replace(reply, completion_tokens=10, prompt_tokens=5)

    def judge_reply(self, request, reply, siblings):
        if request.prompt == "p@1" and request.parent.text.endswith(("0", "2", "4")):
            reply = replace(reply, text="REFUSE")
        return super().judge_reply(request, reply, siblings)

    def cost(self, prompt_tokens, completion_tokens):
        return completion_tokens / 100


def batch(*texts: str) -> Batch:
    rows = [{"id": content_hash(text), "text": text} for text in texts]
    return Batch(pa.RecordBatch.from_pylist(rows, BASE_SCHEMA))


def tried(folder: Path, *texts: str, of: int = 100) -> Pilot:
    Echo.asked.clear()
    return try_out(Priced(prompts=2), Priced(prompts=1), [batch(*texts)], Ledger(LocalStore(folder)), of)


def test_each_prompt_has_its_rate_and_the_whole_is_reckoned_from_what_the_run_would_ask(tmp_path: Path):
    found = tried(tmp_path, "a1", "a2", "a3", "a4", "too long")
    prompts = found.prompts()
    assert list(prompts) == ["p@0", "p@1"]
    assert (prompts["p@0"]["accepted"], prompts["p@1"]["accepted"]) == (4, 2)
    assert prompts["p@1"]["reasons"] == {"refused": 2}
    assert prompts["p@1"]["tokens_per_accepted"] == 30
    assert prompts["p@0"]["below_best"] is None
    low, high = prompts["p@1"]["below_best"]
    assert low < 0 < 0.5 < high  # four documents prove nothing
    assert found.not_sent() == {"too_long": 1}
    whole = found.whole(None)
    assert (whole["documents"], whole["requests"], whole["rows"]) == (100, 80, 80)
    assert (whole["completion_tokens"], whole["cost"]) == (800, 8.0)
    assert whole["rows_interval"][0] < 80 <= whole["rows_interval"][1]
    assert found.whole(8)["documents"] == 10  # four rows of five documents


class Told(Priced):
    """Remembers what it was told of a document's other replies."""

    def judge_reply(self, request, reply, siblings):
        TOLD.append((request.prompt, list(siblings)))
        return super().judge_reply(request, reply, siblings)


TOLD: list[tuple[str, list[str]]] = []


def test_only_what_the_same_prompt_was_accepted_with_decides_of_its_next_reply(tmp_path: Path):
    TOLD.clear()
    twice = batch("a1", "a2", "a1", "a2")
    try_out(Told(prompts=2), Told(prompts=1), [twice], Ledger(LocalStore(tmp_path)), 10)
    assert [told for told in TOLD if told[1]] == [("p@0", ["A1"]), ("p@1", ["A1"]), ("p@0", ["A2"])]


def test_the_time_is_that_of_the_tokens_that_all_will_take(tmp_path: Path):
    found = tried(tmp_path, "a1", "a2", of=1000)
    found.seconds = 2.0
    assert (found.completion_asked, found.whole(None)["completion_tokens"]) == (40, 10_000)
    assert found.whole(None)["seconds"] == 500, "at 20 tokens a second"


def test_the_replies_are_kept_and_then_no_time_is_known(tmp_path: Path):
    first = tried(tmp_path, "a1", "a2")
    again = tried(tmp_path, "a1", "a2")
    assert (first.asked, again.asked, Echo.asked) == (4, 0, [])
    assert again.whole(None)["seconds"] is None
    assert first.prompts() == again.prompts()


def test_the_lines_show_source_and_text_and_nothing_of_the_page_as_markup(tmp_path: Path):
    lines = "\n".join(lines_of(tried(tmp_path, "a1 <b>", "refuse me"), None))
    assert "from  a1 <b>" in lines
    assert "to    A1 <B>" in lines
    assert "refused 1" in lines


@pytest.mark.parametrize("accept", [None, 5])
def test_nothing_to_try_is_no_division_by_zero(tmp_path: Path, accept: int | None):
    found = try_out(Priced(), Priced(), [], Ledger(LocalStore(tmp_path)), 0)
    assert found.whole(accept)["rows"] == 0
