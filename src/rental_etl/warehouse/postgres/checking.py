"""What `check` says about a database: who we are there, over what, and which right is missing."""

from collections.abc import Sequence
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.warehouse.postgres.catalog import Session, schemas_of
from rental_etl.warehouse.postgres.connect import Server, connected, load_driver
from rental_etl.warehouse.text import literal


def check(server: Server, schemas: Sequence[str]) -> str:
    """Connect and look, changing nothing; returns what was found. Raises ConfigurationError naming a right that is missing."""
    driver: Any = load_driver()
    with connected(server, write=False) as session:
        [(version, user, only_reads)] = session.execute(
            "select current_setting('server_version'), current_user, pg_is_in_recovery()"
        ).fetchall()
        if only_reads:
            raise ConfigurationError(
                "the database server only reads",
                where=server.url,
                expected="the primary server, not a replica",
                remedy="name the writing endpoint in warehouse.url",
            )
        check_rights(session, schemas, where=server.url, user=user)
        found = session.execute("select version from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
    tls = found[0] if found and found[0] else "no TLS"
    return f"PostgreSQL {version} as {user}, {tls}, psycopg {driver.__version__} ({driver.pq.__impl__})"


def check_rights(session: Session, schemas: Sequence[str], *, where: str, user: str) -> None:
    """Raise ConfigurationError unless the schemas that exist may be used and made tables in, and the others may be made."""
    existing = schemas_of(session)
    grants = []
    if not set(schemas) <= existing:
        [(allowed, database)] = session.execute(
            "select has_database_privilege(current_database(), 'create'), current_database()"
        ).fetchall()
        if not allowed:
            grants.append(f'grant create on database "{database}" to "{user}"')
    for schema in schemas:
        if schema not in existing:
            continue
        name = literal(schema)
        [(allowed,)] = session.execute(
            f"select has_schema_privilege({name}, 'usage') and has_schema_privilege({name}, 'create')"
        ).fetchall()
        if not allowed:
            grants.append(f'grant usage, create on schema {schema} to "{user}"')
    if grants:
        raise ConfigurationError(
            f"{user} lacks rights in the database",
            where=where,
            expected="the right to make and change the schemas raw, curated, presentation and etl",
            remedy="let an administrator run: " + "; ".join(grants),
        )
