"""What the server's and the driver's error numbers mean, as errors that say what to do. No message of theirs holds a password."""

from dataclasses import dataclass

from rental_etl.errors import ConfigurationError, InputError, RentalEtlError, SystemUnreachableError
from rental_etl.source.mysql.access import Access, Address


class ServerRefusedError(SystemUnreachableError):
    """The server answered and refused: trying again does not help."""

    retryable = False


# Not answering, still waking up, or full for the moment: worth another try. 2013 during login is a proxy or a server that goes down or comes up.
_UNREACHABLE = frozenset({1040, 1053, 1203, 2002, 2003, 2005, 2006, 2013, 2055})
_LOGIN = frozenset({1045, 1251, 1524, 1698, 1862, 2049, 2059, 2061, 3118, 4151})
_TLS = frozenset({2026, 3159})
_RIGHTS = frozenset({1044, 1142, 1143, 1227, 1370})
_GONE = _UNREACHABLE | {1079, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2027, 4031}
_TOO_SLOW = frozenset({1205, 1213, 1969, 3024})
_TOO_BIG = frozenset({1153, 2020})
_SHAPE = frozenset({1051, 1054, 1146, 1412})
_UNFIT = frozenset({1048, 1062, 1264, 1265, 1292, 1366, 1406, 1452, 3819, 4025})


def worth_waiting(number: int) -> bool:
    """Whether a failed login may succeed a little later."""
    return number in _UNREACHABLE


def login_failure(number: int, message: str, *, access: Access) -> RentalEtlError:
    """Why there is no connection."""
    address = access.address
    if number in _UNREACHABLE:
        return SystemUnreachableError(
            f"the database server does not answer: {message}",
            where=f"{address.host}:{address.port}",
            expected=f"a MySQL server that answers within {access.patience.total_seconds():g} s",
            remedy="check host and port of source.url, that the server runs, and that its firewall or security group lets this machine in",
        )
    if number == 1049:
        return ConfigurationError(
            f"the server has no database {address.database}",
            where=address.identity,
            expected="the name of an existing database",
            remedy="correct the last part of source.url",
        )
    if number == 1044:
        return ServerRefusedError(
            f"user {address.user} may not use the database {address.database}",
            where=address.identity,
            remedy=f"as its owner: grant select on `{address.database}`.* to '{address.user}'@'%', or correct source.url",
        )
    if number in _TLS:
        return ServerRefusedError(
            f"no trusted TLS connection: {message}",
            where=f"{address.host}:{address.port}, tls = {access.tls.mode}, ca = {access.tls.ca or 'none'}",
            expected="a server with a certificate that source.ca signed and, for verify-full, that names this host",
            remedy="give the right CA file (for Amazon RDS and Aurora: global-bundle.pem) and the host name of the certificate",
        )
    if number in _LOGIN:
        return ServerRefusedError(
            f"the server refused the login of user {address.user}: {message}",
            where=address.identity,
            expected="the user's password in RENTAL_ETL_SOURCE__PASSWORD, in Secrets Manager (source.secret) or an IAM login (source.auth)",
            remedy="correct the user in source.url or its password",
        )
    return _other(number, message, address=address)


def statement_failure(number: int, message: str, *, address: Address, doing: str) -> RentalEtlError:
    """Why a statement failed; `doing` names the work, such as "reading bookings"."""
    for meaning in _MEANINGS:
        if number in meaning.numbers:
            names = {"doing": doing, "user": address.user, "database": address.database}
            return meaning.kind(
                f"{meaning.what.format(**names)}: {message}",
                where=address.identity,
                expected=meaning.expected,
                remedy=meaning.remedy.format(**names),
            )
    return _other(number, message, address=address, doing=f" during {doing}")


def unfit_row(message: str, *, address: Address, doing: str) -> RentalEtlError:
    """A row that a table does not take, as a warning says it."""
    return statement_failure(min(_UNFIT), message, address=address, doing=doing)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What some error numbers of a statement mean; `{doing}`, `{user}` and `{database}` are filled in."""

    numbers: frozenset[int]
    kind: type[RentalEtlError]
    what: str
    expected: str
    remedy: str


_MEANINGS = (
    _Meaning(
        _RIGHTS,
        ServerRefusedError,
        "user {user} lacks a right for {doing}",
        "select on the tables to extract; for ingest also insert, update, delete, create and create temporary tables",
        "let `rental-etl check` name it; as the database's owner: grant select on `{database}`.* to '{user}'@'%'",
    ),
    _Meaning(
        _SHAPE,
        ConfigurationError,
        "a table changed its shape during {doing}",
        "tables that keep their columns while they are read",
        "run again; if a column was renamed, map it by tables.<table>.columns",
    ),
    _Meaning(
        _TOO_SLOW,
        SystemUnreachableError,
        "the server gave up on {doing}",
        "a server without a lock or a limit on the time of statements in the way",
        "run again at a quieter hour, or raise max_execution_time (MySQL) or max_statement_time (MariaDB) for this user",
    ),
    _Meaning(
        _TOO_BIG,
        ServerRefusedError,
        "a row is too large for {doing}",
        "rows below max_allowed_packet",
        "raise max_allowed_packet on the server, or leave the large column out",
    ),
    _Meaning(
        _UNFIT,
        InputError,
        "a row does not fit into its table while {doing}",
        "columns wide enough for the contract's types, and no other key or constraint in the way",
        "widen the column, or correct the file; nothing of this file was stored",
    ),
    _Meaning(
        _GONE,
        SystemUnreachableError,
        "the database went away during {doing}",
        "a server that stays up; what was not finished left no trace",
        "run again when it is back; the run goes on where it was",
    ),
)


def _other(number: int, message: str, *, address: Address, doing: str = "") -> RentalEtlError:
    return SystemUnreachableError(
        f"the database reported error {number}{doing}: {message}",
        where=address.identity,
        remedy="see the server's documentation for this number; run again when it is solved",
    )
