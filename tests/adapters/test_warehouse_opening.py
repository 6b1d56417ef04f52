"""From configuration to a warehouse: which password is used, and what cannot be."""

from collections.abc import Callable
from typing import Any

import pytest

from rental_etl.errors import ConfigurationError
from rental_etl.logins.passwords import rds_token
from rental_etl.warehouse.postgres.opening import open_postgres
from rental_etl.warehouse.redshift.opening import open_redshift

POSTGRES = "postgresql://etl@db.example.com/rental"
CLUSTER = "redshift://etl@rental.abc123.eu-west-1.redshift.amazonaws.com/db"
SERVERLESS = "redshift://rental.123456789012.eu-west-1.redshift-serverless.amazonaws.com/db"
STAGING = "s3://lake/temp"


def refusal_of(work: Callable[[], object]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        work()
    assert caught.value.remedy
    return caught.value


def test_a_postgresql_warehouse_opens_without_a_connection() -> None:
    assert open_postgres(POSTGRES, password="word").identity == "postgresql://db.example.com:5432/rental"
    assert open_postgres(POSTGRES).identity == "postgresql://db.example.com:5432/rental"
    assert open_postgres(POSTGRES, auth="iam", region="eu-west-1").identity == "postgresql://db.example.com:5432/rental"
    assert open_postgres(POSTGRES, secret="rental/db").identity == "postgresql://db.example.com:5432/rental"


@pytest.mark.parametrize("url", [CLUSTER, SERVERLESS])
def test_a_redshift_warehouse_opens_without_a_connection(url: str) -> None:
    warehouse = open_redshift(url, staging=STAGING, auth="iam", distkey={"bookings": "apartment_id"})
    assert warehouse.identity == f"redshift://{url.partition('//')[2].replace('etl@', '').replace('/db', ':5439/db')}"


@pytest.mark.parametrize(
    "ways",
    [
        {"password": "geheim", "secret": "rental/db"},
        {"password": "geheim", "auth": "iam"},
        {"secret": "rental/db", "auth": "iam"},
    ],
)
def test_one_way_to_a_password_is_enough(ways: dict[str, Any]) -> None:
    for error in (
        refusal_of(lambda: open_postgres(POSTGRES, **ways)),
        refusal_of(lambda: open_redshift(CLUSTER, staging=STAGING, **ways)),
    ):
        assert error.where == "[warehouse]"
        assert "geheim" not in str(error.lines())


def test_redshift_needs_a_place_in_s3() -> None:
    assert "warehouse.staging" in refusal_of(lambda: open_redshift(CLUSTER, staging="", password="word")).remedy
    assert "s3://" in refusal_of(lambda: open_redshift(CLUSTER, staging="./temp", password="word")).expected


def test_a_host_of_ones_own_naming_cannot_be_asked_for_a_token() -> None:
    url = "redshift://etl@warehouse.example.com/db"
    assert "redshift-serverless" in refusal_of(lambda: open_redshift(url, staging=STAGING, auth="iam")).expected
    assert open_redshift(url, staging=STAGING, password="word").identity == "redshift://warehouse.example.com:5439/db"


def test_a_token_for_aurora_is_signed_for_host_user_and_region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheim")
    host = "rental.cluster-abc.eu-west-1.rds.amazonaws.com"
    token = rds_token(host, port=5432, user="etl")()
    assert token.startswith(f"{host}:5432/?Action=connect&DBUser=etl&")
    assert "eu-west-1%2Frds-db" in token
    assert "geheim" not in token


def test_redshift_needs_a_user_where_nothing_else_names_one() -> None:
    url = "redshift://rental.abc123.eu-west-1.redshift.amazonaws.com/db"
    assert "user" in refusal_of(lambda: open_redshift(url, staging=STAGING, password="word")).what
    assert "user" in refusal_of(lambda: open_redshift(url, staging=STAGING, auth="iam")).what
    assert open_redshift(url, staging=STAGING, secret="rental/db").identity.endswith(":5439/db")
