"""Inputs in a bucket of S3 or of Google's storage, from a server process with its interface."""

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from obstore.exceptions import PermissionDeniedError
from obstore.fsspec import FsspecStore
from pyarrow import fs

from pipeline.errors import is_fault, is_of_recipe
from pipeline.rows.document import content_hash
from pipeline.steps import Unit
from pipeline.store import s3
from pipeline.store.store import open_store
from stages.l0_collect import JsonlSource, expand, identify
from stages.l0_collect.readers import files
from stages.l0_collect.readers.buckets import bucket_files
from stages.l0_collect.readers.files import InputChanged
from tests.buckets import google_server


class GoogleServer:
    """A bucket of the server, filled as Google's own tools do."""

    scheme, variable = "gs", "GOOGLE_BASE_URL"

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self._post("storage/v1/b", json.dumps({"name": "pages"}).encode())

    def put(self, name: str, text: str) -> str:
        self._post(f"upload/storage/v1/b/pages/o?uploadType=media&name={quote(name, safe='')}", text.encode())
        return f"gs://pages/{name}"

    def _post(self, path: str, data: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"{self.endpoint}/{path}", data, headers), timeout=60).close()


class S3Server:
    """A bucket of the server, filled through a store."""

    scheme, variable = "s3", "AWS_ENDPOINT_URL"

    def __init__(self, location: str) -> None:
        self.store = open_store(location)

    def put(self, name: str, text: str) -> str:
        self.store.replace(name, text.encode())
        return self.store.shown(name)


Bucket = GoogleServer | S3Server


@pytest.fixture(params=["gs", "s3"])
def pages(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    bucket_files.cache_clear()
    if request.param == "s3":
        yield S3Server(request.getfixturevalue("bucket"))
    else:
        with google_server() as endpoint:
            monkeypatch.setenv("GOOGLE_BASE_URL", endpoint)
            monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "true")
            yield GoogleServer(endpoint)
    bucket_files.cache_clear()


def texts(unit: Unit) -> list[str]:
    return [text for batch in JsonlSource().read(unit) for text in batch.rows.column("text").to_pylist()]


def rows(*words: str) -> str:
    return "".join(json.dumps({"text": word}) + "\n" for word in words)


def test_files_patterns_and_folders_are_found(pages: Bucket) -> None:
    first, second, inner, _ = (
        pages.put(name, rows("x")) for name in ("d/a.jsonl", "d/b.jsonl", "d/in/c.jsonl", "d/_SUCCESS")
    )
    assert expand([first], "jsonl") == [first]
    folder = first.removesuffix("/a.jsonl")
    assert expand([f"{folder}/*.jsonl"], "jsonl") == [first, second]
    assert expand([f"{folder}/**/*.jsonl"], "jsonl") == [first, second, inner]
    assert expand([folder], "jsonl") == [first, second]
    with pytest.raises(FileNotFoundError, match="matches no file"):
        expand([f"{folder}/none.jsonl"], "jsonl")


def test_a_file_is_named_by_its_content_and_read_in_parts(pages: Bucket) -> None:
    path = pages.put("a.jsonl", rows("one", "two"))
    named, state = identify(path)
    assert identify(pages.put("b.jsonl", rows("one", "two")))[0] == named
    assert identify(pages.put("c.jsonl", rows("one", "six")))[0] != named
    assert texts(Unit(path, named, state=state)) == ["one", "two"]
    with files.open_input(path) as stream:
        stream.seek(10)
        assert stream.read(4) == rows("one", "two").encode()[10:14]


def test_a_file_that_is_replaced_after_the_plan_is_refused(pages: Bucket) -> None:
    path = pages.put("a.jsonl", rows("one"))
    named, state = identify(path)
    pages.put("a.jsonl", rows("two"))
    with pytest.raises(InputChanged, match="changed since the run was planned"):
        texts(Unit(path, named, state=state))


def test_a_fault_of_the_network_is_no_missing_file(pages: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    path = pages.put("a.jsonl", rows("one"))
    with files.open_input(path) as stream:
        monkeypatch.setenv(pages.variable, "http://127.0.0.1:1")
        monkeypatch.setattr(s3, "RETRY_SECONDS", 0.1)
        bucket_files.cache_clear()
        assert stream.read() == rows("one").encode(), "opened before, elsewhere"
    for look in (expand, lambda paths: files.open_input(*paths).read(), lambda paths: identify(*paths)):
        with pytest.raises(OSError, match=re.escape(f"{path}: ")) as told:
            look([path])
        assert is_fault(told.value)
        assert not is_of_recipe(told.value)
        assert "\n" not in str(told.value)


def test_a_file_of_s3_is_named_as_it_was_when_another_library_read_it(bucket: str) -> None:
    """Names of inputs are in the recipe ids of what was made of them."""
    bucket_files.cache_clear()
    path = S3Server(bucket).put("a.jsonl", rows("one"))
    other = fs.S3FileSystem(endpoint_override=os.environ["AWS_ENDPOINT_URL"])
    with other.open_input_stream(path.removeprefix("s3://")) as stream:
        told = stream.metadata()
    assert files.remote_identity(path) == content_hash(told["ETag"], told["Content-Length"])
    bucket_files.cache_clear()


def test_rights_that_are_missing_are_told_with_the_variable_to_look_at(pages: Bucket, monkeypatch) -> None:
    async def refused(*arguments: object, **named: object) -> None:
        raise PermissionDeniedError("Forbidden\n<Error>long</Error>")

    monkeypatch.setattr(FsspecStore, "_info", refused)
    path = pages.put("a.jsonl", rows("one"))
    variable = "AWS_ACCESS_KEY_ID" if pages.scheme == "s3" else "GOOGLE_APPLICATION_CREDENTIALS"
    with pytest.raises(PermissionError, match=f"a.jsonl: Forbidden; look at {variable} and the rights"):
        identify(path)
