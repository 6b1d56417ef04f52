"""What goes wrong at a user's: each a clear error on one screen with the right exit code, nothing half-published, and the next run works."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from killing import READING
from rental_etl.bootstrap import Application
from rental_etl.settings import load_settings
from shell import END, PROGRAM, Done, environment, marketplace, read, rental_etl, rewrite

HEADER = "id,title,source,price,currency,listing_created_on,is_active,last_modified_timestamp\n"
EVERY_STEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
# After: taking the lake, a batch's files, its manifest, loading, a commit, the last commit, the publish.
STEPS = [1, 8, 11, 36, 49, 57, 73]
HOLDER = """
import sys
import duckdb
connection = duckdb.connect(sys.argv[1])
sys.stdout.write("held\\n")
sys.stdout.flush()
sys.stdin.read()
"""


def run(cwd: Path, *options: object, source: str = "data") -> Done:
    """One run on `source`."""
    return rental_etl("run", "--source", source, "--as-of", END, *options, cwd=cwd)


def application(source: Path, workspace: Path) -> Application:
    """The product in this process, which saves loading everything again."""
    overrides = {"workspace": workspace, "source": {"url": str(source)}}
    return Application(load_settings(config=Path("/dev/null"), overrides=overrides), as_of=END)


def assert_explained(done: Done, *, code: int, words: list[str]) -> None:
    """An error on one screen: labelled, with a remedy, saying these words in this order."""
    assert (done.code, done.out) == (code, ""), done.err
    assert done.labels[0] == "error"
    assert done.labels[-1] == "do"
    assert len(done.err.splitlines()) <= 24
    place = 0
    for word in words:
        found = done.err.find(word, place)
        assert found >= 0, (word, done.err)
        place = found + len(word)


def a_file(folder: Path, name: str, text: str | bytes) -> None:
    """A file of the source."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A good source beside the bad thing, which the next run is to take."""
    return marketplace(tmp_path / "good")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, ["error:    the source folder does not exist", "where:    ", "/data", "apartments.csv", "--source"]),
        ({}, ["no table's file was found", "/data", "it holds nothing", "tables.<table>.files"]),
        ({"notes.txt": "hello"}, ["no table's file was found", "it holds notes.txt", "tables.<table>.files"]),
        (
            {"fx_rates.csv": "rate_date,currency,rate\n2024-01-01,EUR,1.1\n"},
            [
                "apartments was not delivered",
                "any other table may be missing",
                "tables.apartments.files",
                "`rental-etl init`",
            ],
        ),
        (
            {"apartments.csv": "title,price,currency,listing_created_on,is_active\nLoft,10,EUR,2024-01-01,true\n"},
            ["apartments.csv has no column id", "title, price", 'tables.apartments.columns = { id = "..." }'],
        ),
        (
            {"apartments.csv": HEADER + "1,Loft,web,10,EUR,03/04/2024,true,05/06/2024\n"},
            ["can be read day first or month first", "05/06/2024", "tables.apartments.date_order"],
        ),
        (
            {"apartments.parquet": os.urandom(400)},
            ["apartments.parquet cannot be read as Parquet", "deliver the file again"],
        ),
        ({"apartments.csv.gz": gzip.compress(HEADER.encode())[:-9]}, ["apartments.csv.gz", "do:"]),
        (
            {"apartments.csv": HEADER, "apartments-2024.csv": HEADER, "apartments.parquet": b"x"},
            ["two deliveries of apartments", "apartments.csv", "apartments.parquet", "tables.apartments.files"],
        ),
    ],
    ids=[
        "missing",
        "empty",
        "no table",
        "no listings",
        "no key column",
        "ambiguous dates",
        "broken Parquet",
        "broken gzip",
        "two of one",
    ],
)
def test_a_source_that_cannot_be_read_is_explained_and_the_next_run_works(
    tmp_path: Path, data: Path, files: dict[str, str | bytes] | None, words: list[str]
) -> None:
    """In the same workspace, with the source mended or another one named: what nothing came from owns nothing."""
    for name, text in (files or {}).items():
        a_file(tmp_path / "data", name, text)
    if files == {}:
        (tmp_path / "data").mkdir()
    assert_explained(run(tmp_path), code=2, words=words)
    app = application(data, tmp_path / "rental-data")
    assert (app.status().published, [entry.state for entry in app.status().runs]) == (None, ["failed"])
    assert app.run().run.state == "published"


def test_a_file_that_cannot_be_read_is_a_system_that_cannot_be_reached(tmp_path: Path) -> None:
    """Root may read every file; the memory of a process stands for one that no one can."""
    marketplace(tmp_path / "data")
    (tmp_path / "data" / "bookings.csv").unlink()
    (tmp_path / "data" / "bookings.csv").symlink_to("/proc/self/mem")
    assert_explained(run(tmp_path), code=3, words=["bookings.csv"])
    assert not (tmp_path / "rental-data" / "lake" / "raw").exists()


@pytest.mark.parametrize("workspace", ["file/workspace", "/proc/workspace"])
def test_a_folder_that_cannot_be_written_is_a_system_that_cannot_be_reached(
    tmp_path: Path, data: Path, workspace: str
) -> None:
    """Even for root: below a file, and where the system makes no folders."""
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = run(tmp_path, "--workspace", workspace, source=data.name)
    assert_explained(done, code=3, words=["cannot create the folder workspace", workspace, "--workspace"])


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[metrics]\ntop_m = 3\n", ["unknown key metrics.top_m", "rental-etl.toml", "did you mean top_n?"]),
        ("[metrix]\ntop_n = 3\n", ["unknown key metrix", "did you mean metrics?"]),
        ("[metrics\n", ["is not TOML", "line 1"]),
        (
            "[quality]\nmax_deleted_ratio = 5\n",
            ["quality.max_deleted_ratio = 5 is not possible", "less than or equal to 1"],
        ),
        (
            '[tables.bookings]\ncolumns = { bookin_id = "x" }\n',
            ["bookings has no column bookin_id", "did you mean booking_id?"],
        ),
    ],
)
def test_a_mistake_in_the_configuration_is_found_before_anything_runs(
    tmp_path: Path, toml: str, words: list[str]
) -> None:
    """And the nearest thing that exists is named."""
    (tmp_path / "rental-etl.toml").write_text(toml, encoding="utf-8")
    assert_explained(run(tmp_path), code=2, words=words)
    assert not (tmp_path / "rental-data" / "lake" / "raw").exists()


LIMITED = """
import os, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("limit", [100, 20_000, 80_000, 400_000])
def test_a_disk_that_takes_no_more_is_exit_3_and_the_next_run_goes_on(tmp_path: Path, data: Path, limit: int) -> None:
    """The system refuses to make files greater than this, as a full disk would: lake.json, a copy, the warehouse at a load and at a publish."""
    arguments = [PROGRAM, "run", "--source", str(data), "--as-of", str(END)]
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(limit), *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert_explained(Done(done.returncode, done.stdout, done.stderr), code=3, words=["error:"])
    assert application(data, tmp_path / "rental-data").run().run.state == "published"


def test_a_secret_in_a_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    """Not even in the traceback."""
    for options in ([], ["--debug"]):
        done = subprocess.run(
            [PROGRAM, "run", "--source", "mysql://etl:hunter2@db/rental", *options],
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 2
        assert "hunter2" not in done.stdout + done.stderr


def test_a_warehouse_that_another_program_holds_is_exit_4_naming_it(tmp_path: Path, data: Path) -> None:
    """After ten seconds of waiting; when it has let go, the run goes on with what is landed."""
    application(data, tmp_path / "rental-data").run()
    rewrite(data / "bookings.csv", read(data / "bookings.csv")[:-5])
    warehouse = str(tmp_path / "rental-data" / "warehouse.duckdb")
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, warehouse], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        held = run(tmp_path, source=data.name)
        assert_explained(held, code=4, words=["open in", f"PID {holder.pid}", "warehouse.duckdb", "then run again"])
        holder.stdin.close()
    assert application(data, tmp_path / "rental-data").run().run.state == "published"


def test_a_second_run_on_a_workspace_is_exit_4_naming_the_first(tmp_path: Path, data: Path) -> None:
    """The lock is the operating system's: it goes with its holder."""
    from rental_etl.lake.lock import hold_workspace

    with hold_workspace(tmp_path / "rental-data", command="run"):
        done = run(tmp_path, source=data.name)
    assert_explained(done, code=4, words=[f"process {os.getpid()}", "rental-etl run", "rental-data"])
    assert application(data, tmp_path / "rental-data").run().run.state == "published"


def test_killed_after_any_step_a_run_goes_on_to_what_an_undisturbed_one_gives(tmp_path: Path) -> None:
    """Row for row: metrics, curated and raw tables, accounting, rules, quarantine. Every step with HYPOTHESIS_PROFILE=deep."""
    source = marketplace(tmp_path / "data", dirty=0.05)
    steps = [] if EVERY_STEP else STEPS
    command = [sys.executable, "-m", "killing", str(source), str(tmp_path / "killed"), *map(str, steps)]
    tests = str(Path(__file__).parents[1])
    done = subprocess.run(
        command, env=environment(PYTHONPATH=tests), stdout=subprocess.PIPE, text=True, timeout=3000, check=True
    )
    names, *results = map(json.loads, done.stdout.splitlines())
    assert len(results) == len(steps or names) + len(READING)
    assert {(result["ended"], tuple(result["different"])) for result in results} == {(9, ())}
    if steps:
        assert [result["step"] for result in results] == [
            "link",
            "rename",
            "link",
            "load",
            "commit",
            "commit",
            "publish",
            *["reading two"] * len(READING),
        ]


def test_what_users_deliver_in_many_shapes_gives_the_same_tables(tmp_path: Path) -> None:
    """Semicolons, commas in numbers, day-first dates, yes and no, upper-case headers, gzip, UTF-16, Latin-1: one marketplace."""
    plain = marketplace(tmp_path / "plain")
    odd = tmp_path / "odd"
    odd.mkdir()
    for table in ("apartments", "apartment_attributes", "bookings", "user_viewing"):
        lines = respelled(read(plain / f"{table}.csv"))
        header = ";".join(name.upper() for name in lines[0])
        body = [";".join('"' + value.replace('"', '""') + '"' for value in line.values()) for line in lines]
        text = "\r\n".join([header, *body, ""])
        if table == "bookings":
            (odd / "Bookings.csv.gz").write_bytes(gzip.compress(text.encode("utf-8-sig")))
        else:
            (odd / f"{table}.csv").write_bytes(text.encode("utf-16"))
    found = [metrics(folder, tmp_path) for folder in (plain, odd)]
    assert found[0] == found[1]


def respelled(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same values as another system writes them."""

    def spelled(name: str, value: str) -> str:
        if name in ("is_active", "is_wishlisted"):
            return {"true": "YES", "false": "n"}.get(value, value)
        if name in ("booking_date", "checkin_date", "checkout_date", "viewed_at", "listing_created_on") and value:
            year, month, day = value[:10].split("-")
            return f"{day}/{month}/{year}{value[10:]}"
        return value or "NULL"

    return [{name: spelled(name, value) for name, value in row.items()} for row in rows]


def metrics(source: Path, folder: Path) -> dict[str, list[str]]:
    """Every metric table of a source."""
    app = application(source, folder / f"{source.name}-workspace")
    published = app.run().published
    return {table: sorted(map(repr, app.query(f"from presentation.{table}").rows)) for table in published}
