"""How to get at a MySQL server: its address, the way to a password, TLS, patience. Pure values; nothing connects here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from rental_etl.errors import ConfigurationError

TlsMode = Literal["prefer", "require", "verify-ca", "verify-full", "off"]
_FORM = "mysql://user@host:3306/database"


@dataclass(frozen=True, slots=True)
class Address:
    """A database on a server, and the user who logs in."""

    host: str
    port: int
    user: str
    database: str

    @property
    def identity(self) -> str:
        """The database as a URL without the user: two sources are the same when this is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mysql://{host}:{self.port}/{self.database}"


@dataclass(frozen=True, slots=True)
class Tls:
    """Whether the connection is encrypted and whom it trusts, in the words of `[warehouse] tls`.

    "prefer" encrypts where the server can; "require" refuses to go on without; "verify-ca" also checks the server's certificate against `ca` (PEM
    file), and "verify-full" the host name in it.
    """

    mode: TlsMode = "prefer"
    ca: Path | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """Everything a connection needs. `password` is called for every connection, since an IAM token lasts 15 minutes; with `cleartext` what it gives is
    sent as it is (IAM tokens), which needs TLS. `patience` is how long a server that does not answer is waited for."""

    address: Address
    password: Callable[[], str] = field(default=lambda: "", repr=False)
    tls: Tls = field(default_factory=Tls)
    cleartext: bool = False
    patience: timedelta = timedelta(seconds=60)


def parse_address(url: str, *, key: str = "source.url") -> Address:
    """The address a URL means. Raises ConfigurationError when a part is missing or a password is in it."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise _malformed(key, "its port or host cannot be read") from None
    if parts.scheme not in ("mysql", "mariadb"):
        raise _malformed(key, "it does not begin with mysql://")
    if parts.password is not None:
        raise ConfigurationError(
            f"{key} holds a password",
            where=key,
            expected=_FORM,
            remedy="give the password by RENTAL_ETL_SOURCE__PASSWORD, a Secrets Manager ARN (source.secret) or IAM (source.auth)",
        )
    database = unquote(parts.path.strip("/"))
    for part, value in (("user", parts.username), ("host", parts.hostname), ("database", database)):
        if not value:
            raise _malformed(key, f"it names no {part}")
    return Address(str(parts.hostname), port, unquote(str(parts.username)), database)


def _malformed(key: str, why: str) -> ConfigurationError:
    return ConfigurationError(f"{key} cannot be understood: {why}", where=key, expected=_FORM, remedy=f"correct {key}")
