"""Buckets as fsspec file systems, for inputs named s3://bucket/name or gs://bucket/name.

Through obstore, as the store itself, which reads credentials and settings from AWS_* or GOOGLE_* variables. Its errors
are no OSErrors, and fsspec's `isfile` takes every error for "no": here a file that is missing and a network that is
down are told apart.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.fsspec import FsspecStore

from pipeline.store.ranges import RangeFile
from pipeline.store.s3 import BucketFault, endpoint, patience


class Bucket(FsspecStore):
    """For reading: what the sources ask of a file system."""

    cachable = False  # fsspec would keep one whatever the variables say
    key: ClassVar[str]
    """The variable that says who asks."""

    async def _info(self, path: str, **named: Any) -> Any:
        return await self._told(path, super()._info, path, **named)

    async def _ls(self, path: str, detail: bool = True, **named: Any) -> Any:
        return await self._told(path, super()._ls, path, detail=detail, **named)

    async def _cat_file(self, path: str, *arguments: Any, **named: Any) -> Any:
        return await self._told(path, super()._cat_file, path, *arguments, **named)

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

    async def _told(self, path: str, ask: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """The answer, or an OSError of one line."""
        try:
            return await ask(*arguments, **named)
        except (BaseError, FileNotFoundError) as error:
            # The library's text goes on with the request and the answer; neither belongs into a line or a report.
            said = re.split(r"[\n<]", str(error))[0].rstrip(" :")
            line = f"{self.protocol}://{path.removeprefix(f'{self.protocol}://')}: {said}"
            if isinstance(error, FileNotFoundError) or "status code: 404" in line:
                raise FileNotFoundError(line) from None
            if isinstance(error, PermissionDeniedError | UnauthenticatedError):
                raise PermissionError(f"{line}; look at {self.key} and the rights of that user") from None
            raise BucketFault(line) from None


class S3Bucket(Bucket):
    """Of S3, or of whatever speaks its protocol."""

    protocol = "s3"  # here and not as an argument, so that fsspec takes it off patterns
    key = "AWS_ACCESS_KEY_ID"


class GoogleBucket(Bucket):
    """Of Google's storage."""

    protocol = "gs"
    key = "GOOGLE_APPLICATION_CREDENTIALS"


@cache
def bucket_files(scheme: str) -> Bucket:
    if scheme == "s3":
        return S3Bucket(**patience(endpoint()))
    return GoogleBucket(**patience(os.environ.get("GOOGLE_BASE_URL", "")))
