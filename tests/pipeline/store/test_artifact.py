"""States of what is found by its name: only done is content; attempts, leases and notes lie beside it."""

import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.store import artifact as artifacts
from pipeline.store.artifact import SILENT, Artifact, Attempt, State, supersede, unfinished
from pipeline.store.local import LocalStore

DONE = "things/one/card.json"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def one(store: LocalStore) -> Artifact:
    return Artifact(store, "things/one", DONE)


def lease(store: LocalStore, owner: str, seconds: float) -> None:
    """An open attempt of somebody else."""
    now = datetime.now(UTC)
    attempt = Attempt(owner=owner, started=now, expires=now + timedelta(seconds=seconds))
    store.replace("state/things/one.json", State(done=DONE, attempts=[attempt]).model_dump_json().encode())


def broken() -> bytes:
    raise OSError(28, "No space left on device")


def never() -> bytes:
    raise AssertionError("what is done is not made again")


def test_it_is_made_once_and_then_found(store: LocalStore, one: Artifact):
    assert one.state() == "absent"
    assert one.make(lambda: b"content") == b"content"
    assert one.make(never) == b"content"
    assert one.state() == "done"
    assert not [path for path in store.list("state") if path.endswith(".json")]


def test_while_it_is_made_it_is_leased(one: Artifact):
    seen = []
    one.make(lambda: seen.append(one.state()) or b"content")
    assert seen == ["leased"]


def test_a_failure_is_kept_with_its_error_until_it_is_done(store: LocalStore, one: Artifact):
    for _ in range(2):
        with pytest.raises(OSError, match="No space"):
            one.make(broken)
    assert one.state() == "failed"
    assert not store.list("things"), "an attempt writes beside content, never into it"
    (state,) = unfinished(store).values()
    assert (len(state.attempts), state.error) == (2, "OSError: [Errno 28] No space left on device")
    assert one.make(lambda: b"content") == b"content"
    assert unfinished(store) == {}


def test_an_interrupt_is_a_failure_too(one: Artifact):
    def interrupted() -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        one.make(interrupted)
    assert one.state() == "failed"


def test_without_a_lease_no_state_is_written(store: LocalStore, one: Artifact):
    seen = []
    with pytest.raises(OSError, match="No space"):
        one.make(broken, lease=False)
    one.make(lambda: seen.append(store.list("state")) or b"content", lease=False)
    assert seen == [[]]


def test_of_two_makers_the_first_counts(store: LocalStore, one: Artifact):
    assert one.make(lambda: str(store.create(DONE, b"first")).encode()) == b"first"


def test_an_error_after_somebody_else_was_faster_is_none(store: LocalStore, one: Artifact):
    def late() -> bytes:
        store.create(DONE, b"first")
        raise FileNotFoundError("tidied up by the first")

    assert one.make(late) == b"first"


def test_what_lies_below_goes_when_it_is_done(store: LocalStore, one: Artifact):
    Artifact(store, "things/one/parts/7", "things/one/parts/7.json").fail(ValueError("x"))
    Artifact(store, "things/other", "things/other.json").fail(ValueError("x"))
    one.make(lambda: b"content")
    assert list(unfinished(store)) == ["things/other"]


def test_a_live_lease_is_waited_for_only_where_makers_must_be_alone(store: LocalStore, one: Artifact, monkeypatch):
    monkeypatch.setattr(artifacts, "POLL_SECONDS", 0.01)
    lease(store, "elsewhere:1", 30)
    assert Artifact(store, "things/one", "things/one/other").make(lambda: b"not waiting") == b"not waiting"
    lease(store, "elsewhere:1", 30)
    told = []
    threading.Timer(0.1, store.create, (DONE, b"theirs")).start()
    assert one.make(never, alone=told.append) == b"theirs"
    assert told == ["things/one: elsewhere:1 is at it; waiting"]


@pytest.mark.parametrize(("owner", "seconds"), [("elsewhere:1", -1), (f"{socket.gethostname()}:999999999", 30)])
def test_a_dead_owners_lease_holds_nobody_up(store: LocalStore, one: Artifact, owner, seconds):
    lease(store, owner, seconds)
    assert one.state() == "failed"
    assert unfinished(store)["things/one"].error == SILENT
    assert "its process was killed" in SILENT
    assert one.make(lambda: b"mine", alone=pytest.fail) == b"mine"


def test_a_lease_is_renewed_while_the_work_goes_on(store: LocalStore, one: Artifact, monkeypatch):
    monkeypatch.setattr(artifacts, "LEASE_SECONDS", 0.3)

    def slow() -> bytes:
        time.sleep(0.8)
        return one.state().encode()

    assert one.make(slow) == b"leased"


def test_waiting_is_for_people_and_ends_with_the_next_attempt(store: LocalStore, one: Artifact):
    one.wait("review lot 3: orefine review lot-3")
    assert one.state() == "waiting"
    assert unfinished(store)["things/one"].note == "review lot 3: orefine review lot-3"
    with pytest.raises(OSError, match="No space"):
        one.make(broken)
    assert one.state() == "failed"


def test_only_the_last_attempts_are_kept(store: LocalStore, one: Artifact):
    for number in range(15):
        one.fail(ValueError(str(number)))
    state = json.loads(store.read("state/things/one.json"))
    assert [attempt["error"] for attempt in state["attempts"]] == [f"ValueError: {number}" for number in range(5, 15)]


def test_a_store_that_takes_no_state_does_not_hide_the_error(store: LocalStore, one: Artifact, monkeypatch):
    def full(*_: object) -> bool:
        raise OSError(28, "disk full: state")

    def work() -> bytes:
        monkeypatch.setattr(store, "compare_and_swap", full)
        raise MemoryError("the one that matters")

    with pytest.raises(MemoryError, match="the one that matters"):
        one.make(work)


def test_what_failed_is_superseded_until_it_is_tried_again(store: LocalStore):
    for key in ("l1_filter/toy-1", "l1_filter/toys-1", "l2_select/toy-1"):
        Artifact(store, key, f"{key}/manifest.json").fail(OSError("no space"))
    Artifact(store, "l1_filter/toy-2", "l1_filter/toy-2/manifest.json").wait("a lot waits")
    supersede(store, ("l1_filter/toy-", "l3_synthesize/toy-"), "toy@12")
    by = {key: state.superseded for key, state in unfinished(store).items()}
    assert by == {"l1_filter/toy-1": "toy@12", "l1_filter/toy-2": "", "l1_filter/toys-1": "", "l2_select/toy-1": ""}
    Artifact(store, "l1_filter/toy-1", "l1_filter/toy-1/manifest.json").fail(OSError("again"))
    assert unfinished(store)["l1_filter/toy-1"].superseded == ""
