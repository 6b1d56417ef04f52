"""What PostgreSQL's refusals mean to the user. No message repeats a secret: the server never sends one back, and none is put in."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError, WorkspaceBusyError

_MISSING_RIGHT = re.compile(
    r"(?:permission denied for|must be owner of) (?P<kind>database|schema|table|view|relation) \"?(?P<name>[^\"\n]+)"
)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A way a connection is refused: what the server's words look like and what they mean; `{}` names are filled in."""

    pattern: re.Pattern[str]
    error: type[RentalEtlError]
    what: str
    expected: str
    remedy: str


_REFUSALS = (
    _Refusal(
        re.compile(r"password authentication failed|no password supplied|fe_sendauth|authentication failed", re.I),
        ConfigurationError,
        "the database server did not accept the password",
        "the password of {user}",
        "set RENTAL_ETL_WAREHOUSE__PASSWORD, or warehouse.secret",
    ),
    _Refusal(
        re.compile(r"role .* does not exist|user .* does not exist|is not permitted to log in"),
        ConfigurationError,
        "the database server does not know the user",
        "a user that exists and may log in",
        "correct the user in warehouse.url, or let an administrator create it",
    ),
    _Refusal(
        re.compile(r"database .* does not exist"),
        ConfigurationError,
        "the database does not exist",
        "an existing database; rental-etl makes its schemas in it",
        'correct warehouse.url, or let an administrator run: create database "{database}" owner "{user}"',
    ),
    _Refusal(
        re.compile(r"pg_hba\.conf|permission denied for database"),
        ConfigurationError,
        "the database server does not admit this connection",
        "{user} may connect to {database} from this machine (pg_hba.conf, and the right to connect)",
        'let an administrator admit it, or run: grant connect on database "{database}" to "{user}"',
    ),
    _Refusal(
        re.compile(
            r"failed to resolve|could not translate host name|Name or service not known|Temporary failure in name"
        ),
        SystemUnreachableError,
        "the database server's name is not known",
        "a host name that this machine can resolve",
        "correct the host in warehouse.url, or check the network",
    ),
    _Refusal(
        re.compile(r"certificate|SSL"),
        ConfigurationError,
        "the database server's identity cannot be verified",
        "TLS with a certificate for this host name, signed by a known authority",
        'name the authority\'s file in warehouse.ca, or set warehouse.tls = "require" (encrypted, not verified) or "off"',
    ),
    _Refusal(
        re.compile(""),
        SystemUnreachableError,
        "the database server cannot be reached",
        "a running server that this machine may connect to",
        "check host and port in warehouse.url, the network and its firewall; then run again",
    ),
)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What an SQLSTATE means to the user."""

    error: type[RentalEtlError]
    what: str
    expected: str
    remedy: str


_IN_USE = _Meaning(
    WorkspaceBusyError,
    "a table of the warehouse is in use",
    "no other session that locks the warehouse's tables for long",
    "wait for it to end, or end it; then run again, nothing was changed",
)
_FAILED = _Meaning(
    SystemUnreachableError,
    "the database server failed",
    "a server that stays up; what was not finished is not visible",
    "check that the server runs and the network holds; then run again",
)
_OTHER = _Meaning(
    ConfigurationError,
    "the warehouse refused",
    "schemas raw, curated, presentation and etl as rental-etl made them",
    "undo changes made by hand in these schemas, or drop them and run `rental-etl repair`",
)
_MEANINGS = {
    "55P03": _IN_USE,
    "40P01": _IN_USE,
    "40001": _IN_USE,
    "53100": replace(_FAILED, remedy="free disk space on the server, then run again; nothing was changed"),
    "57014": replace(_FAILED, remedy="somebody ended the statement on the server; run again, nothing was changed"),
    "25006": _Meaning(
        ConfigurationError,
        "the database server only reads",
        "the primary server, not a replica",
        "name the writing endpoint in warehouse.url",
    ),
    "22P05": _Meaning(
        ConfigurationError,
        "the database cannot hold every character",
        "a database in UTF-8",
        "create it with `create database … encoding 'UTF8' template template0`",
    ),
    "2BP01": _Meaning(
        ConfigurationError,
        "a table that has to change its columns is in use",
        "no view of yours on a table whose columns change",
        "drop the view, run again, and make it anew",
    ),
}


def refused(message: str, *, url: str, user: str, database: str) -> RentalEtlError:
    """What a connection that could not be opened means; the driver tells by text alone."""
    refusal = next(refusal for refusal in _REFUSALS if refusal.pattern.search(message))
    return refusal.error(
        f"{refusal.what}: {said(message)}",
        where=url,
        expected=refusal.expected.format(user=user, database=database),
        remedy=refusal.remedy.format(user=user, database=database),
    )


@contextlib.contextmanager
def translated(url: str, user: str) -> Iterator[None]:
    """Driver errors come out as the product's, naming the server."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        detail = error.diag.message_detail or ""
        raise explained(str(error), state=error.sqlstate or "", detail=detail, url=url, user=user) from error


def explained(message: str, *, state: str, detail: str, url: str, user: str) -> RentalEtlError:
    """What an error of a statement means: the server's words, its SQLSTATE ("" when the connection broke) and its detail."""
    words = said(message)
    if state == "42501":
        return _not_allowed(words, url=url, user=user)
    if state in _MEANINGS:
        meaning = _MEANINGS[state]
    elif not state or state[:2] in ("08", "53", "57", "58", "XX"):
        meaning = _FAILED
    else:
        meaning = _OTHER
    if state == "2BP01":
        words = said(detail) or words
    return meaning.error(f"{meaning.what}: {words}", where=url, expected=meaning.expected, remedy=meaning.remedy)


def said(message: str) -> str:
    """The part of the driver's message that says what went wrong, on one line."""
    line = next((line for line in message.splitlines() if line.strip()), "")
    return re.sub(r"^.* failed: (?:FATAL: +)?|^FATAL: +", "", line).strip()


def _not_allowed(words: str, *, url: str, user: str) -> ConfigurationError:
    """Name the right that is missing, as the statement that grants it."""
    found = _MISSING_RIGHT.search(words)
    kind, name = (found["kind"], found["name"]) if found else ("", "")
    grants = {
        "database": f'let an administrator run: grant create on database "{name}" to "{user}"',
        "schema": f'let an administrator run: grant usage, create on schema "{name}" to "{user}"',
        "table": f'let an administrator make "{user}" the owner of table {name}: alter table … owner to "{user}"',
        "view": f'let an administrator make "{user}" the owner of view {name}: alter view … owner to "{user}"',
    }
    return ConfigurationError(
        f"a right is missing: {words}",
        where=url,
        expected=f"{user} owns what is in the schemas raw, curated, presentation and etl",
        remedy=grants.get(kind, "let an administrator grant the rights that docs/warehouses.md lists"),
    )
