"""What can go wrong between us and a database: each a clear error of the right kind, nothing half done, and no secret told."""

import resource
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mariadb.application import PASSWORD, TestDatabase, database
from mariadb.certificates import write_certificates
from mariadb.reading import Lake, rows
from mariadb.server import MariaDB, running
from rental_etl.errors import ConfigurationError, InputError, RentalEtlError, SystemUnreachableError
from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.access import Access, Address, Tls, parse_address
from rental_etl.source.mysql.marks import Selection
from rental_etl.source.mysql.session import connect, is_compiled, tls_cipher
from rental_etl.tables.contracts import contracts

VIEWS = "create table user_viewing (user_id int not null, apartment_id int not null, viewed_at datetime not null)"


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    """A database with views."""
    with database() as found:
        found.sql(f"{VIEWS}; insert into user_viewing values (1, 2, '2024-01-01')")
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    """A server that a test may kill."""
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[MariaDB, Path]]:
    """A server with TLS, and the folder of its certificates."""
    folder = tmp_path_factory.mktemp("certificates")
    with running(write_certificates(folder)) as found:
        yield found, folder


def failure(lake: Lake, table: str = "user_viewing", **parts: Any) -> RentalEtlError:
    """The error of a read, which tells no secret."""
    source = lake.source(**parts)
    with pytest.raises(RentalEtlError) as caught:
        lake.extract(table, source)
    told = " ".join(text for _, text in caught.value.lines())
    assert PASSWORD not in f"{told} {caught.value!r} {caught.value.__cause__!r} {source.access!r}"
    assert caught.value.remedy
    return caught.value


def test_a_wrong_password_is_refused_at_once(db: TestDatabase, tmp_path: Path) -> None:
    """Waiting does not make it right."""
    began = time.monotonic()
    error = failure(Lake(db, tmp_path), access=db.access(password="wrong", patience=30))
    assert (error.exit_code, error.retryable, "refused the login" in error.what) == (3, False, True)
    assert time.monotonic() - began < 10


def test_an_unknown_database_is_a_mistake_in_the_settings(db: TestDatabase, tmp_path: Path) -> None:
    """Exit 2, naming the database. A user without rights on other databases is told that he lacks them."""
    error = failure(Lake(db, tmp_path), access=db.access(database="nowhere"))
    assert (error.exit_code, "may not use the database nowhere" in error.what) == (3, True)
    db.sql(f"grant select on *.* to {db.name}@'%'")
    error = failure(Lake(db, tmp_path), access=db.access(database="nowhere"))
    assert (error.exit_code, error.what) == (2, "the server has no database nowhere")


def test_a_server_that_is_not_there_is_waited_for_and_then_given_up(db: TestDatabase, tmp_path: Path) -> None:
    """Exit 3, naming host and port."""
    access = db.access(patience=1)
    error = failure(Lake(db, tmp_path), access=replace(access, address=replace(access.address, port=1)))
    assert (error.exit_code, error.retryable, error.where) == (3, True, "127.0.0.1:1")


def test_a_server_that_wakes_up_late_is_waited_for(server: MariaDB, tmp_path: Path) -> None:
    """A serverless cluster takes its time; the run goes on when it answers, and says that it waits."""
    with database(server) as db:
        db.sql(f"{VIEWS}; insert into user_viewing values (1, 2, '2024-01-01')")
        server.stop()
        waking = threading.Timer(1.5, server.start)
        waking.start()
        labels: list[str] = []

        def progress(label: str, done: int, total: int) -> None:
            labels.append(label)

        source = Lake(db, tmp_path).source(access=db.access(patience=60), progress=progress)
        assert len(source.deliveries(contracts()["user_viewing"])) == 1
        waking.join()
        assert "waiting for the database at 127.0.0.1" in labels


def test_a_table_the_settings_name_must_be_there(db: TestDatabase, tmp_path: Path) -> None:
    """A misspelt name does not silently skip a table; the nearest one is told."""
    error = failure(Lake(db, tmp_path, selections={"user_viewing": Selection(name="user_veiwing")}))
    assert (error.exit_code, error.expected) == (2, "did you mean user_viewing?")


def test_apartments_must_be_there(db: TestDatabase, tmp_path: Path) -> None:
    """Every run needs them; other tables may be missing."""
    error = failure(Lake(db, tmp_path), "apartments")
    assert (type(error), error.exit_code) == (InputError, 2)
    assert Lake(db, tmp_path).extract("bookings") == []


def test_a_column_every_row_needs_must_be_there(db: TestDatabase, tmp_path: Path) -> None:
    """The nearest column is told, with the setting that maps it."""
    db.sql("alter table user_viewing change apartment_id appartment_id int not null")
    error = failure(Lake(db, tmp_path))
    assert (error.exit_code, 'apartment_id = "appartment_id"' in error.remedy) == (2, True)


def test_a_column_the_settings_name_must_be_there(db: TestDatabase, tmp_path: Path) -> None:
    """Also one that may be absent otherwise, and the cursor."""
    mapped = Lake(db, tmp_path, readings={"user_viewing": TableReading(columns={"is_wishlisted": "hearted"})})
    assert (failure(mapped).exit_code, failure(mapped).where) == (2, "tables.user_viewing.columns.is_wishlisted")
    marked = Lake(db, tmp_path, selections={"user_viewing": Selection(cursor="view_at")})
    assert failure(marked).expected == "did you mean viewed_at?"


def test_a_missing_right_is_named(db: TestDatabase, tmp_path: Path) -> None:
    """A table one may see but not read is no absent table."""
    db.sql(f"revoke all on {db.name}.* from {db.name}@'%'; grant insert on {db.name}.user_viewing to {db.name}@'%'")
    error = failure(Lake(db, tmp_path))
    assert (error.exit_code, error.retryable, "lacks a right" in error.what) == (3, False, True)
    db.sql(f"grant select (user_id, apartment_id) on {db.name}.user_viewing to {db.name}@'%'")
    assert failure(Lake(db, tmp_path)).exit_code == 3


def test_a_server_killed_in_the_middle_of_a_table_leaves_nothing_and_the_next_run_reads_it(
    server: MariaDB, tmp_path: Path
) -> None:
    """The rows that came before the end are not a delivery."""
    with database(server) as db:
        db.sql(f"{VIEWS}; insert into user_viewing select seq, 2, '2024-01-01' from seq_1_to_600000")
        lake = Lake(db, tmp_path)
        killed: list[int] = []

        def progress(label: str, done: int, total: int) -> None:
            if label.startswith("fetching") and not killed:
                killed.append(done)
                server.kill()

        error = failure(lake, access=db.access(patience=1), progress=progress)
        assert (error.exit_code, error.retryable, lake.batches) == (3, True, [])
        assert "went away during reading" in error.what
        assert list((tmp_path / "temp").rglob("*.csv")) == []
        server.start()
        (batch,) = lake.extract("user_viewing")
        assert batch.reading.rows_read == 600_000


def test_a_read_that_is_broken_off_does_not_wait_for_the_rest_of_the_table(db: TestDatabase) -> None:
    """The server is told to stop: its connection is gone right after."""
    db.sql("create table long_table as select seq as number, repeat('x', 2000) as text from seq_1_to_300000")

    def broken_off() -> None:
        with connect(db.access(), progress=_silent) as session:
            for _ in session.stream("select text from long_table", doing="reading"):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        running_now = db.server.sql(f"select count(*) from information_schema.processlist where user = '{db.name}'")
        if running_now.strip() == "0":
            break
        time.sleep(0.1)
    assert running_now.strip() == "0"


def test_a_full_disk_is_told_and_leaves_nothing(db: TestDatabase, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    db.sql("insert into user_viewing select seq, 2, '2024-01-01' from seq_1_to_200000")
    lake = Lake(db, tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        error = failure(lake)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (error.exit_code, "disk space" in error.remedy) == (3, True)
    assert list((tmp_path / "temp").rglob("*.csv")) == []
    (batch,) = lake.extract("user_viewing")
    assert batch.reading.rows_read == 200_001


@pytest.mark.parametrize("mode", ["require", "verify-ca", "verify-full"])
def test_a_server_without_tls_is_refused_where_it_is_asked_for(db: TestDatabase, tmp_path: Path, mode: Any) -> None:
    """The driver alone would go on in plain text, without a word."""
    write_certificates(tmp_path)
    error = failure(Lake(db, tmp_path), access=db.access(tls=Tls(mode, tmp_path / "ca.pem")))
    assert (error.exit_code, error.retryable) == (3, False)


def test_tls_checks_the_authority_and_the_host_name(protected: tuple[MariaDB, Path], tmp_path: Path) -> None:
    """Only the right authority is trusted, and with verify-full only the name in the certificate."""
    server, folder = protected
    with database(server) as db:
        db.sql(VIEWS)
        for host, tls in (
            ("127.0.0.1", Tls()),
            ("127.0.0.1", Tls("require")),
            ("127.0.0.1", Tls("verify-ca", folder / "ca.pem")),
            ("localhost", Tls("verify-full", folder / "ca.pem")),
        ):
            with connect(db.access(host=host, tls=tls), progress=_silent) as session:
                assert tls_cipher(session) != ""
        with connect(db.access(tls=Tls("off")), progress=_silent) as session:
            assert tls_cipher(session) == ""
        for host, tls in (
            ("127.0.0.1", Tls("verify-ca", folder / "stranger.pem")),
            ("127.0.0.1", Tls("verify-full", folder / "ca.pem")),
        ):
            error = failure(Lake(db, tmp_path), access=db.access(host=host, tls=tls))
            assert (error.exit_code, error.retryable, "TLS" in error.what) == (3, False, True)


def test_verification_needs_a_ca_file(db: TestDatabase, tmp_path: Path) -> None:
    """A missing or broken file is a mistake in the settings, not a server that cannot be reached."""
    (tmp_path / "broken.pem").write_text("no certificate")
    for ca in (None, tmp_path / "none.pem", tmp_path / "broken.pem"):
        error = failure(Lake(db, tmp_path), access=db.access(tls=Tls("verify-full", ca)))
        assert (type(error), "source.ca" in error.where) == (ConfigurationError, True)


def test_an_iam_token_is_never_sent_to_a_server_that_did_not_prove_itself(db: TestDatabase, tmp_path: Path) -> None:
    """It is as good as the password for 15 minutes."""
    for mode in ("prefer", "require", "verify-ca", "off"):
        access = replace(db.access(), cleartext=True, tls=Tls(mode, tmp_path / "ca.pem"))
        assert type(failure(Lake(db, tmp_path), access=access)) is ConfigurationError


def test_a_url_names_user_host_and_database_and_no_password() -> None:
    """What is left out or wrong is said; a password never comes back in the message."""
    assert parse_address("mysql://etl@db.example:3307/rental") == Address("db.example", 3307, "etl", "rental")
    assert parse_address("mysql://e%40x@[::1]/r%2F1") == Address("::1", 3306, "e@x", "r/1")
    assert parse_address("mysql://e@[::1]/r").identity == "mysql://[::1]:3306/r"
    for url, said in (
        ("mysql://db/rental", "names no user"),
        ("mysql://etl@/rental", "names no host"),
        ("mysql://etl@db", "names no database"),
        ("mysql://etl@db:port/rental", "cannot be read"),
        ("mysql://etl:hunter2@db/rental", "holds a password"),
    ):
        with pytest.raises(ConfigurationError) as caught:
            parse_address(url)
        assert said in caught.value.what
        assert "hunter2" not in str(caught.value.lines())


def test_one_moment_holds_for_every_table(db: TestDatabase, tmp_path: Path) -> None:
    """With `snapshot` a change between two tables is not seen; without it each table is read as it is when its turn comes."""
    db.sql(
        "create table fx_rates (rate_date date, currency char(3), rate decimal(18,8), primary key (rate_date, currency))"
    )
    for snapshot, expected in ((True, 0), (False, 1)):
        db.sql("delete from fx_rates")
        lake = Lake(db, tmp_path / str(snapshot), snapshot=snapshot)
        source = lake.source()
        source.deliveries(contracts()["user_viewing"])
        db.sql("insert into fx_rates values ('2024-01-01', 'EUR', 1.1)")
        (batch,) = lake.extract("fx_rates", source)
        assert len(rows(batch)) == expected


def test_the_compiled_driver_is_in_use() -> None:
    """It is ten times cheaper; a test run that lost it would measure something else."""
    assert is_compiled()


def test_patience_is_not_spent_on_a_name_without_address(tmp_path: Path) -> None:
    """A host that does not exist is told with its name."""
    access = Access(Address("no-such-host.invalid", 3306, "etl", "rental"), patience=timedelta(seconds=1))
    with (
        pytest.raises(SystemUnreachableError) as caught,
        connect(access, progress=_silent),
    ):
        pass
    assert caught.value.where == "no-such-host.invalid:3306"


def _silent(label: str, done: int, total: int) -> None:
    """Nothing."""
