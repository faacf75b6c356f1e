"""Requests on their way to an engine, one that dies under them, and one that is closed while others wait."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pipeline.rows.document import Document
from pipeline.steps import Reply, Request
from stages.l3_synthesize.engines import vllm_engine
from stages.l3_synthesize.engines.background import Background, Handed
from stages.l3_synthesize.engines.engine import EngineError
from stages.l3_synthesize.engines.vllm_engine import VllmEngine


def requests(count: int) -> list[Request]:
    return [Request(str(n), Document(str(n), "text"), "p@1", (("user", "text"),)) for n in range(count)]


@pytest.fixture
def background() -> Iterator[Background]:
    running = Background("test")
    yield running
    running.stop()


async def answer(request: Request) -> Reply:
    return Reply(request.key, "text", "stop")


def test_requests_without_a_reply_are_handed_again_in_their_order():
    handed = Handed(requests(4))
    assert handed.any()
    first, second, _ = next(handed), next(handed), next(handed)
    handed.answered(Reply(second.key, "", "stop"))
    handed.hand_again()
    assert [request.key for request in handed] == [first.key, "2", "3"]
    assert not Handed([]).any()


def test_a_key_in_flight_is_not_asked_again(background: Background):
    (one,) = requests(1)
    assert len(list(background.replies([one, one, one], answer, 3, 10, "toy"))) == 1


def test_more_requests_are_taken_after_each_reply(background: Background):
    """An iterator that has nothing now may have something later."""

    class Later(Iterator[Request]):
        ready = requests(1)

        def __next__(self) -> Request:
            if not self.ready:
                raise StopIteration
            return self.ready.pop()

    later = Later()
    replies = background.replies(later, answer, 3, 10, "toy")
    assert next(replies).key == "0"
    later.ready = requests(2)
    assert [reply.key for reply in replies] == ["1", "0"]


def test_a_fault_of_ours_ends_the_wait(background: Background):
    async def broken(request: Request) -> Reply:
        raise KeyError("sampling")

    with pytest.raises(EngineError, match="asking the model failed: KeyError: 'sampling'"):
        list(background.replies(requests(2), broken, 2, 10, "toy"))


def test_a_model_that_says_nothing_is_told(background: Background):
    async def silent(request: Request) -> Reply:
        await asyncio.sleep(60)
        raise AssertionError

    with pytest.raises(EngineError, match="toy gave no reply for 0 s"):
        list(background.replies(requests(2), silent, 2, 0.1, "toy"))


class Dying(VllmEngine):
    """Starts at once, and dies at the n-th answer of each life."""

    def __init__(self, dies: Callable[[int, int], bool]) -> None:
        super().__init__("folder", "toy", "revision", 100, 2)
        self.dies, self.lives, self.answers = dies, 0, 0

    async def _open(self) -> Any:
        self.lives, self.answers = self.lives + 1, 0

    async def _answer(self, request: Request) -> Reply:
        self.answers += 1
        if self.dies(self.lives, self.answers):
            raise EngineError("died")
        return Reply(request.key, "text", "stop")


def test_an_engine_that_dies_is_started_again_and_no_request_is_lost():
    engine = Dying(lambda life, answers: answers == 4)
    found = [reply.key for reply in engine.generate(requests(20))]
    assert sorted(found, key=int) == [str(n) for n in range(20)]
    assert engine.lives > 3
    engine.close()


def test_an_engine_that_dies_before_any_reply_again_and_again_ends_the_run():
    engine = Dying(lambda life, answers: True)
    with pytest.raises(EngineError, match="died"):
        list(engine.generate(requests(3)))
    assert engine.lives == vllm_engine.RESTARTS + 1
    assert engine._background is None


def test_shards_that_share_an_engine_start_it_again_once():
    both = threading.Barrier(2)

    class Both(Dying):
        async def _answer(self, request: Request) -> Reply:
            if self.lives == 1:
                await asyncio.get_running_loop().run_in_executor(None, both.wait, 20)
                raise EngineError("died")
            return await super()._answer(request)

    engine = Both(lambda life, answers: False)
    found: list[list[str]] = []

    def work() -> None:
        found.append([reply.key for reply in engine.generate(requests(1))])

    shards = [threading.Thread(target=work) for _ in range(2)]
    for one in shards:
        one.start()
    for one in shards:
        one.join(30)
    assert found == [["0"], ["0"]]
    assert engine.lives == 2
    engine.close()


def test_who_waits_hears_that_the_engine_was_closed():
    class Hanging(Dying):
        async def _answer(self, request: Request) -> Reply:
            if self.lives == 1:
                started.set()
                await asyncio.sleep(60)
            return await super()._answer(request)

    started = threading.Event()
    engine = Hanging(lambda life, answers: False)
    found: list[str] = []
    waiting = threading.Thread(target=lambda: found.extend(reply.key for reply in engine.generate(requests(2))))
    waiting.start()
    assert started.wait(20)
    engine.close()
    waiting.join(30)
    assert sorted(found) == ["0", "1"]  # it started again for them
    engine.close()
