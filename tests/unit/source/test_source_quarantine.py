"""No row is dropped: what cannot be read, and what breaks a rule, keeps its text, file and line."""

import csv
import io

import duckdb
import pytest

from source.desk import ATTRIBUTES, BOOKING, BOOKINGS, Desk, booking, lines


def columns(desk: Desk, quarantine: str) -> list[str]:
    """The columns of a quarantine file."""
    described = duckdb.sql(f"describe select * from read_parquet('{desk.staging / quarantine}')").fetchall()
    return [str(row[0]) for row in described]


def test_unreadable_rows_are_not_landed_and_refused_rows_are(desk: Desk) -> None:
    """Read = landed + unreadable; a refused row is in both places."""
    desk.deliver(
        "bookings.csv",
        lines(
            BOOKING,
            booking(booking_id="2", user_id=""),
            booking(booking_id="3", checkout_date="2024-06-05"),
            booking(booking_id="4", total_price="-1", currency="US"),
            booking(booking_id="x", total_price="12 USD"),
            "6,2,3",
            booking(booking_id="7"),
        ),
    )
    reading = desk.read()
    assert (reading.rows_read, reading.rows_landed, reading.rows_unreadable, reading.rows_refused) == (7, 4, 3, 2)
    assert desk.rows(reading, "booking_id, _error") == [
        (1, None),
        (3, "checkout_not_after_checkin"),
        (4, "negative_total_price,currency_not_three_letters"),
        (7, None),
    ]
    assert [
        (3, "missing_value", "user_id", booking(booking_id="2", user_id=""), "unreadable", 2),
        (
            4,
            "checkout_not_after_checkin",
            "checkout_date",
            booking(booking_id="3", checkout_date="2024-06-05"),
            "refused",
            3,
        ),
        (
            5,
            "negative_total_price,currency_not_three_letters",
            "total_price,currency",
            booking(booking_id="4", total_price="-1", currency="US"),
            "refused",
            4,
        ),
        (
            6,
            "unreadable_value,unreadable_value",
            "booking_id,total_price",
            booking(booking_id="x", total_price="12 USD"),
            "unreadable",
            None,
        ),
        (7, "wrong_number_of_fields", "", "6,2,3", "unreadable", None),
    ] == desk.quarantine(reading, 'line, rule, "column", text, kind, booking_id')
    assert reading.findings == {
        "error:missing_value:user_id": 1,
        "error:checkout_not_after_checkin:checkout_date": 1,
        "error:negative_total_price:total_price": 1,
        "error:currency_not_three_letters:currency": 1,
        "error:unreadable_value:booking_id": 1,
        "error:unreadable_value:total_price": 1,
        "error:wrong_number_of_fields:": 1,
    }


def test_warnings_are_landed_and_counted(desk: Desk) -> None:
    """An unreadable value that may be absent becomes null; a rounded one and a broken warn rule keep the row."""
    desk.deliver(
        "bookings.csv",
        lines(
            booking(num_guests="two", total_price="12.345", checkin_date="2024-04-01"),
            booking(booking_id="2", booking_status="mystery", num_guests="2.5"),
        ),
    )
    reading = desk.read()
    assert desk.rows(reading, "_error, _warning") == [
        (None, "rounded:total_price,unreadable_value:num_guests,checkin_before_booking"),
        (None, "unreadable_value:num_guests,unknown_status"),
    ]
    assert reading.findings == {
        "warn:checkin_before_booking:checkin_date": 1,
        "warn:rounded:total_price": 1,
        "warn:unknown_status:booking_status": 1,
        "warn:unreadable_value:num_guests": 2,
    }
    assert reading.quarantine == ""


def test_a_refused_row_keeps_its_warnings_and_an_unreadable_one_is_counted_by_its_errors(desk: Desk) -> None:
    """A row that is not there warns of nothing."""
    desk.deliver("bookings.csv", lines(booking(total_price="-1", num_guests="x"), booking(user_id="", num_guests="x")))
    assert desk.read().findings == {
        "error:missing_value:user_id": 1,
        "error:negative_total_price:total_price": 1,
        "warn:unreadable_value:num_guests": 1,
    }


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_an_editor_counts_them(desk: Desk, end: str) -> None:
    """Blank lines and lines inside quotes count; a record's line is its first."""
    rows = ['1,"a' + end + 'b",x', "", "x,bad,y", '"3","c","z"', 'x,"bad' + end + "too" + '",y']
    desk.deliver("apartment_attributes.csv", lines(*rows, header=ATTRIBUTES, end=end))
    reading = desk.read("apartment_attributes")
    assert desk.rows(reading, "id") == [(1,), (3,)]
    assert [(5, "x,bad,y"), (7, f'x,"bad{end}too",y')] == desk.quarantine(reading, "line, text")


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ('2,"open,x', "broken_quoting"),
        ('2,"a"b,x', "broken_quoting"),
        ('2,"a" "b",x', "broken_quoting"),
        ("2,x", "wrong_number_of_fields"),
        ("2,x,y,z", "wrong_number_of_fields"),
        ('2,"a\nb"', "wrong_number_of_fields"),
        ("   ", "wrong_number_of_fields"),
        (" ,", "wrong_number_of_fields"),
    ],
)
def test_a_record_that_cannot_be_split_costs_itself_only(desk: Desk, broken: str, rule: str) -> None:
    """A lost quote must not swallow the rest of the file."""
    desk.deliver("apartment_attributes.csv", lines("1,a,x", broken, "3,c,z", '4,"d",w', header=ATTRIBUTES))
    reading = desk.read("apartment_attributes")
    assert desk.rows(reading, "id, cityname") == [(1, "a"), (3, "c"), (4, "d")]
    assert [(3, rule, "", broken, "unreadable")] == desk.quarantine(reading)
    assert {f"error:{rule}:": 1} == reading.findings


def test_a_quote_that_is_lost_before_many_rows_costs_one_of_them(desk: Desk) -> None:
    """Also when it is the last quote of the file, far from its end."""
    rows = [f"{number},a,x" for number in range(3, 30_000)]
    desk.deliver("apartment_attributes.csv", lines('1,"a",x', '2,"a,x', *rows, header=ATTRIBUTES))
    reading = desk.read("apartment_attributes")
    assert (reading.rows_read, reading.rows_landed) == (29_999, 29_998)
    assert desk.quarantine(reading, "line, rule") == [(3, "broken_quoting")]


def test_a_longer_text_than_any_reader_takes_is_set_aside(desk: Desk) -> None:
    """Most likely a quote was lost; the other rows are read."""
    long = "x" * (33 << 20)
    desk.deliver("apartment_attributes.csv", lines("1,a,x", f"2,{long},x", "3,c,z", header=ATTRIBUTES))
    reading = desk.read("apartment_attributes")
    assert desk.rows(reading, "id") == [(1,), (3,)]
    assert [(3, "record_too_long", len(long) + 4)] == desk.quarantine(reading, "line, rule, length(text)")


def test_the_quarantine_of_several_files_is_one_file(desk: Desk) -> None:
    """With each row's file."""
    desk.deliver("bookings/2024-10.csv", lines(booking(user_id="x")))
    desk.deliver("bookings/2024-9.csv", lines(BOOKING, booking(user_id="y")))
    desk.setting("bookings", delivery="full")
    reading = desk.read()
    assert desk.quarantine(reading, "file, line") == [("bookings/2024-9.csv", 3), ("bookings/2024-10.csv", 2)]
    assert (reading.rows_read, reading.rows_landed, reading.rows_unreadable) == (3, 1, 2)


def test_the_quarantine_has_the_key_typed(desk: Desk) -> None:
    """A row whose key can be read is present, even when it is quarantined."""
    desk.deliver("fx_rates.csv", "rate_date,currency,rate\n2024-01-01,eur,0\n2024-01-02,,1\n2024-01-99,GBP,1\n")
    reading = desk.read("fx_rates")
    names = ["file", "line", "rule", "column", "text", "kind", "rate_date", "currency"]
    assert names == columns(desk, reading.quarantine)
    assert desk.quarantine(reading, "cast(rate_date as varchar), currency") == [
        ("2024-01-01", "EUR"),
        ("2024-01-02", None),
        (None, "GBP"),
    ]


def test_many_quarantined_rows_keep_their_own_texts(desk: Desk) -> None:
    """Text, line and key belong together also when thousands of rows are bad, in several row groups."""
    rows = [booking(booking_id=str(number), user_id="x" if number % 3 else "1") for number in range(200_000)]
    desk.deliver("bookings.csv", lines(*rows))
    reading = desk.read()
    found = desk.quarantine(reading, "line, text, booking_id")
    assert [(number + 2, rows[number], number) for number in range(200_000) if number % 3] == found
    assert [(number,) for number in range(0, 200_000, 3)] == desk.rows(reading, "booking_id")


def test_texts_of_quarantined_rows_are_as_delivered(desk: Desk) -> None:
    """Whatever is in them: quotes, line ends, NULs, blanks."""
    texts = ['x,"a ""b"" \n\\",y', "x, \t ,y", "x,nul\x00,y", 'x,"\r\n",', "é,ü,"]
    desk.deliver("apartment_attributes.csv", lines(*texts, header=ATTRIBUTES))
    assert [(text,) for text in texts] == desk.quarantine(desk.read("apartment_attributes"), "text")


@pytest.mark.parametrize("word", ["null", "NULL", "Null", "None", "NaN", "nan", "", " ", '""', '"null"', " null "])
def test_the_words_for_null_are_null(desk: Desk, word: str) -> None:
    """In exactly these spellings, quoted or not."""
    desk.deliver("bookings.csv", lines(booking(num_guests=word, payment_status=word)))
    reading = desk.read()
    assert desk.rows(reading, "num_guests, payment_status, _warning") == [(None, None, None)]


@pytest.mark.parametrize("word", ["nUll", "none", "NONE", "NAN", "N/A", "-"])
def test_other_words_for_null_are_words(desk: Desk, word: str) -> None:
    """They can be mapped by setting."""
    desk.deliver("bookings.csv", lines(booking(num_guests=word, payment_status=word)))
    assert [(None, word.lower(), "unreadable_value:num_guests")] == desk.rows(
        desk.read(), "num_guests, payment_status, _warning"
    )
    desk.setting("bookings", values={"num_guests": {word.title(): "null"}, "payment_status": {word: ""}})
    assert desk.rows(desk.read(), "num_guests, payment_status, _warning") == [(None, None, None)]


def test_words_map_by_setting_without_regard_to_case(desk: Desk) -> None:
    """Mapped words then count as if they had been delivered."""
    desk.deliver("bookings.csv", lines(booking(booking_status="ok"), booking(booking_status=" STORNO"), BOOKING))
    desk.setting("bookings", values={"booking_status": {"OK": "Confirmed", "storno": "cancelled"}})
    assert desk.rows(desk.read(), "booking_status") == [("confirmed",), ("canceled",), ("confirmed",)]


def test_booleans_have_many_words_and_settings_add_more(desk: Desk) -> None:
    """A configured word wins over the usual meaning."""
    header = "user_id,apartment_id,viewed_at,is_wishlisted"
    words = [
        "True",
        "TRUE",
        "true",
        "1",
        "y",
        "Y",
        "yes",
        "t",
        "ON",
        "ja",
        "J",
        "False",
        "0",
        "N",
        "no",
        "f",
        "off",
        "nein",
        "maybe",
        "",
    ]
    desk.deliver("user_viewings.csv", lines(*(f"1,2,2024-01-01,{word}" for word in words), header=header))
    desk.setting("user_viewing", true_words=("Ja", "j", "f"), false_words=("NEIN",))
    reading = desk.read("user_viewing")
    expected = [True] * 11 + [False] * 4 + [True, False, False, None, None]
    assert expected == [value for (value,) in desk.rows(reading, "is_wishlisted")]
    assert reading.findings == {"warn:unreadable_value:is_wishlisted": 1}


@pytest.mark.parametrize(
    ("number_format", "written", "read"),
    [("1234.50", "1234.50", "1234.50"), ("1,234.50", '"1,234.50"', "1234.50"), ("1.234,50", '"1.234,50"', "1234.50")],
)
def test_number_formats_are_set(desk: Desk, number_format: str, written: str, read: str) -> None:
    """A comma alone does not tell whether it groups or divides."""
    desk.deliver("bookings.csv", lines(booking(total_price=written)))
    desk.setting("bookings", number_format=number_format)
    assert [(read,)] == desk.rows(desk.read(), "cast(total_price as varchar)")


def test_rows_are_landed_in_file_order(desk: Desk) -> None:
    """The later row of a key wins, so order is content; the file is larger than what one thread takes at a time."""
    rows = (booking(booking_id=str(number)) for number in range(500_000))
    desk.deliver("bookings.csv", lines(*rows))
    assert list(range(500_000)) == [number for (number,) in desk.rows(desk.read(), "booking_id")]


def test_large_texts_over_lines_are_landed_in_file_order(desk: Desk) -> None:
    """Where a line begins inside quotes, a reader that starts in the middle is easily misled."""
    text = '""hello"",\n' * 12
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerows((number, text + f"{number},1,x\n", 'a"b') for number in range(110_000))
    desk.deliver("apartment_attributes.csv", ATTRIBUTES + "\n" + out.getvalue())
    reading = desk.read("apartment_attributes")
    numbers = [number for (number,) in desk.rows(reading, "id")]
    assert (list(range(110_000)), 0) == (numbers, reading.rows_unreadable)


def test_header_only_names_what_is_missing(desk: Desk) -> None:
    """Also a file without rows tells its columns."""
    desk.deliver("bookings.csv", BOOKINGS.rpartition(",")[0] + ",color\n")
    reading = desk.read()
    assert (reading.extra_columns, reading.missing_columns) == (("color",), ("num_guests",))
