"""Spoils rows of one table at a rate, evenly over the defects it can have, and counts what it did."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from random import Random

from rental_etl.synthetic.columns import record
from rental_etl.synthetic.defects import DEFECTS, Case, Row


class Spoiler:
    """`counts` holds rows spoiled by defect; `added` the rows put beside others."""

    def __init__(self, table: str, *, rate: float, random: Random) -> None:
        self.table, self.rate, self.random = table, rate, random
        self.counts: Counter[str] = Counter({defect.name: 0 for defect in DEFECTS[table]})
        self.added = 0

    def spoil(self, records: Sequence[str]) -> list[str]:
        """The records with defects; a clean one may serve the next as a model."""
        spoiled: list[str] = []
        before: str | None = None
        for text in records:
            if self.random.random() < self.rate:
                rows = self._rows(_parsed(text), _parsed(before) if before else None)
                self.added += len(rows) - 1
                spoiled.extend(map(record, rows))
                before = None
            else:
                spoiled.append(text)
                before = text
        return spoiled

    def _rows(self, row: Row, before: Row | None) -> list[Row]:
        case = Case(self.table, row, before, self.random)
        for defect in sorted(DEFECTS[self.table], key=lambda defect: self.counts[defect.name]):
            rows = defect.spoil(case)
            if rows is not None:
                self.counts[defect.name] += 1
                return rows
        return [row]


def _parsed(text: str) -> Row:
    return next(csv.reader(io.StringIO(text, newline="")))
