"""Deliveries differ in how they are written; what they say is read the same."""

import codecs
import gzip
from datetime import date, datetime
from decimal import Decimal

import pytest

from rental_etl.errors import ConfigurationError, InputError
from source.desk import ATTRIBUTES, BOOKING, BOOKINGS, Desk, booking, lines

READ = (
    1,
    2,
    3,
    datetime(2024, 5, 1, 10),
    date(2024, 6, 5),
    date(2024, 6, 9),
    Decimal("100.50"),
    "USD",
    "confirmed",
    "paid",
    2,
    None,
    None,
)
PLAIN = lines(BOOKING, BOOKING)
QUOTED = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) for line in PLAIN.splitlines())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bookings.csv", PLAIN),
        ("bookings.csv", PLAIN.rstrip("\n")),
        ("bookings.csv", PLAIN.replace("\n", "\r\n")),
        ("bookings.csv", PLAIN.replace("\n", "\r\n").rstrip("\r\n")),
        ("bookings.csv", PLAIN.replace("\n", "\r")),
        ("bookings.csv", PLAIN.replace("\n", "\r").rstrip("\r")),
        ("bookings.csv", PLAIN.replace("\n", "\r\n", 2)),
        ("bookings.csv", "\n\n" + PLAIN.replace("\n", "\n\n")),
        ("bookings.csv", PLAIN + "\n\n"),
        ("bookings.csv", QUOTED),
        ("bookings.csv", QUOTED.replace("\n", "\r\n")),
        ("bookings.csv", QUOTED.replace(",", " , ")),
        ("bookings.csv", codecs.BOM_UTF8 + PLAIN.encode()),
        ("bookings.csv", codecs.BOM_UTF8 + QUOTED.encode()),
        ("bookings.csv", codecs.BOM_UTF8 + PLAIN.replace("\n", "\r\n").encode()),
        ("bookings.csv", PLAIN.encode("utf-16")),
        ("bookings.csv", PLAIN.encode("utf-16-le")),
        ("bookings.csv", PLAIN.encode("utf-16-be")),
        ("bookings.csv", codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be")),
        ("bookings.csv", PLAIN.encode("utf-32")),
        ("bookings.csv", PLAIN.replace(",", ";")),
        ("bookings.csv", PLAIN.replace(",", "|")),
        ("bookings.csv", PLAIN.replace(",", "\t")),
        ("bookings.tsv", PLAIN.replace(",", "\t")),
        ("bookings.csv", QUOTED.replace('","', '";"')),
        ("bookings.csv.gz", gzip.compress(PLAIN.encode())),
        ("bookings.csv.gz", gzip.compress(PLAIN[:100].encode()) + gzip.compress(PLAIN[100:].encode())),
        ("bookings.tsv.gz", gzip.compress(PLAIN.replace(",", "\t").encode("utf-16"))),
        ("bookings.csv", gzip.compress(PLAIN.encode())),
        ("BOOKINGS.CSV", PLAIN.replace(BOOKINGS, BOOKINGS.upper())),
        ("bookings.csv", PLAIN.replace(BOOKINGS, BOOKINGS.title().replace(",", " , "))),
        ("bookings.csv", "\n".join(",".join(line.split(",")[::-1]) for line in PLAIN.splitlines())),
        ("bookings.csv", "\n".join(f"x{number},{line},y" for number, line in enumerate(PLAIN.splitlines()))),
        ("bookings.csv", PLAIN.replace("\n", ",\n")),
        ("bookings.csv", PLAIN.replace(BOOKING + "\n", BOOKING + ",,\n", 1)),
    ],
)
def test_the_same_rows_are_read_however_they_are_written(desk: Desk, name: str, content: str | bytes) -> None:
    """Line ends, marks, delimiters, quotes, compression, encodings and header habits carry no meaning."""
    desk.deliver(name, content)
    reading = desk.read()
    assert desk.rows(reading) == [READ, READ]
    assert (reading.rows_read, reading.rows_unreadable, reading.rows_refused, dict(reading.findings)) == (2, 0, 0, {})


@pytest.mark.parametrize("distrusted", [False, True])
def test_texts_hold_delimiters_line_ends_quotes_and_backslashes(desk: Desk, distrusted: bool) -> None:
    """A backslash is a backslash, a doubled quote a quote, and a line end inside quotes part of the text."""
    said = [
        "a,b",
        "two\nlines",
        "two\r\nlines",
        'say "hi"',
        "C:\\",
        '"',
        "\\N",
        "semi;colon|pipe\ttab",
        "nul\x00byte",
        "Ünïcødé 家",
    ]
    quoted = [text.replace('"', '""') for text in said]
    content = lines(*(f'{number},"{text}",x' for number, text in enumerate(quoted)), header=ATTRIBUTES)
    odd = '99, "odd" ,x\n' if distrusted else ""
    desk.deliver("apartment_attributes.csv", content + odd)
    reading = desk.read("apartment_attributes")
    assert said + (["odd"] if distrusted else []) == [row[0] for row in desk.rows(reading, "cityname")]


def test_an_unquoted_quote_is_a_quote(desk: Desk) -> None:
    """Inches are written 5\" in many a hand-made file."""
    desk.deliver("apartment_attributes.csv", lines('1,5" pipe,x', '2,"ok",y', header=ATTRIBUTES))
    assert desk.rows(desk.read("apartment_attributes"), "cityname") == [('5" pipe',), ("ok",)]


def test_latin_1_is_read_by_setting(desk: Desk) -> None:
    """The bytes alone do not say it."""
    desk.deliver("apartment_attributes.csv", lines("1,Málaga,x", "2,Köln,y", header=ATTRIBUTES).encode("latin-1"))
    desk.setting("apartment_attributes", encoding="latin-1")
    reading = desk.read("apartment_attributes")
    assert desk.rows(reading, "cityname") == [("Málaga",), ("Köln",)]
    assert reading.parsing["encoding"] == "iso8859-1"


def test_a_byte_order_mark_wins_over_the_encoding_setting(desk: Desk) -> None:
    """One file of a series may have been saved by another program."""
    desk.deliver("apartment_attributes.csv", codecs.BOM_UTF8 + lines("1,Málaga,x", header=ATTRIBUTES).encode())
    desk.setting("apartment_attributes", encoding="latin-1")
    assert desk.rows(desk.read("apartment_attributes"), "cityname") == [("Málaga",)]


def test_a_file_in_another_encoding_names_the_setting(desk: Desk) -> None:
    """Most of what is not ASCII cannot be decoded: that is no damage, that is Latin-1."""
    rows = [f"{number},Málaga,x" for number in range(20)]
    desk.deliver("apartment_attributes.csv", lines(*rows, header=ATTRIBUTES).encode("latin-1"))
    with pytest.raises(InputError) as raised:
        desk.read("apartment_attributes")
    assert raised.value.what == "apartment_attributes.csv is not a text in utf-8: 20 of its 20 records hold other bytes"
    assert 'tables.apartment_attributes.encoding = "latin-1"' in raised.value.remedy


def test_a_few_damaged_bytes_cost_their_rows_only(desk: Desk) -> None:
    """One bad row is no reason to refuse thousands."""
    rows = [f"{number},Málaga,x".encode() for number in range(20)]
    rows[7] = b"7,M\xe1laga,x"
    desk.deliver("apartment_attributes.csv", b"\n".join([ATTRIBUTES.encode(), *rows]))
    reading = desk.read("apartment_attributes")
    assert reading.rows_landed == 19
    assert reading.findings == {"error:undecodable_bytes:": 1}
    assert desk.quarantine(reading) == [(9, "undecodable_bytes", "", "7,M\\xe1laga,x", "unreadable")]


@pytest.mark.parametrize(
    ("encoding", "content"), [("cp1252", b"\x81"), ("ascii", "é".encode()), ("utf-16", b"\x00\xd8\x00")]
)
def test_bytes_that_the_set_encoding_does_not_have_are_an_error(desk: Desk, encoding: str, content: bytes) -> None:
    """The setting is wrong, or the file: both need a person."""
    desk.deliver("apartment_attributes.csv", lines("1,", header=ATTRIBUTES).encode(encoding) + content)
    desk.setting("apartment_attributes", encoding=encoding)
    with pytest.raises(InputError, match=f"apartment_attributes.csv is not a text in {encoding}"):
        desk.read("apartment_attributes")


@pytest.mark.parametrize("encoding", ["klingon", "base64", "rot13"])
def test_an_unknown_encoding_is_a_configuration_error(desk: Desk, encoding: str) -> None:
    """Also a codec that makes no text of bytes."""
    desk.deliver("bookings.csv", PLAIN)
    desk.setting("bookings", encoding=encoding)
    with pytest.raises(ConfigurationError, match=f"'{encoding}' is not an encoding"):
        desk.read()


@pytest.mark.parametrize("delimiter", ["::", "", "a", '"', "\n", "é"])
def test_a_delimiter_is_one_character_that_is_no_text(desk: Desk, delimiter: str) -> None:
    """An empty setting means: find out."""
    desk.deliver("bookings.csv", PLAIN)
    desk.setting("bookings", delimiter=delimiter)
    if not delimiter:
        assert desk.read().rows_landed == 2
        return
    with pytest.raises(ConfigurationError, match="cannot be a delimiter"):
        desk.read()


@pytest.mark.parametrize(
    ("setting", "delimiter"), [("tab", "\t"), ("\t", "\t"), ("semicolon", ";"), ("^", "^"), (":", ":")]
)
def test_a_set_delimiter_is_used(desk: Desk, setting: str, delimiter: str) -> None:
    """Also one that is not among those detected, and then other characters are text."""
    desk.deliver("apartment_attributes.csv", lines("1,a;b,x", header=ATTRIBUTES).replace(",", delimiter))
    desk.setting("apartment_attributes", delimiter=setting)
    expected = [("a;b",)] if delimiter != ";" else []
    assert expected == desk.rows(desk.read("apartment_attributes"), "cityname")


def test_the_delimiter_is_the_one_under_which_the_header_makes_sense(desk: Desk) -> None:
    """Other delimiters may well occur in names."""
    desk.deliver("apartment_attributes.csv", 'id;"city,cityname,state";cityname;state\n1;a,b,c;Rome;IT\n')
    reading = desk.read("apartment_attributes")
    assert desk.rows(reading, "cityname, state") == [("Rome", "IT")]
    assert reading.extra_columns == ("city,cityname,state",)


def test_a_header_may_stretch_over_lines(desk: Desk) -> None:
    """Spreadsheets write names with line breaks."""
    desk.deliver("apartment_attributes.csv", 'id,"a\nnote",cityname\n1,x,Rome\n2,,\n')
    reading = desk.read("apartment_attributes")
    assert desk.rows(reading, "cityname") == [("Rome",), (None,)]
    assert reading.extra_columns == ("a\nnote",)


def test_columns_map_by_setting_and_the_rest_is_named(desk: Desk) -> None:
    """A user's own names need no change at the source; what is not in the contract stays in the kept source."""
    header = "Res No,guest,apartment_id,booking_date,checkin_date,checkout_date,total_price,currency,State,note"
    desk.deliver("bookings.csv", lines("1,2,3,2024-05-01,2024-06-05,2024-06-09,9,USD,confirmed,hm", header=header))
    desk.setting("bookings", columns={"booking_id": "res no", "user_id": "Guest", "booking_status": "state"})
    reading = desk.read()
    assert desk.rows(reading, "booking_id, user_id, booking_status, num_guests") == [(1, 2, "confirmed", None)]
    assert (reading.extra_columns, reading.missing_columns) == (("note",), ("payment_status", "num_guests"))


def test_a_header_without_a_needed_column_shows_what_was_found(desk: Desk) -> None:
    """The remedy is one line of configuration."""
    desk.deliver("bookings.csv", "x,user_id,apartment_id\n1,2,3\n")
    with pytest.raises(InputError) as raised:
        desk.read()
    assert raised.value.what.startswith("bookings.csv has no column booking_id and no column booking_date")
    assert "x, user_id, apartment_id" in raised.value.where
    assert 'tables.bookings.columns = { booking_id = "..." }, or deliver it; `rental-etl init`' in raised.value.remedy


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("res_no,guest,apartment_id", 'booking_id = "res_no", user_id = "guest"'),
        ('booking_ids,"Booking ""No""",apartment_id,user_id', 'booking_id = "booking_ids"'),
        ('"Booking ""No""",apartment_id,user_id', 'booking_id = "Booking \\"No\\""'),
        (
            "BOOKING_IDS,User,apartment_id,user id,chekin_date,Price Total",
            'booking_id = "BOOKING_IDS", user_id = "user id", checkin_date = "chekin_date", total_price = "Price Total"',
        ),
        ('Booking "No",booking_id,apartment_id,user_id,booking_ids,date', 'booking_date = "date"'),
    ],
    ids=["other names", "one letter more", "quotes", "words turned", "what is understood"],
)
def test_names_that_may_mean_needed_columns_are_the_proposal(desk: Desk, header: str, names: str) -> None:
    """A name that is understood already is none, however alike. All are told at once, and no delivered name stands for two columns."""
    desk.deliver("bookings.csv", f"{header}\n{','.join('1' for _ in header.split(','))}\n")
    with pytest.raises(InputError) as raised:
        desk.read()
    assert f"tables.bookings.columns = {{ {names} }}, or" in raised.value.remedy


def test_a_column_named_twice_is_not_guessed(desk: Desk) -> None:
    """Which of the two is meant cannot be known; a repeated column outside the contract does not matter."""
    desk.deliver("apartment_attributes.csv", "id,state,State,x,x\n1,a,b,1,2\n")
    with pytest.raises(InputError, match="names the column state more than once"):
        desk.read("apartment_attributes")
    desk.deliver("apartment_attributes.csv", "id,state,x,x\n1,a,1,2\n")
    assert desk.rows(desk.read("apartment_attributes"), "state") == [("a",)]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff", BOOKINGS, BOOKINGS + "\n", BOOKINGS + "\r\n\r\n"])
def test_an_empty_file_has_no_rows(desk: Desk, content: str) -> None:
    """Whether it may be empty is for the guards to say."""
    desk.deliver("bookings.csv", content)
    reading = desk.read()
    assert (reading.rows_read, reading.parts, reading.quarantine, dict(reading.findings)) == (0, (), "", {})


def test_one_column_is_enough(desk: Desk) -> None:
    """Every column of the attributes but the id may be absent; then no delimiter tells a blank line from an empty value."""
    desk.deliver("apartment_attributes.csv", 'id\n1\n\n"2"\n 3 \n')
    assert desk.rows(desk.read("apartment_attributes"), "id") == [(1,), (2,), (3,)]


def test_very_long_texts_are_read(desk: Desk) -> None:
    """A description may be longer than the engine's buffers were made for."""
    long = "x" * 3_000_000
    desk.deliver("apartment_attributes.csv", lines(f'1,"{long}\n",a', "2,b,c", f"3,{long},d", header=ATTRIBUTES))
    assert desk.rows(desk.read("apartment_attributes"), "length(cityname)") == [(3_000_000,), (1,), (3_000_000,)]


def test_names_with_odd_characters_are_files_like_others(desk: Desk) -> None:
    """The engine must not take a name for a pattern or a partition."""
    folder = desk.folder / "a[1]*?{x}=y 'z'"
    desk.folder = folder
    desk.deliver("bookings.csv", lines(booking(booking_id="x")))
    reading = desk.read()
    assert desk.quarantine(reading, "line, rule") == [(2, "unreadable_value")]
