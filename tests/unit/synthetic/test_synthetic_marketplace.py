"""What a generated marketplace promises: the same bytes for the same arguments, and a world that could exist."""

import csv
import hashlib
import os
import subprocess
import sys
import tracemalloc
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from rental_etl.errors import UsageError
from rental_etl.synthetic import marketplace, shard
from rental_etl.synthetic.cities import CITIES, COUNTRIES
from rental_etl.synthetic.columns import COLUMNS
from rental_etl.synthetic.demand import BOOKING_DAYS, discount_percent
from rental_etl.synthetic.marketplace import Generated, generate

END = date(2024, 6, 30)
FIRST_DAY = END - timedelta(days=BOOKING_DAYS - 1)
HELD = ("confirmed", "completed", "pending", "no_show")

PROMISED = "242625a71c3cae0b394a7b250964acb2fd6f4517701564478a0947e9ad49f409"

Row = Mapping[str, str]


class Market:
    """A generated marketplace read back."""

    def __init__(self, folder: Path, generated: Generated) -> None:
        self.generated = generated
        self.rows = {table: read(folder / f"{table}.csv") for table in COLUMNS}
        self.bookings = self.rows["bookings"]
        self.apartments = self.rows["apartments"]
        self.views = self.rows["user_viewing"]
        self.attributes = {row["id"]: row for row in self.rows["apartment_attributes"]}


def read(path: Path) -> list[Row]:
    """The records of a CSV file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def small(folder: Path, *, seed: int = 1, dirty: float = 0.0) -> Generated:
    """A marketplace that takes milliseconds."""
    return generate(folder, apartments=120, bookings=900, viewings=800, seed=seed, end=END, dirty=dirty)


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def day_of(text: str) -> date:
    """The date of a date or timestamp as written."""
    return date.fromisoformat(text[:10])


def lead_days(booking: Row) -> int:
    """Days from booking to arrival."""
    return (day_of(booking["checkin_date"]) - day_of(booking["booking_date"])).days


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Market:
    folder = tmp_path_factory.mktemp("market")
    generated = generate(folder, apartments=2000, bookings=15_000, viewings=12_000, seed=42, end=END)
    return Market(folder, generated)


def test_the_same_arguments_give_the_same_bytes_in_another_process_under_another_hash_seed(tmp_path: Path) -> None:
    small(tmp_path / "here")
    script = (
        "import sys; from datetime import date; from pathlib import Path; from rental_etl.synthetic.marketplace import generate;"
        "generate(Path(sys.argv[1]), apartments=120, bookings=900, viewings=800, seed=1, end=date(2024, 6, 30))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4711"}
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "there")], check=True, env=environment, timeout=60)
    assert digests(tmp_path / "here") == digests(tmp_path / "there")


def test_the_bytes_are_the_promised_ones_on_every_machine(tmp_path: Path) -> None:
    # a change of these is a change of every marketplace users have made: it needs a changelog entry
    small(tmp_path, dirty=0.1)
    together = hashlib.sha256("".join(digests(tmp_path).values()).encode()).hexdigest()
    assert together == PROMISED


def test_the_number_of_cores_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketplace, "_ROWS_PER_SHARD", 200)
    for cores in (1, 2):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        small(tmp_path / str(cores), dirty=0.1)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_shards_share_no_key_and_lose_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marketplace, "_ROWS_PER_SHARD", 200)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    market = Market(tmp_path, small(tmp_path))
    assert len({row["booking_id"] for row in market.bookings}) == 900
    assert len({row["id"] for row in market.apartments}) == 120
    assert len(market.views) == 800


def test_another_seed_is_another_marketplace(tmp_path: Path) -> None:
    small(tmp_path / "one", seed=1)
    small(tmp_path / "two", seed=2)
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert [name for name in one if one[name] == two[name]] == []


def test_files_have_the_contracts_columns_and_the_rows_asked_for(market: Market) -> None:
    assert {table: list(columns) for table, columns in COLUMNS.items()} == {
        table: list(rows[0]) for table, rows in market.rows.items()
    }
    assert market.generated.rows == {table: len(rows) for table, rows in market.rows.items()}
    assert (len(market.bookings), len(market.views)) == (15_000, 12_000)
    assert len({row["id"] for row in market.apartments}) == 2000
    assert market.generated.defects == {}


def test_no_two_guests_hold_the_same_night(market: Market) -> None:
    held: Counter[tuple[str, date]] = Counter()
    for row in market.bookings:
        if row["booking_status"] in HELD:
            arrival, departure = day_of(row["checkin_date"]), day_of(row["checkout_date"])
            held.update(
                (row["apartment_id"], arrival + timedelta(days=day)) for day in range((departure - arrival).days)
            )
    assert {1} == set(held.values())


def test_a_single_listing_with_far_too_many_bookings_turns_guests_down(tmp_path: Path) -> None:
    generate(tmp_path, apartments=1, bookings=3000, viewings=0, seed=3, end=END)
    bookings = read(tmp_path / "bookings.csv")
    nights = sum(
        (day_of(row["checkout_date"]) - day_of(row["checkin_date"])).days
        for row in bookings
        if row["booking_status"] in HELD
    )
    assert len(bookings) == 3000
    assert nights <= BOOKING_DAYS + 300
    assert sum(row["booking_status"] == "rejected" for row in bookings) > 1500


def test_money_is_in_the_currency_of_the_listings_country(market: Market) -> None:
    by_name = {country.name: country.currency for country in COUNTRIES.values()}
    currency = {row["id"]: row["currency"] for row in market.apartments}
    places = {(city.name, city.state): COUNTRIES[city.country].currency for city in CITIES}
    for listing, row in market.attributes.items():
        assert by_name[row["address"].rsplit(", ", 1)[1]] == currency[listing]
        if row["cityname"]:
            assert places[row["cityname"], row["state"]] == currency[listing]
    assert {
        row["booking_id"]: row["currency"]
        for row in market.bookings
        if row["currency"] != currency[row["apartment_id"]]
    } == {}
    assert len(set(currency.values())) > 15


def test_listings_lie_where_their_city_does(market: Market) -> None:
    centres = {city.name: (city.latitude, city.longitude) for city in CITIES if city.name != "Portland"}
    for row in market.attributes.values():
        if row["cityname"] in centres:
            latitude, longitude = centres[row["cityname"]]
            assert abs(float(row["latitude"]) - latitude) <= 0.0501
            assert abs(float(row["longitude"]) - longitude) <= 0.0501


def test_a_stay_costs_its_nights_at_the_price_of_the_booking_day_less_the_discount(market: Market) -> None:
    versions: dict[str, list[tuple[date, Decimal]]] = defaultdict(list)
    for row in market.apartments:
        modified = row["last_modified_timestamp"] or row["listing_created_on"]
        versions[row["id"]].append((day_of(modified), Decimal(row["price"])))
    wrong = []
    for row in market.bookings:
        history = versions[row["apartment_id"]]
        place = bisect_right(history, (day_of(row["booking_date"]), Decimal("Infinity")))
        nights = (day_of(row["checkout_date"]) - day_of(row["checkin_date"])).days
        price = history[place - 1][1] * nights * (100 - discount_percent(nights)) / 100
        if place == 0 or price != Decimal(row["total_price"]):
            wrong.append(row)
    assert wrong == []


def test_a_listings_versions_follow_each_other_and_some_listings_change_their_price(market: Market) -> None:
    modified: dict[str, list[str]] = defaultdict(list)
    prices: dict[str, set[str]] = defaultdict(set)
    for row in market.apartments:
        modified[row["id"]].append(row["last_modified_timestamp"] or row["listing_created_on"])
        prices[row["id"]].add(row["price"])
        assert modified[row["id"]][-1] >= row["listing_created_on"]
        assert day_of(modified[row["id"]][-1]) <= END
    assert {listing: stamps for listing, stamps in modified.items() if stamps != sorted(set(stamps))} == {}
    assert 0.1 < sum(len(known) > 1 for known in prices.values()) / len(prices) < 0.3


def test_bookings_reach_from_two_years_before_the_end_to_stays_months_after_it(market: Market) -> None:
    booked = [day_of(row["booking_date"]) for row in market.bookings]
    assert (min(booked), max(booked)) == (FIRST_DAY, END)
    assert max(day_of(row["checkin_date"]) for row in market.bookings) > END + timedelta(days=120)
    assert min(lead_days(row) for row in market.bookings) == 0
    created = {row["id"]: row["listing_created_on"] for row in market.apartments}
    assert [row for row in market.bookings if row["booking_date"] < created[row["apartment_id"]]] == []
    assert [row for row in market.views if row["viewed_at"] < created[row["apartment_id"]]] == []


def test_what_became_of_a_booking_fits_its_dates_and_its_payment(market: Market) -> None:
    last = END.isoformat()
    wrong = [
        row
        for row in market.bookings
        if (row["booking_status"] in ("completed", "no_show") and row["checkout_date"] > last)
        or (row["booking_status"] in ("confirmed", "pending") and row["checkout_date"] <= last)
        or (row["booking_status"] in ("canceled", "rejected") and row["payment_status"] == "paid")
        or (row["booking_status"] == "completed" and row["payment_status"] not in ("paid", "partially_refunded"))
    ]
    assert wrong == []
    seen = {row["booking_status"] for row in market.bookings}
    assert {"pending", "confirmed", "completed", "canceled", "rejected", "no_show"} == seen


def test_guests_book_early_and_cancel_more_when_they_do(market: Market) -> None:
    canceled: dict[bool, list[bool]] = defaultdict(list)
    for row in market.bookings:
        canceled[lead_days(row) > 30].append(row["booking_status"] == "canceled")
    early, late = (sum(canceled[key]) / len(canceled[key]) for key in (True, False))
    assert early > 1.5 * late > 0.05


def test_guests_arrive_on_fridays_and_in_the_season_of_the_place(market: Market) -> None:
    arrivals = [day_of(row["checkin_date"]) for row in market.bookings]
    weekdays = Counter(day.weekday() for day in arrivals)
    assert weekdays[4] > 1.4 * weekdays[1]
    beaches = {city.name for city in CITIES if city.season == "beach"}
    months = Counter(
        day_of(row["checkin_date"]).month
        for row in market.bookings
        if market.attributes.get(row["apartment_id"], {}).get("cityname") in beaches
    )
    assert months[7] + months[8] > 1.5 * (months[1] + months[2])


def test_few_guests_make_many_bookings(market: Market) -> None:
    bookings = sorted(Counter(row["user_id"] for row in market.bookings).values(), reverse=True)
    assert sum(count == 1 for count in bookings) > len(bookings) / 2
    assert sum(bookings[: len(bookings) // 100]) > 0.05 * len(market.bookings)
    assert bookings[0] >= 15


def test_about_a_tenth_of_the_views_lead_to_a_booking(market: Market) -> None:
    booked: dict[tuple[str, str], str] = {}
    for row in market.bookings:
        pair = row["user_id"], row["apartment_id"]
        booked[pair] = max(booked.get(pair, ""), row["booking_date"])
    led = sum(booked.get((row["user_id"], row["apartment_id"]), "") >= row["viewed_at"] for row in market.views)
    assert 0.08 < led / len(market.views) < 0.16


def test_memory_does_not_grow_with_the_number_of_bookings_and_views(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        plan = shard.Plan(200, rows, rows, seed=1, end=END, dirty=0.02, shards=1)
        tracemalloc.start()
        shard.write_shard(plan, 0, tmp_path)
        try:
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(2000)  # the first one also pays for what modules keep
    assert peak(40_000) < peak(4000) + 8_000_000


def test_a_generation_that_fails_leaves_the_files_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small(tmp_path, seed=1)
    before = digests(tmp_path)

    def full_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(marketplace, "weave", full_disk)
    with pytest.raises(OSError, match="No space left"):
        small(tmp_path, seed=2)
    assert before == digests(tmp_path)


def test_progress_is_told_from_the_first_shard_to_the_last_file(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    generate(
        tmp_path, apartments=20, bookings=5, viewings=5, seed=1, end=END, progress=lambda *state: told.append(state)
    )
    assert told == [("simulate", 1, 1), ("write", 1, 4), ("write", 2, 4), ("write", 3, 4), ("write", 4, 4)]


@pytest.mark.parametrize(
    ("apartments", "bookings", "dirty", "end"),
    [(-1, 0, 0.0, END), (0, 1, 0.0, END), (1, 1, 1.5, END), (1, 1, 0.0, date(2001, 1, 1))],
)
def test_a_marketplace_that_cannot_be_is_refused(
    tmp_path: Path, apartments: int, bookings: int, dirty: float, end: date
) -> None:
    with pytest.raises(UsageError):
        generate(tmp_path, apartments=apartments, bookings=bookings, viewings=0, seed=1, end=end, dirty=dirty)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_marketplace_has_four_headers(tmp_path: Path) -> None:
    generate(tmp_path, apartments=0, bookings=0, viewings=0, seed=1, end=END)
    headers = {path.stem: path.read_text() for path in tmp_path.iterdir()}
    assert {table: ",".join(columns) + "\n" for table, columns in COLUMNS.items()} == headers
