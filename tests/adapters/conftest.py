"""Fresh warehouses for tests: `house` is one of every kind in turn, `duckdb_house` and its like one of that kind."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from adapters import houses
from adapters.houses import House


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with a quote and glob characters in its name: they must not reach SQL or file matching."""
    folder = tmp_path / "it's [1] *"
    folder.mkdir()
    return folder


@pytest.fixture(params=houses.KINDS)
def house(request: pytest.FixtureRequest, files: Path) -> Iterator[House]:
    """A fresh warehouse of every kind in turn."""
    made: AbstractContextManager[House] = houses.KINDS[request.param](files)
    with made as fresh:
        yield fresh


@pytest.fixture
def duckdb_house(files: Path) -> Iterator[houses.DuckDBHouse]:
    """A DuckDB file that does not exist yet."""
    with houses.duckdb_house(files) as fresh:
        yield fresh


@pytest.fixture
def postgres_house(files: Path) -> Iterator[houses.PostgresHouse]:
    """An empty database in PostgreSQL."""
    with houses.postgres_house(files) as fresh:
        yield fresh


@pytest.fixture
def redshift_house(files: Path) -> Iterator[houses.RedshiftHouse]:
    """An empty database behind the shim."""
    with houses.redshift_house(files) as fresh:
        yield fresh


@pytest.fixture
def three_weeks(house: House) -> House:
    """A house with one publish of three weeks."""
    houses.publish_three_weeks(house)
    return house
