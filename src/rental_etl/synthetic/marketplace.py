"""Writes a synthetic marketplace: apartments.csv, apartment_attributes.csv, bookings.csv and user_viewing.csv, the contracts' columns.

The bytes depend on the arguments alone, not on machine, process or number of cores. A rerun replaces the four files, all or none.
"""

import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory

from rental_etl.errors import UsageError
from rental_etl.synthetic.columns import COLUMNS
from rental_etl.synthetic.shard import Plan, Written, write_shard
from rental_etl.synthetic.spool import weave

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done and how much there is to do."""

_LISTINGS_PER_SHARD = 10_000
_ROWS_PER_SHARD = 250_000
_MOST_SHARDS = 128  # all of a table's spools are open at once
_EARLIEST_END = date(2006, 1, 1)  # its oldest listing was created in 2001; dates before 2000 are unreadable


@dataclass(frozen=True, slots=True)
class Generated:
    """What was written: rows by table, and spoiled rows by "table.defect" (empty for a clean marketplace)."""

    rows: Mapping[str, int]
    defects: Mapping[str, int]


def generate(
    folder: Path,
    *,
    apartments: int,
    bookings: int,
    viewings: int,
    seed: int,
    end: date,
    dirty: float = 0.0,
    progress: Progress | None = None,
) -> Generated:
    """Write a marketplace of `apartments` listings into `folder`.

    A listing has a row per version, so the apartments file holds more rows than listings. Bookings are made in the two years up to `end`; stays
    reach some months beyond. `dirty` (0 to 1) is the share of rows that get a defect. Raises UsageError for counts that make no marketplace.
    """
    _check(apartments=apartments, bookings=bookings, viewings=viewings, end=end, dirty=dirty)
    wanted = max(apartments // _LISTINGS_PER_SHARD, bookings // _ROWS_PER_SHARD, viewings // _ROWS_PER_SHARD)
    # every shard needs listings from the first day on
    shards = max(min(wanted, apartments // 20, _MOST_SHARDS), 1)
    plan = Plan(apartments, bookings, viewings, seed, end, dirty, shards)
    tell = progress or _silent
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".generate-", dir=folder) as name:
        scratch = Path(name)
        written = [Written({}, {})] * shards
        for done, (shard, result) in enumerate(_simulate(plan, scratch)):
            written[shard] = result
            tell("simulate", done + 1, shards)
        for done, (table, columns) in enumerate(COLUMNS.items()):
            spools = [result.spools[table] for result in written]
            weave(spools, header=",".join(columns) + "\n", path=scratch / f"{table}.csv")
            tell("write", done + 1, len(COLUMNS))
        for table in COLUMNS:
            (scratch / f"{table}.csv").replace(folder / f"{table}.csv")
    rows = {table: sum(result.spools[table].rows for result in written) for table in COLUMNS}
    defects: Counter[str] = Counter()
    for result in written:
        defects.update(result.defects)
    return Generated(rows, dict(defects))


def _check(*, apartments: int, bookings: int, viewings: int, end: date, dirty: float) -> None:
    if min(apartments, bookings, viewings) < 0:
        raise UsageError("a marketplace cannot have fewer than no rows", expected="counts of zero or more")
    if not apartments and (bookings or viewings):
        raise UsageError("without a listing there is nothing to book or view", expected="at least one apartment")
    if not 0 <= dirty <= 1:
        raise UsageError(f"a share of {dirty} dirty rows does not exist", expected="a number from 0 to 1")
    if end < _EARLIEST_END:
        raise UsageError(f"a marketplace cannot end on {end}", expected=f"a day from {_EARLIEST_END} on")


def _simulate(plan: Plan, folder: Path) -> Iterator[tuple[int, Written]]:
    """The shards as they become ready."""
    workers = min(plan.shards, os.cpu_count() or 1)
    if workers == 1:
        for shard in range(plan.shards):
            yield shard, write_shard(plan, shard, folder)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupts) as pool:
        shards = {pool.submit(write_shard, plan, shard, folder): shard for shard in range(plan.shards)}
        try:
            for future in as_completed(shards):
                yield shards[future], future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _ignore_interrupts() -> None:
    """The parent process is interrupted with its workers, and ends them in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _silent(_what: str, _done: int, _total: int) -> None:
    """Report nothing."""
