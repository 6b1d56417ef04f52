"""From what is configured in `[warehouse]` to a warehouse in Redshift."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.logins.passwords import only_one_way
from rental_etl.warehouse.postgres.opening import Auth
from rental_etl.warehouse.postgres.parquet_rows import Opener
from rental_etl.warehouse.redshift import credentials
from rental_etl.warehouse.redshift.bucket import Bucket, nowhere_in_s3
from rental_etl.warehouse.redshift.connect import Cluster, Tls
from rental_etl.warehouse.redshift.statements import Layout
from rental_etl.warehouse.redshift.warehouse import RedshiftWarehouse

# name.account.region.redshift.amazonaws.com, or redshift-serverless; in China with .cn at the end.
_HOST = re.compile(
    r"(?P<name>[^.]+)\.[^.]+\.(?P<region>[a-z0-9-]+)\.(?P<service>redshift|redshift-serverless)\.amazonaws\.com(\.cn)?"
)


def open_redshift(
    url: str,
    *,
    staging: str,
    password: str | None = None,
    secret: str = "",
    auth: Auth = "password",
    region: str | None = None,
    endpoint: str | None = None,
    iam_role: str = "default",
    catalog: str = "",
    distkey: Mapping[str, str] | None = None,
    sortkey: Mapping[str, Sequence[str]] | None = None,
    tls: Tls = "verify-full",
    locate: Callable[[str | Path], str | None] = nowhere_in_s3,
    memory: str = "1GB",
    threads: int | None = None,
    temp: Path | None = None,
    open_engine: Opener | None = None,
) -> RedshiftWarehouse:
    """A warehouse as configured; nothing is connected to yet.

    `staging` is an s3:// folder in the database's region; `locate` gives the s3:// URL of a lake file, None for a local one; `region` defaults to that in
    the host's name; `endpoint` is that of an S3-compatible store. Raises ConfigurationError for a URL or combination that cannot be.
    """
    if not staging:
        raise ConfigurationError(
            "Redshift loads from S3 alone, and no place there is configured",
            where="[warehouse] staging",
            expected="s3://bucket/prefix, in the region of the database",
            remedy="set warehouse.staging",
        )
    only_one_way("warehouse", password=password, secret=secret, auth=auth)
    found = _HOST.fullmatch(Cluster.of(url, credentials=_unasked).host)
    place = region or (found["region"] if found else None)
    return RedshiftWarehouse(
        url,
        credentials=_provider(url, password=password, secret=secret, auth=auth, region=place),
        bucket=Bucket(staging, region=place, endpoint=endpoint, locate=locate),
        iam_role=iam_role,
        catalog=catalog,
        layouts=_layouts(distkey or {}, sortkey or {}),
        tls=tls,
        memory=memory,
        threads=threads,
        temp=temp,
        open_engine=open_engine,
    )


def _provider(url: str, *, password: str | None, secret: str, auth: Auth, region: str | None) -> credentials.Provider:
    cluster = Cluster.of(url, credentials=_unasked)
    if secret:
        return credentials.from_secret(secret, user=cluster.user, region=region)
    if auth == "password":
        return credentials.with_password(_user(cluster), lambda: password)
    found = _HOST.fullmatch(cluster.host)
    if not found:
        raise ConfigurationError(
            "the host does not say which cluster or workgroup it is",
            where=cluster.url,
            expected="NAME.ACCOUNT.REGION.redshift.amazonaws.com or NAME.ACCOUNT.REGION.redshift-serverless.amazonaws.com",
            remedy='write the endpoint that AWS shows, or use warehouse.secret instead of auth = "iam"',
        )
    if found["service"] == "redshift-serverless":
        return credentials.from_serverless_iam(found["name"], database=cluster.database, region=region)
    return credentials.from_cluster_iam(found["name"], user=_user(cluster), database=cluster.database, region=region)


def _user(cluster: Cluster) -> str:
    if not cluster.user:
        raise ConfigurationError(
            "warehouse.url names no user",
            where=cluster.url,
            expected="redshift://user@host:5439/database",
            remedy="add the user",
        )
    return cluster.user


def _layouts(distkey: Mapping[str, str], sortkey: Mapping[str, Sequence[str]]) -> dict[str, Layout]:
    return {table: Layout(distkey.get(table, ""), tuple(sortkey.get(table, ()))) for table in (*distkey, *sortkey)}


def _unasked() -> Any:
    """No credentials: only the URL is looked at."""
    raise AssertionError
