"""A folder of deliveries and the source that reads it, for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from rental_etl.model.batch import Batch, Delivery, Reading
from rental_etl.model.reading import TableReading
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.tables.contracts import contracts

DAY = date(2024, 12, 31)
BOOKINGS = "booking_id,user_id,apartment_id,booking_date,checkin_date,checkout_date,total_price,currency,booking_status,payment_status,num_guests"
BOOKING = "1,2,3,2024-05-01 10:00:00,2024-06-05,2024-06-09,100.50,USD,confirmed,paid,2"
ATTRIBUTES = "id,cityname,state"


@dataclass
class Desk:
    """`deliver` puts files into the folder; `read` reads a table's only (or first) delivery; then `rows` and `quarantine` are what it gave."""

    folder: Path
    staging: Path
    temp: Path
    readings: dict[str, TableReading] = field(default_factory=dict)
    keep_source: bool = False

    def deliver(self, name: str, content: str | bytes) -> Path:
        """Write one file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def setting(self, table: str, **values: Any) -> None:
        """Set `[tables.<table>]` keys."""
        self.readings[table] = replace(self.readings.get(table, TableReading()), **values)

    @property
    def source(self) -> CsvFilesSource:
        """A source with the settings so far, as a new process would have it."""
        return CsvFilesSource(
            self.folder,
            readings=self.readings,
            keep_source=self.keep_source,
            memory="500MB",
            threads=2,
            temp=self.temp,
        )

    def deliveries(self, table: str = "bookings") -> list[Delivery]:
        """What is offered."""
        return list(self.source.deliveries(contracts()[table]))

    def read(self, table: str = "bookings", *, number: int = 0, hints: Mapping[str, str] | None = None) -> Reading:
        """Read one delivery of a table into a fresh staging folder."""
        source = self.source
        contract = contracts()[table]
        delivery = source.deliveries(contract)[number]
        self.staging = self.staging.with_name(self.staging.name + "x")
        self.staging.mkdir()
        return source.read(delivery, contract=contract, staging=self.staging, day=DAY, hints=hints or {})

    def rows(self, reading: Reading, columns: str = "*") -> list[tuple[Any, ...]]:
        """Landed rows in the order of their parts."""
        found = []
        for part in reading.parts:
            sql = f"select {columns} from read_parquet('{self.staging / part.path}', file_row_number = true) order by file_row_number"
            found += duckdb.sql(sql.replace("*", "* exclude (file_row_number)") if columns == "*" else sql).fetchall()
        return found

    def quarantine(self, reading: Reading, columns: str = 'line, rule, "column", text, kind') -> list[tuple[Any, ...]]:
        """Quarantined rows in the order they were written."""
        if not reading.quarantine:
            return []
        return duckdb.sql(f"select {columns} from read_parquet('{self.staging / reading.quarantine}')").fetchall()


def batch(delivery: Delivery, reading: Reading) -> Batch:
    """The batch that a reading becomes."""
    return Batch(1, 1, delivery, DAY, "run", "2025-01-01 00:00:00", reading, "raw/bookings/00000001")


def booking(**changes: str) -> str:
    """A line of bookings, with some fields changed."""
    fields = dict(zip(BOOKINGS.split(","), BOOKING.split(","), strict=True))
    return ",".join({**fields, **changes}.values())


def lines(*rows: str, header: str = BOOKINGS, end: str = "\n") -> str:
    """A CSV text."""
    return end.join([header, *rows]) + end
