"""Ways to a password that nobody writes down. Each gives a function that is called once per connection."""

import json
from collections.abc import Callable

from rental_etl.errors import ConfigurationError
from rental_etl.logins.aws import aws_client, aws_errors


def given_password(password: str) -> Callable[[], str]:
    """The password itself, as the environment has it."""
    return lambda: password


def secret_login(
    secret: str, *, region: str | None = None, endpoint: str | None = None
) -> Callable[[], tuple[str, str]]:
    """User ("" where it is not told) and password of a Secrets Manager secret: the JSON that AWS keeps for databases, or the bare password."""
    # A full ARN names its region.
    parts = secret.split(":")
    place = region or (parts[3] if len(parts) > 3 else None)

    def fetch() -> tuple[str, str]:
        with aws_errors(secret, needs="secretsmanager:GetSecretValue"):
            client = aws_client("secretsmanager", region=place, endpoint=endpoint)
            text = str(client.get_secret_value(SecretId=secret).get("SecretString") or "")
        user, password = _login(text)
        if not password:
            raise ConfigurationError(
                "the secret holds no password",
                where=secret,
                expected='JSON with "username" and "password", or the password alone',
                remedy="correct the secret, or name another one in the configuration",
            )
        return user, password

    return fetch


def secret_password(secret: str, *, region: str | None = None, endpoint: str | None = None) -> Callable[[], str]:
    """The password of a secret."""
    fetch = secret_login(secret, region=region, endpoint=endpoint)
    return lambda: fetch()[1]


def rds_token(host: str, *, port: int, user: str, region: str | None = None) -> Callable[[], str]:
    """A token that IAM signs for a database of RDS or Aurora, good for 15 minutes; `region` defaults to that in the host's name."""
    words = host.split(".")
    place = region or (words[words.index("rds") - 1] if "rds" in words[1:] else None)

    def sign() -> str:
        with aws_errors(host, needs="rds-db:connect"):
            client = aws_client("rds", region=place)
            return str(client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user))

    return sign


def only_one_way(section: str, *, password: str | None, secret: str, auth: str) -> None:
    """Raise ConfigurationError when a section of the configuration names more than one way to a password."""
    ways = {
        f"RENTAL_ETL_{section.upper()}__PASSWORD": bool(password),
        f"{section}.secret": bool(secret),
        f'{section}.auth = "iam"': auth == "iam",
    }
    chosen = [way for way, is_set in ways.items() if is_set]
    if len(chosen) > 1:
        raise ConfigurationError(
            f"the {section}'s password comes from several places: {' and '.join(chosen)}",
            where=f"[{section}]",
            expected="one of " + ", ".join(ways),
            remedy="remove all but one",
        )


def _login(text: str) -> tuple[str, str]:
    try:
        content = json.loads(text)
    except ValueError:
        return "", text
    if isinstance(content, dict):
        return str(content.get("username") or ""), str(content.get("password") or "")
    # A password may happen to be JSON too, such as 123456.
    return "", text
