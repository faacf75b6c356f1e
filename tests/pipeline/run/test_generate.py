"""A generator over documents: one end for each request, replies kept, nothing asked twice."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.books.accounting import Counts
from pipeline.rows.batch import Batch
from pipeline.rows.document import Document, content_hash
from pipeline.run.failures import LevelError
from pipeline.run.generate import _new_row, run_generator
from pipeline.run.ledger import Ledger
from pipeline.run.level import Finished, run_level
from pipeline.run.passes import Level
from pipeline.run.runners import InlineRunner
from pipeline.steps import DocumentFilter, Fault, Generator, Reason, Reply, Request, Resources
from pipeline.store.local import LocalStore
from tests.pipeline.helpers import l0, silent, write_lines


class Echo(Generator):
    """Answers with the text in capitals; fails, refuses or breaks where the text says so."""

    kind: Literal["echo"] = "echo"
    prompts: int = 1
    says_again: bool = True
    asked: ClassVar[list[str]] = []

    def columns(self) -> tuple[pa.Field, ...]:
        return (pa.field("parent_id", pa.string()),)

    def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
        found: list[Request | tuple[Document, Reason]] = []
        for document in batch.documents():
            if "long" in document.text:
                found.append((document, Reason("too_long", len(document.text), 5)))
            else:
                keys = [content_hash(document.text, str(n)) for n in range(self.prompts)]
                found += [Request(key, document, f"p@{n}", (("user", document.text),)) for n, key in enumerate(keys)]
        return found

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        for request in reversed(list(requests)):
            self.asked.append(request.parent.text)
            broken = "engine" in request.parent.text
            text = request.parent.text.upper() + " WHOLE" * (request.prompt == "again")
            yield Reply(request.key, text, "error" if broken else "stop", error="lost" * broken)

    def ask_again(self, request: Request, reply: Reply) -> Request | None:
        return replace(request, key=content_hash(request.key), prompt="again") if reply.text == "CUT" else None

    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> dict[str, Any] | Reason:
        if reply.text in siblings and not self.says_again:
            return Reason("said_before")
        if "CRASH" in reply.text:
            raise ValueError("cannot read this")
        return Reason("refused") if "REFUSE" in reply.text else {"text": reply.text, "parent_id": request.parent.id}


class NoLetters(DocumentFilter):
    """Drops texts of one letter."""

    kind: Literal["no_letters"] = "no_letters"

    def reason_to_drop(self, document: Document) -> str | None:
        return "letter" if len(document.text) == 1 else None


def run(folder: Path, step: Generator, *more: str, **level: Any) -> tuple[LocalStore, Finished]:
    store = LocalStore(folder / "store")
    lines = ["one", "refuse me", "too long", "crash it", "engine fails", "two", *more]
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(folder / "input", lines))
    Echo.asked.clear()
    return store, run_level(Level("l3", "toy", (step,), **level), store, InlineRunner(), silent, parent=first)


def test_every_request_has_one_end(tmp_path: Path):
    store, level = run(tmp_path, Echo())
    manifest = level.manifest
    assert (manifest.rows_in, manifest.rows_made, manifest.rows_out, manifest.quarantined) == (6, 0, 2, 2)
    assert manifest.dropped == {"echo.refused": 1, "echo.too_long": 1}
    rows = pq.read_table(store.shown(f"{level.directory}/data/part-00000.parquet")).to_pylist()
    assert [row["text"] for row in rows] == ["ONE", "TWO"]
    assert all(len(row["parent_id"]) == 32 and row["id"] != row["parent_id"] for row in rows)


def test_several_prompts_for_a_document_count_as_rows_made(tmp_path: Path):
    _, level = run(tmp_path, Echo(prompts=2))
    assert (level.manifest.rows_in, level.manifest.rows_made, level.manifest.rows_out) == (6, 5, 4)


def test_replies_are_kept_and_errors_are_asked_again(tmp_path: Path):
    store, level = run(tmp_path, Echo())
    assert len(Echo.asked) == 5
    store.remove(level.directory)
    _, again = run(tmp_path, Echo())
    assert Echo.asked == ["engine fails"]
    assert again.manifest.content_id == level.manifest.content_id


def test_the_first_reply_to_a_request_stands(tmp_path: Path):
    store = LocalStore(tmp_path)
    for text in ("first", "second"):
        ledger = Ledger(store)
        ledger.record(Reply("k", text, "stop"))
        ledger.flush()
    assert Ledger(store).find(["k", "other"]) == {"k": Reply("k", "first", "stop")}


def test_a_useless_reply_is_asked_for_again_once(tmp_path: Path):
    store, level = run(tmp_path, Echo(), "cut")
    rows = pq.read_table(store.shown(f"{level.directory}/data/part-00000.parquet")).to_pylist()
    assert [row["text"] for row in rows] == ["ONE", "TWO", "CUT WHOLE"]
    assert Echo.asked.count("cut") == 2
    assert (level.manifest.rows_in, level.manifest.rows_made, level.manifest.rows_out) == (7, 0, 3)


def test_what_a_sibling_said_is_known_to_the_next(tmp_path: Path):
    _, level = run(tmp_path, Echo(prompts=2, says_again=False))
    assert level.manifest.dropped["echo.said_before"] == 2  # the second of "one" and of "two"


def test_a_refused_reply_is_kept_as_it_came(tmp_path: Path):
    store, level = run(tmp_path, Echo(), keep_dropped_text=True)
    rows = pq.read_table(store.shown(f"{level.directory}/dropped/part-00000.parquet")).to_pylist()
    assert {row["reason"]: row["text"] for row in rows} == {"echo.refused": "REFUSE ME", "echo.too_long": "too long"}


def test_a_new_row_comes_from_its_parent_and_a_refusal_says_what_was_measured(tmp_path: Path):
    store, level = run(tmp_path, Echo())

    def read(role: str) -> list[dict[str, Any]]:
        return pq.read_table(store.shown(f"{level.directory}/{role}/part-00000.parquet")).to_pylist()

    parent = level.manifest.parents[0].manifest.rpartition("/")[0]
    parents = {row["id"]: row for row in pq.read_table(store.shown(f"{parent}/data/part-00000.parquet")).to_pylist()}
    one = read("data")[0]
    assert one["id"] == content_hash(one["parent_id"], content_hash("one", "0"), "ONE")
    assert one["text_hash"] == content_hash("ONE")
    assert parents[one["parent_id"]]["text"] == "one"
    dropped = [(parents[row["id"]]["text"], row["reason"], row["value"], row["threshold"]) for row in read("dropped")]
    assert dropped == [("refuse me", "echo.refused", None, None), ("too long", "echo.too_long", 8.0, 5.0)]
    errors = [(parents[row["id"]]["text"], row["step"], row["error"]) for row in read("quarantine")]
    assert errors == [
        ("crash it", "01 echo", "ValueError: cannot read this"), ("engine fails", "01 echo", "lost"),
    ]  # fmt: skip
    (counted,) = level.manifest.by_step.values()
    assert (counted.rows_in, counted.quarantined) == (6, 2)


def test_a_new_row_keeps_where_its_parent_came_from():
    parent = Document(id="p", text="one", url="u", source="s", date="2024")
    assert _new_row(Request("k", parent, "p@0", ()), {"text": "ONE", "parent_id": "p"}) == {
        "id": content_hash("p", "k", "ONE"), "text_hash": content_hash("ONE"), "url": "u", "source": "s",
        "date": "2024", "text": "ONE", "parent_id": "p",
    }  # fmt: skip


class Silent(Echo):
    """Loses the last request, or meets a fault of the disk with it."""

    kind: Literal["silent"] = "silent"  # type: ignore[assignment]
    disk: bool = False

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        yield from super().generate(requests if self.disk else list(requests)[:-1])

    def judge_reply(self, request: Request, reply: Reply, siblings: Sequence[str]) -> dict[str, Any] | Reason:
        raise OSError(28, "no space left")


@pytest.mark.parametrize(("disk", "said"), [(False, "silent: the engine gave no reply"), (True, "no space")])
def test_a_fault_is_no_requests_own(tmp_path: Path, disk: bool, said: str):
    with pytest.raises(LevelError, match=f"{said}.* No row was blamed"):
        run(tmp_path, Silent(disk=disk))


class Slow(Echo):
    """Has `room` requests in flight and answers the first of them last. Writes down what it took and gave."""

    kind: Literal["slow"] = "slow"  # type: ignore[assignment]
    room: int = 3
    happened: ClassVar[list[str]] = []

    def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
        flying: list[Request] = []
        source = iter(requests)
        while True:
            while len(flying) < self.room and (request := next(source, None)) is not None:
                flying.append(request)
                self.happened.append(f"took {request.parent.text}")
            if not flying:
                return
            request = flying.pop()
            self.happened.append(f"gave {request.parent.text}")
            yield Reply(request.key, request.parent.text.upper(), "stop")


class Files:
    """What is dropped or quarantined is not kept."""

    def __init__(self) -> None:
        self.counts = Counts()

    def drop(self, *arguments: Any) -> None: ...
    def quarantine(self, *arguments: Any) -> None: ...


def stream(step: Generator, store: LocalStore, *batches: list[str]) -> list[list[dict[str, Any]]]:
    made = [
        Batch(pa.RecordBatch.from_pylist([{"id": f"{n}-{row}", "text": text} for row, text in enumerate(texts)]))
        for n, texts in enumerate(batches)
    ]
    files: Any = Files()
    return [batch.rows.to_pylist() for batch in run_generator(step, "01 slow", made, Ledger(store), files)]


def test_the_next_batches_are_asked_for_while_one_reply_is_awaited(tmp_path: Path):
    Slow.happened.clear()
    found = stream(Slow(), LocalStore(tmp_path), ["a", "b"], ["c", "d"], [], ["e"])
    assert [[row["text"] for row in rows] for rows in found] == [["A", "B"], ["C", "D"], [], ["E"]]
    assert Slow.happened == [
        "took a", "took b", "took c", "gave c", "took d", "gave d", "took e", "gave e", "gave b", "gave a",
    ]  # fmt: skip


def test_no_more_is_planned_than_may_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.run.generate.AHEAD", 2)
    Slow.happened.clear()
    assert len(stream(Slow(), LocalStore(tmp_path), ["a", "b"], ["c"], ["d"])) == 3
    assert Slow.happened == ["took a", "took b", "gave b", "gave a", "took c", "took d", "gave d", "gave c"]


def test_documents_of_one_text_share_a_reply_and_keep_their_own_parent(tmp_path: Path):
    Slow.happened.clear()
    found = stream(Slow(), LocalStore(tmp_path), ["a", "a"], ["a"])
    assert [row["parent_id"] for rows in found for row in rows] == ["0-0", "0-1", "1-0"]
    assert Slow.happened.count("took a") == 1


def test_the_longest_are_asked_first(tmp_path: Path):
    class Shown(Slow):
        def requests(self, batch: Batch) -> list[Request | tuple[Document, Reason]]:
            return [replace(one, shown=one.parent.text) for one in super().requests(batch) if isinstance(one, Request)]

    Slow.happened.clear()
    stream(Shown(room=1), LocalStore(tmp_path), ["a", "abc", "ab"])
    assert [one for one in Slow.happened if one.startswith("took")] == ["took abc", "took ab", "took a"]


def test_replies_are_kept_where_the_engine_fails_for_good(tmp_path: Path):
    class Dying(Slow):
        def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
            yield from list(super().generate(requests))[:1]
            raise Fault("the engine is gone")

    with pytest.raises(Fault, match="gone"):
        stream(Dying(), LocalStore(tmp_path), ["a", "b"])
    assert len(list(Ledger(LocalStore(tmp_path)).replies())) == 1


def test_tokens_are_counted_by_prompt_and_by_what_became_of_them(tmp_path: Path):
    class Counted(Echo):
        def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
            for reply in super().generate(requests):
                yield replace(reply, prompt="p@0", prompt_tokens=10, completion_tokens=len(reply.text), cached_tokens=4)

        def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
            return prompt_tokens + completion_tokens / 100

    _, level = run(tmp_path, Counted(), "cut")
    (at,) = level.manifest.by_step.values()
    found = {
        (prompt, outcome): (one.requests, one.prompt_tokens, one.cached_tokens, one.completion_tokens, one.cost)
        for prompt, outcomes in at.tokens.items()
        for outcome, one in outcomes.items()
    }
    assert found == {
        ("p@0", "accepted"): (2, 20, 8, 6, 20.06),
        ("p@0", "refused"): (1, 10, 4, 9, 10.09),
        ("p@0", "quarantined"): (2, 20, 8, 20, 20.2),
        ("p@0", "asked_again"): (1, 10, 4, 3, 10.03),
        ("again", "accepted"): (1, 10, 4, 9, 10.09),
    }
    assert level.manifest.counted_steps()[0]["tokens"]["p@0"]["refused"]["completion_tokens"] == 9


def test_small_shards_are_one_stream(tmp_path: Path):
    """What comes before the generator in a pass of its own is carried on from each of them."""
    store, told = LocalStore(tmp_path / "store"), list[str]()
    files = [["one", "x", "two"], [], ["three", "crash it"], ["y", "refuse me"]]
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", *files))

    class OnGpu(Echo):
        streams: ClassVar[list[int]] = []

        def resources(self) -> Resources:
            return Resources(gpus=1, resident=True)

        def generate(self, requests: Iterable[Request]) -> Iterator[Reply]:
            asked = list(requests)
            self.streams.append(len(asked))
            return super().generate(asked)

    def tell(event: str, fields: Mapping[str, Any]) -> None:
        told.extend([fields["text"]] if event == "note" else ())

    level = run_level(Level("l3", "toy", (NoLetters(), OnGpu())), store, InlineRunner(), tell, parent=first)
    manifest = level.manifest
    assert OnGpu.streams == [5]
    assert (manifest.rows_in, manifest.rows_out, manifest.quarantined) == (7, 3, 1)
    assert manifest.dropped == {"no_letters.letter": 2, "echo.refused": 1}
    assert [Path(path).name for path in manifest.paths("data")] == ["part-00000.parquet"]
    rows = pq.read_table(store.shown(f"{level.directory}/data/part-00000.parquet")).to_pylist()
    assert sorted(row["text"] for row in rows) == ["ONE", "THREE", "TWO"]
    dropped = pq.read_table(store.shown(f"{level.directory}/dropped/part-00000.parquet")).to_pylist()
    assert [row["step"] for row in dropped] == ["02 echo", "01 no_letters", "01 no_letters"]
    assert told == ["l3: 4 shards, those of few documents together, are the work of 1 tasks"]


def test_a_large_shard_beside_small_ones_carries_on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipeline.run.passes.TOGETHER", 2)
    store = LocalStore(tmp_path / "store")
    files = [["one", "x"], ["e", "two", "three", "four"], ["z", "five"]]  # the large one comes last, by its hash
    first = run_level(l0(), store, InlineRunner(), silent, write_lines(tmp_path / "input", *files))

    class Later(Echo):
        def resources(self) -> Resources:
            return Resources(gpus=1, resident=True)

    level = run_level(Level("l3", "toy", (NoLetters(), Later())), store, InlineRunner(), silent, parent=first)
    rows = {
        role: [pq.read_table(store.shown(f"{level.directory}/{role}/part-{n:05d}.parquet")).num_rows for n in range(2)]
        for role in ("data", "dropped")
    }
    assert rows == {"data": [2, 3], "dropped": [2, 1]}
