"""The stores that Docker starts, and the settings that go with them, fit together. Docker itself is not needed for it."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from rental_etl.settings import load_settings

ROOT = Path(__file__).parents[2]


def passwords() -> dict[str, str]:
    """What compose.env exports."""
    return dict(re.findall(r"^export (\w+)=(\S+)$", (ROOT / "compose.env").read_text(encoding="utf-8"), re.MULTILINE))


def test_the_settings_name_the_services_with_their_ports_users_and_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for name, value in passwords().items():
        monkeypatch.setenv(name, value)
    settings = load_settings(config=ROOT / "compose.toml")
    database, warehouse = urlsplit(settings.source.url), urlsplit(settings.warehouse.url or "")
    ports = {name: service["ports"][0] for name, service in services.items()}
    assert ports["mariadb"] == f"127.0.0.1:{database.port}:3306"
    assert ports["postgres"] == f"127.0.0.1:{warehouse.port}:5432"
    assert ports["s3"] == f"127.0.0.1:{urlsplit(settings.lake.endpoint or '').port}:9000"
    assert settings.lake.catalog == settings.warehouse.url
    mariadb, postgres = services["mariadb"]["environment"], services["postgres"]["environment"]
    assert (mariadb["MARIADB_USER"], mariadb["MARIADB_DATABASE"]) == (database.username, database.path[1:])
    assert (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"]) == (warehouse.username, warehouse.path[1:])
    given = passwords()
    assert given["RENTAL_ETL_SOURCE__PASSWORD"] == mariadb["MARIADB_PASSWORD"]
    assert given["RENTAL_ETL_WAREHOUSE__PASSWORD"] == postgres["POSTGRES_PASSWORD"]
    assert given["RENTAL_ETL_LAKE__CATALOG_PASSWORD"] == postgres["POSTGRES_PASSWORD"]
    store = services["s3"]["environment"]
    assert (store["MINIO_ROOT_USER"], store["MINIO_ROOT_PASSWORD"]) == (
        given["AWS_ACCESS_KEY_ID"],
        given["AWS_SECRET_ACCESS_KEY"],
    )
    bucket = urlsplit(settings.lake.url or "").netloc
    assert f"mkdir -p /data/{bucket} " in services["s3"]["entrypoint"][2]


def test_its_ports_are_open_on_this_machine_alone() -> None:
    """The passwords are in the repository."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert [port for service in services.values() for port in service["ports"] if not port.startswith("127.")] == []
