"""Exact arithmetic: no float anywhere, one rounding, and the calendar of SPEC section 3."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

DAY = timedelta(days=1)


def round_half_away(number: Fraction | Decimal | int, digits: int) -> Decimal:
    """Round to `digits` decimals, halves away from zero; the result has exactly that scale."""
    scaled = Fraction(number) * 10**digits
    whole = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    signed = whole if scaled >= 0 else -whole
    return Decimal((0 if signed >= 0 else 1, tuple(int(digit) for digit in str(abs(signed))), -digits))


def ratio(numerator: Decimal | int, denominator: int, digits: int) -> Decimal | None:
    """numerator / denominator rounded; None when nothing is divided by."""
    return None if denominator == 0 else round_half_away(Fraction(numerator) / denominator, digits)


def days(first: date, after: date) -> list[date]:
    """Every day from `first` up to the one before `after`."""
    return [first + DAY * number for number in range((after - first).days)]


def week_of(day: date) -> date:
    """The Monday of the ISO week."""
    return day - DAY * day.weekday()


def week_end(monday: date) -> date:
    """The Sunday of the week."""
    return monday + DAY * 6


def month_of(day: date) -> date:
    """The first day of the month."""
    return day.replace(day=1)


def next_month(first: date) -> date:
    """The first day of the month after."""
    return (first.replace(day=28) + DAY * 4).replace(day=1)


def month_end(first: date) -> date:
    """The last day of the month."""
    return next_month(first) - DAY


def months(first: date, last: date) -> list[date]:
    """Every month from the one of `first` to the one of `last`, without a gap."""
    found = []
    month = month_of(first)
    while month <= last:
        found.append(month)
        month = next_month(month)
    return found
