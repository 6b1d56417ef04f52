"""A generated marketplace in a database whose rows tell when they changed, and rounds of changes to it."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

from mariadb.application import DatabaseApplication, TestDatabase, database
from rental_etl.jobs.ingest_to_aurora import ingest
from rental_etl.model.summary import Silence
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.source.mysql.marks import Selection
from rental_etl.synthetic.marketplace import generate

END = date(2024, 6, 30)
DELTAS = {
    "bookings": Selection(cursor="updated_at"),
    "user_viewing": Selection(cursor="viewed_at", overlap=timedelta(days=2)),
    "apartment_attributes": Selection(cursor="updated_at"),
}
TABLES = ("bookings", "user_viewing", "apartment_attributes", "apartments")


@contextmanager
def filled(folder: Path) -> Iterator[TestDatabase]:
    """A small marketplace, ingested; `folder` is for files on the way."""
    generate(folder / "generated", apartments=40, bookings=600, viewings=800, seed=7, end=END)
    with database() as found:
        app = DatabaseApplication(found, folder / "ingest", selections=DELTAS)
        source = CsvFilesSource(
            folder / "generated",
            readings=app.readings(),
            keep_source=False,
            memory="200MB",
            threads=2,
            temp=folder / "temp",
        )
        ingest(
            source=source,
            database=app.database(),
            engine=app.systems.small_engine,
            staging=lambda: _scratch(folder),
            quarantine=folder / "quarantine",
            day=END,
            watch=Silence(),
        )
        yield found


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as made:
        yield Path(made)


def change(db: TestDatabase, seed: int, *, today: date, deletes: bool) -> None:
    """One round of what happens in a marketplace: bookings made, moved and canceled, prices changed, listings that come and go, and views."""
    chance = random.Random(seed)
    listings = [int(number) for (number,) in db.rows("select id from apartments order by id")]
    bookings = [int(number) for (number,) in db.rows("select booking_id from bookings order by booking_id")]
    statements = []
    columns = "booking_id, user_id, apartment_id, booking_date, checkin_date, checkout_date, total_price, currency, booking_status"
    for place in range(25):
        checkin = today + timedelta(days=chance.randint(-40, 40))
        booked = today - timedelta(days=chance.randint(0, 60))
        statements.append(
            f"insert into bookings ({columns}) values ({max(bookings) + place + 1}, {chance.randint(1, 60)}, {chance.choice(listings)},"
            f" '{booked} 12:00:00', '{checkin}', '{checkin + timedelta(days=chance.randint(1, 20))}', {chance.randint(1, 99999) / 100},"
            f" '{chance.choice(['USD', 'EUR'])}', 'confirmed')"
        )
    for number in chance.sample(bookings, 30):
        statements.append(
            f"update bookings set booking_status = '{chance.choice(['canceled', 'completed', 'pending'])}' where booking_id = {number}"
        )
    for number in chance.sample(bookings, 10):
        statements.append(
            f"update bookings set checkout_date = checkout_date + interval 3 day, total_price = total_price + 7.01 where booking_id = {number}"
        )
    for number in chance.sample(listings, 5):
        statements.append(
            f"update apartments set price = price + 1.5, last_modified_timestamp = '{today}' + interval {seed} minute where id = {number}"
        )
    statements.append(
        f"insert into apartments values ({max(listings) + 1}, 'New', 'site', 55.5, 'USD', '{today} 08:00:00', 1, null)"
    )
    statements.append(
        f"update apartment_attributes set cityname = 'Moved {seed}' where id in ({', '.join(map(str, chance.sample(listings, 3)))})"
    )
    for _ in range(40):
        moment = f"{today - timedelta(days=chance.randint(0, 1))} {chance.randint(10, 23)}:00:00"
        statements.append(
            "insert into user_viewing (user_id, apartment_id, viewed_at, is_wishlisted, call_to_action)"
            f" values ({chance.randint(1, 60)}, {chance.choice(listings)}, '{moment}', {chance.choice(['1', '0', 'null'])}, 'mail')"
        )
    if deletes:
        gone = ", ".join(map(str, chance.sample(bookings, 15)))
        statements.append(f"delete from bookings where booking_id in ({gone})")
        if len(listings) > 30:
            statements.append(f"delete from apartments where id in ({', '.join(map(str, chance.sample(listings, 3)))})")
        statements.append("delete from user_viewing where user_id % 7 = 3")
    db.sql("; ".join(statements))
