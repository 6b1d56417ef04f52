"""Without a key every row counts, and batches replace batches."""

from datetime import datetime
from typing import Any

import pytest

from jobs.workshop import Workshop


def view(user: int, **values: Any) -> dict[str, Any]:
    return {"user_id": user, **values}


def in_force(shop: Workshop) -> list[tuple[int, int]]:
    return shop.rows("user_viewing", "user_id, _batch_id")


class TestViews:
    """A repeated view is a second view."""

    def test_equal_rows_all_count(self, shop: Workshop) -> None:
        shop.deliver("user_viewing", view(1), view(1), view(2), kind="full")
        shop.merge()
        assert in_force(shop) == [(1, 1), (1, 1), (2, 1)]
        assert shop.fates(1) == {"current": 3}

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_full_batch_replaces_all_before_it(self, shop: Workshop, at_once: bool) -> None:
        shop.deliver("user_viewing", view(1), view(2))
        shop.deliver("user_viewing", view(3))
        if not at_once:
            shop.merge()
        shop.deliver("user_viewing", view(1), kind="full")
        shop.merge()
        assert in_force(shop) == [(1, 3)]
        assert [shop.fates(batch) for batch in (1, 2, 3)] == [{"replaced": 2}, {"replaced": 1}, {"current": 1}]

    @pytest.mark.parametrize("at_once", [True, False])
    def test_a_delta_replaces_what_its_name_delivered(self, shop: Workshop, at_once: bool) -> None:
        shop.deliver("user_viewing", view(1), view(2), name="views-1.csv")
        shop.deliver("user_viewing", view(3), name="views-2.csv")
        if not at_once:
            shop.merge()
        shop.deliver("user_viewing", view(1), view(9), name="views-1.csv")
        shop.merge()
        assert in_force(shop) == [(1, 3), (3, 2), (9, 3)]
        assert [shop.fates(batch) for batch in (1, 2, 3)] == [{"replaced": 2}, {"current": 1}, {"current": 2}]

    def test_a_name_from_before_a_full_batch_adds_to_it(self, shop: Workshop) -> None:
        shop.deliver("user_viewing", view(1), name="views-1.csv")
        shop.deliver("user_viewing", view(2), kind="full", name="user_viewing.csv")
        shop.deliver("user_viewing", view(3), name="views-1.csv")
        shop.merge()
        assert in_force(shop) == [(2, 2), (3, 3)]

    def test_refused_rows_do_not_count_and_stay_refused_when_their_batch_is_replaced(self, shop: Workshop) -> None:
        shop.deliver("user_viewing", view(1), view(2, _error="rule"), name="views-1.csv", unreadable=[None])
        shop.merge()
        assert in_force(shop) == [(1, 1)]
        assert shop.fates(1) == {"current": 1, "refused": 1}
        shop.deliver("user_viewing", view(5), name="views-1.csv")
        shop.merge()
        assert shop.fates(1) == {"replaced": 1, "refused": 1}

    def test_an_empty_delta_takes_back_what_its_name_delivered(self, shop: Workshop) -> None:
        shop.deliver("user_viewing", view(1), name="views-1.csv")
        shop.deliver("user_viewing", view(2), name="views-2.csv")
        shop.merge()
        shop.deliver("user_viewing", name="views-1.csv")
        shop.merge()
        assert in_force(shop) == [(2, 2)]

    def test_a_long_series_is_merged_at_once(self, shop: Workshop) -> None:
        for user in range(60):
            shop.deliver("user_viewing", view(user), name=f"views-{user % 40}.csv")
        shop.merge()
        assert [user for user, _ in in_force(shop)] == list(range(20, 60))

    def test_only_touched_months_are_rewritten(self, shop: Workshop) -> None:
        january, march = datetime(2024, 1, 31, 23, 59, 59), datetime(2024, 3, 1)
        shop.deliver("user_viewing", view(1, viewed_at=january), view(2, viewed_at=march), name="a")
        shop.merge()
        before = shop.curated.current("user_viewing")
        shop.deliver("user_viewing", view(3, viewed_at=march), name="b")
        shop.merge()
        after = shop.curated.current("user_viewing")
        assert before is not None
        assert after is not None
        assert [path for path, month in before.files if month == "2024-01"] == [
            path for path, month in after.files if month == "2024-01"
        ]
        assert len(after.files) == 2
        assert [user for user, _ in in_force(shop)] == [1, 2, 3]

    def test_changes_are_the_days_of_what_came_and_went(self, shop: Workshop) -> None:
        shop.deliver("user_viewing", view(1, viewed_at=datetime(2024, 1, 2, 23)), name="a")
        shop.deliver("user_viewing", view(1, viewed_at=datetime(2024, 5, 5)), name="b")
        shop.merge()
        shop.deliver("user_viewing", view(1, viewed_at=datetime(2024, 2, 1)), name="a")
        shop.merge()
        assert shop.changes("user_viewing") == {"user_viewing.view_day": ["2024-01-02", "2024-02-01"]}
