"""What is landed, and what is known already."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from jobs.workshop import Unwatched
from rental_etl.errors import InputError
from rental_etl.jobs.extract_from_aurora import Extracted, extract, reparse
from rental_etl.lake.landing import LocalLanding
from rental_etl.model.batch import Batch, Delivery, Kind, Part, Reading
from rental_etl.model.contract import Contract

DAY = date(2024, 6, 30)


@dataclass
class Desk:
    """A source that offers what it is told to, and remembers what it was asked."""

    offers: dict[str, list[Delivery]] = field(default_factory=dict)
    asked: list[tuple[str, date, Mapping[str, str]]] = field(default_factory=list)
    changed: bool = False

    readers: int = 1
    stopped: bool = False

    @property
    def identity(self) -> str:
        return "desk"

    def stop(self) -> None:
        self.stopped = True

    def offer(self, table: str, *files: tuple[str, str], kind: Kind = "delta") -> None:
        """Files as (name, content)."""
        self.offers[table] = [Delivery(table, name, kind, (), content) for name, content in files]

    def deliveries(self, contract: Contract) -> Sequence[Delivery]:
        return self.offers.get(contract.table, ())

    def read(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        assert delivery.table == contract.table
        if delivery.content == "broken":
            raise InputError("broken")
        self.asked.append((delivery.name, day, hints))
        for folder in ("parts", "source"):
            (staging / folder).mkdir()
            (staging / folder / "0").write_text(delivery.content)
        return Reading((Part("parts/0", 1),), "", 1, 0, 0, parsing={"date_order": f"as in {delivery.name}"})

    def outdated(self, batch: Batch, *, contract: Contract) -> bool:
        assert batch.table == contract.table
        return self.changed and not batch.reading.parsing["date_order"].startswith("again")

    def reread(
        self, batch: Batch, *, contract: Contract, kept: Path, staging: Path, hints: Mapping[str, str]
    ) -> Reading:
        assert batch.table == contract.table
        self.asked.append((f"{batch.delivery.name} again: {(kept / '0').read_text()}", DAY, hints))
        (staging / "parts").mkdir()
        (staging / "parts" / "0").write_text("again")
        return Reading((Part("parts/0", 1),), "", 1, 0, 0, parsing={"date_order": f"again {batch.delivery.name}"})


@dataclass
class Place:
    """A desk and the lake beside it."""

    desk: Desk
    landing: LocalLanding

    def extract(self, as_of: date = DAY, *, explicit: frozenset[str] = frozenset()) -> Extracted:
        return extract(
            source=self.desk, landing=self.landing, as_of=as_of, run_id="run", explicit=explicit, watch=Unwatched()
        )

    def landed(self) -> list[str]:
        """Names landed by one run."""
        return [batch.delivery.name for batch in self.extract().landed]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    landing = LocalLanding(tmp_path)
    landing.claim(source="desk", warehouse="house")
    return Place(Desk(), landing)


class TestFullDeliveries:
    """Equal to the latest batch is nothing new; equal to an older one it is."""

    def test_only_what_differs_from_the_latest_is_landed(self, place: Place) -> None:
        seen = []
        for content in ("one", "one", "two", "one"):
            place.desk.offer("bookings", ("bookings.csv", content), kind="full")
            seen.append(place.landed())
        assert seen == [["bookings.csv"], [], ["bookings.csv"], ["bookings.csv"]]

    def test_a_rejected_delivery_is_not_landed_again(self, place: Place) -> None:
        place.desk.offer("bookings", ("bookings.csv", "one"), kind="full")
        place.extract()
        place.landing.decide(1, "reject", run_id="run")
        assert place.landed() == []


class TestSeries:
    """Known content is nothing new, under whatever name; new content under a known name is."""

    def test_only_new_content_is_landed(self, place: Place) -> None:
        place.desk.offer("bookings", ("b-1", "one"), ("b-2", "two"), ("b-3", "one"))
        assert place.landed() == ["b-1", "b-2"]
        place.desk.offer("bookings", ("b-1", "one, corrected"), ("b-2", "two"), ("b-10", "ten"))
        assert place.landed() == ["b-1", "b-10"]
        assert place.landed() == []

    def test_earlier_files_are_evidence_for_later_ones(self, place: Place) -> None:
        place.desk.offer("bookings", ("b-1", "one"), ("b-2", "two"))
        place.desk.offer("apartments", ("apartments.csv", "a"), kind="full")
        place.extract()
        hints = {name: dict(hints) for name, _, hints in place.desk.asked}
        assert hints == {"b-1": {}, "b-2": {"date_order": "as in b-1"}, "apartments.csv": {}}

    def test_what_an_interrupted_run_did_not_land_is_landed_next(self, place: Place) -> None:
        place.desk.offer("bookings", ("b-1", "one"), ("b-2", "broken"))
        with pytest.raises(InputError):
            place.extract()
        place.desk.offer("bookings", ("b-1", "one"), ("b-2", "mended"))
        assert place.landed() == ["b-2"]


class TestOrderAndDay:
    """Children before parents; a batch's day never goes back."""

    def test_bookings_are_read_before_apartments(self, place: Place) -> None:
        for table in ("fx_rates", "apartments", "apartment_attributes", "user_viewing", "bookings"):
            place.desk.offer(table, (table, "x"), kind="full")
        assert place.landed() == ["bookings", "user_viewing", "apartment_attributes", "apartments", "fx_rates"]

    def test_the_day_is_as_of_but_not_before_the_previous_batch_of_the_table(self, place: Place) -> None:
        days = []
        for number, as_of in enumerate((date(2024, 6, 2), date(2024, 6, 1), date(2024, 6, 3)), start=1):
            place.desk.offer("bookings", (f"b-{number}", f"{number}"))
            days += [batch.day for batch in place.extract(as_of).landed]
        assert days == [date(2024, 6, 2), date(2024, 6, 2), date(2024, 6, 3)]


class TestKindOfDelivery:
    """A change of kind is an error until it is set explicitly."""

    @pytest.mark.parametrize("kinds", [("full", "delta"), ("delta", "full")])
    def test_it_does_not_change_by_itself(self, place: Place, kinds: tuple[Kind, Kind]) -> None:
        place.desk.offer("bookings", ("b-1", "one"), kind=kinds[0])
        place.extract()
        place.desk.offer("bookings", ("b-2", "two"), kind=kinds[1])
        with pytest.raises(InputError) as caught:
            place.extract()
        assert "tables.bookings.delivery" in caught.value.remedy
        assert len(place.landing.landed().batches) == 1
        assert len(place.extract(explicit=frozenset({"bookings"})).landed) == 1

    def test_a_full_delivery_after_a_series_is_new_whatever_it_holds(self, place: Place) -> None:
        place.desk.offer("bookings", ("b-1", "one"))
        place.extract()
        place.desk.offer("bookings", ("b-1", "one"), kind="full")
        assert len(place.extract(explicit=frozenset({"bookings"})).landed) == 1

    def test_a_table_that_is_not_delivered_any_more_is_named(self, place: Place) -> None:
        place.desk.offer("bookings", ("b-1", "one"))
        assert place.extract().unchanged_tables == ()
        place.desk.offers.clear()
        assert place.extract().unchanged_tables == ("bookings",)


class TestReadingAgain:
    """Kept files are parsed again where that would give something else, and keep their place."""

    @pytest.fixture
    def series(self, place: Place) -> Place:
        place.desk.offer("bookings", ("b-1", "one"), ("b-2", "two"))
        place.extract()
        place.desk.asked.clear()
        return place

    def reparse(self, place: Place, *, force: bool = False) -> list[tuple[int, int]]:
        batches = place.landing.landed().batches
        done = reparse(
            source=place.desk, landing=place.landing, batches=batches, run_id="run", watch=Unwatched(), force=force
        )
        return [(batch.batch_id, batch.revision) for batch in done]

    def test_nothing_changed_nothing_is_read(self, series: Place) -> None:
        assert self.reparse(series) == []

    def test_batches_keep_their_place_and_the_earlier_ones_are_evidence(self, series: Place) -> None:
        series.desk.changed = True
        assert self.reparse(series) == [(1, 3), (2, 4)]
        asked = [(name, dict(hints)) for name, _, hints in series.desk.asked]
        assert asked == [("b-1 again: one", {}), ("b-2 again: two", {"date_order": "again b-1"})]
        assert [batch.revision for batch in series.landing.landed().batches] == [3, 4]
        assert self.reparse(series) == []

    def test_forced_it_reads_all(self, series: Place) -> None:
        assert self.reparse(series, force=True) == [(1, 3), (2, 4)]

    def test_files_that_were_not_kept_stay_as_they_were_read(self, series: Place) -> None:
        series.desk.changed = True
        with series.landing.kept_source(series.landing.landed().batches[0]) as kept:
            assert kept is not None
            shutil.rmtree(kept)
        assert self.reparse(series) == [(2, 3)]
        with pytest.raises(InputError, match="were not kept"):
            self.reparse(series, force=True)
