"""Runs over a bucket of which every tenth request goes wrong end equal to one without faults.

`FAULTED=10000 pytest tests/pipeline/run/test_many_faults.py -s` makes so many requests; `SEED` chooses others.
"""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from pipeline.publish.verify import verify_release
from pipeline.run.passes import WORK
from pipeline.store.store import open_store
from tests.buckets import Wire
from tests.pipeline.helpers import write_lines
from tests.pipeline.run.test_store_faults import NEW, refine

REQUESTS = int(os.environ.get("FAULTED", "250"))
SHARE = 0.1
FATES = ("before", "reply lost", "truncated", "503", "500", "slow down", "409", "412")


@pytest.mark.slow
def test_runs_over_a_faulty_bucket_end_equal(
    tmp_path: Path, bucket: str, s3_endpoint: str, monkeypatch: pytest.MonkeyPatch
):
    inputs = write_lines(tmp_path / "in", *NEW)
    version = refine(open_store(f"{bucket}/clean"), inputs)
    content = files(f"{bucket}/clean")
    chance, met, runs = random.Random(int(os.environ.get("SEED", "20261126"))), Counter[str](), 0

    def disturb(method: str, path: str) -> str:
        fate = chance.choice(FATES) if chance.random() < SHARE else ""
        met[fate] += 1
        return fate

    with Wire(s3_endpoint, disturb) as wire:
        while met.total() < REQUESTS:
            runs += 1
            monkeypatch.setenv("AWS_ENDPOINT_URL", wire.endpoint)
            assert refine(open_store(f"{bucket}/{runs}"), inputs) == version
            monkeypatch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
            assert files(f"{bucket}/{runs}") == content
            assert verify_release(open_store(f"{bucket}/{runs}"), f"releases/toy/{version}") == []
    assert set(met) == {"", *FATES}
    print(f"{met.total():,} requests in {runs} runs, {met.total() - met['']:,} faults: {dict(met)}")


def files(location: str) -> dict[str, bytes]:
    """What content is: all but how long things took, which manifests and records tell."""
    store = open_store(location)
    paths = [path for path in store.list(".") if not path.endswith(".json")]
    assert not [path for path in paths if path.startswith("tmp/") or f"/{WORK}/" in path]
    return {path: store.read(path) for path in paths}
