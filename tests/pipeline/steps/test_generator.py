"""A request and its reply: what stands there when nobody says anything."""

from pipeline.rows.batch import Batch
from pipeline.rows.document import Document
from pipeline.steps import Generator, Reply, Request


def test_a_reply_has_cost_nothing_and_failed_nowhere_unless_the_engine_says_so():
    reply = Reply("key", "text", "stop")
    assert (reply.prompt_tokens, reply.completion_tokens, reply.error) == (0, 0, "")
    assert (reply.cached_tokens, reply.seconds) == (0, 0.0)


def test_a_request_leaves_sampling_to_the_engine_unless_it_says_so():
    first, second = (Request("key", Document("1", "t"), "p@1", (("user", "t"),)) for _ in range(2))
    assert first.sampling == {}
    assert first.sampling is not second.sampling


class Plain(Generator):
    """Has only what a generator must have."""

    kind: str = "plain"

    def requests(self, batch: Batch):
        return []

    def generate(self, requests):
        return iter(requests)

    def judge_reply(self, request, reply, siblings):
        return {"text": reply.text}


def test_a_generator_that_says_no_more_makes_its_rows_costs_nothing_and_asks_once():
    its, request, rows = Plain(), Request("key", Document("1", "t"), "p@1", (("user", "t"),)), [{"text": "a"}]
    assert its.compose(request.parent, rows) == rows
    assert its.ask_again(request, Reply("key", "", "length")) is None
    assert (its.target(), its.cost(10, 10), its.pilot()) == (None, 0.0, its)
