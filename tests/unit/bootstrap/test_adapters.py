"""From settings to adapters: each kind of URL opens its warehouse, and nothing is connected to."""

from pathlib import Path
from typing import Any

import pytest

from rental_etl.bootstrap import Application
from rental_etl.bootstrap.adapters import require_reachable, warehouse_of
from rental_etl.errors import ConfigurationError
from rental_etl.ports.warehouse import Warehouse
from rental_etl.settings import load_settings

PLACES = Path("/srv/rental")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a configuration file."""
    monkeypatch.chdir(tmp_path)


def opened(**warehouse: Any) -> Warehouse:
    settings = load_settings(config=None, overrides={"warehouse": warehouse})
    return warehouse_of(settings, workspace=PLACES, temp=PLACES / "temp")


def refused(**warehouse: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        opened(**warehouse)
    assert caught.value.remedy
    return caught.value


@pytest.mark.parametrize(
    ("named", "identity"),
    [
        ({}, "duckdb:////srv/rental/warehouse.duckdb"),
        ({"url": "duckdb:////srv/other.duckdb"}, "duckdb:////srv/other.duckdb"),
        ({"url": "postgresql://etl@db/rental"}, "postgresql://db:5432/rental"),
        ({"url": "redshift://etl@db/rental", "staging": "s3://lake/temp"}, "redshift://db:5439/rental"),
    ],
)
def test_each_kind_of_url_opens_its_warehouse(named: dict[str, Any], identity: str) -> None:
    assert opened(**named).identity == identity


@pytest.mark.parametrize("url", ["mysql://etl@db/rental", "duckdb:///", "warehouse.duckdb"])
def test_another_kind_is_refused(url: str) -> None:
    assert "postgresql://" in refused(url=url).expected


def test_a_password_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENTAL_ETL_WAREHOUSE__PASSWORD", "geheim 123")
    settings = load_settings(config=None)
    assert settings.warehouse.password is not None
    assert settings.warehouse.password.get_secret_value() == "geheim 123"
    assert "geheim" not in repr(settings)
    assert "geheim" not in str(settings.model_dump())


def test_a_password_in_the_file_is_refused_and_not_repeated() -> None:
    Path("rental-etl.toml").write_text('[warehouse]\npassword = "geheim"\n', encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config=None)
    assert "RENTAL_ETL_WAREHOUSE__PASSWORD" in caught.value.expected
    assert "geheim" not in str(caught.value.lines())


def test_keys_of_tables_that_do_not_exist_are_refused() -> None:
    error = refused(url="redshift://etl@db/r", staging="s3://lake/temp", distkey={"booking": "apartment_id"})
    assert error.expected == "did you mean bookings?"


def test_redshift_verifies_or_does_not_encrypt() -> None:
    assert "verify-full" in refused(url="redshift://etl@db/r", staging="s3://lake/temp", tls="require").expected


def test_redshift_without_a_place_in_s3_is_refused() -> None:
    assert "warehouse.staging" in refused(url="redshift://etl@db/r").remedy


class TestAClusterNeedsALakeThatItsMachinesReach:
    """Otherwise each of them would write to its own disk, and nothing would be found."""

    @pytest.mark.parametrize("master", ["spark://host:7077", "yarn", "k8s://https://host"])
    def test_the_folder_in_the_workspace_is_refused(self, master: str, tmp_path: Path) -> None:
        settings = load_settings(
            config=None, overrides={"workspace": tmp_path / "ws", "engine": {"kind": "spark", "master": master}}
        )
        with pytest.raises(ConfigurationError, match="cannot reach the lake") as caught:
            Application(settings).run()
        assert master in caught.value.where
        assert "lake.url" in caught.value.remedy
        [engine] = [result for result in Application(settings).check() if result.subject == "engine"]
        assert (engine.ok, "cannot reach the lake" in engine.found) == (False, True)

    @pytest.mark.parametrize(
        ("engine", "lake"),
        [
            ({"master": "spark://host:7077"}, "s3://bucket/lake"),
            ({"master": "spark://host:7077"}, "/mnt/shared/lake"),
            ({"master": "local[4]"}, None),
            ({"master": "local-cluster[2,1,1024]"}, None),
            ({"spark": {"spark.master": "local[2]"}}, None),
            ({}, None),
            ({"kind": "duckdb", "master": "spark://host:7077"}, None),
        ],
    )
    def test_anything_that_can_work_is_not(self, engine: dict[str, Any], lake: str | None) -> None:
        overrides: dict[str, Any] = {"engine": {"kind": "spark", **engine}, "lake": {"url": lake} if lake else {}}
        require_reachable(load_settings(config=None, overrides=overrides), lake="lake")

    def test_inside_a_job_of_a_cluster_the_cluster_says(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
        overrides = {"engine": {"kind": "spark", "master": "yarn"}}
        require_reachable(load_settings(config=None, overrides=overrides), lake="lake")
