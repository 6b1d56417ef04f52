"""`check` against a real MySQL server: who we are, over what, and each right that is missing as the statement that grants it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mariadb.application import PASSWORD, TestDatabase, database
from mariadb.certificates import write_certificates
from mariadb.reading import Lake
from mariadb.server import running
from rental_etl.bootstrap import Application
from rental_etl.errors import SystemUnreachableError
from rental_etl.model.summary import Look
from rental_etl.settings import load_settings
from rental_etl.source.mysql.access import Tls
from rental_etl.source.mysql.checking import INGEST_RIGHTS
from rental_etl.source.mysql.marks import Selection
from rental_etl.tables.contracts import contracts

VIEWS = "create table user_viewing (user_id int not null, apartment_id int not null, viewed_at datetime not null)"
LISTINGS = (
    "create table apartments (id int primary key, price int not null, currency char(3) not null,"
    " listing_created_on datetime not null, is_active bool not null)"
)


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    """A database with listings and views."""
    with database() as found:
        found.sql(f"{VIEWS}; {LISTINGS}")
        yield found


def look(db: TestDatabase, folder: Path, **parts: object) -> Look:
    """What `check` finds."""
    return Lake(db, folder).source(**parts).check(list(contracts().values()))


def rights_of(db: TestDatabase, *grants: str) -> None:
    """Leave the user these rights alone, each as GRANT has it between `grant` and `to`."""
    user = f"{db.name}@'%'"
    db.sql(f"revoke all privileges, grant option from {user}")
    for grant in grants:
        db.sql(f"grant {grant} to {user}")


def test_it_says_who_over_what_with_which_driver_and_what_can_be_read(db: TestDatabase, tmp_path: Path) -> None:
    """One sentence for a person."""
    found = look(db, tmp_path)
    assert found.problems == ()
    assert re.fullmatch(
        rf"mysql://127\.0\.0\.1:\d+/{db.name}: MariaDB 1\d\.\S+ as {db.name}@%, no TLS, mysql-connector-python 9\.\S+ \(compiled\);"
        rf" reads {db.name}\.apartments, {db.name}\.user_viewing; may ingest files",
        found.found.replace(
            f"{db.name}.user_viewing, {db.name}.apartments", f"{db.name}.apartments, {db.name}.user_viewing"
        ),
    )


def test_it_says_which_tls(tmp_path: Path) -> None:
    """Version and cipher as the server has them, and how far it was verified."""
    write_certificates(tmp_path)
    with running(write_certificates(tmp_path)) as server, database(server) as db:
        db.sql(LISTINGS)
        found = look(db, tmp_path, access=db.access(host="localhost", tls=Tls("verify-full", tmp_path / "ca.pem")))
    assert re.search(r", TLSv1\.\d \([A-Z0-9_-]+, tls = verify-full\), ", found.found)


def test_every_table_that_may_not_be_read_is_named_with_the_grant_that_helps(db: TestDatabase, tmp_path: Path) -> None:
    """All at once, not one after the other; and the statements do help."""
    rights_of(db, f"insert on {db.name}.user_viewing", f"insert on {db.name}.apartments")
    problems = look(db, tmp_path).problems
    assert len(problems) == 2
    for problem in problems:
        db.sql(problem.remedy.partition(": ")[2])
    found = look(db, tmp_path)
    assert (found.problems, f"reads {db.name}." in found.found) == ((), True)


def test_a_table_one_sees_nothing_of_is_granted_by_what_the_remedy_says(db: TestDatabase, tmp_path: Path) -> None:
    """To its user a table without any right looks like one that is not there."""
    rights_of(db, f"select on {db.name}.user_viewing")
    (problem,) = look(db, tmp_path).problems
    assert "no table apartments, or its user may not see it" in problem.what
    db.sql(problem.remedy[problem.remedy.index("grant select") :])
    assert look(db, tmp_path).problems == ()


def test_a_mapped_table_that_is_missing_is_a_problem_beside_the_others(db: TestDatabase, tmp_path: Path) -> None:
    """What is fine is told all the same."""
    found = look(db, tmp_path, selections={"bookings": Selection(name="reservations")})
    assert [problem.what for problem in found.problems] == [
        "the database has no table reservations, or its user may not see it"
    ]
    assert f"{db.name}.apartments" in found.found


@pytest.mark.parametrize("missing", INGEST_RIGHTS)
def test_each_right_that_ingest_lacks_is_named(db: TestDatabase, tmp_path: Path, missing: str) -> None:
    """A source that is only read needs none of them, so it is no problem; the statement grants what is missing."""
    others = ", ".join(right for right in INGEST_RIGHTS if right != missing)
    rights_of(db, f"{others} on {db.name}.*", f"select on {db.name}.user_viewing", f"select on {db.name}.apartments")
    found = look(db, tmp_path)
    said = re.search(r"to ingest files it lacks: (grant .+)$", found.found)
    assert said is not None
    assert said[1] == f"grant {missing} on `{db.name}`.* to '{db.name}'@'%'"
    assert found.problems == ()
    db.sql(said[1])
    assert look(db, tmp_path).found.endswith("may ingest files")


def test_the_rights_that_are_named_are_enough_to_ingest(db: TestDatabase, tmp_path: Path) -> None:
    """Also to change rows by key, and to take back what a file without keys brought before."""
    db.sql("drop table user_viewing; drop table apartments")
    rights_of(db, f"{', '.join(INGEST_RIGHTS)} on {db.name}.*")
    overrides = {"workspace": tmp_path / "workspace", "source": {"url": db.url, "password": PASSWORD}}
    application = Application(load_settings(config=Path("/dev/null"), overrides=overrides))
    files = tmp_path / "files"
    files.mkdir()
    for price in (5, 7):
        (files / "apartments.csv").write_text(
            f"id,price,currency,listing_created_on,is_active\n1,{price},USD,2024-01-01,1\n"
        )
        (files / "user_viewing.csv").write_text(f"user_id,apartment_id,viewed_at\n{price},1,2024-01-02\n")
        application.ingest(files)
    assert db.sql("select price from apartments; select user_id from user_viewing").split() == ["7.00", "7"]


@pytest.mark.parametrize("through", ["a role", "a pattern", "the whole server"])
def test_rights_count_however_they_were_granted(db: TestDatabase, tmp_path: Path, through: str) -> None:
    """By a role that is the user's default, by a pattern for several databases, or on everything."""
    role = f"role_{db.name}"
    if through == "a role":
        rights_of(db)
        db.sql(f"create role {role}; grant all on {db.name}.* to {role}; grant {role} to {db.name}@'%'")
        db.sql(f"set default role {role} for {db.name}@'%'")
    elif through == "a pattern":
        rights_of(db, f"all on `{db.name[:-1]}_`.*")
    else:
        rights_of(db, "all on *.*")
    assert look(db, tmp_path).found.endswith("may ingest files")
    if through == "a role":
        db.sql(f"drop role {role}")


def test_a_server_that_does_not_answer_is_said_to(db: TestDatabase, tmp_path: Path) -> None:
    """There is nothing else to tell then."""
    access = db.access(host="no-such-host.invalid", patience=1)
    with pytest.raises(SystemUnreachableError, match="does not answer"):
        look(db, tmp_path, access=access)
