"""Listings keep their history, and are known for ever."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from jobs.workshop import Workshop

JAN, FEB, MAR = datetime(2024, 1, 1), datetime(2024, 2, 1), datetime(2024, 3, 1)
MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (date(2024, 7, number) for number in (1, 2, 3, 4))


def flat(number: int, modified: datetime | None = None, price: int = 100, **values: Any) -> dict[str, Any]:
    """A version of a listing created in January."""
    return {"id": number, "last_modified_timestamp": modified, "price": Decimal(price), **values}


def history(shop: Workshop) -> list[Any]:
    return shop.rows("apartment_history", "id, effective_modified_at, cast(price as integer), _batch_id")


def deleted(shop: Workshop) -> dict[int, date]:
    return dict(shop.rows("apartments", "id, deleted_on"))


def changed_versions(shop: Workshop) -> dict[int | None, int]:
    return {rule.batch_id: rule.rows for rule in shop.rules() if rule.rule == "changed_version"}


class TestHistory:
    """A version is known by its listing and its effective modification."""

    def test_a_missing_modification_is_the_creation_and_none_is_before_it(self, shop: Workshop) -> None:
        shop.deliver(
            "apartments",
            flat(1),
            flat(2, datetime(2023, 5, 1)),
            flat(3, FEB, listing_created_on=MAR),
            flat(4, MAR),
        )
        shop.merge()
        assert [(key, begin) for key, begin, _, _ in history(shop)] == [(1, JAN), (2, JAN), (3, MAR), (4, MAR)]

    def test_several_versions_from_one_batch_all_count(self, shop: Workshop) -> None:
        shop.deliver("apartments", flat(1, MAR, 300), flat(1, JAN, 100), flat(1, FEB, 200), kind="full")
        shop.merge()
        assert history(shop) == [(1, JAN, 100, 1), (1, FEB, 200, 1), (1, MAR, 300, 1)]
        assert shop.rows("apartments", "id, cast(price as integer), last_modified_timestamp") == [(1, 300, MAR)]
        assert shop.fates(1) == {"current": 3}

    def test_what_is_shown_is_the_greatest_modification_not_the_latest_batch(self, shop: Workshop) -> None:
        shop.deliver("apartments", flat(1, MAR, 300, title="March"), kind="full")
        shop.merge()
        shop.deliver("apartments", flat(1, FEB, 200, title="February"), kind="full")
        shop.merge()
        assert history(shop) == [(1, FEB, 200, 2), (1, MAR, 300, 1)]
        assert shop.rows("apartments", "title, _batch_id") == [("March", 1)]
        assert changed_versions(shop) == {}

    def test_a_version_repeated_inside_a_batch_is_won_by_the_later_row(self, shop: Workshop) -> None:
        shop.deliver("apartments", flat(1, FEB, 100), flat(1, FEB, 200), kind="full")
        shop.merge()
        assert history(shop) == [(1, FEB, 200, 1)]
        assert shop.fates(1) == {"current": 1, "repeated": 1}
        assert changed_versions(shop) == {}

    @pytest.mark.parametrize("at_once", [True, False])
    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_new_content_under_a_known_modification_replaces_it_and_warns(
        self, shop: Workshop, kind: Any, at_once: bool
    ) -> None:
        shop.deliver("apartments", flat(1, FEB, 100), flat(2, FEB, 100), kind=kind)
        if not at_once:
            shop.merge()
        shop.deliver("apartments", flat(1, FEB, 200), flat(2, FEB, 100), flat(1, MAR, 100), kind=kind)
        shop.merge()
        assert history(shop) == [(1, FEB, 200, 2), (1, MAR, 100, 2), (2, FEB, 100, 1)]
        assert shop.fates(1) == {"current": 1, "replaced": 1}
        assert shop.fates(2) == {"current": 2, "repeated": 1}
        assert changed_versions(shop) == {2: 1}

    @pytest.mark.parametrize("cut", [0, 1, 2])
    def test_every_replacing_batch_is_warned_of_once(self, shop: Workshop, cut: int) -> None:
        for number, price in enumerate((100, 200, 300), start=1):
            shop.deliver("apartments", flat(1, FEB, price))
            if number == cut:
                shop.merge()
        shop.merge()
        assert history(shop) == [(1, FEB, 300, 3)]
        assert changed_versions(shop) == {2: 1, 3: 1}


class TestPresence:
    """A listing that a full batch does not name is deleted from that batch's day on."""

    def test_the_first_full_batch_that_lacks_it_gives_the_day(self, shop: Workshop) -> None:
        shop.deliver("apartments", flat(1), flat(2), flat(3), kind="full", day=MONDAY)
        shop.merge()
        shop.deliver("apartments", flat(1), flat(3), kind="full", day=TUESDAY)
        shop.merge()
        shop.deliver("apartments", flat(1, MAR), kind="full", day=WEDNESDAY)
        shop.merge()
        assert deleted(shop) == {1: None, 2: TUESDAY, 3: WEDNESDAY}
        assert shop.fates(1) == {"current": 1, "deleted": 2}
        assert len(history(shop)) == 4

    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_delivered_again_it_was_never_deleted(self, shop: Workshop, kind: Any) -> None:
        shop.deliver("apartments", flat(1), flat(2), kind="full", day=MONDAY)
        shop.deliver("apartments", flat(1), kind="full", day=TUESDAY)
        shop.merge()
        shop.deliver("apartments", flat(1), flat(2), kind=kind, day=WEDNESDAY)
        shop.merge()
        assert deleted(shop) == {1: None, 2: None}
        assert shop.fates(1) == {"current": 2}
        shop.deliver("apartments", flat(1), kind="full", day=THURSDAY)
        shop.merge()
        assert deleted(shop) == {1: None, 2: THURSDAY}

    @pytest.mark.parametrize("kind", ["full", "delta"])
    def test_an_invalid_row_shows_that_it_is_there(self, shop: Workshop, kind: Any) -> None:
        shop.deliver("apartments", flat(1), flat(2), flat(3), kind="full", day=MONDAY)
        shop.deliver("apartments", flat(1), kind="full", day=TUESDAY)
        shop.merge()
        refused = flat(2, price=-1, _error="price_not_positive")
        shop.deliver("apartments", flat(1), refused, kind=kind, day=WEDNESDAY, unreadable=[(3,), None])
        shop.merge()
        assert deleted(shop) == {1: None, 2: None, 3: None}
        assert [price for _, _, price, _ in history(shop)] == [100, 100, 100]

    def test_a_listing_of_invalid_rows_alone_is_unknown_until_a_valid_one_comes(self, shop: Workshop) -> None:
        refused = flat(2, price=-1, _error="price_not_positive")
        shop.deliver("apartments", flat(1), refused, kind="full", day=MONDAY)
        shop.merge()
        assert deleted(shop) == {1: None}
        shop.deliver("apartments", flat(1), kind="full", day=TUESDAY)
        shop.merge()
        assert deleted(shop) == {1: None}
        shop.deliver("apartments", flat(2), day=WEDNESDAY)
        shop.merge()
        assert deleted(shop) == {1: None, 2: None}

    def test_deltas_delete_nothing(self, shop: Workshop) -> None:
        shop.deliver("apartments", flat(1), kind="full", day=MONDAY)
        shop.deliver("apartments", flat(2), day=TUESDAY)
        shop.merge()
        assert deleted(shop) == {1: None, 2: None}

    def test_a_series_brings_back_what_a_full_batch_lacked(self, shop: Workshop) -> None:
        shop.deliver("apartments", flat(1), flat(2), flat(3), kind="full", day=MONDAY)
        shop.deliver("apartments", flat(1), kind="full", day=TUESDAY)
        shop.deliver("apartments", flat(2, MAR), day=WEDNESDAY)
        shop.deliver("apartments", unreadable=[(3,)], day=THURSDAY)
        shop.merge()
        assert deleted(shop) == {1: None, 2: None, 3: None}


class TestChanges:
    """What metrics have to know: the first day on which a listing's state can differ, and whether a title does."""

    @pytest.fixture
    def known(self, shop: Workshop) -> Workshop:
        """Listing 1 of January with versions of February and March, and listing 2."""
        shop.deliver("apartments", flat(1, JAN), flat(1, FEB), flat(1, MAR), flat(2), kind="full", day=MONDAY)
        shop.merge()
        return shop

    ALL = (flat(1, JAN), flat(1, FEB), flat(1, MAR), flat(2))

    def after(self, known: Workshop, *rows: dict[str, Any], kind: Any = "delta", day: date = TUESDAY) -> Any:
        known.deliver("apartments", *rows, kind=kind, day=day)
        known.merge()
        assert known.changes("apartments") == known.changes("apartment_history")
        return known.changes("apartments")

    def test_a_first_build_changes_everything(self, known: Workshop) -> None:
        assert known.changes("apartments") == {"whole": []}

    def test_nothing_new_changes_nothing(self, known: Workshop) -> None:
        assert self.after(known, *self.ALL, kind="full") == {}

    def test_a_new_version_changes_its_day_and_what_follows(self, known: Workshop) -> None:
        day = ["2024-02-15", "2024-02-15"]
        assert self.after(known, flat(1, datetime(2024, 2, 15, 20), 90)) == {"apartments.state_day": day}

    def test_the_earliest_of_several_counts(self, known: Workshop) -> None:
        changes = self.after(known, flat(1, datetime(2024, 4, 1), 90), flat(1, FEB, 80))
        assert changes == {"apartments.state_day": ["2024-02-01", "2024-02-01"]}

    @pytest.mark.parametrize("begins", [JAN, datetime(2024, 1, 1, 9)])
    def test_a_first_version_counts_from_the_creation(self, known: Workshop, begins: datetime) -> None:
        """Before the first version's day it is that version that counts."""
        created = datetime(2023, 12, 5)
        known.deliver("apartments", flat(3, JAN, 70, listing_created_on=created), kind="delta")
        known.merge()
        changes = self.after(known, flat(3, begins, 80, listing_created_on=created))
        assert changes == {"apartments.state_day": ["2023-12-05", "2023-12-05"]}

    def test_another_creation_counts_from_the_earlier_one(self, known: Workshop) -> None:
        moved = flat(2, MAR, listing_created_on=datetime(2023, 6, 1))
        assert self.after(known, moved)["apartments.state_day"] == ["2023-06-01", "2023-06-01"]
        back = flat(2, datetime(2024, 4, 1), listing_created_on=JAN)
        assert self.after(known, back)["apartments.state_day"] == ["2023-06-01", "2023-06-01"]

    def test_a_new_listing_counts_from_its_creation_and_has_a_title(self, known: Workshop) -> None:
        changes = self.after(known, flat(9, MAR, listing_created_on=FEB))
        assert changes == {"apartments.state_day": ["2024-02-01", "2024-02-01"], "apartments.title": []}

    def test_a_title_changes_every_day(self, known: Workshop) -> None:
        assert self.after(known, flat(1, MAR, title="Palace"))["apartments.title"] == []

    def test_a_title_of_an_older_version_is_not_shown(self, known: Workshop) -> None:
        assert "apartments.title" not in self.after(known, flat(1, FEB, title="Palace"))

    def test_a_deletion_counts_from_the_batchs_day_and_so_does_coming_back(self, known: Workshop) -> None:
        days = [TUESDAY.isoformat()] * 2
        assert self.after(known, *self.ALL[:3], kind="full") == {"apartments.state_day": days}
        assert self.after(known, *self.ALL[:3], kind="full", day=WEDNESDAY) == {}
        assert self.after(known, *self.ALL, kind="full", day=THURSDAY) == {"apartments.state_day": days}
