"""Quarantined rows for people: where a row is, what it breaks, and the row."""

import pytest

from rental_etl.cli.batches import _show_rows
from rental_etl.model.summary import QuarantinedRow


@pytest.mark.parametrize(
    ("rule", "column", "why"),
    [
        ("broken_quoting", "", "broken_quoting"),
        ("unreadable_value", "price", "unreadable_value (price)"),
        ("unreadable_value,unreadable_value", "user_id,price", "unreadable_value (user_id, price)"),
        (
            "price_not_positive,missing_value,checkout_first",
            ",currency,",
            "price_not_positive, missing_value (currency), checkout_first",
        ),
    ],
)
def test_each_rule_is_named_once_with_its_columns(
    capsys: pytest.CaptureFixture[str], rule: str, column: str, why: str
) -> None:
    """A repeated header breaks one rule in every column."""
    _show_rows([QuarantinedRow("bookings", 7, "bookings.csv", 3, rule, "1,2,x", column)])
    assert capsys.readouterr().out == f"bookings.csv:3: {why}, unreadable, batch 7\n    1,2,x\n"
