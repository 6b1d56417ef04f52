"""One text file as a relation of texts for the engine.

The engine's own reader is fast, but accepts odd records in its own ways. So it only ever reads what every reader splits alike: files without quotes that have
as many rows as lines; files whose records were all found regular; and otherwise a copy in which the readable records are written out regularly. Records
that cannot be split are kept aside, with their line and text.
"""

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from rental_etl.source.layout import Layout
from rental_etl.source.plain_text import PlainText, not_in_encoding
from rental_etl.source.records import ODD, REGULAR, UNDECODABLE_BYTES, Records, Splitter
from rental_etl.source.sql_text import line_limit, literal
from rental_etl.source.survey import survey


class CsvFile:
    """A text file of one table: first trusted as far as its bytes allow, checked when in doubt, written out anew when it is not regular."""

    def __init__(self, text: PlainText, layout: Layout, *, table: str, scratch: Path) -> None:
        self.name = text.name
        self.columns = layout.columns
        self.natives: Mapping[str, bool] = dict.fromkeys(layout.columns.places, False)
        self.rejects = scratch / f"{text.path.name}.rejects.csv"
        self.rejected: Counter[str] = Counter()
        self.longest_reject = 0
        self._text = text
        self._layout = layout
        self._table = table
        self._scratch = scratch
        self._records = Records(
            text.path,
            Splitter(layout.delimiter),
            width=layout.columns.width,
            header_lines=layout.header_lines,
            by_returns=text.by_returns,
        )
        self._path = text.path
        self._header = True
        self._quoted = text.quoted
        self._line_end = r"\r\n" if text.line_end == "\r\n" else r"\n"
        self._longest = 0
        self._over_lines = False
        self._expected = text.line_feeds + (not text.ends_in_line) - 1
        regular = bool(text.line_end) and text.decodable and layout.simple_header and layout.columns.width > 1
        self._doubts = [self._check, self._write_out] if regular else [self._write_out]
        if text.quoted or not regular:
            self.doubt()

    def relation(self) -> str:
        """The records that can be split, in file order, as columns `c_<name>` of text."""
        names = {place: f"c_{column}" for column, place in self.columns.places.items()}
        columns = ", ".join(f"'{names.get(place, f'u_{place}')}': 'varchar'" for place in range(self.columns.width))
        options = [
            "auto_detect = false",
            "hive_partitioning = false",
            "compression = 'none'",
            # Named, for the engine would take the first carriage return inside a quoted text for one. (With strict_mode spelled out it reads nothing.)
            f"new_line = '{self._line_end}'",
            f"header = {self._header}",
            f"delim = {literal(self._layout.delimiter)}",
            "quote = '\"', escape = '\"'" if self._quoted else "quote = '', escape = ''",
            f"columns = {{{columns}}}",
        ]
        if self._over_lines:
            # Where a line begins inside a quoted text, only reading from the start tells.
            options.append("parallel = false")
        return f"read_csv({literal(str(self._path))}, {', '.join(options)}{line_limit(self._longest)})"

    @property
    def untouched(self) -> bool:
        """Whether the relation is the delivered text itself: below a header every line a record, and every delimiter one."""
        return self._path == self._text.path and self._header and not self._quoted and bool(self._text.line_end)

    @property
    def delimiter(self) -> str:
        """What stands between two fields."""
        return self._layout.delimiter

    @property
    def line_end(self) -> str:
        """What stands at the end of every line, or "" when that differs."""
        return self._text.line_end

    def agrees(self, rows: int) -> bool:
        """Whether the engine read exactly the rows there are."""
        return rows == self._expected

    def doubt(self) -> bool:
        """Look closer at the file, or write it out; False when there is nothing closer."""
        if not self._doubts:
            return False
        # A check that fails leaves the doubt to the next step.
        while self._doubts and not self._doubts.pop(0)():
            continue
        return True

    def sample(self, rows: int) -> Iterator[dict[str, str]]:
        """The first readable records as text by column name."""
        width = self.columns.width
        splitter = Splitter(self._layout.delimiter)
        for _, record, verdict in self._records:
            if verdict not in {REGULAR, ODD}:
                continue
            fields = splitter.row(record, width=width) or []
            yield {column: fields[place].decode() for column, place in self.columns.places.items()}
            rows -= 1
            if rows <= 0:
                return

    def locate(self, ordinals: Collection[int]) -> Iterator[tuple[int, int, str]]:
        """Ordinal (from 0, among the rows of the relation), line number and text of these rows."""
        wanted = iter(sorted(ordinals))
        next_wanted = next(wanted, -1)
        first = 0
        for line, run, verdict in self._records.runs():
            if next_wanted < 0:
                return
            if verdict not in {REGULAR, ODD}:
                continue
            while first <= next_wanted < first + len(run):
                place = next_wanted - first
                yield next_wanted, line + place, run[place].decode()
                next_wanted = next(wanted, -1)
            first += len(run)

    def _check(self) -> bool:
        """Whether every record is regular; then their number is known."""
        layout = self._layout
        splitter, width = Splitter(layout.delimiter), self.columns.width
        found = survey(self._path, splitter, width=width, header_lines=layout.header_lines)
        if found is None:
            return False
        self._expected, self._longest, self._over_lines = found.records, found.longest, found.over_lines
        return True

    def _write_out(self) -> bool:
        """Write the records that can be split to a regular copy, and the others aside."""
        splitter, width = Splitter(self._layout.delimiter), self.columns.width
        target = self._scratch / f"{self._text.path.name}.regular.csv"
        count = accented = 0
        self._longest, self._over_lines = 0, False
        with target.open("wb") as clean, self.rejects.open("w", encoding="utf-8", newline="") as aside:
            rejects = csv.writer(aside, quoting=csv.QUOTE_ALL, lineterminator="\n")
            for line, run, verdict in self._records.runs():
                accented += sum(not record.isascii() for record in run)
                if verdict not in {REGULAR, ODD}:
                    rejects.writerow(("", line, verdict, run[0].decode(errors="backslashreplace")))
                    self.rejected[verdict] += 1
                    self.longest_reject = max(self.longest_reject, 4 * len(run[0]))
                    continue
                plain = verdict == REGULAR and width > 1
                rows = run if plain else [splitter.written(splitter.row(record, width=width) or ()) for record in run]
                clean.write(b"\n".join(rows) + b"\n")
                self._longest = max(self._longest, *map(len, rows))
                self._over_lines = self._over_lines or (len(run) == 1 and b"\n" in run[0])
                count += len(run)
        self._check_encoding(accented=accented, records=count + self.rejected.total())
        self._path, self._header, self._quoted, self._expected = target, False, True, count
        self._line_end = r"\n"
        return True

    def _check_encoding(self, *, accented: int, records: int) -> None:
        """A few damaged records among many go to quarantine. But when most of what is not ASCII cannot be decoded, the file is in another encoding."""
        undecodable = self.rejected[UNDECODABLE_BYTES]
        if undecodable > max(3, records // 1000) and 2 * undecodable > accented:
            raise not_in_encoding(
                self.name, self._table, "utf-8", detail=f"{undecodable:,} of its {records:,} records hold other bytes"
            )
