"""Ways to the database's password: the environment, Secrets Manager, IAM; each only one, and asked for when it is needed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from moto import mock_aws

from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.logins.passwords import rds_token, secret_password
from rental_etl.source.mysql.access import Tls
from rental_etl.source.mysql.opening import open_access

URL = "mysql://etl@rental.cluster-abc.eu-west-1.rds.amazonaws.com/rental"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager in Ireland."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    with mock_aws():
        yield boto3.client("secretsmanager", region_name="eu-west-1")


@pytest.mark.parametrize("text", ["hunter2", json.dumps({"username": "etl", "password": "hunter2"})])
def test_a_secret_is_the_password_or_what_rds_writes(secrets: Any, text: str) -> None:
    """The region is the ARN's."""
    arn = secrets.create_secret(Name="rental", SecretString=text)["ARN"]
    assert open_access(URL, secret=arn).password() == "hunter2"


def test_a_secret_is_read_when_a_connection_is_made(secrets: Any) -> None:
    """A rotated password holds for the next connection."""
    arn = secrets.create_secret(Name="rental", SecretString="old")["ARN"]
    password = secret_password(arn)
    secrets.update_secret(SecretId=arn, SecretString="new")
    assert password() == "new"


def test_a_secret_without_a_password_or_without_a_secret_is_told(secrets: Any) -> None:
    """Both are mistakes in the settings; the second may be a missing right, too."""
    arn = secrets.create_secret(Name="rental", SecretString=json.dumps({"user": "etl"}))["ARN"]
    with pytest.raises(ConfigurationError):
        secret_password(arn)()
    with pytest.raises(ConfigurationError) as caught:
        secret_password("arn:aws:secretsmanager:eu-west-1:1:secret:none")()
    assert "secretsmanager:GetSecretValue" in caught.value.expected


def test_iam_signs_a_token_for_the_user_in_the_hosts_region(secrets: Any) -> None:
    """The token is a signed address, and the connection is verified before it is sent."""
    access = open_access(URL, auth="iam", ca=Path("bundle.pem"))
    assert (access.cleartext, access.tls) == (True, Tls("verify-full", Path("bundle.pem")))
    found = urlsplit(f"https://{access.password()}")
    assert (found.hostname, found.port) == ("rental.cluster-abc.eu-west-1.rds.amazonaws.com", 3306)
    asked = parse_qs(found.query)
    assert (asked["Action"], asked["DBUser"]) == (["connect"], ["etl"])
    assert "/eu-west-1/rds-db/" in asked["X-Amz-Credential"][0]


def test_without_a_region_iam_says_what_is_missing(secrets: Any) -> None:
    """A host that is no RDS endpoint does not tell it."""
    with pytest.raises(SystemUnreachableError) as caught:
        rds_token("db.example", port=3306, user="etl")()
    assert "region" in caught.value.expected


def test_tls_follows_from_what_is_set() -> None:
    """Whoever names an authority wants it checked."""
    assert open_access(URL).tls == Tls("prefer", None)
    assert open_access(URL, ca=Path("ca.pem")).tls == Tls("verify-full", Path("ca.pem"))
    assert open_access(URL, tls="require", ca=Path("ca.pem")).tls == Tls("require", Path("ca.pem"))


def test_two_ways_to_a_password_are_one_too_many() -> None:
    """Which one counts is not guessed, and none is told."""
    with pytest.raises(ConfigurationError) as caught:
        open_access(URL, password="hunter2", secret="arn", auth="iam")
    assert "hunter2" not in str(caught.value.lines())
    assert open_access(URL, password="hunter2").password() == "hunter2"
