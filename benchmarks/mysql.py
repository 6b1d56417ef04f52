"""Measures extracting from and ingesting into a real MariaDB beside the bare tools: `python -m benchmarks.mysql`.

Starts a server of its own, fills it with generated bookings, and runs each step in a fresh process, all of them once per round. Figures are medians. Throughput
is compared by the clock, without the start of Python; CPU seconds of the client, the start included, stand beside it. Writes benchmarks/MYSQL.md when the
sizes are those of the promises.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median

from benchmarks.measure import Measured, machine, measure

ROOT = Path(__file__).parent.parent
_SERIES = 10
# The test server: real, private, gone afterwards.
sys.path.insert(0, str(ROOT / "tests"))

from mariadb.server import MariaDB, running  # noqa: E402

COLUMNS = "booking_id,user_id,apartment_id,booking_date,checkin_date,checkout_date,total_price,currency,booking_status,payment_status,num_guests"
LOAD = (
    "load data local infile '{path}' into table {table} character set utf8mb4 fields terminated by ',' optionally enclosed by '\"' escaped by ''"
    " lines terminated by '\\n' ignore 1 lines"
)
ARROW = """
import sys, time, connectorx
began = time.perf_counter()
rows = 0
for batch in connectorx.read_sql(sys.argv[1], sys.argv[2], return_type="arrow_stream", batch_size=100_000):
    rows += batch.num_rows
assert rows == int(sys.argv[3]), rows
print(time.perf_counter() - began)
"""
EXTRACT = """
import sys, time
import mysql.connector, duckdb, rental_etl.source.mysql.dumped
from datetime import date
from pathlib import Path
from rental_etl.model.reading import TableReading
from rental_etl.ports.lake import Landed
from rental_etl.source.mysql.marks import Selection
from rental_etl.source.mysql.opening import open_access
from rental_etl.source.mysql.source import MySqlSource
from rental_etl.tables.contracts import contracts
url, password, table, rows, keep, folder = sys.argv[1:]
contract = contracts()["bookings"]
began = time.perf_counter()
source = MySqlSource(open_access(url, password=password), selections={"bookings": Selection(name=table)}, readings={}, landed=Landed,
    keep_source=keep == "keep", memory="1GB", threads=None, temp=Path(folder) / "temp")
(delivery,) = source.deliveries(contract)
reading = source.read(delivery, contract=contract, staging=Path(folder) / "staging", day=date(2024, 6, 30), hints={})
assert (reading.rows_landed, reading.findings) == (int(rows), {}), reading
print(time.perf_counter() - began)
"""
INGEST = """
import sys, time
from pathlib import Path
from rental_etl.bootstrap import Application
from rental_etl.settings import load_settings
url, password, rows, folder, files = sys.argv[1:]
settings = load_settings(config=None, overrides={"workspace": folder, "source": {"url": url, "password": password}})
began = time.perf_counter()
done = Application(settings).ingest(Path(files))
assert sum(file.added for file in done) == int(rows), done
print(time.perf_counter() - began)
"""


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure that the product promises: at least, or at most, `bound`."""

    what: str
    value: float
    bound: float
    unit: str
    at_least: bool = True

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


class Bench:
    """One server, its tables and what was measured."""

    def __init__(self, server: MariaDB, folder: Path, *, rows: int, many: int) -> None:
        self.server = server
        self.folder = folder
        self.rows = rows
        self.many = many
        self.seen: dict[str, list[Measured]] = {}
        self.seconds: dict[str, list[float]] = {}
        self.url = f"mysql://etl@127.0.0.1:{server.port}/rental"
        self.files = folder / "files"
        self.series = folder / "series"

    def prepare(self) -> None:
        """Generate bookings and put them into the tables that are extracted."""
        self.server.sql(
            "create database rental character set utf8mb4; create user etl@'%' identified by 'pw'; grant all on *.* to etl@'%'"
        )
        self.files.mkdir()
        self._generate(self.files / "bookings.csv", self.rows)
        self._split()
        self._fill("few", self.files / "bookings.csv")
        if self.many:
            self._generate(self.folder / "many.csv", self.many)
            self._fill("many", self.folder / "many.csv")
            (self.folder / "many.csv").unlink()

    def run_round(self) -> None:
        """Every step once."""
        bare = f"mysql://etl:pw@127.0.0.1:{self.server.port}/rental"
        self._python("bare arrow_stream", ARROW, bare, f"select {COLUMNS} from few", str(self.rows))
        self._extract("extract", "few", self.rows, keep="")
        self._extract("extract, text kept", "few", self.rows, keep="keep")
        if self.many and "extract of many" not in self.seen:
            self._extract("extract of many", "many", self.many, keep="")
        self._create("loaded")
        statement = LOAD.format(path=self.files / "bookings.csv", table="loaded")
        client = [
            "mariadb",
            "--no-defaults",
            "--local-infile=1",
            f"--socket={self.server.socket}",
            "-uroot",
            "rental",
            "-e",
            statement,
        ]
        self._measured("bare LOAD DATA", client)
        for step, files in (("ingest", self.files), ("ingest of a series", self.series)):
            self.server.sql("drop table if exists bookings, _rental_etl_files, loaded", database="rental")
            with tempfile.TemporaryDirectory(dir=self.folder) as workspace:
                self._python(step, INGEST, self.url, "pw", str(self.rows), workspace, str(files))

    def promises(self) -> list[Promise]:
        """What was seen, beside what is promised."""
        found = [
            Promise(
                "extract, of the throughput of bare arrow_stream",
                self._ratio("bare arrow_stream", "extract"),
                0.40,
                "x",
            ),
            Promise(
                "peak memory of extract", max(run.peak_mb for run in self.seen["extract"]), 300, "MB", at_least=False
            ),
            Promise(
                "ingest of one file, of the throughput of bare LOAD DATA",
                self._ratio("bare LOAD DATA", "ingest"),
                0.85,
                "x",
            ),
            Promise(
                f"ingest of a series of {_SERIES} files, of the same",
                self._ratio("bare LOAD DATA", "ingest of a series"),
                0.85,
                "x",
            ),
        ]
        if self.many:
            peak = max(run.peak_mb for run in self.seen["extract of many"])
            found.append(Promise(f"peak memory of extracting {self.many:,} rows", peak, 300, "MB", at_least=False))
        return found

    def _generate(self, path: Path, rows: int) -> None:
        """In a process of its own: what a process used at its greatest is handed down to those it starts."""
        program = "import sys; from pathlib import Path; from benchmarks.mysql import write_bookings; write_bookings(Path(sys.argv[1]), int(sys.argv[2]))"
        subprocess.run([sys.executable, "-c", program, str(path), str(rows)], cwd=ROOT, check=True)

    def _split(self) -> None:
        """The same bookings as a series of files."""
        self.series.mkdir()
        with (self.files / "bookings.csv").open(encoding="utf-8") as whole:
            header = next(whole)
            for number in range(_SERIES):
                with (self.series / f"bookings-{number}.csv").open("w", encoding="utf-8") as piece:
                    piece.write(header)
                    piece.writelines(islice(whole, -(-self.rows // _SERIES)))

    def _ratio(self, bare: str, ours: str) -> float:
        return median(self.seconds[bare]) / median(self.seconds[ours])

    def _extract(self, step: str, table: str, rows: int, *, keep: str) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            self._python(step, EXTRACT, self.url, "pw", table, str(rows), keep, folder)

    def _python(self, step: str, program: str, *arguments: str) -> None:
        self._measured(step, [sys.executable, "-c", program, *arguments])

    def _measured(self, step: str, command: Sequence[str]) -> None:
        found = measure(command, log=self.folder / "log", bytecode=self.folder / "bytecode")
        told = (self.folder / "log").read_text().split()
        seconds = float(told[-1]) if told else found.wall
        self.seen.setdefault(step, []).append(found)
        self.seconds.setdefault(step, []).append(seconds)
        print(f"{step:<24} {seconds:7.2f} s {found.cpu:7.2f} CPU s {found.peak_mb:6.0f} MB", flush=True)

    def _create(self, table: str) -> None:
        from rental_etl.model.reading import TableReading
        from rental_etl.source.mysql.marks import Selection
        from rental_etl.source.mysql.tables import create_table
        from rental_etl.tables.contracts import contracts

        statement = create_table(contracts()["bookings"], reading=TableReading(), selection=Selection(name=table))
        self.server.sql(statement, database="rental")

    def _fill(self, table: str, path: Path) -> None:
        self._create(table)
        self.server.sql(LOAD.format(path=path, table=table), database="rental")


def write_bookings(path: Path, rows: int) -> None:
    """Regular bookings, the same for the same number."""
    import duckdb

    words = ("['USD', 'EUR', 'GBP']", "['confirmed', 'completed', 'canceled', 'pending']")
    currency, status = (f"{listed}[1 + (hash(number, {place}) % 3)::int]" for place, listed in enumerate(words))
    duckdb.sql(
        f"""
        copy (
          select number as booking_id, hash(number, 2) % 300000 as user_id, hash(number, 3) % 200000 as apartment_id,
            strftime(booked, '%Y-%m-%d %H:%M:%S') as booking_date, strftime(checkin, '%Y-%m-%d') as checkin_date,
            strftime(checkin + to_days(1 + (hash(number, 4) % 14)::int), '%Y-%m-%d') as checkout_date,
            cast((hash(number, 5) % 300000) / 100 as decimal(18, 2)) as total_price, {currency} as currency, {status} as booking_status,
            'paid' as payment_status, 1 + hash(number, 6) % 6 as num_guests
          from (select number, booked, booked + to_days(1 + (hash(number, 7) % 90)::int) as checkin
            from (select range as number, timestamp '2022-01-01' + to_seconds((hash(range, 8) % 70000000)::bigint) as booked from range({rows})))
          order by number
        ) to '{path}' (header)
        """
    )


def report(bench: Bench) -> str:
    """The page that is kept."""
    lines = [
        "# MySQL benchmark results",
        "",
        f"{bench.rows:,} bookings of 11 columns; medians of {len(bench.seen['extract'])} rounds, memory at its greatest."
        " Each step is a fresh process; seconds are without its start, CPU seconds with it.",
        "",
        f"Machine: {machine()}, MariaDB on the same machine.",
        "",
        "| promise | seen | bound | kept |",
        "|---|---|---|---|",
    ]
    for promise in bench.promises():
        bound = f"{'at least' if promise.at_least else 'at most'} {promise.bound:g} {promise.unit}"
        lines.append(
            f"| {promise.what} | {promise.value:.3g} {promise.unit} | {bound} | {'yes' if promise.kept else 'NO'} |"
        )
    lines += ["", "| step | wall s | client CPU s | peak MB |", "|---|---|---|---|"]
    for step, runs in bench.seen.items():
        seconds, cpu = median(bench.seconds[step]), median(run.cpu for run in runs)
        lines.append(f"| {step} | {seconds:.2f} | {cpu:.2f} | {max(run.peak_mb for run in runs):.0f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--bookings", type=int, default=2_000_000)
    arguments.add_argument(
        "--many", type=int, default=20_000_000, help="rows of the table that shows memory; 0 leaves it out"
    )
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    if shutil.which("mariadb") is None:
        print("the benchmark needs Debian's mariadb-server", file=sys.stderr)
    with running() as server, tempfile.TemporaryDirectory(dir="/tmp") as folder:
        bench = Bench(server, Path(folder), rows=given.bookings, many=given.many)
        bench.prepare()
        for _ in range(given.rounds):
            bench.run_round()
    text = report(bench)
    print(text)
    if (given.bookings, given.many) == (2_000_000, 20_000_000):
        (Path(__file__).parent / "MYSQL.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
