"""Google's storage as an fsspec file system, for inputs named gs://bucket/name.

Through obstore, which reads credentials and settings from GOOGLE_* variables. Its errors are no OSErrors, and fsspec's
`isfile` takes every error for "no": here a file that is missing and a network that is down are told apart.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.fsspec import FsspecStore

from pipeline.store.ranges import RangeFile
from pipeline.store.s3 import BucketFault

REQUEST_SECONDS = 120
"""For one answer."""
RETRY_SECONDS = 120
"""After which a fault of the network ends the run; obstore tries again with growing pauses."""


class GoogleStorage(FsspecStore):
    """For reading: what the sources ask of a file system."""

    protocol = "gs"  # here and not as an argument, so that fsspec takes it off patterns
    cachable = False  # fsspec would keep one whatever GOOGLE_* says

    async def _info(self, path: str, **named: Any) -> Any:
        return await _told(path, super()._info, path, **named)

    async def _ls(self, path: str, detail: bool = True, **named: Any) -> Any:
        return await _told(path, super()._ls, path, detail=detail, **named)

    async def _cat_file(self, path: str, *arguments: Any, **named: Any) -> Any:
        return await _told(path, super()._cat_file, path, *arguments, **named)

    def isfile(self, path: str) -> bool:
        return self._is(path, "file")

    def isdir(self, path: str) -> bool:
        return self._is(path, "directory")

    def _is(self, path: str, kind: str) -> bool:
        try:
            return bool(self.info(path)["type"] == kind)
        except FileNotFoundError:
            return False

    def open(self, path: str, mode: str = "rb", **_: Any) -> io.RawIOBase:
        return RangeFile(lambda start, stop: self.cat_file(path, start=start, end=stop), self.info(path)["size"])


async def _told(path: str, ask: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The answer, or an OSError of one line."""
    try:
        return await ask(*arguments, **named)
    except (BaseError, FileNotFoundError) as error:
        # The library's text goes on with the request and the answer; neither belongs into a line or a report.
        said = re.split(r"[\n<]", str(error))[0].rstrip(" :")
        line = f"gs://{path.removeprefix('gs://')}: {said}"
        if isinstance(error, FileNotFoundError) or "status code: 404" in line:
            raise FileNotFoundError(line) from None
        if isinstance(error, PermissionDeniedError | UnauthenticatedError):
            raise PermissionError(
                f"{line}; look at GOOGLE_APPLICATION_CREDENTIALS and the rights of that user"
            ) from None
        raise BucketFault(line) from None


@cache
def google_storage() -> GoogleStorage:
    return GoogleStorage(
        "gs",
        client_options={
            "allow_http": os.environ.get("GOOGLE_BASE_URL", "").startswith("http://"),
            "timeout": timedelta(seconds=REQUEST_SECONDS),
        },
        retry_config={"max_retries": 8, "retry_timeout": timedelta(seconds=RETRY_SECONDS)},
    )
