"""Ways to a password: given, kept in AWS Secrets Manager, or a token that IAM signs. Each is a function called once per connection."""

import importlib
import json
from collections.abc import Callable
from typing import Any

from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.source.mysql.access import Address


def given_password(password: str) -> Callable[[], str]:
    """The password itself, as the environment has it."""
    return lambda: password


def secret_password(arn: str, *, region: str | None = None) -> Callable[[], str]:
    """The `password` of a Secrets Manager secret (JSON as RDS writes it, or the bare password). `region` defaults to the ARN's.

    What it returns raises SystemUnreachableError when AWS refuses or cannot be reached, ConfigurationError when the secret has no password.
    """
    parts = arn.split(":")
    where = region or (parts[3] if len(parts) > 3 else None)

    def fetch() -> str:
        answer = _asked(
            lambda: _client("secretsmanager", where).get_secret_value(SecretId=arn),
            doing="the password could not be read from Secrets Manager",
            where=arn,
            right="secretsmanager:GetSecretValue",
        )
        text = str(answer.get("SecretString", ""))
        try:
            document = json.loads(text)
        except ValueError:
            return text
        password = document.get("password") if isinstance(document, dict) else text
        if not password:
            raise ConfigurationError(
                "the secret holds no password",
                where=arn,
                expected='JSON with a key "password", as RDS writes it, or the bare password',
                remedy="correct source.secret, or the secret",
            )
        return str(password)

    return fetch


def iam_password(address: Address, *, region: str | None = None) -> Callable[[], str]:
    """A fresh IAM token for the address's user. What it returns raises SystemUnreachableError when there are no credentials to sign with."""
    inferred = _region_of(address.host)

    def sign() -> str:
        token = _asked(
            lambda: _client("rds", region or inferred).generate_db_auth_token(
                DBHostname=address.host, Port=address.port, DBUsername=address.user
            ),
            doing="no IAM token could be made for the database",
            where=address.identity,
            right="rds-db:connect",
        )
        return str(token)

    return sign


def _region_of(host: str) -> str | None:
    """The region in an RDS endpoint's name, such as mydb.cluster-abc.eu-west-1.rds.amazonaws.com."""
    parts = host.split(".")
    return parts[parts.index("rds") - 1] if "rds" in parts[1:] else None


def _client(service: str, region: str | None) -> Any:
    try:
        boto3: Any = importlib.import_module("boto3")
    except ImportError as error:
        raise ConfigurationError(
            "the AWS library is not installed",
            where="source.secret or source.auth",
            expected="boto3",
            remedy='pip install "rental-etl[aws]"',
        ) from error
    return boto3.client(service, region_name=region)


def _asked(call: Callable[[], Any], *, doing: str, where: str, right: str) -> Any:
    failures: Any = importlib.import_module("botocore.exceptions")
    try:
        return call()
    except (failures.BotoCoreError, failures.ClientError) as error:
        raise SystemUnreachableError(
            f"{doing}: {error}",
            where=where,
            expected=f"AWS credentials and a region, with the right {right}",
            remedy="check the role or credentials this process runs with, and its network",
        ) from error
