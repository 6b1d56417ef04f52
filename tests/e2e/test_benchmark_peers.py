"""The hand-written DuckDB and pandas scripts of the benchmark give the product's rows, after every delivery the benchmark makes."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from benchmarks.compare import TABLES, differences

ROOT = Path(__file__).parents[2]


def test_peers_and_product_agree_on_a_first_delivery_a_rerun_and_changed_bookings(tmp_path: Path) -> None:
    # a speed that is compared means nothing unless the answers are the same
    sizes = ["--bookings", "2000", "--viewings", "2000", "--apartments", "120", "--rounds", "1", "--cold"]
    places = ["--workdir", str(tmp_path), "--results", str(tmp_path / "RESULTS.md")]
    command = [sys.executable, "-m", "benchmarks.run", *sizes, *places]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    assert (done.returncode, "DISAGREEMENT" in done.stderr) == (0, False), done.stderr
    written = (tmp_path / "RESULTS.md").read_text()
    assert written == done.stdout
    assert written.count("| yes |") + written.count("| NO |") == 8


@pytest.mark.parametrize(
    ("peers_rows", "differing"),
    [
        ("(1, 2.50), (2, 3.00)", []),
        ("(2, 3.000), (1, 2.5)", []),
        ("(1, 2.50)", list(TABLES)),
        ("(1, 2.50), (2, 3.00), (2, 3.00)", list(TABLES)),
        ("(1, 2.51), (2, 3.00)", list(TABLES)),
        ("(1, null), (2, 3.00)", list(TABLES)),
    ],
)
def test_tables_agree_only_when_every_row_does(tmp_path: Path, peers_rows: str, differing: list[str]) -> None:
    with duckdb.connect(str(tmp_path / "product.duckdb")) as product:
        product.execute("create schema presentation")
        for table in TABLES:
            product.execute(f"create table presentation.{table} (week integer, price decimal(18, 2))")
            product.execute(f"insert into presentation.{table} values (1, 2.50), (2, 3.00)")
    with duckdb.connect(str(tmp_path / "peer.duckdb")) as peer:
        for table in TABLES:
            peer.execute(f"create table {table} (week bigint, price decimal(38, 3))")
            peer.execute(f"insert into {table} values {peers_rows}")
    assert list(differences(tmp_path / "product.duckdb", tmp_path / "peer.duckdb")) == differing


def test_tables_without_rows_are_no_agreement(tmp_path: Path) -> None:
    for name, schema in (("product", "presentation"), ("peer", "main")):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as database:
            database.execute(f"create schema if not exists {schema}")
            for table in TABLES:
                database.execute(f"create table {schema}.{table} (week integer)")
    found = differences(tmp_path / "product.duckdb", tmp_path / "peer.duckdb")
    assert found == dict.fromkeys(TABLES, "no rows at all")
