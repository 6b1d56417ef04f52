"""What `check` finds out about a lake in S3: who asks, which rights are missing, whether the store keeps its promises. Leaves nothing behind."""

import contextlib
import uuid
from collections.abc import Callable

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError
from rental_etl.lake.catalogs import Catalog
from rental_etl.storage.failures import code_of
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import Store


def check_lake(objects: Objects, catalog: Catalog) -> str:
    """What is found there. Raises the error that stands in the way, naming every right that is missing."""
    who = caller(objects.store)
    _check_rights(objects, who)
    catalog.location("apartments")
    tls = "TLS" if objects.store.encrypts else "no TLS"
    where = f"region {objects.store.region(objects.bucket)}" if objects.store.is_aws else objects.store.endpoint
    return f"{objects.url}: reached as {who}, {tls}, {where}, {_versioning(objects)}, catalog {catalog.where}"


def caller(store: Store) -> str:
    """Who asks, as AWS calls it; elsewhere the beginning of the key."""
    from botocore.exceptions import BotoCoreError, ClientError

    keys = store.keys()
    if store.knows_callers:
        with contextlib.suppress(BotoCoreError, ClientError):
            return str(store.other("sts").get_caller_identity()["Arn"])
    return f"key {keys.key_id[:4]}…"


def _check_rights(objects: Objects, who: str) -> None:
    """Try every right the lake needs on an object under `temp/`."""
    key, body = f"temp/check-{uuid.uuid4().hex}", b"rental-etl check"
    missing: list[str] = []
    said = ""
    steps: dict[str, Callable[[], object]] = {
        "s3:ListBucket": lambda: list(objects.entries(key)),
        "s3:PutObject": lambda: objects.create(key, body),
        "s3:GetObject": lambda: objects.read(key),
        "s3:DeleteObject": lambda: objects.remove([key]),
    }
    for right, attempt in steps.items():
        try:
            attempt()
        except RentalEtlError as error:
            if not _is_forbidden(error):
                raise
            missing.append(right)
            said = said or error.what
    if not missing:
        _check_condition(objects)
        return
    raise SystemUnreachableError(
        f"rights are missing: {', '.join(missing)} ({said})",
        where=objects.url,
        expected=f"a policy that lets {who} list, read, write and delete below it",
        remedy="add them, as docs/s3.md shows",
    )


def _check_condition(objects: Objects) -> None:
    key = f"temp/check-{uuid.uuid4().hex}"
    try:
        objects.create(key, b"first")
        if objects.create(key, b"second"):
            raise ConfigurationError(
                "this store ignores If-None-Match: two runs could overwrite each other's batches",
                where=objects.url,
                expected="a store that creates an object only if it is absent, as S3 does",
                remedy="use a newer version of the store, or another one",
            )
    finally:
        objects.remove([key])


def _is_forbidden(error: RentalEtlError) -> bool:
    cause = error.__cause__
    return isinstance(cause, Exception) and code_of(cause) in ("403", "AccessDenied", "AllAccessDisabled")


def _versioning(objects: Objects) -> str:
    client = objects.store.client
    try:
        state = client.get_bucket_versioning(Bucket=objects.bucket).get("Status", "Disabled")
    except client.exceptions.ClientError:
        return "versioning unknown"
    return "versioning on" if state == "Enabled" else "versioning off"
