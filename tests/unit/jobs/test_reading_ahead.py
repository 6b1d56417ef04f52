"""Deliveries are read ahead, and landed as if each had been read alone."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pytest

from jobs.workshop import Unwatched
from rental_etl.errors import InputError
from rental_etl.jobs.extract_from_aurora import extract
from rental_etl.lake.landing import LocalLanding
from rental_etl.model.batch import Batch, Delivery, Part, Reading, SourceFile
from rental_etl.model.contract import Contract
from rental_etl.source.stopping import StoppedError

DAY = date(2024, 6, 30)
PATIENCE = 10


@dataclass
class Desk:
    """A source that reads as many at once as it is told to; the first reading of a table waits for the tables it is told to wait for."""

    offers: Mapping[str, list[str]]
    readers: int = 2
    waits_for: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    hints: dict[str, Mapping[str, str]] = field(default_factory=dict)
    seen: dict[str, threading.Event] = field(default_factory=dict)
    threads: set[threading.Thread] = field(default_factory=set)
    given_up: threading.Event = field(default_factory=threading.Event)

    @property
    def identity(self) -> str:
        return "desk"

    def stop(self) -> None:
        self.given_up.set()

    def deliveries(self, contract: Contract) -> list[Delivery]:
        size = self.sizes.get(contract.table, 0)
        return [
            Delivery(contract.table, name, "delta", (SourceFile(name, size, name),), name)
            for name in self.offers.get(contract.table, ())
        ]

    def read(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        assert (delivery.table, day) == (contract.table, DAY)
        self.begun.append(delivery.name)
        self.threads.add(threading.current_thread())
        self.hints[delivery.name] = dict(hints)
        self.event(delivery.table).set()
        if delivery.name.startswith("broken"):
            raise InputError(f"{delivery.name} is broken")
        if delivery.name.startswith("endless"):
            while not self.given_up.wait(0.01):
                assert staging.is_dir()
            time.sleep(0.05)
            assert staging.is_dir(), "the folder of a reading was removed while it was at work"
            raise StoppedError
        other = self.waits_for.get(delivery.table)
        assert other is None or self.event(other).wait(PATIENCE), f"{other} was not read meanwhile"
        (staging / "parts").mkdir()
        (staging / "parts" / "0").write_text(delivery.name)
        self.done.append(delivery.name)
        return Reading((Part("parts/0", 1),), "", 1, 0, 0, parsing={"seen": delivery.name})

    def event(self, table: str) -> threading.Event:
        """Set once the table is being read."""
        return self.seen.setdefault(table, threading.Event())

    def outdated(self, batch: Batch, *, contract: Contract) -> bool:
        raise NotImplementedError

    def reread(
        self, batch: Batch, *, contract: Contract, kept: Path, staging: Path, hints: Mapping[str, str]
    ) -> Reading:
        raise NotImplementedError


@pytest.fixture
def landing(tmp_path: Path) -> LocalLanding:
    landing = LocalLanding(tmp_path)
    landing.claim(source="desk", warehouse="house")
    return landing


def run(desk: Desk, landing: LocalLanding, expecting: Callable[[], None] = lambda: None) -> list[str]:
    """Names in the order in which they were landed."""
    found = extract(
        source=desk,
        landing=landing,
        as_of=DAY,
        run_id="run",
        explicit=frozenset(),
        watch=Unwatched(),
        expecting=expecting,
    )
    return [batch.delivery.name for batch in found.landed]


def staged(landing: LocalLanding) -> list[Path]:
    """What is left under `temp/`."""
    return list((landing.root / "temp").iterdir())


def test_tables_are_read_at_once_and_landed_in_order(landing: LocalLanding) -> None:
    """Bookings end after viewings have begun; yet theirs are the first batches."""
    desk = Desk({"bookings": ["b-1", "b-2"], "user_viewing": ["v-1", "v-2"]}, waits_for={"bookings": "user_viewing"})
    assert run(desk, landing) == ["b-1", "b-2", "v-1", "v-2"]
    assert staged(landing) == []


def test_beside_the_first_table_large_ones_are_read_first(landing: LocalLanding) -> None:
    """What is left at the end is soon done. They are landed in the order of the tables all the same."""
    desk = Desk(
        {"bookings": ["b"], "apartment_attributes": ["t"], "apartments": ["a"], "user_viewing": ["v"]},
        waits_for={"bookings": "apartments"},
        sizes={"bookings": 500, "user_viewing": 250, "apartment_attributes": 50, "apartments": 30},
    )
    assert run(desk, landing) == ["b", "v", "t", "a"]
    assert [name for name in desk.begun if name != "b"] == ["v", "t", "a"]


@dataclass
class Expecting:
    """Is told that there will be commits, and notes what had been begun by then, and what read."""

    desk: Desk
    told: list[tuple[list[str], list[str]]] = field(default_factory=list)

    def __call__(self) -> None:
        self.told.append((list(self.desk.begun), list(self.desk.done)))


@pytest.mark.parametrize(
    ("readers", "offers", "times"),
    [
        (1, {"bookings": ["b"], "user_viewing": ["v"]}, 1),
        (2, {"bookings": ["b-1", "b-2"]}, 1),
        (2, {"bookings": []}, 0),
    ],
    ids=["one reader", "one table", "nothing new"],
)
def test_whoever_commits_is_told_before_the_first_reading(
    landing: LocalLanding, readers: int, offers: dict[str, list[str]], times: int
) -> None:
    desk = Desk(offers, readers=readers)
    expecting = Expecting(desk)
    run(desk, landing, expecting)
    assert expecting.told == [([], [])] * times


def test_with_two_readers_whoever_commits_is_told_once_and_after_the_first_reading(landing: LocalLanding) -> None:
    """Until then text is looked through, which needs the interpreter, and the engine waits for it."""
    desk = Desk(
        {"bookings": ["b"], "user_viewing": ["v"], "apartments": ["a"]},
        waits_for={"bookings": "apartments", "user_viewing": "bookings"},
    )
    expecting = Expecting(desk)
    run(desk, landing, expecting)
    ((begun, done),) = expecting.told
    assert (set(begun), done) == ({"b", "v"}, ["v"])


def test_threads_take_short_turns_while_they_read(landing: LocalLanding) -> None:
    """One that copies asks for the interpreter after every block."""
    usual, seen = sys.getswitchinterval(), []
    for readers, offers in ((2, {"bookings": ["b"], "user_viewing": ["v"]}), (2, {"apartments": ["broken"]})):
        desk = Desk(offers, readers=readers)
        with contextlib.suppress(InputError):
            run(desk, landing, lambda: seen.append(sys.getswitchinterval()))
        assert sys.getswitchinterval() == usual
    assert seen == pytest.approx([usual / 10, usual])


def test_the_next_file_of_a_series_waits_for_the_one_before(landing: LocalLanding) -> None:
    """What it tells about dates is evidence for the next."""
    desk = Desk({"bookings": ["b-1", "b-2", "b-3"], "user_viewing": ["v-1", "v-2"]})
    run(desk, landing)
    assert desk.hints == {"b-1": {}, "b-2": {"seen": "b-1"}, "b-3": {"seen": "b-2"}, "v-1": {}, "v-2": {"seen": "v-1"}}


def test_one_reader_reads_in_order_in_the_callers_thread(landing: LocalLanding) -> None:
    """A database at work: children before their parents, or there would be false orphans."""
    desk = Desk({"apartments": ["a"], "bookings": ["b"], "user_viewing": ["v"]}, readers=1)
    assert run(desk, landing) == ["b", "v", "a"]
    assert desk.begun == ["b", "v", "a"]
    assert desk.threads == {threading.current_thread()}


def test_what_comes_before_a_broken_delivery_is_landed(landing: LocalLanding) -> None:
    desk = Desk({"bookings": ["b-1"], "user_viewing": ["broken"], "apartments": ["a"]})
    with pytest.raises(InputError, match="broken is broken"):
        run(desk, landing)
    assert [batch.delivery.name for batch in landing.landed().batches] == ["b-1"]
    assert staged(landing) == []


def test_an_error_gives_up_what_is_being_read(landing: LocalLanding) -> None:
    """A reading of minutes must not hold up the message about another; its folder stays until it has let go."""
    desk = Desk({"bookings": ["broken"], "user_viewing": ["endless"]})
    with pytest.raises(InputError):
        run(desk, landing)
    assert desk.given_up.is_set()
    assert staged(landing) == []
