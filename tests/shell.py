"""Runs `rental-etl` as a shell does: a process of its own, its streams apart."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from rental_etl.synthetic.marketplace import generate

PROGRAM = str(Path(sys.executable).with_name("rental-etl"))
END = date(2024, 6, 30)
HELD = """
import sys
import duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A finished command."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its stdout as JSON, decimals as decimals."""
        return json.loads(self.out, parse_float=Decimal)

    @property
    def rows(self) -> list[dict[str, str]]:
        """Its stdout as CSV."""
        return list(csv.DictReader(io.StringIO(self.out)))

    @property
    def labels(self) -> list[str]:
        """The labels of the lines on stderr, of an error's."""
        lines = [line.partition(":")[0] for line in self.err.splitlines()]
        return [label for label in lines if label in ("error", "where", "expected", "do")]


def environment(**variables: str) -> dict[str, str]:
    """This process's environment, without settings of rental-etl but those named."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RENTAL_ETL_")}
    return kept | variables


def rental_etl(*arguments: object, cwd: Path, variables: Mapping[str, str] | None = None) -> Done:
    """Run one command in `cwd` until it ends."""
    done = subprocess.run(
        [PROGRAM, *map(str, arguments)],
        cwd=cwd,
        env=environment(**variables or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def marketplace(folder: Path, *, dirty: float = 0.0, seed: int = 1) -> Path:
    """A small marketplace that ends on END."""
    generate(folder, apartments=60, bookings=600, viewings=900, seed=seed, end=END, dirty=dirty)
    return folder


def rewrite(path: Path, rows: list[dict[str, str]]) -> None:
    """Replace a CSV file's rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read(path: Path) -> list[dict[str, str]]:
    """A CSV file's rows."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
