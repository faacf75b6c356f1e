"""A store in a bucket of S3, or of whatever speaks its protocol.

| operation              | rests on                                                                                   |
|------------------------|--------------------------------------------------------------------------------------------|
| create, small commit   | one PUT with `If-None-Match: *`                                                            |
| large commit           | a multipart upload under tmp/, then a copy                                                 |
| copy                   | a multipart copy inside the bucket, `If-None-Match: *` on its completion                   |
| compare_and_swap       | a PUT with `If-Match` and the ETag of what was read                                        |

So a name is taken once, whole, by one writer: S3 itself decides. It has done so since November 2024; the server must
honour the two headers, as MinIO, R2 and Ceph of these days do, and keep copies below 5 GiB.

An answer can be lost after the work was done, and the request tried again, which S3 then refuses: the name is taken, by
ourselves. So a PUT carries a nonce as metadata, and a refused or unanswered one is followed by a look at whose object
lies there. A copy carries none: there the bytes are compared.

Which account and endpoint: the usual AWS_* variables (AWS_ENDPOINT_URL for other servers), or the machine's role.
"""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import os
import re
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import obstore
import pyarrow as pa
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from pipeline.errors import Fault
from pipeline.store.ranges import RangeFile
from pipeline.store.store import UnknownStore
from pipeline.store.temporary import is_abandoned, temporary_name

if TYPE_CHECKING:
    from obstore import PutMode

T = TypeVar("T")
NONCE = "orefine-nonce"
PREFIX = "orefine-"
"""Of temporary files, which lie in the machine's own folder for those."""
SMALL_BYTES = 16 << 20
"""Up to this a commit is one PUT from memory; beyond, it is uploaded in parts."""
PART_BYTES = 16 << 20
PARTS_AT_ONCE = 4
"""Of an upload: with PART_BYTES, what it takes of a worker's memory."""
CONFLICTS = 5
"""Times that a write is tried when S3 refuses it for another one under way, which then comes to nothing."""
SECONDS_PER_REQUEST = 120
RETRY_SECONDS = 120
"""After which an endless fault of the network or server ends the run; obstore tries again with growing pauses."""


class BucketFault(Fault, OSError):
    """The bucket, or the way to it, did not do what was asked; it may pass."""


def endpoint() -> str:
    """Of a server that is not Amazon's."""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""


def patience(endpoint: str) -> dict[str, Any]:
    """How long a client of obstore waits and tries again; for inputs in buckets too."""
    return {
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "timeout": timedelta(seconds=SECONDS_PER_REQUEST),
        },
        "retry_config": {"max_retries": 8, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    }


class S3Store:
    """A prefix of a bucket."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self.root = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = obstore.store.S3Store(
            bucket, prefix=prefix or None, copy_if_not_exists="multipart", **patience(endpoint())
        )

    def exists(self, path: str) -> bool:
        try:
            self.size(path)
        except FileNotFoundError:
            return False
        return True

    def read(self, path: str) -> bytes:
        with self._told(path):
            return obstore.get(self._bucket, path).bytes().to_bytes()

    def open(self, path: str) -> pa.NativeFile:
        def fetch(start: int, stop: int) -> memoryview:
            with self._told(path):
                return memoryview(obstore.get_range(self._bucket, path, start=start, end=stop))

        return pa.PythonFile(RangeFile(fetch, self.size(path)), mode="r")

    def map(self, path: str) -> pa.NativeFile:
        return self.open(path)

    def size(self, path: str) -> int:
        with self._told(path):
            return obstore.head(self._bucket, path)["size"]

    def free_bytes(self) -> int | None:
        return None

    def list(self, prefix: str) -> list[str]:
        folder = "" if prefix == "." else prefix

        def found() -> builtins.list[str]:
            return sorted(entry["path"] for entry in chain.from_iterable(obstore.list(self._bucket, folder)))

        return self._again(prefix, found)

    def create(self, path: str, data: bytes) -> bool:
        return self._put(path, data, "create")

    def commit(self, temporary: Path, path: str) -> bool:
        try:
            if temporary.stat().st_size <= SMALL_BYTES:
                return self._put(path, temporary.read_bytes(), "create")
            return not self.exists(path) and self._upload(temporary, path)
        finally:
            temporary.unlink()

    def copy(self, source: str, target: str) -> bool:
        return not self.exists(target) and self._copy(source, target)

    def replace(self, path: str, data: bytes) -> None:
        with self._told(path):
            obstore.put(self._bucket, path, data, use_multipart=False)

    def compare_and_swap(self, path: str, expected: bytes | None, data: bytes) -> bool:
        if expected is None:
            return self._put(path, data, "create")
        try:
            with self._told(path):
                found = obstore.get(self._bucket, path)
                current = found.bytes().to_bytes()
        except FileNotFoundError:
            return False
        return current == expected and self._put(path, data, {"e_tag": found.meta["e_tag"]})

    def remove(self, prefix: str) -> None:
        found = [*self.list(prefix), *([prefix] if self.exists(prefix) else [])]
        self._again(prefix, lambda: obstore.delete(self._bucket, found))

    def temporary(self) -> Path:
        path = Path(tempfile.gettempdir(), PREFIX + temporary_name())
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # others may write to that folder too
        return path

    def remove_abandoned(self) -> int:
        """On this machine, and uploads that were not copied to their names."""
        removed = 0
        for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            with contextlib.suppress(FileNotFoundError):  # its owner is alive after all, and done
                status = path.stat()
                if status.st_uid == os.getuid() and is_abandoned(path.name.removeprefix(PREFIX), status.st_mtime):
                    path.unlink()
                    removed += 1
        with self._told("tmp"):
            uploads = list(chain.from_iterable(obstore.list(self._bucket, "tmp")))
            left = [
                one["path"]
                for one in uploads
                if is_abandoned(one["path"].removeprefix("tmp/"), one["last_modified"].timestamp())
            ]
            obstore.delete(self._bucket, left)
        return removed + len(left)

    def shown(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _put(self, path: str, data: bytes, mode: PutMode) -> bool:
        """Write under the condition that `mode` is; False if it did not hold. An error leaves unknown whether it did,
        but never half an object."""
        nonce = uuid.uuid4().hex
        for _ in range(CONFLICTS):
            try:
                obstore.put(self._bucket, path, data, mode=mode, attributes={NONCE: nonce}, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                found = self._nonce(path)
                if found is not None or mode != "create":
                    return found == nonce
            except BaseError as error:
                if self._nonce(path) != nonce:
                    raise self._error(path, error) from None
                return True
            except FileNotFoundError as error:
                if mode == "create":
                    raise self._error(path, error) from None
                return False  # removed since it was read
            else:
                return True
        raise self._conflict(path)

    def _nonce(self, path: str) -> str | None:
        """Of the writer of an object; None if there is no object."""
        try:
            with self._told(path):
                return str(obstore.get(self._bucket, path, options={"head": True}).attributes.get(NONCE, ""))
        except FileNotFoundError:
            return None

    def _upload(self, temporary: Path, path: str) -> bool:
        place = f"tmp/{temporary_name()}"
        try:
            self._again(
                path,
                lambda: obstore.put(
                    self._bucket,
                    place,
                    temporary,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                    mode="overwrite",
                ),
            )
            return self._copy(place, path)
        finally:
            self.remove(place)

    def _copy(self, source: str, target: str) -> bool:
        for _ in range(CONFLICTS):
            try:
                with self._told(target):
                    obstore.copy(self._bucket, source, target, overwrite=False)
            except (AlreadyExistsError, OSError) as error:
                # Ours, with its answer lost, or somebody else's: the same bytes are as good as ours.
                if self.exists(target):
                    return self._sha256(source) == self._sha256(target)
                if isinstance(error, OSError) and not _broke_off(error):
                    raise
            else:
                return True
        raise self._conflict(target)

    def _sha256(self, path: str) -> str:
        digest = hashlib.sha256()
        with self._told(path):
            for part in obstore.get(self._bucket, path).stream(min_chunk_size=1 << 20):
                digest.update(part)
        return digest.hexdigest()

    def _again(self, path: str, work: Callable[[], T]) -> T:
        """Work that may be done twice, done again where an answer broke off in its middle: obstore tries a request
        again that fails, but not every one whose answer does."""
        for left in reversed(range(CONFLICTS)):
            try:
                with self._told(path):
                    return work()
            except BucketFault as error:
                if not left or not _broke_off(error):
                    raise
        raise AssertionError("the last try returns or raises")

    @contextlib.contextmanager
    def _told(self, path: str) -> Iterator[None]:
        """Errors of the bucket as an OSError that says what and where in one line."""
        try:
            yield
        except AlreadyExistsError:
            raise
        except (BaseError, FileNotFoundError) as error:
            raise self._error(path, error) from None

    def _conflict(self, path: str) -> OSError:
        place = self.shown(path)
        return BucketFault(f"{place}: refused {CONFLICTS} times for another write under way, of which none came")

    def _error(self, path: str, error: Exception) -> OSError | UnknownStore:
        # The library's text goes on with the request and the answer; neither belongs into a line, a log or a report.
        line = str(error).partition("\n")[0]
        code = re.search(r"<Code>(\w+)</Code>", str(error))
        if code and code[1] == "NoSuchBucket":
            return UnknownStore(
                f"store '{self.root}': there is no such bucket at that endpoint; create it, or look at AWS_*"
            )
        line = re.sub(r"//[^/@\s]*@", "//", line.partition("<")[0]).rstrip(" :") + (f" ({code[1]})" if code else "")
        if isinstance(error, FileNotFoundError):
            return FileNotFoundError(f"{self.shown(path)}: {line}")
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            return PermissionError(f"{self.shown(path)}: {line}; look at AWS_ACCESS_KEY_ID and the rights of that user")
        return BucketFault(f"{self.shown(path)}: {line}")


def _broke_off(error: Exception) -> bool:
    """Whether the answer ended in its middle."""
    return "body error" in str(error)
