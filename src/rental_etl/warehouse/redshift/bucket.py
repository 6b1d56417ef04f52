"""Where Redshift fetches files from: a folder of an S3 bucket for what is staged, and the places of lake files that lie in S3 already.

Writes `<folder>/<run of staging>/…` and removes it again; what a killed run left there is not used by any other and can be deleted.
"""

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.logins.aws import aws_client, aws_errors


@dataclass(frozen=True, slots=True)
class StagedFile:
    """An object that Redshift can read: its s3:// URL and its size in bytes."""

    url: str
    size: int


def nowhere_in_s3(file: str | Path) -> str | None:
    """The lake lies on a local disk: every file has to be uploaded."""
    del file
    return None


class Bucket:
    """The folder `url` (s3://bucket/prefix/temp). `locate` gives the s3:// URL of a lake file that lies in S3, None for a local one."""

    def __init__(
        self,
        url: str,
        *,
        region: str | None = None,
        endpoint: str | None = None,
        locate: Callable[[str | Path], str | None] = nowhere_in_s3,
    ) -> None:
        self.url = url.rstrip("/")
        self.locate = locate
        self._region, self._endpoint = region, endpoint
        self._client: Any = None
        split_url(self.url)

    def found(self, url: str) -> StagedFile | None:
        """An object with its size; None when it does not exist."""
        from botocore.exceptions import ClientError

        bucket, key = split_url(url)
        with aws_errors(url, needs="s3:GetObject"):
            try:
                return StagedFile(url, int(self.client.head_object(Bucket=bucket, Key=key)["ContentLength"]))
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey"):
                    return None
                raise

    def listed(self, folder: str) -> list[StagedFile]:
        """Every object below a folder, by name."""
        bucket, key = split_url(folder)
        with aws_errors(folder, needs="s3:ListBucket"):
            pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{key.rstrip('/')}/")
            objects = [entry for page in pages for entry in page.get("Contents", ())]
        return [StagedFile(f"s3://{bucket}/{entry['Key']}", int(entry["Size"])) for entry in objects]

    def download(self, url: str, target: Path) -> Path:
        """Fetch an object into a file."""
        bucket, key = split_url(url)
        with aws_errors(url, needs="s3:GetObject"):
            self.client.download_file(bucket, key, str(target))
        return target

    @contextlib.contextmanager
    def staging(self) -> Iterator["Staging"]:
        """A fresh folder below the bucket's; everything in it is removed afterwards."""
        staging = Staging(self, f"{self.url}/{uuid.uuid4().hex}")
        try:
            yield staging
        finally:
            staging.clear()

    @property
    def client(self) -> Any:
        """The S3 client, made when first needed."""
        if self._client is None:
            self._client = aws_client("s3", region=self._region, endpoint=self._endpoint)
        return self._client


class Staging:
    """A folder of staged files."""

    def __init__(self, bucket: Bucket, url: str) -> None:
        self.url = url
        self._bucket = bucket
        self._urls: list[str] = []

    def upload(self, file: Path) -> StagedFile:
        """Put a local file into the folder, in parts when it is big."""
        url = f"{self.url}/{uuid.uuid4().hex}-{file.name}"
        bucket, key = split_url(url)
        with aws_errors(url, needs="s3:PutObject"):
            self._urls.append(url)
            self._bucket.client.upload_file(str(file), bucket, key)
        return StagedFile(url, file.stat().st_size)

    def manifest(self, files: Sequence[StagedFile]) -> str:
        """Write the list of files that a COPY loads, all of them or none; returns its URL."""
        entries = [{"url": file.url, "mandatory": True, "meta": {"content_length": file.size}} for file in files]
        url = f"{self.url}/{uuid.uuid4().hex}.manifest"
        bucket, key = split_url(url)
        with aws_errors(url, needs="s3:PutObject"):
            self._urls.append(url)
            self._bucket.client.put_object(Bucket=bucket, Key=key, Body=json.dumps({"entries": entries}).encode())
        return url

    def adopt(self, urls: Sequence[str]) -> None:
        """Count objects that somebody else put here among those to be removed."""
        self._urls += urls

    def clear(self) -> None:
        """Remove what was put here. A refusal is no error: the objects are of no use and of no harm."""
        from botocore.exceptions import BotoCoreError, ClientError

        for url in self._urls:
            bucket, key = split_url(url)
            with contextlib.suppress(BotoCoreError, ClientError):
                self._bucket.client.delete_object(Bucket=bucket, Key=key)


def split_url(url: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URL. Raises ConfigurationError for any other."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ConfigurationError(
            f"{url} is no place in S3",
            where="[warehouse] staging",
            expected="s3://bucket/prefix",
            remedy="name a bucket in the region of the Redshift database",
        )
    return bucket, key
