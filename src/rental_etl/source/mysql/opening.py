"""Turns what the settings say about a database into an `Access`. Nothing connects here."""

from datetime import timedelta
from pathlib import Path

from rental_etl.errors import ConfigurationError
from rental_etl.source.mysql.access import Access, Tls, TlsMode, parse_address
from rental_etl.source.mysql.passwords import given_password, iam_password, secret_password

SCHEMES = ("mysql", "mariadb")


def open_access(
    url: str,
    *,
    password: str | None = None,
    secret: str = "",
    auth: str = "password",
    region: str | None = None,
    tls: TlsMode | None = None,
    ca: Path | None = None,
    patience: timedelta = timedelta(seconds=60),
) -> Access:
    """How to get into the database of `url`, with a password as given, from a secret, or signed by IAM.

    Without `tls` the server is verified when a CA file is named or IAM is used; else the connection is encrypted where the server can. Raises
    ConfigurationError when two ways to a password are set at once.
    """
    address = parse_address(url)
    iam = auth == "iam"
    ways = [name for name, given in (("password", password), ("secret", secret), ("auth = iam", iam)) if given]
    if len(ways) > 1:
        raise ConfigurationError(
            f"there are {len(ways)} ways to the database's password: {' and '.join(ways)}",
            where="[source]",
            expected="one of RENTAL_ETL_SOURCE__PASSWORD, source.secret and source.auth",
            remedy="remove the others",
        )
    if iam:
        provider = iam_password(address, region=region)
    elif secret:
        provider = secret_password(secret, region=region)
    else:
        provider = given_password(password or "")
    mode: TlsMode = tls or ("verify-full" if iam or ca else "prefer")
    return Access(address, provider, Tls(mode, ca), cleartext=iam, patience=patience)
