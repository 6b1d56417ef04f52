"""What lies below one s3:// URL: read, created if absent, listed, sent, fetched and removed.

An object is there whole or not at all. Big ones travel in parts; what a killed upload left is removed by `abandon_uploads`.
"""

import contextlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rental_etl.errors import InputError, SystemUnreachableError
from rental_etl.storage.failures import code_of
from rental_etl.storage.store import Store, split_url

_AT_ONCE = 8
_PART_BYTES = 16 << 20
_TRIES = 5
_MISSING = ("404", "NoSuchKey")
_EXISTS = ("412", "PreconditionFailed")


@dataclass(frozen=True, slots=True)
class Entry:
    """An object: its key relative to the URL, bytes, ETag, and when it was written (seconds since 1970, by the store's clock)."""

    key: str
    size: int
    etag: str
    modified: float


class Objects:
    """The objects below `url`, keys relative to it. Everything raises what `Store.errors` makes of a failure."""

    def __init__(self, store: Store, url: str, *, setting: str = "lake.url") -> None:
        self.store = store
        self.bucket, self.prefix = split_url(url, where=setting)
        self.url = f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def location(self, key: str) -> str:
        """The s3:// URL of a key."""
        return f"{self.url}/{key}"

    def key_of(self, location: str) -> str:
        """The key of a location below the URL."""
        return location.removeprefix(f"{self.url}/")

    def read(self, key: str) -> bytes | None:
        """A small object; None when there is none."""
        found = self.read_with_etag(key)
        return found[0] if found else None

    def read_with_etag(self, key: str) -> tuple[bytes, str] | None:
        """A small object and its ETag; None when there is none."""
        with self._errors(key, "s3:GetObject", "read"):
            try:
                answer = self.store.client.get_object(Bucket=self.bucket, Key=self._full(key))
                return bytes(answer["Body"].read()), str(answer["ETag"])
            except self.store.client.exceptions.ClientError as error:
                if code_of(error) in _MISSING:
                    return None
                raise

    def read_range(self, key: str, first: int, count: int) -> bytes:
        """Some bytes of an object."""
        with self._errors(key, "s3:GetObject", "read"):
            asked = f"bytes={first}-{first + count - 1}"
            answer = self.store.client.get_object(Bucket=self.bucket, Key=self._full(key), Range=asked)
            return bytes(answer["Body"].read())

    def size(self, key: str) -> int | None:
        """An object's bytes; None when there is none."""
        with self._errors(key, "s3:GetObject", "look for"):
            try:
                answer = self.store.client.head_object(Bucket=self.bucket, Key=self._full(key))
            except self.store.client.exceptions.ClientError as error:
                if code_of(error) in _MISSING:
                    return None
                raise
            return int(answer["ContentLength"])

    def create(self, key: str, body: bytes) -> bool:
        """Create an object in one step; False when there is one already, unless it is this very one from an answer that was lost on its way."""
        with self._errors(key, "s3:PutObject", "write"):
            for _ in range(_TRIES):
                try:
                    self.store.client.put_object(Bucket=self.bucket, Key=self._full(key), Body=body, IfNoneMatch="*")
                except self.store.client.exceptions.ClientError as error:
                    if code_of(error) in _EXISTS:
                        return self.read(key) == body
                    # Two created it in the same moment: the next try tells who was first.
                    if code_of(error) != "ConditionalRequestConflict":
                        raise
                else:
                    return True
        return False

    def put(self, key: str, body: bytes, *, instead_of: str | None = None, content_type: str = "") -> bool:
        """Give an object other content in one step; with `instead_of` (an ETag) only if it is still that one, else False."""
        condition = {"IfMatch": instead_of} if instead_of else {}
        if content_type:
            condition["ContentType"] = content_type
        with self._errors(key, "s3:PutObject", "write"):
            try:
                self.store.client.put_object(Bucket=self.bucket, Key=self._full(key), Body=body, **condition)
            except self.store.client.exceptions.ClientError as error:
                if instead_of and code_of(error) in _EXISTS:
                    return self.read(key) == body
                raise
        return True

    def entries(self, folder: str = "", *, after: str = "") -> Iterator[Entry]:
        """Every object whose key begins with `folder`, by key; with `after` those whose keys sort after it."""
        start = {"StartAfter": self._full(after)} if after else {}
        prefix = self._full(folder) if folder else (f"{self.prefix}/" if self.prefix else "")
        with self._errors(folder, "s3:ListBucket", "list"):
            pages = self.store.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, **start
            )
            for page in pages:
                for found in page.get("Contents", ()):
                    key = str(found["Key"]).removeprefix(f"{self.prefix}/" if self.prefix else "")
                    modified = float(found["LastModified"].timestamp())
                    yield Entry(key, int(found["Size"]), str(found["ETag"]), modified)

    def folders(self, folder: str) -> list[str]:
        """The folders directly below a folder (given with its slash), each with its slash."""
        with self._errors(folder, "s3:ListBucket", "list"):
            pages = self.store.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self._full(folder), Delimiter="/"
            )
            found = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", ())]
        return [str(prefix).removeprefix(f"{self.prefix}/" if self.prefix else "") for prefix in found]

    def now(self) -> float:
        """The present moment by the store's clock, in seconds since 1970: what objects are dated by."""
        from email.utils import parsedate_to_datetime

        with self._errors("", "s3:ListBucket", "list"):
            answer = self.store.client.list_objects_v2(Bucket=self.bucket, Prefix=self._full("lake.json"), MaxKeys=1)
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()

    def send(self, files: Sequence[tuple[Path, str]]) -> None:
        """Upload files to keys, several at a time and big ones in parts."""
        from boto3.s3.transfer import TransferConfig

        # Threads of one upload: the files share the connections.
        config = TransferConfig(multipart_threshold=_PART_BYTES, multipart_chunksize=_PART_BYTES, max_concurrency=4)

        def one(given: tuple[Path, str]) -> None:
            file, key = given
            with self._errors(key, "s3:PutObject", "upload"):
                self.store.client.upload_file(str(file), self.bucket, self._full(key), Config=config)

        _all(one, files)

    def fetch(self, wanted: Sequence[tuple[Entry, Path]]) -> None:
        """Download objects, several at a time and big ones in parts. Raises InputError when one is no longer the one that was listed."""
        _all(lambda given: self._fetch(*given), wanted)

    def remove(self, keys: Iterable[str]) -> int:
        """Remove objects; those that are gone already are fine. Returns how many were named."""
        named = [self._full(key) for key in keys]
        for first in range(0, len(named), 1000):
            some = [{"Key": key} for key in named[first : first + 1000]]
            with self._errors("", "s3:DeleteObject", "remove objects"):
                answer = self.store.client.delete_objects(Bucket=self.bucket, Delete={"Objects": some, "Quiet": True})
                for refused in answer.get("Errors", ()):
                    raise self.store.client.exceptions.ClientError({"Error": dict(refused)}, "DeleteObjects")
        return len(named)

    def abandon_uploads(self, *, before: float) -> None:
        """Give up uploads in parts that began before a moment and never ended. Without the right to it they stay, invisible."""
        client = self.store.client
        with contextlib.suppress(client.exceptions.ClientError):
            pages = client.get_paginator("list_multipart_uploads").paginate(Bucket=self.bucket, Prefix=self._full(""))
            for page in pages:
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"].timestamp() < before:
                        client.abort_multipart_upload(
                            Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                        )

    def _fetch(self, entry: Entry, target: Path) -> None:
        ranges = [(at, min(_PART_BYTES, entry.size - at)) for at in range(0, entry.size, _PART_BYTES)] or [(0, 0)]
        with _writing(target) as descriptor:
            if len(ranges) == 1:
                self._fetch_range(entry, descriptor, *ranges[0])
                return
            _all(lambda given: self._fetch_range(entry, descriptor, *given), ranges)

    def _fetch_range(self, entry: Entry, descriptor: int, first: int, count: int) -> None:
        asked = {"Range": f"bytes={first}-{first + count - 1}"} if count else {}
        with self._errors(entry.key, "s3:GetObject", "read"):
            body = self._body(entry, asked)
        view = memoryview(body)
        while view:
            written = os.pwrite(descriptor, view, first)
            view, first = view[written:], first + written

    def _body(self, entry: Entry, asked: dict[str, str]) -> bytes:
        from botocore.exceptions import (
            IncompleteReadError,
            ReadTimeoutError,
            ResponseStreamingError,
        )

        client = self.store.client
        for left in reversed(range(_TRIES)):
            try:
                answer = client.get_object(Bucket=self.bucket, Key=self._full(entry.key), IfMatch=entry.etag, **asked)
                return bytes(answer["Body"].read())
            except client.exceptions.ClientError as error:
                if code_of(error) in (*_EXISTS, *_MISSING):
                    raise _changed(entry.key, self.location(entry.key)) from error
                raise
            except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                # A connection that breaks while bytes arrive is not tried again by boto3.
                if not left:
                    raise
        raise AssertionError

    def _full(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _errors(self, key: str, needs: str, action: str) -> Any:
        name = key.rstrip("/").rpartition("/")[2]
        return self.store.errors(
            self.location(key) if key else self.url, needs=needs, action=f"{action} {name}".strip()
        )


def _all(work: Any, given: Sequence[Any]) -> None:
    """Do several things at a time; the first failure ends it."""
    if len(given) == 1:
        work(given[0])
        return
    stopped = threading.Event()

    def one(item: Any) -> None:
        if stopped.is_set():
            return
        try:
            work(item)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(one, item) for item in given]
        try:
            for future in futures:
                future.result()
        finally:
            stopped.set()


@contextlib.contextmanager
def _writing(target: Path) -> Iterator[int]:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            yield descriptor
        finally:
            os.close(descriptor)
    except OSError as error:
        raise SystemUnreachableError(
            f"cannot write a file fetched from S3: {error.strerror or error}",
            where=str(target),
            expected="a disk with room for it",
            remedy="free disk space, or set [engine] temp to a folder on a larger disk; then run again",
        ) from error


def _changed(key: str, location: str) -> InputError:
    return InputError(
        f"{key} changed or disappeared while it was being read",
        where=location,
        expected="objects that stay as they are during a run",
        remedy="run again when the delivery is complete",
    )
