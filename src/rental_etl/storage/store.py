"""A store that speaks S3: who asks, in which region, at which endpoint. Opens nothing before it is needed.

Credentials come from where every AWS tool finds them: environment, profile, or the machine's role. They are never written anywhere.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from rental_etl.errors import ConfigurationError
from rental_etl.storage.failures import explained, no_credentials

_CONNECTIONS = 32
# What decides who asks whom.
_IDENTITY = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_MAX_ATTEMPTS",
)


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials as they are at this moment; those of a role last for an hour or so."""

    key_id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


def attempts() -> int:
    """How often a request is tried in all, where the environment says it as it does to every AWS tool; else 0."""
    said = os.environ.get("AWS_MAX_ATTEMPTS", "")
    return int(said) if said.isdecimal() else 0


def is_remote(location: str) -> bool:
    """Whether a location lies in S3 rather than on a local disk."""
    return location.startswith("s3://")


def split_url(url: str, *, where: str) -> tuple[str, str]:
    """Bucket and key of an s3:// URL; `where` is the setting it comes from. Raises ConfigurationError for any other URL."""
    scheme, _, rest = url.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or "@" in bucket or ":" in bucket:
        raise ConfigurationError(
            f"{url} is no place in S3",
            where=where,
            expected="s3://bucket or s3://bucket/prefix; the endpoint and credentials are named elsewhere",
            remedy=f"correct {where}",
        )
    return bucket, key.strip("/")


class Store:
    """One endpoint. `endpoint` is the URL of an S3-compatible store, `region` overrides what environment and profile say.

    `section` is the part of the configuration that messages name.
    """

    def __init__(self, *, region: str | None = None, endpoint: str | None = None, section: str = "lake") -> None:
        self.section = section
        self._region, self._endpoint = region, endpoint
        self._lock = threading.Lock()
        self._session: Any = None
        self._client: Any = None
        self._regions: dict[str, str] = {}

    @property
    def client(self) -> Any:
        """The S3 client, made when first needed. Raises ConfigurationError when boto3 is missing or nothing says who asks."""
        with self._lock:
            if self._client is None:
                self._client = self._made("s3")
            return self._client

    def other(self, service: str) -> Any:
        """A client of another AWS service, for the same identity; S3's endpoint is not its."""
        with self._lock:
            return self._made(service)

    @contextlib.contextmanager
    def errors(self, where: str, *, needs: str = "", action: str = "") -> Iterator[None]:
        """Errors of S3 come out as the product's; `needs` is the IAM action that was used, `action` completes "cannot ..."."""
        try:
            from boto3.exceptions import Boto3Error
            from botocore.exceptions import BotoCoreError, ClientError
        except ImportError as error:
            raise _not_installed(error) from error
        try:
            yield
        except (ClientError, BotoCoreError, Boto3Error) as error:
            raise explained(error, where=where, needs=needs, action=action, section=self.section) from error

    def keys(self) -> Keys:
        """Credentials for those who do not ask boto3. Raises ConfigurationError when there are none."""
        assert self.client is not None
        with self.errors("the credentials of AWS"):
            found = self._session.get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        if frozen is None or not frozen.access_key:
            raise no_credentials(self.section)
        return Keys(frozen.access_key, frozen.secret_key, frozen.token)

    @property
    def endpoint(self) -> str:
        """The URL that is asked."""
        return str(self.client.meta.endpoint_url)

    @property
    def is_aws(self) -> bool:
        """Whether it is AWS itself."""
        host = urlsplit(self.endpoint).hostname or ""
        return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

    @property
    def knows_callers(self) -> bool:
        """Whether AWS's other services know this identity."""
        return self.is_aws or not self._endpoint

    @property
    def encrypts(self) -> bool:
        """Whether the connection is TLS."""
        return urlsplit(self.endpoint).scheme == "https"

    def region(self, bucket: str) -> str:
        """The region a bucket lies in, which boto3 finds out by itself and others have to be told."""
        if bucket not in self._regions:
            region = str(self.client.meta.region_name or "us-east-1")
            if self.is_aws:
                with self.errors(f"s3://{bucket}", needs="s3:ListBucket", action="reach the bucket"):
                    region = str(self.client.head_bucket(Bucket=bucket).get("BucketRegion") or region)
            self._regions[bucket] = region
        return self._regions[bucket]

    def _made(self, service: str) -> Any:
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            raise _not_installed(error) from error
        # Standard mode waits longer, at random, after every throttled or failed answer.
        retries: dict[str, Any] = {"mode": "standard"}
        retries["total_max_attempts"] = attempts() or 8
        options: dict[str, Any] = {"retries": retries, "connect_timeout": 10, "read_timeout": 60}
        options["max_pool_connections"] = _CONNECTIONS
        if service == "s3" and self._endpoint:
            # Stores other than AWS know buckets by path, and not every checksum.
            options |= {"s3": {"addressing_style": "path"}, "request_checksum_calculation": "when_required"}
            options["response_checksum_validation"] = "when_required"
        with self.errors(f"[{self.section}] region, endpoint or AWS_PROFILE", action="set the S3 client up"):
            if self._session is None:
                self._session = boto3.session.Session()
            region = self._region or self._session.region_name or ("us-east-1" if service == "s3" else None)
            try:
                return self._session.client(
                    service,
                    region_name=region,
                    endpoint_url=self._endpoint if service == "s3" else None,
                    config=Config(**options),
                )
            except ValueError as error:
                raise ConfigurationError(
                    f"the S3 client cannot be set up: {error}",
                    where=f"[{self.section}] endpoint or AWS_ENDPOINT_URL",
                    expected="a URL such as https://storage.example.org:9000",
                    remedy=f"correct {self.section}.endpoint",
                ) from error


def shared_store(*, region: str | None = None, endpoint: str | None = None, section: str = "lake") -> Store:
    """The store of these settings and this environment: all who ask share its client, which takes a while to be made."""
    return _shared(region, endpoint, section, tuple(os.environ.get(name, "") for name in _IDENTITY))


@cache
def _shared(region: str | None, endpoint: str | None, section: str, identity: tuple[str, ...]) -> Store:
    del identity
    return Store(region=region, endpoint=endpoint, section=section)


def _not_installed(error: ImportError) -> ConfigurationError:
    return ConfigurationError(
        f"the S3 client cannot be loaded: {error}",
        expected="boto3",
        remedy="install it with `pip install 'rental-etl[s3]'`",
    )
