"""Decides what to read of one table, reads it in one consistent moment, and tells what of it is new.

Reads the database inside the caller's transaction; writes CSV files that nobody sees before they are landed. A read that finds what is known already offers
the known delivery again, which lands nothing.
"""

import hashlib
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from rental_etl.errors import ConfigurationError
from rental_etl.model.batch import Batch, Delivery, Kind, SourceFile
from rental_etl.model.contract import Contract
from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.catalog import StoredTable, quote, text
from rental_etl.source.mysql.dump import Dump, Question, digest, dump
from rental_etl.source.mysql.lines import LineQuery, by_key, compared, line_query
from rental_etl.source.mysql.marks import Marks, Selection, full_is_due, marks_of, shifted, since_full
from rental_etl.source.mysql.session import Session

# A table without a key that fell further behind than this is read whole: so many small batches would cost more.
_MOST_DAYS = 31
_NO_DAY = "1000-01-01"
_CURSORS = ("datetime", "timestamp", "date")


@dataclass(frozen=True, slots=True)
class Offer:
    """A delivery with its rows in a file (None when they are known), and where the read ended."""

    delivery: Delivery
    dump: Dump | None
    marks: Marks


@dataclass(slots=True)
class TableRead:
    """One table, read now. `landed` are its batches, `earlier` those of them that nobody rejected; `folder` is where files go, `now` the moment (UTC, without
    a zone)."""

    session: Session
    table: StoredTable
    contract: Contract
    reading: TableReading
    selection: Selection
    landed: Sequence[Batch]
    earlier: Sequence[Batch]
    folder: Path
    now: datetime
    progress: Callable[[int], None]
    _lines: LineQuery = field(init=False)
    _asked: str = field(init=False)

    def __post_init__(self) -> None:
        self._lines = line_query(self.table, contract=self.contract, reading=self.reading, cursor=self._is_delta)
        self._asked = _digest(self.table.shown, self._lines.expression, self.selection.cursor)

    def offers(self) -> Iterator[Offer]:
        """What the table offers now, in the order it applies."""
        self._check()
        if not self._is_delta:
            yield self._whole()
        elif self.contract.key:
            yield self._keyed()
        else:
            yield from self._days()

    @property
    def _is_delta(self) -> bool:
        return bool(self.selection.cursor) and self.reading.delivery != "full"

    @property
    def _cursor(self) -> str:
        return quote(self.table.cursor.name) if self.table.cursor else ""

    def _check(self) -> None:
        key = f"tables.{self.contract.table}.cursor"
        if self.reading.delivery == "delta" and not self.selection.cursor:
            raise ConfigurationError(
                f"{self.contract.table} cannot be read as a delta: nothing tells which rows changed",
                where=f"tables.{self.contract.table}.delivery",
                expected=f"a column with the moment of the last change in {key}",
                remedy=f'set {key}, or tables.{self.contract.table}.delivery = "full"',
            )
        if self.table.cursor and self.table.cursor.type not in _CURSORS:
            raise ConfigurationError(
                f"{self.table.shown}.{self.table.cursor.name} is of type {self.table.cursor.type} and cannot be a cursor",
                where=key,
                expected="a column of type DATETIME, TIMESTAMP or DATE that every change of a row moves forward",
                remedy=f"name such a column in {key}, or remove the setting",
            )

    def _whole(self) -> Offer:
        """The whole table; its own latest content again when nothing changed."""
        ordered = self.contract.key and not self.table.unique
        found = self._dump("", order=compared(self.table, contract=self.contract) if ordered else "")
        return self._offer(found, kind="full", name=self.contract.table, content=found.digest, marks=Marks())

    def _keyed(self) -> Offer:
        last = marks_of(self.earlier[-1]) if self.earlier else Marks()
        known = last.watermark and last.selection == self._asked
        if not known or full_is_due(self.earlier, every=self.selection.full_every, now=self.now):
            offer = self._whole()
            return replace(offer, marks=self._window(offer.marks, watermark=self._newest()))
        where = self._since(last.watermark)
        found = self._dump(where, order=by_key(self.table, contract=self.contract))
        if found.digest == last.window:
            return self._known(found)
        # The same rows after other ones are news: content is chained, so that it is known only right after itself.
        content = _digest(found.digest, self.earlier[-1].delivery.content)
        name = f"{self.contract.table} since {shifted(last.watermark, back=self.selection.overlap)}"
        offer = self._offer(found, kind="delta", name=name, content=content, marks=Marks())
        return replace(offer, marks=self._window(offer.marks, watermark=max(last.watermark, self._newest())))

    def _days(self) -> Iterator[Offer]:
        """Whole days of the cursor: a full batch of the days too old to change, and every later day by its name."""
        held = since_full(self.earlier)
        last = marks_of(held[-1]) if held else Marks()
        newest = self._newest()
        base = held[0] if held and held[0].kind == "full" and last.selection == self._asked else None
        if base is not None and not full_is_due(self.earlier, every=self.selection.full_every, now=self.now):
            days = self._touched_days(base, held, since=shifted(last.watermark, back=self.selection.overlap)[:10])
            if len(days) <= _MOST_DAYS + self.selection.overlap.days:
                yield from self._changed_days(days, base, held, newest=newest)
                return
        boundary = shifted(newest, back=self.selection.overlap)[:10] if newest else _NO_DAY
        closed = self._dump(f"{self._cursor} < {text(boundary)} or {self._cursor} is null", order="")
        unchanged = base is not None and marks_of(base).boundary == boundary and marks_of(base).digest == closed.digest
        # A full batch without rows would look like a table that lost them, when there only never was an old day.
        if base is not None and (unchanged or not (closed.rows or base.reading.rows_read)):
            closed.path.unlink()
            days = self._touched_days(base, held, since=marks_of(base).boundary)
            yield from self._changed_days(days, base, held, newest=newest)
            return
        content = _digest(closed.digest, boundary, self.now.isoformat())
        marks = Marks(watermark=f"{boundary} 00:00:00.000000", boundary=boundary)
        yield self._offer(closed, kind="full", name=self.contract.table, content=content, marks=marks)
        for day in self._days_since(boundary):
            yield self._day(day, before=content, newest=newest, boundary=boundary)

    def _touched_days(self, base: Batch, held: Sequence[Batch], *, since: str) -> list[str]:
        """Days that have rows now, or had some, and may have changed; those in the full batch cannot be delivered by themselves."""
        since = max(since, marks_of(base).boundary)
        return sorted(
            {*self._days_since(since), *(batch.delivery.name for batch in held[1:] if batch.delivery.name >= since)}
        )

    def _changed_days(self, days: Sequence[str], base: Batch, held: Sequence[Batch], *, newest: str) -> Iterator[Offer]:
        latest = {batch.delivery.name: batch for batch in held[1:]}
        for day in days:
            before = latest.get(day)
            content = before.delivery.content if before else base.delivery.content
            offer = self._day(day, before=content, newest=newest, boundary=marks_of(base).boundary)
            if before is not None and offer.dump and marks_of(before).digest == offer.dump.digest:
                offer = self._known(offer.dump)
            yield offer
        if not days:
            yield Offer(self.landed[-1].delivery, None, Marks())

    def _day(self, day: str, *, before: str, newest: str, boundary: str) -> Offer:
        after = (date.fromisoformat(day) + timedelta(days=1)).isoformat()
        found = self._dump(f"{self._cursor} >= {text(day)} and {self._cursor} < {text(after)}", order="")
        # Days land one by one: what comes after this one counts as unread until it is landed too.
        marks = Marks(watermark=min(newest, f"{after} 00:00:00.000000"), boundary=boundary)
        return self._offer(found, kind="delta", name=day, content=_digest(found.digest, day, before), marks=marks)

    def _days_since(self, since: str) -> list[str]:
        found = self.session.rows(
            f"select distinct cast(date({self._cursor}) as char) from {self.table.quoted} where {self._cursor} >= {text(since)}",
            doing=self._doing,
        )
        return sorted(_text(day) for (day,) in found)

    def _since(self, watermark: str) -> str:
        """Rows that may have changed since; those without a readable cursor always may."""
        begins = text(shifted(watermark, back=self.selection.overlap))
        return f"{self._cursor} >= {begins} or {self._cursor} is null or {self._cursor} = 0"

    def _newest(self) -> str:
        """The greatest cursor that is not in the future, as the column's clock has it; "" for none. One written ahead of time must not hide what follows."""
        column = self.table.cursor
        zone = ZoneInfo("UTC") if column and column.type == "timestamp" else ZoneInfo(self.reading.time_zone)
        server = self.session.rows("select cast(utc_timestamp(6) as char)", doing=self._doing)[0][0]
        clock = datetime.fromisoformat(_text(server)).replace(tzinfo=UTC).astimezone(zone).replace(tzinfo=None)
        found = self.session.rows(
            f"select cast(max({self._cursor}) as char) from {self.table.quoted}"
            f" where {self._cursor} <= {text(clock.isoformat(sep=' ', timespec='microseconds'))}",
            doing=self._doing,
        )[0][0]
        if found is None or _text(found) < "1000":
            return ""
        return datetime.fromisoformat(_text(found)).isoformat(sep=" ", timespec="microseconds")

    def _window(self, marks: Marks, *, watermark: str) -> Marks:
        """Marks with what the next read would find, were it done now."""
        if not watermark:
            return marks
        question = self._question(self._since(watermark), order=by_key(self.table, contract=self.contract))
        return replace(marks, watermark=watermark, window=digest(self.session, question))

    @property
    def _doing(self) -> str:
        return f"reading {self.table.shown}"

    def _dump(self, where: str, *, order: str) -> Dump:
        path = self.folder / f"{self.contract.table}-{uuid.uuid4().hex}.csv"
        return dump(self.session, self._question(where, order=order), path=path, progress=self.progress)

    def _question(self, where: str, *, order: str) -> Question:
        return Question(self._lines, lambda lines: lines.sql(self.table, where=where, order=order), self._doing)

    def _offer(self, found: Dump, *, kind: Kind, name: str, content: str, marks: Marks) -> Offer:
        files = (SourceFile(self.table.shown, found.size, found.digest),)
        delivery = Delivery(self.contract.table, name, kind, files, content)
        return Offer(delivery, found, replace(marks, digest=found.digest, selection=self._asked))

    def _known(self, found: Dump) -> Offer:
        """Nothing new: the delivery that was landed last, once more, which lands nothing."""
        found.path.unlink()
        return Offer(self.landed[-1].delivery, None, Marks())


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)
