"""Turns what the settings say about a database into an `Access`. Nothing connects here."""

from datetime import timedelta
from pathlib import Path

from rental_etl.logins.passwords import given_password, only_one_way, rds_token, secret_password
from rental_etl.source.mysql.access import Access, Tls, TlsMode, parse_address

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
    only_one_way("source", password=password, secret=secret, auth=auth)
    if iam:
        provider = rds_token(address.host, port=address.port, user=address.user, region=region)
    elif secret:
        provider = secret_password(secret, region=region)
    else:
        provider = given_password(password or "")
    mode: TlsMode = tls or ("verify-full" if iam or ca else "prefer")
    return Access(address, provider, Tls(mode, ca), cleartext=iam, patience=patience)
