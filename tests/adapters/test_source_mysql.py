"""The MySQL source against a real server: every type exact or quarantined, by the rules that files are read by."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from mariadb.application import TestDatabase, database
from mariadb.reading import Lake, quarantined, rows
from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.marks import Selection
from rental_etl.tables.contracts import contracts

BOOKINGS = """
create table bookings (
  booking_id bigint unsigned primary key, user_id int unsigned not null, apartment_id bigint not null, booking_date datetime(6) not null,
  checkin_date date not null, checkout_date date not null, total_price decimal(20,4) not null, currency char(3) character set latin1 not null,
  booking_status enum('pending','confirmed','Cancelled') not null, payment_status varchar(20), num_guests tinyint);
"""


@pytest.fixture
def db() -> Iterator[TestDatabase]:
    """A database of the test's own."""
    with database() as found:
        yield found


@pytest.fixture
def lake(db: TestDatabase, tmp_path: Path) -> Lake:
    """An empty lake over it."""
    return Lake(db, tmp_path)


def test_types_that_fit_are_read_exactly(db: TestDatabase, lake: Lake) -> None:
    """Microseconds, cents, unsigned numbers and words arrive as they are stored."""
    db.sql(
        BOOKINGS
        + """insert into bookings values
        (9223372036854775807, 4294967295, 3, '2024-01-02 03:04:05.678901', '2024-02-29', '2024-03-01', 1234567890123.4500, 'eur', 'Cancelled', 'Paid', 2),
        (2, 5, 3, '2024-01-02', '2024-02-28', '2024-03-01', 0, 'USD', 'pending', null, null)"""
    )
    (batch,) = lake.extract("bookings")
    assert [
        (
            2,
            5,
            3,
            datetime(2024, 1, 2),
            date(2024, 2, 28),
            date(2024, 3, 1),
            Decimal("0.00"),
            "USD",
            "pending",
            None,
            None,
            None,
            None,
        ),
        (
            9223372036854775807,
            4294967295,
            3,
            datetime(2024, 1, 2, 3, 4, 5, 678901),
            date(2024, 2, 29),
            date(2024, 3, 1),
            Decimal("1234567890123.45"),
            "EUR",
            "canceled",
            "paid",
            2,
            None,
            None,
        ),
    ] == rows(batch)
    assert (
        batch.reading.rows_read,
        batch.reading.rows_unreadable,
        batch.reading.rows_refused,
        batch.reading.findings,
    ) == (2, 0, 0, {})


def test_what_no_date_and_no_bigint_can_hold_is_quarantined_with_its_text(db: TestDatabase, lake: Lake) -> None:
    """Zero dates and numbers beyond 63 bits make other drivers fall over; their rows keep their key and text here, and have no line."""
    db.sql(
        BOOKINGS
        + """set sql_mode = ''; insert into bookings values
        (1, 5, 3, '2024-01-02', '0000-00-00', '2024-03-01', 1, 'USD', 'pending', null, null),
        (2, 5, 3, '0000-00-00 00:00:00', '2024-02-28', '2024-03-01', 1, 'USD', 'pending', null, null),
        (3, 5, 3, '2024-01-02', '2024-02-00', '2024-03-01', 1, 'USD', 'pending', null, null),
        (4, 5, 3, '2024-01-02', '2024-02-28', '2024-03-01', 9999999999999999.9999, 'USD', 'pending', null, null),
        (5, 5, 3, '2024-01-02', '2024-03-01', '2024-03-01', 1, 'USD', 'pending', null, null),
        (18446744073709551615, 5, 3, '2024-01-02', '2024-02-28', '2024-03-01', 1, 'USD', 'pending', null, null)"""
    )
    (batch,) = lake.extract("bookings")
    found = quarantined(batch, 'file, line, rule, "column", kind, booking_id')
    name = f"{db.name}.bookings"
    assert [
        (name, None, "unreadable_value", "booking_id", "unreadable", None),
        (name, None, "unreadable_value", "checkin_date", "unreadable", 1),
        (name, None, "unreadable_value", "booking_date", "unreadable", 2),
        (name, None, "unreadable_value", "checkin_date", "unreadable", 3),
        (name, None, "unreadable_value", "total_price", "unreadable", 4),
        (name, None, "checkout_not_after_checkin", "checkout_date", "refused", 5),
    ] == sorted(found, key=lambda row: row[5] or 0)
    texts = [json.loads(text) for (text,) in quarantined(batch, "text")]
    assert {"18446744073709551615", "1", "2", "3", "4", "5"} == {text["booking_id"] for text in texts}
    assert "0000-00-00" in {text["checkin_date"] for text in texts}
    assert (batch.reading.rows_read, batch.reading.rows_unreadable, batch.reading.rows_refused) == (6, 5, 1)


def test_booleans_bits_and_floats_are_read_for_what_they_mean(db: TestDatabase, lake: Lake) -> None:
    """TINYINT(1) and BIT are booleans, FLOAT shows no more digits than it has, and no exponent gets in the way."""
    db.sql(
        """
        create table apartments (id int unsigned primary key, title text, source varchar(9), price double not null, currency varchar(9) not null,
          listing_created_on timestamp not null default '2024-01-01', is_active tinyint(1) not null, last_modified_timestamp timestamp(3) null);
        insert into apartments values (1, null, null, 1e2, 'USD', '2024-01-01 10:00:00', 1, '2024-01-01 10:00:00.250'),
          (2, null, null, 0.1, 'USD', '2024-01-01 10:00:00', 0, null), (3, null, null, 1.5e15, 'USD', '2024-01-01 10:00:00', 2, null),
          (4, null, null, 1e16, 'USD', '2024-01-01 10:00:00', 1, null), (5, null, null, 1e-9, 'USD', '2024-01-01 10:00:00', 1, null);
        create table apartment_attributes (id int primary key, latitude float, longitude double, bathrooms float);
        insert into apartment_attributes values (1, 40.7127, -1.5e-7, 1.5), (2, 1e30, 1.7976931348623157e308, 2), (3, 16777217, 0.1, 0.25);
        create table user_viewing (user_id int, apartment_id int, viewed_at datetime, is_wishlisted bit(1), call_to_action set('call','mail'));
        insert into user_viewing values (1, 1, '2024-01-01', b'1', 'call,mail'), (1, 1, '2024-01-01', b'0', ''), (1, 1, '2024-01-01', null, null);
        """
    )
    (listings,) = lake.extract("apartments")
    assert [
        (1, Decimal("100.00"), True, datetime(2024, 1, 1, 10, 0, 0, 250000)),
        (2, Decimal("0.10"), False, None),
        (5, Decimal("0.00"), True, None),
    ] == rows(listings, "id, price, is_active, last_modified_timestamp")
    assert sorted(quarantined(listings, 'id, "column"')) == [(3, "is_active"), (4, "price"), (5, "price")]
    (attributes,) = lake.extract("apartment_attributes")
    assert [
        (1, 40.712699890136719, -1.5e-7, Decimal("1.5")),
        (2, 1.0000000150474662e30, 1.7976931348623157e308, Decimal("2.0")),
        (3, 16777216.0, 0.1, Decimal("0.3")),
    ] == rows(attributes, "id, latitude, longitude, bathrooms")
    assert attributes.reading.findings == {"warn:rounded:bathrooms": 1}
    (views,) = lake.extract("user_viewing")
    assert rows(views, "is_wishlisted, call_to_action") == [(True, "call,mail"), (False, None), (None, None)]


def test_text_is_exact_in_every_character_set(db: TestDatabase, lake: Lake) -> None:
    """Latin-1 columns, emoji, quotes, backslashes, line ends and JSON arrive as people wrote them."""
    db.sql(
        r"""
        create table apartment_attributes (id int primary key, category varchar(50) character set latin1, body longtext, amenities json,
          address varchar(50) character set ucs2, cityname varbinary(50)) collate utf8mb4_unicode_ci;
        insert into apartment_attributes values (1, 'Größe €', 'a "b", c\\d\r\n\nend 🏠', '{"x": "\\u00e9\\n"}', 'Zürich 3', 'Łódź'),
          (2, '', '""', null, '  NULL  ', null), (3, '\'', repeat('é"', 1500000), null, 'None', ''),
          (4, null, concat('a', char(1), ',', char(1), char(1), '\n,'), null, null, null);
        """
    )
    (batch,) = lake.extract("apartment_attributes")
    first, second, third, fourth = rows(batch, "category, body, amenities, address, cityname")
    assert first == ("Größe €", 'a "b", c\\d\r\n\nend 🏠', '{"x": "\\u00e9\\n"}', "Zürich 3", "Łódź")
    assert second == (None, '""', None, None, None)
    assert third == ("'", 'é"' * 1_500_000, None, None, None)
    assert fourth == (None, "a\x01,\x01\x01\n,", None, None, None)


@pytest.mark.parametrize("odd", ["char(31)", "char(13)", "char(0)", "char(1)", "char(10)", "'\"'"])
def test_no_character_of_a_text_ends_its_field_or_line(db: TestDatabase, lake: Lake, odd: str) -> None:
    """Also those that stand between fields on the way: the rows around them stay whole, and a quiet table lands nothing."""
    db.sql(
        f"""
        create table apartment_attributes (id int primary key, category varchar(50), body mediumtext, cityname varchar(50) character set latin1);
        insert into apartment_attributes select seq, null, concat('text ', seq), 'Zürich' from seq_1_to_500;
        update apartment_attributes set body = concat('a', {odd}, 'b', {odd}), category = {odd} where id in (3, 250);
        """
    )
    (batch,) = lake.extract("apartment_attributes")
    character = '"' if odd == "'\"'" else chr(int(odd[5:-1]))
    found = {row[0]: row[1:] for row in rows(batch, "id, category, body, cityname")}
    plain = {number: (None, f"text {number}", "Zürich") for number in range(1, 501)}
    category = character if character.strip(" \t\n\r\x0b\x0c") else None
    written = (category, f"a{character}b{character}".strip("\n\r"), "Zürich")
    assert found == {**plain, 3: written, 250: written}
    assert lake.extract("apartment_attributes") == []


def test_rows_kept_by_an_earlier_version_are_read_again(db: TestDatabase, tmp_path: Path) -> None:
    """It always quoted text, and said less about the shape of what it kept."""
    db.sql(
        "create table apartment_attributes (id int primary key, body varbinary(9)); insert into apartment_attributes values (1, 'ja')"
    )
    lake = Lake(db, tmp_path, keep_source=True)
    (batch,) = lake.extract("apartment_attributes")
    shape = json.loads(batch.reading.parsing["database.dump"])
    assert shape[5:] == [",", ["id"]]
    parsing = {**batch.reading.parsing, "database.dump": json.dumps(shape[:5])}
    older = replace(batch, reading=replace(batch.reading, parsing=parsing))
    again = lake.source().reread(
        older,
        contract=contracts()["apartment_attributes"],
        kept=Path(batch.folder) / "source",
        staging=tmp_path / "again",
        hints={},
    )
    assert (again.rows_landed, again.findings) == (1, {})


def test_bytes_that_are_no_text_go_to_quarantine_and_keep_their_key(db: TestDatabase, lake: Lake) -> None:
    """A BLOB that holds a picture is not silently turned into question marks."""
    db.sql(
        """
        create table fx_rates (rate_date date, currency varbinary(9), rate decimal(20,8), primary key (rate_date, currency));
        create table apartment_attributes (id int primary key, body blob);
        insert into apartment_attributes values (1, x'ff00fe'), (2, 'fine'), (3, x'c3a9');
        """
    )
    (batch,) = lake.extract("apartment_attributes")
    assert rows(batch, "id, body") == [(2, "fine"), (3, "é")]
    assert quarantined(batch, "rule, kind, id") == [("not_text", "unreadable", 1)]
    assert batch.reading.findings == {"error:not_text:": 1}
    assert (batch.reading.rows_read, batch.reading.rows_unreadable) == (3, 1)


def test_a_row_larger_than_a_packet_goes_to_quarantine_and_keeps_its_key(db: TestDatabase, lake: Lake) -> None:
    """The server gives nothing for a line longer than max_allowed_packet; the row is not lost."""
    db.sql(
        "create table apartment_attributes (id int primary key, body longtext, amenities longtext);"
        "insert into apartment_attributes values (1, repeat('x', 9000000), repeat('y', 9000000)), (2, 'small', null)"
    )
    (batch,) = lake.extract("apartment_attributes")
    assert rows(batch, "id, body") == [(2, "small")]
    assert quarantined(batch, "rule, id") == [("row_too_long", 1)]


def test_a_users_own_names_words_and_number_format_are_mapped(db: TestDatabase, tmp_path: Path) -> None:
    """Table, columns and status words differ from the contract's; configuration alone maps them. Text numbers follow number_format, DECIMALs do not."""
    db.sql(
        """
        create table Reservations (res_no varchar(20) primary key, guest int not null, apartment_id int not null, booked timestamp not null,
          checkin_date varchar(20) not null, checkout_date varchar(20) not null, total_price varchar(20) not null, currency text not null,
          state varchar(10) not null, num_guests decimal(4,1));
        insert into Reservations values ('7', 1, 2, '2024-01-01 10:00:00', '31/01/2024', '02/02/2024', '1.234,50', 'usd', 'OK', 2.0);
        """
    )
    reading = TableReading(
        columns={"booking_id": "res_no", "user_id": "guest", "booking_date": "booked", "booking_status": "STATE"},
        values={"booking_status": {"ok": "confirmed"}},
        number_format="1.234,50",
        time_zone="Asia/Tokyo",
    )
    lake = Lake(db, tmp_path, selections={"bookings": Selection(name="reservations")}, readings={"bookings": reading})
    (batch,) = lake.extract("bookings")
    assert [(7, 1, datetime(2024, 1, 1, 10), date(2024, 1, 31), Decimal("1234.50"), "confirmed", 2)] == rows(
        batch, "booking_id, user_id, booking_date, checkin_date, total_price, booking_status, num_guests"
    )
    assert batch.reading.missing_columns == ("payment_status",)


def test_a_datetime_is_local_time_where_the_settings_say_so(db: TestDatabase, tmp_path: Path) -> None:
    """A TIMESTAMP is a moment whatever the settings; a DATETIME is what a clock on the wall showed."""
    db.sql(
        "create table user_viewing (user_id int, apartment_id int, viewed_at datetime); insert into user_viewing values (1, 2, '2024-07-01 12:00:00')"
    )
    lake = Lake(db, tmp_path, readings={"user_viewing": TableReading(time_zone="Europe/Berlin")})
    (batch,) = lake.extract("user_viewing")
    assert [(datetime(2024, 7, 1, 10),)] == rows(batch, "viewed_at")


def test_repeated_keys_come_by_cursor_then_in_order_of_their_columns(db: TestDatabase, tmp_path: Path) -> None:
    """A database read has no order of its own: the row that compares greater, column by column, comes later, and text compares by bytes."""
    db.sql(
        """
        create table fx_rates (rate_date date, currency varchar(3), rate decimal(20,8), changed datetime);
        insert into fx_rates values ('2024-01-01', 'EUR', 10, '2024-01-01'), ('2024-01-01', 'EUR', 9, '2024-01-03'), ('2024-01-01', 'EUR', 9.5, '2024-01-03'),
          ('2024-01-01', 'eur', 2, '2024-01-03'), ('2024-01-01', 'EUR', 3, null);
        """
    )
    plain = Lake(db, tmp_path / "plain")
    (batch,) = plain.extract("fx_rates")
    assert [Decimal(3), Decimal(9), Decimal("9.5"), Decimal(10), Decimal(2)] == [
        rate for (rate,) in rows(batch, "rate")
    ]
    ordered = Lake(db, tmp_path / "ordered", selections={"fx_rates": Selection(cursor="changed")})
    (batch,) = ordered.extract("fx_rates")
    assert [Decimal(3), Decimal(10), Decimal(9), Decimal("9.5"), Decimal(2)] == [
        rate for (rate,) in rows(batch, "rate")
    ]


def test_the_kept_rows_are_read_again_with_other_settings(db: TestDatabase, tmp_path: Path) -> None:
    """What was refused for an unmapped word is repaired from the lake, without asking the database again."""
    db.sql(
        "create table apartments (id int primary key, price varchar(9), currency varchar(9), listing_created_on datetime, is_active varchar(5));"
        "insert into apartments values (1, '5', 'USD', '2024-01-01', 'ja'), (2, '5', 'USD', '2024-01-01', '1')"
    )
    lake = Lake(db, tmp_path, keep_source=True)
    (batch,) = lake.extract("apartments")
    assert [number for (number,) in rows(batch, "id")] == [2]
    db.sql("drop table apartments")
    source = lake.source(readings={"apartments": TableReading(true_words=("ja",))})
    contract = contracts()["apartments"]
    assert not lake.source().outdated(batch, contract=contract)
    assert source.outdated(batch, contract=contract)
    again = source.reread(
        batch, contract=contract, kept=Path(batch.folder) / "source", staging=tmp_path / "again", hints={}
    )
    assert (again.rows_landed, again.rows_unreadable) == (2, 0)
    assert batch.reading.parsing["database.selection"] == again.parsing["database.selection"]


def test_an_empty_table_is_a_delivery_and_an_absent_one_is_none(db: TestDatabase, lake: Lake) -> None:
    """Nothing in the table is a statement about it; no table is not."""
    db.sql(BOOKINGS)
    (batch,) = lake.extract("bookings")
    assert (batch.reading.rows_read, batch.kind, batch.reading.parts) == (0, "full", ())
    assert lake.extract("user_viewing") == []


def test_a_view_is_read_like_a_table(db: TestDatabase, lake: Lake) -> None:
    """Where the marketplace's tables look quite different, a view under the contract's names is the way."""
    db.sql(
        "create table v (u int, a int, t datetime); insert into v values (1, 2, '2024-01-01');"
        "create view user_viewings as select u as user_id, a as apartment_id, t as viewed_at from v"
    )
    (batch,) = lake.extract("user_viewing")
    assert [(1, 2, datetime(2024, 1, 1))] == rows(batch, "user_id, apartment_id, viewed_at")


def test_the_same_content_offers_the_same_delivery_and_a_change_another(db: TestDatabase, lake: Lake) -> None:
    """A quiet table lands nothing, however often it is looked at."""
    db.sql(
        BOOKINGS
        + "insert into bookings values (1, 5, 3, '2024-01-02', '2024-02-28', '2024-03-01', 1, 'USD', 'pending', null, null)"
    )
    assert len(lake.extract("bookings")) == 1
    assert lake.extract("bookings") == []
    db.sql("update bookings set total_price = 2")
    assert len(lake.extract("bookings")) == 1
    db.sql("update bookings set total_price = 1")
    assert len(lake.extract("bookings")) == 1
