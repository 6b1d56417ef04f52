"""A marketplace with every defect a delivery may have runs to the end, and each spoiled row ends where its defect says."""

from collections import Counter
from datetime import date

import pytest

from rental_etl.bootstrap import Application
from rental_etl.model.summary import RunSummary
from rental_etl.settings import load_settings
from rental_etl.synthetic.defects import DEFECTS, Effect
from rental_etl.synthetic.marketplace import Generated, generate

END = date(2024, 6, 30)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> tuple[Generated, RunSummary]:
    folder = tmp_path_factory.mktemp("dirty")
    generated = generate(folder / "csv", apartments=2000, bookings=8000, viewings=6000, seed=5, end=END, dirty=0.05)
    overrides = {"workspace": str(folder / "workspace"), "source": {"url": str(folder / "csv")}}
    return generated, Application(load_settings(config=None, overrides=overrides), as_of=END).run()


def spoiled(generated: Generated, *, effect: Effect) -> dict[str, int]:
    """Rows by table whose defect has an effect."""
    return {
        table: sum(generated.defects[f"{table}.{defect.name}"] for defect in defects if defect.effect == effect)
        for table, defects in DEFECTS.items()
    }


def found(summary: RunSummary, rule: str) -> dict[str, int]:
    """Rows by table that break a rule."""
    rows: Counter[str] = Counter()
    for result in summary.rules:
        if result.rule == rule:
            rows[result.table] += result.rows
    return dict(rows)


def test_rows_are_read_as_they_were_written_and_the_accounts_balance(dirty: tuple[Generated, RunSummary]) -> None:
    generated, summary = dirty
    assert {account.table: account.rows_read for account in summary.accounting} == generated.rows
    assert [account for account in summary.accounting if not account.balanced] == []
    assert len(summary.published) == 12


def test_exactly_the_rows_beyond_repair_are_quarantined(dirty: tuple[Generated, RunSummary]) -> None:
    generated, summary = dirty
    quarantined = {account.table: account.unreadable + account.refused for account in summary.accounting}
    assert quarantined == spoiled(generated, effect="refused")


def test_exactly_the_repeated_keys_are_kept_once(dirty: tuple[Generated, RunSummary]) -> None:
    generated, summary = dirty
    repeated = {account.table: account.repeated for account in summary.accounting}
    assert repeated == spoiled(generated, effect="repeated")


@pytest.mark.parametrize(
    ("rule", "defects"),
    [
        ("wrong_number_of_fields", ("too_few_fields", "too_many_fields")),
        ("price_not_positive", ("price_not_positive",)),
        ("currency_not_three_letters", ("currency_not_three_letters",)),
        ("modified_before_created", ("modified_before_created",)),
        ("checkout_not_after_checkin", ("checkout_not_after_checkin",)),
        ("negative_total_price", ("negative_total_price",)),
        ("checkin_before_booking", ("checkin_before_booking",)),
        ("unknown_status", ("unknown_status",)),
        ("rounded", ("too_many_decimals",)),
        ("repeated_key", ("repeated_key",)),
        # both guests of an overlap break the rule
        ("overlapping_stay", ("overlapping_stay", "overlapping_stay")),
    ],
)
def test_a_rule_counts_exactly_the_rows_spoiled_to_break_it(
    dirty: tuple[Generated, RunSummary], rule: str, defects: tuple[str, ...]
) -> None:
    generated, summary = dirty
    expected = {table: sum(generated.defects.get(f"{table}.{name}", 0) for name in defects) for table in DEFECTS}
    assert found(summary, rule) == {table: rows for table, rows in expected.items() if rows}


def test_a_booking_or_view_of_a_listing_nobody_delivered_is_kept_with_a_warning(
    dirty: tuple[Generated, RunSummary],
) -> None:
    # more than those spoiled so: some listings have every row of theirs in quarantine
    generated, summary = dirty
    unknown = found(summary, "unknown_apartment")
    assert unknown["bookings"] >= generated.defects["bookings.unknown_apartment"] > 0
    assert unknown["user_viewing"] >= generated.defects["user_viewing.unknown_apartment"] > 0
