"""S3 and its kin from moto on loopback, and databases behind the shim; one of each per process, stopped when the process ends."""

import atexit
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from postgres import server as postgres
from redshift.shim import Shim

REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/redshift-copy"
_IDENTITY = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
# What a user without more rights sees of who locks what.
_LOCKS = """
create view public.svv_transactions as
select a.usename::text as txn_owner, d.datname::text as txn_db, l.pid, a.xact_start::timestamp as txn_start, l.mode as lock_mode,
       l.locktype as lockable_object_type, l.relation::bigint as relation, l.granted
from pg_locks l join pg_stat_activity a on a.pid = l.pid join pg_database d on d.oid = l.database
"""


@contextmanager
def identity() -> Iterator[None]:
    """Somebody to AWS for as long as the block lasts; a client that asked for something in it stays so."""
    with patch.dict(os.environ, _IDENTITY):
        yield


@cache
def endpoint() -> str:
    """The URL of an emulator of S3, Secrets Manager and Redshift's own API."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    atexit.register(server.stop)
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


@cache
def s3() -> Any:
    """A client of its S3."""
    import boto3

    with identity():
        client = boto3.client("s3", endpoint_url=endpoint(), region_name=REGION)
        # Credentials are looked for at the first request.
        client.list_buckets()
    return client


def create_bucket() -> str:
    """Make an empty bucket; returns its name."""
    name = f"rental-{uuid.uuid4().hex[:12]}"
    s3().create_bucket(Bucket=name)
    return name


def start_shim() -> Shim:
    """A shim in front of the shared PostgreSQL server and S3."""
    return Shim(("127.0.0.1", postgres.shared().port), s3())


def create_database(name: str | None = None) -> str:
    """Make an empty database with the views that Redshift has; returns its name."""
    server = postgres.shared()
    database = server.create_database(name, owner=postgres.OLD_USER)
    server.sql(_LOCKS, database=database)
    server.sql("grant select on public.svv_transactions to public", database=database)
    return database
