"""`init` on marketplaces of other systems: what it writes is enough for a run that gives what the same data in standard form gives."""

import csv
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from foreign import GERMAN, GERMAN_MANNER, PMS, PMS_MANNER, SPANISH, SPANISH_MANNER, Manner, Table, export
from mariadb.application import PASSWORD, TestDatabase, database
from rental_etl.settings import load_settings
from s3 import server
from shell import END, Done, marketplace, read, rental_etl

FOREIGN = {
    "German": (GERMAN, GERMAN_MANNER),
    "Spanish": (SPANISH, SPANISH_MANNER),
    "property management": (PMS, PMS_MANNER),
}


@pytest.fixture(scope="module")
def standard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a marketplace in `data/` and its metrics in `out/`."""
    folder = tmp_path_factory.mktemp("standard")
    marketplace(folder / "data")
    assert rental_etl("run", "--as-of", END, cwd=folder).code == 0
    assert rental_etl("export", "out", cwd=folder).code == 0
    return folder


def metrics(folder: Path) -> dict[str, list[list[str]]]:
    """The rows of every exported metric."""
    found = {}
    for path in sorted((folder / "out").glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found[path.stem] = list(csv.reader(file))
    return found


def assert_complete(folder: Path, standard: Path, variables: Mapping[str, str] | None = None) -> None:
    """check has nothing to say, run takes every row, and the metrics are those of the standard form."""
    checked = rental_etl("check", cwd=folder, variables=variables)
    assert (checked.code, "FAILED" in checked.out) == (0, False), checked.out
    run = rental_etl("run", "--as-of", END, "--json", cwd=folder, variables=variables)
    assert run.code == 0, run.err
    assert sum(batch["rows_unreadable"] + batch["rows_refused"] for batch in run.document["landed"]) == 0
    assert {rule["rule"] for rule in run.document["rules"]} <= {"repeated_key"}
    assert rental_etl("export", "out", cwd=folder, variables=variables).code == 0
    assert metrics(folder) == metrics(standard)


@pytest.mark.parametrize("name", FOREIGN)
def test_what_init_writes_for_foreign_files_is_enough(name: str, standard: Path, tmp_path: Path) -> None:
    """init, check, run; no setting by hand, and nothing is left open."""
    tables, manner = FOREIGN[name]
    export(standard / "data", tmp_path / "files", tables=tables, manner=manner)
    done = rental_etl("init", "--source", "files", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.document["unplaced"] == []
    assert [table["open"] for table in done.document["tables"]] == [{}] * 5
    assert {table["table"] for table in done.document["tables"] if table["from"]} == {
        *("apartments", "apartment_attributes", "bookings", "user_viewing")
    }
    assert_complete(tmp_path, standard)


def test_what_init_writes_for_files_in_s3_is_enough(standard: Path, tmp_path: Path) -> None:
    """As for a folder; beside the file it writes, nothing stays here."""
    tables, manner = FOREIGN["Spanish"]
    export(standard / "data", tmp_path / "files", tables=tables, manner=manner)
    bucket, identity = server.create_bucket(), server.environment()
    for path in (tmp_path / "files").rglob("*.*"):
        server.client().upload_file(str(path), bucket, f"de/{path.relative_to(tmp_path / 'files')}")
    here = tmp_path / "here"
    here.mkdir()
    done = rental_etl("init", "--source", f"s3://{bucket}/de", "--json", cwd=here, variables=identity)
    assert done.code == 0, done.err
    assert [path.name for path in here.iterdir()] == ["rental-etl.toml"]
    assert (done.document["source"], done.document["unplaced"]) == (f"s3://{bucket}/de", [])
    assert {table["table"]: table["files"] for table in done.document["tables"]}["user_viewing"] == ["visitas.txt"]
    assert_complete(here, standard, identity)


def test_check_tells_what_is_missing_in_s3(tmp_path: Path) -> None:
    """By table, naming the bucket and no folder of copies."""
    bucket = server.create_bucket()
    server.client().put_object(Bucket=bucket, Key="bookings.csv", Body=b"res_no,arrival\n1,2024-01-31\n")
    settings = {**server.environment(), "RENTAL_ETL_SOURCE__URL": f"s3://{bucket}"}
    checked = rental_etl("check", cwd=tmp_path, variables=settings)
    assert checked.code == 2
    assert "FAILED  bookings              bookings.csv has no column booking_id and no column user_id" in checked.out
    assert f"there is no file of apartments, which every run needs (s3://{bucket})" in checked.out


def test_the_screen_shows_what_was_understood(standard: Path, tmp_path: Path) -> None:
    """Which file, which column, and by what; what was written and what to do next on stderr."""
    export(standard / "data", tmp_path / "files", tables=GERMAN, manner=GERMAN_MANNER)
    (tmp_path / "files" / "Rechnungen.csv").write_text("Beleg;Summe\n1;2\n", encoding="utf-8")
    done = rental_etl("init", "--source", "files", cwd=tmp_path)
    assert done.code == 0, done.err
    words = done.out.split()
    for said in ("Buchungen.csv", "Buchungsnummer", "likely", '"day_first":', "Rechnungen.csv"):
        assert said in words
    assert re.search(r"^  fx_rates +- +not found +money stays in its currencies$", done.out, re.MULTILINE)
    assert "wrote rental-etl.toml" in done.err
    assert "rental-etl check" in done.err


def test_what_nothing_holds_is_asked_for(tmp_path: Path) -> None:
    """A run without listings would only fail; other tables may be what was not placed."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "Rechnungen.csv").write_text("Beleg;Summe\n1;2\n", encoding="utf-8")
    done = rental_etl("init", "--source", "files", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "  - apartments: nothing holds it, and nothing runs without it." in done.out
    assert (
        "  - apartment_attributes, bookings, user_viewing: not found. If one of those not placed holds it, say so"
        in done.out
    )
    assert ("rental-etl check" in done.err, "rental-etl run" in done.err) == (True, False)


def test_standard_files_need_no_setting(standard: Path, tmp_path: Path) -> None:
    """Not even that of the usual folder."""
    shutil.copytree(standard / "data", tmp_path / "data")
    assert rental_etl("init", cwd=tmp_path).code == 0
    written, default = (
        load_settings(config=config).model_dump() for config in (tmp_path / "rental-etl.toml", Path("/dev/null"))
    )
    assert written == default
    assert_complete(tmp_path, standard)


def test_an_order_of_dates_that_nothing_tells_is_left_to_the_user(tmp_path: Path) -> None:
    """The file says what to decide, check that it is not, and a run does not guess."""
    columns = {**dict.fromkeys(read(marketplace(tmp_path / "data") / "bookings.csv")[0])}
    table = Table({name: name for name in columns}, "bookings.csv")
    months = Manner(day="%d/%m/%Y")
    export(tmp_path / "data", tmp_path / "files", tables={"bookings": table}, manner=months)
    rows = [row for row in read(tmp_path / "files" / "bookings.csv") if either_way(row)]
    assert rows
    with (tmp_path / "files" / "bookings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    shutil.copy(tmp_path / "data" / "apartments.csv", tmp_path / "files")
    done = rental_etl("init", "--source", "files", cwd=tmp_path)
    assert "tables.bookings.date_order: the dates of bookings can be read day first or month first" in done.out
    text = (tmp_path / "rental-etl.toml").read_text(encoding="utf-8")
    assert '\n# date_order = "day_first"                # DECIDE: the dates of bookings' in text
    checked = rental_etl("check", cwd=tmp_path)
    assert checked.code == 2
    assert 'do: say how they are written: tables.bookings.date_order = "day_first" or "month_first"' in checked.out
    assert rental_etl("run", cwd=tmp_path).code == 2
    (tmp_path / "rental-etl.toml").write_text(
        re.sub(r"^# (date_order.*# DECIDE)", r"\1", text, flags=re.MULTILINE), encoding="utf-8"
    )
    tables = rental_etl("check", cwd=tmp_path)
    assert tables.code == 0, tables.out
    assert rental_etl("run", "--as-of", END, cwd=tmp_path).code == 0


def either_way(row: Mapping[str, str]) -> bool:
    """Whether every date of a booking that is written day first reads the other way too."""
    dates = [row[column].split(" ")[0].split("/") for column in ("booking_date", "checkin_date", "checkout_date")]
    return all(int(day) <= 12 for day, _, _ in dates) and any(day != month for day, month, _ in dates)


def test_check_tells_what_is_missing(tmp_path: Path) -> None:
    """By table, with the setting to write."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "bookings.csv").write_text("res_no,arrival\n1,2024-01-31\n", encoding="utf-8")
    (tmp_path / "data" / "user_viewing.csv").write_bytes(
        "user_id,apartment_id,viewed_at\nMüller,1,1\n".encode("latin-1")
    )
    checked = rental_etl("check", cwd=tmp_path)
    assert checked.code == 2
    assert "FAILED  bookings              bookings.csv has no column booking_id and no column user_id" in checked.out
    assert "FAILED  user_viewing          user_viewing.csv is not a text in utf-8: it looks like latin-1" in checked.out
    assert "FAILED  apartments            there is no file of apartments, which every run needs" in checked.out


def test_a_configuration_is_replaced_only_when_told_to(standard: Path, tmp_path: Path) -> None:
    """And only once the source could be looked at."""
    config = tmp_path / "rental-etl.toml"
    config.write_text("# mine\n", encoding="utf-8")
    refused = rental_etl("init", "--source", standard / "data", cwd=tmp_path)
    assert (refused.code, "--force" in refused.err) == (2, True)
    assert rental_etl("init", "--source", "nowhere", "--force", cwd=tmp_path).code == 2
    assert config.read_text(encoding="utf-8") == "# mine\n"
    assert rental_etl("init", "--source", standard / "data", "--force", cwd=tmp_path).code == 0
    assert f'url = "{standard / "data"}"' in config.read_text(encoding="utf-8")


def test_the_source_is_named_so_that_it_is_found_from_the_file(standard: Path, tmp_path: Path) -> None:
    """A relative path would lead elsewhere from another folder."""
    shutil.copytree(standard / "data", tmp_path / "files")
    assert rental_etl("init", "project", "--source", "files", cwd=tmp_path).code == 0
    assert rental_etl("check", cwd=tmp_path / "project").code == 0


# --- a database -------------------------------------------------------------------------------------------------------------------

SCHEMA = """
create table pms_unit (unit_no bigint, unit_name varchar(200), nightly_rate decimal(12,2), curr char(3), created_at datetime, listed tinyint(1),
    city varchar(80), region varchar(80), updated_at datetime, primary key (unit_no, updated_at));
create table pms_reservation (res_no bigint primary key, guest_no bigint not null, unit_no bigint not null, booked_at datetime, arrival date, departure date,
    total decimal(12,2), curr char(3), state enum('OPTION','OK','DEPARTED','STORNO','DECLINED','NOSHOW'), pax int,
    changed_at timestamp default current_timestamp on update current_timestamp);
create table web_page_view (visitor_id bigint, property_id bigint, event_time datetime, saved enum('Y','N'), action varchar(40));
create table invoice (invoice_no bigint primary key, amount decimal(12,2));
"""
STATES = {
    "pending": "OPTION",
    "confirmed": "OK",
    "completed": "DEPARTED",
    "canceled": "STORNO",
    "rejected": "DECLINED",
    "no_show": "NOSHOW",
}


@pytest.fixture(scope="module")
def pms(standard: Path) -> Iterator[TestDatabase]:
    """The marketplace in a property management system's database."""
    with database() as found:
        found.sql(SCHEMA + "".join(statements(standard / "data")))
        yield found


def statements(data: Path) -> Iterator[str]:
    """The inserts."""
    places = {row["id"]: row for row in read(data / "apartment_attributes.csv")}
    for row in read(data / "apartments.csv"):
        place = places[row["id"]]
        yield insert(
            "pms_unit",
            *(row["id"], row["title"], row["price"], row["currency"], row["listing_created_on"]),
            "1" if row["is_active"] == "true" else "0",
            *(place["cityname"], place["state"], row["last_modified_timestamp"] or row["listing_created_on"]),
        )
    for row in read(data / "bookings.csv"):
        yield insert(
            "pms_reservation",
            *(row[name] for name in ("booking_id", "user_id", "apartment_id", "booking_date", "checkin_date")),
            *(
                row["checkout_date"],
                row["total_price"],
                row["currency"],
                STATES[row["booking_status"]],
                row["num_guests"],
            ),
            "2024-06-30 12:00:00",
        )
    for row in read(data / "user_viewing.csv"):
        saved = {"true": "Y", "false": "N"}.get(row["is_wishlisted"], "")
        yield insert(
            "web_page_view", row["user_id"], row["apartment_id"], row["viewed_at"], saved, row["call_to_action"]
        )


def insert(table: str, *values: str) -> str:
    """One row."""
    texts = ("null" if value == "" else "'" + value.replace("\\", "\\\\").replace("'", "''") + "'" for value in values)
    return f"insert into {table} values ({', '.join(texts)});\n"


def initialised(pms: TestDatabase, folder: Path, *options: str) -> Done:
    """init on the database."""
    return rental_etl(
        "init", "--source", pms.url, *options, cwd=folder, variables={"RENTAL_ETL_SOURCE__PASSWORD": PASSWORD}
    )


def test_what_init_writes_for_a_foreign_database_is_enough(pms: TestDatabase, standard: Path, tmp_path: Path) -> None:
    """Its own names and words; the attributes stand in the listings' table."""
    done = initialised(pms, tmp_path, "--json")
    assert done.code == 0, done.err
    settings = {table["table"]: table["settings"] for table in done.document["tables"]}
    assert settings["bookings"]["name"] == "pms_reservation"
    assert settings["apartment_attributes"]["name"] == settings["apartments"]["name"] == "pms_unit"
    assert settings["bookings"]["values"]["booking_status"]["STORNO"] == "canceled"
    assert [one["name"] for one in done.document["unplaced"]] == ["invoice"]
    assert_complete(tmp_path, standard, {"RENTAL_ETL_SOURCE__PASSWORD": PASSWORD})


def test_a_cursor_is_offered_and_not_switched_on(pms: TestDatabase, tmp_path: Path) -> None:
    """Whether everything that changes a row sets it, the user knows; no password is written or shown."""
    done = initialised(pms, tmp_path)
    assert 'tables.bookings.cursor = "changed_at" is possible: the database sets it whenever a row changes' in done.out
    assert 'tables.user_viewing.cursor = "event_time" is possible' in done.out
    text = (tmp_path / "rental-etl.toml").read_text(encoding="utf-8")
    assert '\n# cursor = "changed_at"' in text
    assert f'url = "{pms.url}"' in text
    assert PASSWORD not in text + done.out + done.err
