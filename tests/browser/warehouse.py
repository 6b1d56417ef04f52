"""The numbers a page has to show, asked of the warehouse: exact, and rounded once."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from rental_etl.bootstrap import Application


def rows(application: Application, sql: str) -> list[tuple[Any, ...]]:
    """An answer of the warehouse."""
    return list(application.query(sql).rows)


def one(application: Application, sql: str) -> Any:
    """The one value of an answer."""
    return rows(application, sql)[0][0]


def ratio(numerator: Any, denominator: Any, digits: int) -> str:
    """numerator / denominator with so many digits, halves away from zero; empty without a denominator."""
    if not denominator:
        return ""
    return str((Decimal(numerator) / Decimal(denominator)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Expected:
    """Key numbers of a range of months, `[first, last]` as first days, in one currency, for one city (state, city) or all."""

    application: Application
    first: str
    last: str
    currency: str
    place: tuple[str, str] | None = None

    def occupancy(self) -> str:
        """Over months, from the city's table where a city is chosen."""
        table, where = "occupancy_rate_monthly", ""
        if self.place:
            table = "occupancy_rate_monthly_by_city"
            where = f" and state = '{self.place[0]}' and city = '{self.place[1]}'"
        return self._ratio("booked_nights", "available_nights", table, 6, where)

    def adr(self) -> str:
        """Money per night sold."""
        return self._ratio("room_revenue", "nights_sold", "revenue_monthly", 2, self._currency)

    def revpar(self) -> str:
        """Money per available night."""
        return self._ratio("room_revenue", "available_nights", "revenue_monthly", 2, self._currency)

    def price(self) -> str:
        """Over the weeks that begin in the months."""
        return self._ratio(
            "total_price", "listings_count", "average_listing_price_weekly", 2, self._currency, period="week_start"
        )

    def bookings(self) -> str:
        """Of any status."""
        return str(
            one(self.application, f"select sum(bookings_count) from cancellation_rate_monthly where {self._in()}")
        )

    def cancellation(self) -> str:
        """Canceled of all bookings."""
        return self._ratio("canceled_count", "bookings_count", "cancellation_rate_monthly", 6)

    def repeat(self) -> str:
        """As the table has it for the last day of the months."""
        where = f"{self._in('as_of_date')} order by as_of_date desc limit 1"
        return str(one(self.application, f"select repeat_customer_rate from repeat_customer_rate_daily where {where}"))

    def conversion(self) -> str:
        """As the table has it for the last complete week that begins in the months."""
        where = f"{self._in('week_start')} order by is_complete desc, week_start desc limit 1"
        return str(one(self.application, f"select conversion_rate from view_conversion_weekly where {where}"))

    @property
    def _currency(self) -> str:
        return f" and currency = '{self.currency}'"

    def _in(self, period: str = "month_start") -> str:
        return f"{period} >= date '{self.first}' and {period} < date '{self.last}' + interval 1 month"

    def _ratio(
        self, over: str, under: str, table: str, digits: int, where: str = "", *, period: str = "month_start"
    ) -> str:
        sql = f"select sum({over}), sum({under}) from {table} where {self._in(period)}{where}"
        numerator, denominator = rows(self.application, sql)[0]
        return ratio(numerator, denominator, digits)


KEYS = ("occupancy", "adr", "revpar", "price", "repeat", "bookings", "cancellation", "conversion")
