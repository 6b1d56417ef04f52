"""What `check` says about a database: who we are there, over what, and which rights are missing."""

from collections.abc import Iterator, Sequence
from typing import Any

from rental_etl.model.summary import Look, Problem
from rental_etl.warehouse.postgres.catalog import Session, schemas_of
from rental_etl.warehouse.postgres.connect import Server, connected, load_driver
from rental_etl.warehouse.text import literal


def check(server: Server, schemas: Sequence[str]) -> Look:
    """Connect and look, changing nothing. Raises RentalEtlError when the server cannot be reached."""
    driver: Any = load_driver()
    with connected(server, write=False) as session:
        [(version, user, only_reads)] = session.execute(
            "select current_setting('server_version'), current_user, pg_is_in_recovery()"
        ).fetchall()
        problems = [*missing_rights(session, schemas, user=user), *_foreign_tables(session, schemas, user=user)]
        if only_reads:
            problems.append(Problem("the database server only reads", "name the writing endpoint in warehouse.url"))
        found = session.execute("select version, cipher from pg_stat_ssl where pid = pg_backend_pid()").fetchone()
    tls = f"{found[0]} ({found[1]}, tls = {server.mode})" if found and found[0] else "no TLS"
    kind = "pure Python, slow" if driver.pq.__impl__ == "python" else "compiled"
    said = f"PostgreSQL {version} as {user}, {tls}, psycopg {driver.__version__} ({kind})"
    return Look(said, tuple(problems))


def missing_rights(session: Session, schemas: Sequence[str], *, user: str) -> Iterator[Problem]:
    """A problem for each right that is missing: the schemas that exist may be used and made tables in, and the others may be made."""
    existing = schemas_of(session)
    if not set(schemas) <= existing:
        [(allowed, database)] = session.execute(
            "select has_database_privilege(current_database(), 'create'), current_database()"
        ).fetchall()
        if not allowed:
            yield _lacking(f"{user} may not make schemas", f'grant create on database "{database}" to "{user}"')
    for schema in schemas:
        if schema not in existing:
            continue
        rights = []
        for right in ("usage", "create"):
            [(allowed,)] = session.execute(f"select has_schema_privilege({literal(schema)}, '{right}')").fetchall()
            rights += [] if allowed else [right]
        if rights:
            what = f"{user} lacks {' and '.join(rights)} on schema {schema}"
            yield _lacking(what, f'grant {", ".join(rights)} on schema {schema} to "{user}"')


def _foreign_tables(session: Session, schemas: Sequence[str], *, user: str) -> Iterator[Problem]:
    """A problem for each stranger who owns tables or views that a run has to change."""
    listed = ", ".join(map(literal, schemas))
    owners = session.execute(
        "select pg_get_userbyid(c.relowner), count(*), min(n.nspname || '.' || c.relname) from pg_class c"
        f" join pg_namespace n on n.oid = c.relnamespace where n.nspname in ({listed}) and c.relkind in ('r', 'v')"
        " and not pg_has_role(c.relowner, 'usage') group by 1 order by 1"
    ).fetchall()
    for owner, tables, first in owners:
        what = f"{tables} of the warehouse's tables and views belong to {owner}, such as {first}"
        yield _lacking(what, f'grant "{owner}" to "{user}"')


def _lacking(what: str, statement: str) -> Problem:
    return Problem(what, f"let an administrator run: {statement}")
