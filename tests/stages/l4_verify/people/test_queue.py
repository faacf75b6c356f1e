"""The queue on SQLite, and on a real PostgreSQL server where there is one."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipeline.errors import Fault
from stages.l4_verify.people.database import Refused
from stages.l4_verify.people.outcome import Review
from stages.l4_verify.people.plans import Look
from stages.l4_verify.people.queue import LEASE_SECONDS, Queue
from tests.stages.l4_verify.people.helpers import Clock, record, registration


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Iterator[Queue]:
    opened = Queue(str(tmp_path / "queue.sqlite"), registration(4), [record(n) for n in range(4)], clock)
    yield opened
    opened.close()


def ids(taken) -> list[str]:
    return [one["record"]["id"] for one in taken]


def test_two_people_never_hold_one_record(queue: Queue):
    assert ids(queue.take("ann", 2)) == ["r0", "r1"]
    assert ids(queue.take("bob", 2)) == ["r2", "r3"]
    assert ids(queue.take("cyd", 2)) == []
    assert ids(queue.take("ann", 2)) == ["r0", "r1"]  # what she holds already


def test_a_lease_that_is_not_renewed_ends(queue: Queue, clock: Clock):
    queue.take("ann", 4)
    clock.now += LEASE_SECONDS - 1
    queue.keep_draft("ann", "r1", {"defects": [], "note": ""})
    clock.now += 2
    assert ids(queue.take("bob", 4)) == ["r0", "r2", "r3"]
    with pytest.raises(Refused, match="lease of this record has ended"):
        queue.submit("ann", "r0", "pass")
    queue.submit("ann", "r1", "pass")


def test_a_late_verdict_counts_as_long_as_nobody_else_took_the_record(queue: Queue, clock: Clock):
    queue.take("ann")
    clock.now += 10 * LEASE_SECONDS
    queue.submit("ann", "r0", "fail", ["number"])
    assert queue.reviews() == [Review("r0", "ann", "fail", ("number",))]


def test_undo_goes_back_as_far_as_one_likes_and_forward_again(queue: Queue):
    for verdict in ("pass", "fail", "unsure"):
        (one,) = queue.take("ann")
        queue.submit("ann", one["record"]["id"], verdict, note=verdict)
    assert [queue.undo("ann") for _ in range(4)] == ["r2", "r1", "r0", None]
    assert queue.reviews() == []
    first = queue.take("ann", 4)
    assert ids(first) == ["r0", "r1", "r2", "r3"]
    assert first[1]["draft"] == {"defects": [], "note": "fail"}  # what was written is there again


def test_undo_takes_back_only_ones_own(queue: Queue):
    queue.take("ann")
    queue.take("bob")
    queue.submit("ann", "r0", "pass")
    queue.submit("bob", "r1", "pass")
    assert queue.undo("ann") == "r0"
    assert [one.reviewer for one in queue.reviews()] == ["bob"]


def test_a_skipped_record_comes_again_after_all_others(queue: Queue):
    queue.take("ann")
    queue.skip("ann", "r0")
    assert ids(queue.take("ann", 4)) == ["r1", "r2", "r3", "r0"]
    assert ids(queue.take("bob", 4)) == []


def test_a_second_verdict_replaces_the_first(queue: Queue):
    queue.take("ann")
    queue.submit("ann", "r0", "pass")
    queue.submit("ann", "r0", "fail", ["name"])
    assert queue.reviews() == [Review("r0", "ann", "fail", ("name",))]
    assert queue.undo("ann") == "r0"
    assert queue.reviews() == []


def test_drafts_outlive_the_process(tmp_path: Path, queue: Queue):
    queue.take("ann")
    queue.keep_draft("ann", "r0", {"defects": ["date"], "note": "hm"})
    again = Queue(str(tmp_path / "queue.sqlite"), registration(4), [record(n) for n in range(4)], queue._now)
    assert again.take("ann")[0]["draft"] == {"defects": ["date"], "note": "hm"}
    again.close()


def test_a_double_record_is_judged_by_two_and_a_quarrel_by_a_third(tmp_path: Path, clock: Clock):
    queue = Queue(str(tmp_path / "q"), registration(1), [record(0, wanted=2)], clock)
    queue.take("ann")
    queue.submit("ann", "r0", "pass")
    assert ids(queue.take("ann")) == []
    queue.take("bob")
    queue.submit("bob", "r0", "fail", ["number"])
    assert not queue.progress()["complete"]
    assert ids(queue.take("ann")) == ids(queue.take("bob")) == []
    assert ids(queue.take("cyd")) == ["r0"]
    queue.submit("cyd", "r0", "fail", ["name"])
    assert queue.progress()["complete"]
    assert queue.decide()["rows"]["r0"] == {"verdict": "fail", "defects": ["name"]}
    queue.close()


def test_nobody_is_shown_what_the_plan_may_never_ask_for(tmp_path: Path, clock: Clock):
    looks = (Look(2, 0, 2), Look(4, 1, 2))
    queue = Queue(str(tmp_path / "q"), registration(4, looks), [record(n) for n in range(4)], clock)
    assert ids(queue.take("ann", 4)) == ["r0", "r1"]
    queue.submit("ann", "r0", "pass")
    queue.submit("ann", "r1", "fail")
    assert ids(queue.take("ann", 4)) == ["r2", "r3"]  # one defect leaves it open
    queue.undo("ann")
    queue.submit("ann", "r1", "pass")
    assert ids(queue.take("ann", 4)) == []  # none accepts
    assert queue.decide()["outcome"] == "accepted"
    queue.close()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda q: q.submit("ann", "r0", "good"), "verdict 'good': give one of pass, fail, unsure"),
        (lambda q: q.submit("ann", "r0", "fail", ["bad"]), "defect 'bad' is not known"),
        (lambda q: q.submit("ann", "x", "pass"), "record 'x' is not in lot lot"),
        (lambda q: q.submit("ann", "r3", "pass"), "your lease"),
        (lambda q: q.submit("ann", "r0", "pass", note="x" * 2001), "2,001 characters"),
        (lambda q: q.take(" ann"), "printable"),
        (lambda q: q.take("a\nb"), "printable"),
    ],
)
def test_what_the_queue_refuses(queue: Queue, call, says: str):
    queue.take("ann")
    with pytest.raises(Refused, match=says):
        call(queue)


def test_a_database_of_another_registration_is_refused(tmp_path: Path, queue: Queue):
    with pytest.raises(Refused, match="under registration"):
        Queue(str(tmp_path / "queue.sqlite"), registration(3), [record(0)])


def test_addresses_that_cannot_be_used(tmp_path: Path):
    for address, says in (("mysql://a/b", "give a file"), (str(tmp_path / "no" / "q"), "cannot be opened")):
        with pytest.raises(Refused, match=says):
            Queue(address, registration(1), [record(0)])


def test_a_database_that_goes_away_is_a_fault_and_no_refusal(tmp_path: Path):
    queue = Queue(str(tmp_path / "q"), registration(1), [record(0)])
    queue.close()
    for path in tmp_path.iterdir():
        path.unlink()
    (tmp_path / "q").mkdir()
    with pytest.raises(Fault, match="database cannot be used"):
        queue.take("ann")


def judge_all(queue: Queue, reviewer: str) -> list[str]:
    mine = []
    while taken := queue.take(reviewer, 2):
        for one in taken:
            queue.submit(reviewer, one["record"]["id"], "pass")
            mine.append(one["record"]["id"])
    return mine


def test_many_people_at_once_judge_each_record_once(tmp_path: Path):
    records = [record(n) for n in range(40)]
    queues = [Queue(str(tmp_path / "q"), registration(40), records) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        shares = list(pool.map(judge_all, queues, ["ann", "bob", "cyd", "dan"]))
    assert sorted(name for share in shares for name in share) == sorted(one["id"] for one in records)
    for queue in queues:
        queue.close()


def _judge_and_die(path: str) -> None:
    queue = Queue(path, registration(4), [record(n) for n in range(4)])
    queue.take("ann", 4)
    queue.submit("ann", "r0", "pass")
    queue.submit("ann", "r1", "fail", ["number"])
    os.kill(os.getpid(), 9)


def test_what_was_answered_is_there_after_a_kill(tmp_path: Path):
    process = multiprocessing.get_context("spawn").Process(target=_judge_and_die, args=(str(tmp_path / "q"),))
    process.start()
    process.join()
    assert process.exitcode == -9
    queue = Queue(str(tmp_path / "q"), registration(4), [record(n) for n in range(4)])
    assert [(one.item, one.verdict) for one in queue.reviews()] == [("r0", "pass"), ("r1", "fail")]
    assert ids(queue.take("ann", 4)) == ["r2", "r3"]
    queue.close()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server on a socket of its own."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("no PostgreSQL here (initdb and postgres on the PATH); this test needs a real server")
    folder = tmp_path_factory.mktemp("pg")
    run_as = {}
    if os.getuid() == 0:  # the server refuses to be root
        os.chown(folder, 65534, 65534)
        for parent in folder.parents[:3]:
            parent.chmod(parent.stat().st_mode | 0o011)
        run_as = {"user": 65534, "group": 65534}
    made = subprocess.run(
        ["initdb", "-D", folder / "data", "-A", "trust", "-U", "orefine", "--no-sync"],
        capture_output=True, text=True, check=False, cwd=folder, **run_as,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"PostgreSQL does not start here: {made.stderr[-300:]}")
    log = folder / "log"
    with log.open("w", encoding="utf-8") as errors:
        server = subprocess.Popen(
            ["postgres", "-D", folder / "data", "-k", folder, "-c", "listen_addresses="],
            stdout=subprocess.DEVNULL, stderr=errors, cwd=folder, **run_as,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while "ready to accept" not in log.read_text(encoding="utf-8"):
            assert server.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.1)
        yield f"postgresql://orefine@/postgres?host={folder}"
    finally:
        server.send_signal(signal.SIGINT)  # ends sessions, too
        server.wait(30)


def test_the_same_on_a_real_postgresql(postgres: str, clock: Clock):
    records = [record(n) for n in range(30)]
    queues = [Queue(postgres, registration(30), records) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        shares = list(pool.map(judge_all, queues, ["ann", "bob", "cyd"]))
    assert sorted(name for share in shares for name in share) == sorted(one["id"] for one in records)
    first = queues[0]
    assert first.progress("ann")["complete"]
    last = first.history("ann")[-1]["item"]
    assert first.undo("ann") == last
    assert ids(queues[1].take("bob")) == []  # ann holds it again
    first.keep_draft("ann", last, {"defects": ["date"], "note": "x"})
    assert first.take("ann")[0]["draft"] == {"defects": ["date"], "note": "x"}
    first.skip("ann", last)
    assert ids(queues[1].take("bob")) == [last]
    for queue in queues:
        queue.close()
