"""What `check` says about a MySQL server: who we are there, how the connection is protected, which driver is in use, which tables can be read and whether files
can be ingested. Changes nothing.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from rental_etl.errors import ConfigurationError, InputError
from rental_etl.model.contract import Contract
from rental_etl.model.summary import Look, Problem
from rental_etl.source.mysql.catalog import StoredTable, quote
from rental_etl.source.mysql.failures import ServerRefusedError
from rental_etl.source.mysql.session import Session, is_compiled, tls_in_use

# What `ingest` needs beyond reading, in the order in which people write it.
INGEST_RIGHTS = ("select", "insert", "update", "delete", "create", "create temporary tables")
_GRANT = re.compile(r"GRANT (?P<rights>.+?) ON (?:TABLE )?(?P<schema>`(?:[^`]|``)*`|\*)\.(?P<table>`(?:[^`]|``)*`|\*) ")
_DOING = "looking at rights"


def look(
    session: Session, contracts: Sequence[Contract], find: Callable[[Session, Contract], StoredTable | None]
) -> Look:
    """Everything at once: every table that cannot be read is a problem of its own."""
    readable, problems = [], []
    for contract in contracts:
        try:
            table = find(session, contract)
            if table is not None:
                _read_nothing(session, table)
                readable.append(table.shown)
        except (ConfigurationError, InputError, ServerRefusedError) as error:
            problems.append(Problem(error.what, error.remedy, error.exit_code))
    parts = [f"{_server(session)} as {_user(session)}", _protection(session), _driver()]
    reads = f"reads {', '.join(readable)}" if readable else "reads no table"
    return Look(f"{', '.join(parts)}; {reads}; {_ingest(session)}", tuple(problems))


def account(session: Session) -> str:
    """Who we are, as GRANT has it: 'etl'@'%'."""
    user, _, host = _user(session).rpartition("@")
    return f"'{user}'@'{host}'"


def missing_rights(session: Session, rights: Iterable[str]) -> list[str]:
    """Those of some rights that the user has on no part of the server that holds the whole database."""
    held = list(_held(session))
    return [right for right in rights if not any(right in words or "all privileges" in words for words in held)]


def _held(session: Session) -> Iterable[set[str]]:
    """Of each grant that covers every table of the database, its rights in lower case."""
    database = session.access.address.database
    for grant in _grants(session):
        found = _GRANT.match(grant)
        if found and found["table"] == "*" and _covers(found["schema"], database):
            yield {right.strip().lower() for right in found["rights"].split(",")}


def _grants(session: Session) -> list[str]:
    roles = str(session.rows("select current_role()", doing=_DOING)[0][0] or "NONE")
    is_mysql = "mariadb" not in str(session.rows("select version()", doing=_DOING)[0][0]).lower()
    # MySQL shows what roles grant only when they are named; MariaDB shows it by itself.
    using = f" for current_user() using {roles}" if is_mysql and roles != "NONE" else ""
    return [str(grant) for (grant,) in session.rows(f"show grants{using}", doing=_DOING)]


def _covers(schema: str, database: str) -> bool:
    """Whether a grant's schema, which may be a pattern, is or matches the database."""
    if schema == "*":
        return True
    pattern = ""
    for part in re.findall(r"\\.|.", schema[1:-1].replace("``", "`")):
        pattern += {"%": ".*", "_": "."}.get(part, re.escape(part.removeprefix("\\")))
    return re.fullmatch(pattern, database) is not None


def _read_nothing(session: Session, table: StoredTable) -> None:
    """Raise ServerRefusedError, with the grant that is missing, unless the table's columns may be read."""
    names = ", ".join(quote(column.name) for column in table.columns.values())
    try:
        session.rows(f"select {names} from {table.quoted} limit 0", doing=f"reading {table.shown}")
    except ServerRefusedError as error:
        raise ServerRefusedError(
            error.what,
            where=error.where,
            expected=error.expected,
            remedy=f"as the database's owner: grant select on {table.quoted} to {account(session)}",
        ) from error


def _ingest(session: Session) -> str:
    missing = missing_rights(session, INGEST_RIGHTS)
    if not missing:
        return "may ingest files"
    database = quote(session.access.address.database)
    return f"to ingest files it lacks: grant {', '.join(missing)} on {database}.* to {account(session)}"


def _server(session: Session) -> str:
    version = str(session.rows("select version()", doing=_DOING)[0][0])
    number, _, rest = version.partition("-")
    if "mariadb" in rest.lower():
        return f"MariaDB {number}"
    aurora = session.rows("show variables like 'aurora_version'", doing=_DOING)
    return f"MySQL {version}" + (f" (Aurora {aurora[0][1]})" if aurora else "")


def _user(session: Session) -> str:
    return str(session.rows("select current_user()", doing=_DOING)[0][0])


def _protection(session: Session) -> str:
    version, cipher = tls_in_use(session)
    return f"{version} ({cipher}, tls = {session.access.tls.mode})" if cipher else "no TLS"


def _driver() -> str:
    import mysql.connector

    kind = "compiled" if is_compiled() else "pure Python, ten times slower: reinstall it for its compiled half"
    return f"mysql-connector-python {mysql.connector.__version__} ({kind})"
