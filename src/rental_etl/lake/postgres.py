"""A connection to the PostgreSQL database that is a catalog."""

import contextlib
from collections.abc import Iterator
from typing import Any

from rental_etl.errors import ConfigurationError, SystemUnreachableError


@contextlib.contextmanager
def connected(url: str, password: str | None) -> Iterator[Any]:
    """A connection that commits at the end. Raises SystemUnreachableError, never naming the password."""
    try:
        import psycopg
    except ImportError as error:
        raise ConfigurationError(
            f"the driver of PostgreSQL cannot be loaded: {error}",
            where="lake.catalog",
            expected="psycopg",
            remedy="install it with `pip install 'rental-etl[postgres]'`",
        ) from error
    try:
        with psycopg.connect(url, password=password, connect_timeout=15) as connection:
            yield connection
    except psycopg.Error as error:
        raise SystemUnreachableError(
            f"the catalog of the curated tables cannot be used: {str(error).strip().splitlines()[0]}",
            where=url,
            expected="a database that this user may make tables in",
            remedy="check lake.catalog and RENTAL_ETL_LAKE__CATALOG_PASSWORD, then run again",
        ) from error
