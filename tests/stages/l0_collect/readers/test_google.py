"""Inputs in a bucket of Google's storage, from a server process with its interface."""

import json
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from pipeline.errors import is_fault, is_of_recipe
from pipeline.steps import Unit
from stages.l0_collect import JsonlSource, expand, identify
from stages.l0_collect.readers import files, google
from stages.l0_collect.readers.files import InputChanged
from stages.l0_collect.readers.google import google_storage
from tests.buckets import google_server


class Bucket:
    """A bucket of the server, filled as Google's own tools do."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._post("storage/v1/b", json.dumps({"name": "pages"}).encode())

    def put(self, name: str, text: str) -> str:
        self._post(f"upload/storage/v1/b/pages/o?uploadType=media&name={quote(name, safe='')}", text.encode())
        return f"gs://pages/{name}"

    def _post(self, path: str, data: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{path}", data, headers), timeout=60).close()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with google_server() as endpoint:
        monkeypatch.setenv("GOOGLE_BASE_URL", endpoint)
        monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
        google_storage.cache_clear()
        yield Bucket(endpoint)
        google_storage.cache_clear()


def texts(unit: Unit) -> list[str]:
    return [text for batch in JsonlSource().read(unit) for text in batch.rows.column("text").to_pylist()]


def rows(*words: str) -> str:
    return "".join(json.dumps({"text": word}) + "\n" for word in words)


def test_files_patterns_and_folders_are_found(bucket: Bucket) -> None:
    first, second, inner, _ = (
        bucket.put(name, rows("x")) for name in ("d/a.jsonl", "d/b.jsonl", "d/in/c.jsonl", "d/_SUCCESS")
    )
    assert expand([first], "jsonl") == [first]
    assert expand(["gs://pages/d/*.jsonl"], "jsonl") == [first, second]
    assert expand(["gs://pages/d/**/*.jsonl"], "jsonl") == [first, second, inner]
    assert expand(["gs://pages/d"], "jsonl") == [first, second]
    with pytest.raises(FileNotFoundError, match="matches no file"):
        expand(["gs://pages/none.jsonl"], "jsonl")


def test_a_file_is_named_by_its_content_and_read_in_parts(bucket: Bucket) -> None:
    path = bucket.put("a.jsonl", rows("one", "two"))
    named, state = identify(path)
    assert identify(bucket.put("b.jsonl", rows("one", "two")))[0] == named
    assert identify(bucket.put("c.jsonl", rows("one", "six")))[0] != named
    assert texts(Unit(path, named, state=state)) == ["one", "two"]
    with files.open_input(path) as stream:
        stream.seek(10)
        assert stream.read(4) == rows("one", "two").encode()[10:14]


def test_a_file_that_is_replaced_after_the_plan_is_refused(bucket: Bucket) -> None:
    path = bucket.put("a.jsonl", rows("one"))
    named, state = identify(path)
    bucket.put("a.jsonl", rows("two"))
    with pytest.raises(InputChanged, match="changed since the run was planned"):
        texts(Unit(path, named, state=state))


def test_a_fault_of_the_network_is_no_missing_file(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bucket.put("a.jsonl", rows("one"))
    with files.open_input(path) as stream:
        monkeypatch.setenv("GOOGLE_BASE_URL", "http://127.0.0.1:1")
        monkeypatch.setattr(google, "RETRY_SECONDS", 0.1)
        google_storage.cache_clear()
        assert stream.read() == rows("one").encode(), "opened before, elsewhere"
    for look in (expand, lambda paths: files.open_input(*paths).read(), lambda paths: identify(*paths)):
        with pytest.raises(OSError, match=r"gs://pages/a\.jsonl: ") as told:
            look([path])
        assert is_fault(told.value)
        assert not is_of_recipe(told.value)
        assert "\n" not in str(told.value)
