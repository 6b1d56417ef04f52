"""Reads the files of one delivery, one after the other, under one decision about its dates."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from rental_etl.errors import ErrorPage, InputError
from rental_etl.model.batch import Part, Reading
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.source import parsing
from rental_etl.source.conversion import Converted, convert, findings, land, set_aside
from rental_etl.source.csv_file import CsvFile
from rental_etl.source.date_order import Evidence, decide, gather_evidence, hinted_order, turns_dates
from rental_etl.source.delivered import DeliveredFile
from rental_etl.source.layout import layout
from rental_etl.source.manner import DateOrder, manner, three_years_after
from rental_etl.source.parquet_file import ParquetFile
from rental_etl.source.plain_text import plain_text
from rental_etl.source.session import system_errors
from rental_etl.source.sql_text import literal
from rental_etl.source.time_zones import check_zone
from rental_etl.storage.parquet import PARQUET

Given = tuple[str, Path]


@dataclass(slots=True)
class Result:
    """What the files of a delivery read so far gave."""

    parts: list[Part] = field(default_factory=list)
    asides: list[Path] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    refused: int = 0
    extra: dict[str, None] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    delimiters: list[str] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)


class _OrderNeededError(Exception):
    """Some date needs the delivery's order of day and month, which is not decided yet."""


class DeliveryReader:
    """Reads one delivery: `files` (name and where its bytes lie) of one table, on a batch's day.

    `siblings` are other files of the same series, asked about their dates when neither the delivery nor `hints` tell.
    """

    def __init__(
        self,
        files: Sequence[Given],
        *,
        contract: Contract,
        reading: TableReading,
        day: date,
        hints: Mapping[str, str],
        siblings: Iterable[Given],
        connection: duckdb.DuckDBPyConnection,
        staging: Path,
        scratch: Path,
        done: Callable[[str], None],
        local: bool = False,
    ) -> None:
        self.files = files
        self.contract = contract
        self.reading = reading
        self.day = day
        self.hints = hints
        self.siblings = siblings
        self.connection = connection
        self.staging = staging
        self.scratch = scratch
        self.done = done
        self.local = local
        self.work = staging / "work"

    def read(self) -> Reading:
        """Write the landed parts and the quarantine, and say what was found."""
        check_zone(self.reading.time_zone, table=self.contract.table)
        order: DateOrder = self.reading.date_order
        decided_by = "setting" if order else ""
        with system_errors():
            try:
                result = self._files(order)
            except _OrderNeededError:
                order, decided_by = self._decide()
                result = self._files(order)
            quarantine = self._quarantine(result.asides)
        shutil.rmtree(self.work)
        if not order:
            # What earlier files of a series told is still known to the next one.
            order = hinted_order(self.hints)
            decided_by = "earlier files of the series" if order else ""
        landed = sum(part.rows for part in result.parts)
        return Reading(
            parts=tuple(result.parts),
            quarantine=quarantine,
            rows_read=landed + result.unreadable,
            rows_unreadable=result.unreadable,
            rows_refused=result.refused,
            findings=dict(sorted(result.counts.items())),
            extra_columns=tuple(result.extra),
            missing_columns=tuple(name for name in self.contract.names if name in result.missing),
            parsing=parsing.record(
                self.contract,
                self.reading,
                date_order=order,
                decided_by=decided_by,
                delimiters=result.delimiters,
                encodings=result.encodings,
            ),
        )

    def _files(self, order: DateOrder) -> Result:
        for folder in (self.work, self.staging / "parts"):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        result = Result()
        for number, (name, path) in enumerate(self.files):
            with self._opened(name, path, result) as file:
                if file is not None:
                    self._one(file, number, order=order, result=result)
            self.done(name)
        return result

    def _one(self, file: DeliveredFile, number: int, *, order: DateOrder, result: Result) -> None:
        contract, connection = self.contract, self.connection
        if not order and turns_dates(file, contract):
            raise _OrderNeededError
        values = manner(self.reading, day=self.day, date_order=order)
        work = self.work / f"rows-{number:05}.parquet"
        converted = convert(
            file, contract=contract, manner=values, connection=connection, target=work, local=self.local
        )
        if converted.undecided:
            raise _OrderNeededError
        aside = self.work / f"aside-{number:05}.parquet"
        if set_aside(converted, file, contract=contract, connection=connection, target=aside):
            result.asides.append(aside)
        part = f"parts/part-{number:05}.parquet"
        rows = land(converted, contract=contract, connection=connection, target=self.staging / part, local=self.local)
        self._account(file, converted, Part(part, rows), result)

    def _account(self, file: DeliveredFile, converted: Converted, part: Part, result: Result) -> None:
        contract = self.contract
        if part.rows:
            result.parts.append(part)
        result.counts += findings(converted, file, contract=contract)
        result.unreadable += converted.unreadable + file.rejected.total()
        result.refused += converted.refused
        result.extra.update(dict.fromkeys(file.columns.extra))
        result.missing.update(file.columns.missing)

    def _decide(self) -> tuple[DateOrder, str]:
        where = ", ".join(name for name, _ in self.files[:3])
        evidence = self._evidence(self.files)
        order, decided_by = decide(evidence, hints=self.hints, table=self.contract.table, where=where)
        if order:
            return order, decided_by
        others = self._evidence(self.siblings)
        if others.day_only or others.month_only:
            order, _ = decide(others, hints={}, table=self.contract.table, where=where)
        if not order:
            raise undecided(evidence, table=self.contract.table, where=where)
        return order, "other files of the series"

    def _evidence(self, files: Iterable[Given]) -> Evidence:
        evidence = Evidence()
        for name, path in files:
            with self._opened(name, path, Result()) as file:
                if file is not None:
                    gather_evidence(
                        file,
                        contract=self.contract,
                        last_day=three_years_after(self.day),
                        connection=self.connection,
                        evidence=evidence,
                    )
        return evidence

    @contextmanager
    def _opened(self, name: str, path: Path, result: Result) -> Iterator[DeliveredFile | None]:
        """A file ready to be converted; None when it holds nothing at all."""
        contract, reading = self.contract, self.reading
        if _is_parquet(path):
            yield ParquetFile(path, named=name, contract=contract, reading=reading, connection=self.connection)
            return
        with tempfile.TemporaryDirectory(dir=self.scratch) as folder:
            scratch = Path(folder)
            text = plain_text(path, name=name, table=contract.table, encoding=reading.encoding, scratch=scratch)
            found = layout(text, contract=contract, reading=reading)
            if not found.columns.width:
                yield None
                return
            result.delimiters.append(found.delimiter)
            result.encodings.append(text.encoding)
            yield CsvFile(text, found, table=contract.table, scratch=scratch)

    def _quarantine(self, asides: Sequence[Path]) -> str:
        if not asides:
            return ""
        relative = "quarantine/rows.parquet"
        target = self.staging / relative
        target.parent.mkdir(exist_ok=True)
        if len(asides) == 1:
            asides[0].rename(target)
        else:
            pieces = ", ".join(literal(str(aside)) for aside in asides)
            rows = f"select * from read_parquet([{pieces}], hive_partitioning = false)"
            self.connection.execute(f"copy ({rows}) to {literal(str(target))} ({PARQUET})")
        return relative


def undecided(evidence: Evidence, *, table: str, where: str) -> InputError:
    """The error for dates that read both ways while nothing tells which is meant."""
    return InputError(
        f"the dates of {table} can be read day first or month first, and nothing in the delivery tells which",
        where=f"{where}: for example {evidence.either_example}",
        expected="dates written year first, or at least one that can be read only one way",
        remedy=f'say how they are written: tables.{table}.date_order = "day_first" or "month_first"',
        page=ErrorPage.DATES,
    )


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PAR1" or path.name.casefold().endswith(".parquet")
