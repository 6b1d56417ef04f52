"""The deliveries under measurement: a synthetic marketplace, and the same with one booking in a hundred changed."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rental_etl.synthetic.marketplace import generate

END = date(2024, 6, 30)
RECENT_FROM = "2024-04-01"
"""Bookings made from this day on count as those of the last three months."""
SEED = 2024


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Where the files lie: `base` holds the four CSVs of the first delivery, the others each replace bookings.csv.

    In `recent` 1 % of all bookings is changed, all of them made in the last three months; `recent_rows` holds only those. `spread` has, on top
    of that, 1 % of the bookings of every month changed.
    """

    base: Path
    recent: Path
    recent_rows: Path
    spread: Path


def prepare(folder: Path, *, apartments: int, bookings: int, viewings: int) -> Deliveries:
    """Write the deliveries under `folder`, unless they are there from an earlier call."""
    place = folder / f"{bookings}-bookings-{viewings}-viewings-{apartments}-apartments"
    found = Deliveries(place / "base", place / "recent.csv", place / "recent_rows.csv", place / "spread.csv")
    complete = place / "complete"
    if not complete.exists():
        shutil.rmtree(place, ignore_errors=True)
        generate(found.base, apartments=apartments, bookings=bookings, viewings=viewings, seed=SEED, end=END)
        _change_recent(found, wanted=max(bookings // 100, 1))
        _change_everywhere(found)
        complete.touch()
    return found


def lay_out(deliveries: Deliveries, source: Path, *, bookings: str = "bookings.csv") -> None:
    """A source folder with the first delivery; the bookings are named `bookings`."""
    source.mkdir(parents=True)
    for path in deliveries.base.iterdir():
        deliver(path, source / (bookings if path.name == "bookings.csv" else path.name))


def deliver(path: Path, target: Path) -> None:
    """Put a file into a source folder, in place of one with its name."""
    target.unlink(missing_ok=True)
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _change_recent(deliveries: Deliveries, *, wanted: int) -> None:
    source = deliveries.base / "bookings.csv"
    recent = sum(_booked(line) >= RECENT_FROM for line in _lines(source))
    every, seen = max(recent // wanted, 1), 0
    with deliveries.recent.open("w") as whole, deliveries.recent_rows.open("w") as rows:
        for number, line in enumerate(_lines(source)):
            if number and _booked(line) < RECENT_FROM:
                whole.write(line)
                continue
            seen += number > 0
            changed = _changed(line, seen) if number and seen % every == 0 and seen // every <= wanted else line
            whole.write(changed)
            if changed != line or not number:
                rows.write(changed)


def _change_everywhere(deliveries: Deliveries) -> None:
    with deliveries.spread.open("w") as whole:
        for number, line in enumerate(_lines(deliveries.recent)):
            whole.write(_changed(line, number // 100) if number and number % 100 == 0 else line)


def _changed(line: str, kind: int) -> str:
    """A booking that was canceled, became dearer, or got another guest."""
    fields = line.rstrip("\n").split(",")
    if kind % 3 == 0 and fields[8] != "canceled":
        fields[8:10] = "canceled", "refunded"
    elif kind % 3 == 1:
        fields[6] = f"{float(fields[6]) + 25:.2f}"
    else:
        fields[10] = str(int(fields[10]) + 1)
    return ",".join(fields) + "\n"


def _booked(line: str) -> str:
    return line.split(",", 4)[3]


def _lines(path: Path) -> Iterator[str]:
    with path.open() as lines:
        yield from lines
