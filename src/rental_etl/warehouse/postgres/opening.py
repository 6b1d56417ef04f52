"""From what is configured in `[warehouse]` to a warehouse in PostgreSQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from rental_etl.logins.passwords import given_password, only_one_way, rds_token, secret_password
from rental_etl.warehouse.postgres.connect import Server, Tls
from rental_etl.warehouse.postgres.parquet_rows import Opener
from rental_etl.warehouse.postgres.warehouse import PostgresWarehouse

Auth = Literal["password", "iam"]


def open_postgres(
    url: str,
    *,
    password: str | None = None,
    secret: str = "",
    auth: Auth = "password",
    region: str | None = None,
    tls: Tls | None = None,
    ca: Path | None = None,
    memory: str = "1GB",
    threads: int | None = None,
    temp: Path | None = None,
    open_engine: Opener | None = None,
) -> PostgresWarehouse:
    """A warehouse as configured; nothing is connected to yet. Raises ConfigurationError for a URL or combination that cannot be."""
    provider: Callable[[], str | None] | None = None
    only_one_way("warehouse", password=password, secret=secret, auth=auth)
    if auth == "iam":
        server = Server.of(url)
        provider = rds_token(server.host, port=server.port, user=server.user, region=region)
    elif secret:
        provider = secret_password(secret, region=region)
    elif password:
        provider = given_password(password)
    return PostgresWarehouse(
        url,
        password=provider,
        tls=tls,
        ca=ca,
        memory=memory,
        threads=threads,
        temp=temp,
        open_engine=open_engine,
    )
