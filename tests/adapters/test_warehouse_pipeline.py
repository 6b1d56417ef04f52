"""The whole pipeline into every warehouse, as configured: after each round of changes all of them give the same files, byte for byte."""

import csv
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from adapters.houses import House, PostgresHouse, RedshiftHouse, duckdb_house, postgres_house, redshift_house
from postgres import server as postgres
from redshift import stores
from rental_etl.bootstrap import Application
from rental_etl.errors import ConfigurationError
from rental_etl.settings import load_settings
from rental_etl.synthetic.marketplace import generate

AS_OF = date(2024, 6, 30)


def configured(house: House) -> dict[str, Any]:
    """`[warehouse]` for a house."""
    if isinstance(house, PostgresHouse):
        return {"url": postgres.shared().url(house.database)}
    if isinstance(house, RedshiftHouse):
        url = f"redshift://{house.user}@127.0.0.1:{house.shim.port}/{postgres.quoted_path(house.database)}"
        return {"url": url, "tls": "off", "staging": f"s3://{house.bucket}/temp", "iam_role": stores.ROLE}
    return {}


def application(
    house: House, deliveries: Path, as_of: date = AS_OF, *, name: str = "workspace", reads: str = "lake"
) -> Application:
    """The product on a house, with a workspace of its own."""
    overrides = {
        "workspace": house.files / name,
        "source": {"url": str(deliveries)},
        "warehouse": configured(house),
        "transform": {"reads": reads},
    }
    return Application(load_settings(config=Path("/dev/null"), overrides=overrides), as_of=as_of)


def exported(app: Application, folder: Path) -> Mapping[str, bytes]:
    """Every presentation table as a CSV file."""
    app.export(folder, "csv")
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def change(file: Path, round_number: int) -> None:
    """Deliver a table again with some rows gone and others of another status and price."""
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    kept = [row for number, row in enumerate(rows) if number % 17 != round_number]
    for row in kept[round_number::11]:
        row["booking_status"] = "canceled"
    for row in kept[round_number::7]:
        row["total_price"] = str(100 + round_number)
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)


def test_every_warehouse_gives_the_same_files_after_every_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RENTAL_ETL_WAREHOUSE__PASSWORD", postgres.PASSWORD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", stores.endpoint())
    deliveries = tmp_path / "deliveries"
    generate(deliveries, apartments=40, bookings=400, viewings=500, seed=7, end=AS_OF, dirty=0.03)
    folders = [tmp_path / kind / "files" for kind in ("duckdb", "postgres", "redshift")]
    for folder in folders:
        folder.mkdir(parents=True)
    with duckdb_house(folders[0]) as first, postgres_house(folders[1]) as second, redshift_house(folders[2]) as third:
        houses: list[House] = [first, second, third]
        for round_number in range(3):
            if round_number:
                change(deliveries / "bookings.csv", round_number)
            files = []
            for house in houses:
                app = application(house, deliveries)
                assert app.run().run.state == "published"
                assert app.run().run.state == "unchanged"
                files.append(exported(app, house.files / f"round-{round_number}"))
            assert len(files[0]) == 12
            assert files[1] == files[0]
            assert files[2] == files[0]
        seen = [application(house, deliveries).status() for house in houses]
        assert seen[1].accounting == seen[0].accounting
        assert seen[2].accounting == seen[0].accounting
        assert {rule.rule for rule in seen[1].rules} == {rule.rule for rule in seen[0].rules}
        repaired = [exported_after_repair(application(house, deliveries), house.files) for house in houses]
        assert repaired == [files[0]] * 3


def test_two_lakes_never_write_into_one_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both number their batches from 1, so the second would take the first one's rows for its own. `repair` takes the place, on purpose."""
    monkeypatch.setenv("RENTAL_ETL_WAREHOUSE__PASSWORD", postgres.PASSWORD)
    deliveries = tmp_path / "deliveries"
    generate(deliveries, apartments=5, bookings=20, viewings=20, seed=7, end=AS_OF)
    (tmp_path / "files").mkdir()
    with postgres_house(tmp_path / "files") as house:
        first, second = (application(house, deliveries, name=name) for name in ("first", "second"))
        assert first.run().run.state == "published"
        rows = house.ask("select * from raw.bookings order by 1")
        with pytest.raises(ConfigurationError, match="belongs to another lake") as refused:
            second.run()
        assert (refused.value.exit_code, str(house.files / "first") in refused.value.expected) == (2, True)
        assert house.ask("select * from raw.bookings order by 1") == rows
        assert first.run().run.state == "unchanged"
        second.repair()
        assert second.run().run.state == "published"
        with pytest.raises(ConfigurationError, match="belongs to another lake"):
            first.run()


def exported_after_repair(app: Application, folder: Path) -> Mapping[str, bytes]:
    """Everything made again from the landed batches."""
    app.repair()
    return exported(app, folder / "repaired")


def test_check_finds_every_kind_of_warehouse(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENTAL_ETL_WAREHOUSE__PASSWORD", postgres.PASSWORD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", stores.endpoint())
    found = application(house, house.files).check()[-1]
    assert (found.subject, found.ok) == ("warehouse", True), found
    assert "nothing published yet" in found.found
    assert postgres.PASSWORD not in str(found)


def test_a_transform_that_reads_the_warehouse_gives_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where keys are repeated, whose order raw does not know, and for batches that it does not hold any more."""
    monkeypatch.setenv("RENTAL_ETL_WAREHOUSE__PASSWORD", postgres.PASSWORD)
    monkeypatch.setenv("AWS_ENDPOINT_URL", stores.endpoint())
    deliveries = tmp_path / "deliveries"
    generate(deliveries, apartments=40, bookings=400, viewings=500, seed=7, end=AS_OF, dirty=0.03)
    folders = [tmp_path / kind / "files" for kind in ("lake", "duckdb", "postgres", "redshift")]
    for folder in folders:
        folder.mkdir(parents=True)
    with (
        duckdb_house(folders[0]) as lake,
        duckdb_house(folders[1]) as duckdb,
        postgres_house(folders[2]) as server,
        redshift_house(folders[3]) as cluster,
    ):
        usual = application(lake, deliveries)
        others = [application(house, deliveries, reads="warehouse") for house in (duckdb, server, cluster)]
        for number, full_refresh in enumerate((False, False, True)):
            if number:
                change(deliveries / "bookings.csv", number)
            usual.run(full_refresh=full_refresh)
            expected = exported(usual, tmp_path / f"lake-{number}")
            for app, folder in zip(others, folders[1:], strict=True):
                app.run(full_refresh=full_refresh)
                assert expected == exported(app, tmp_path / f"{folder.parent.name}-{number}")
                assert usual.status().accounting == app.status().accounting
                assert not [path for path in (folder / "workspace" / "temp").iterdir() if path.is_dir()]
