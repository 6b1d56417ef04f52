"""Wall clock times of a zone as UTC, as `zoneinfo` has it: a time that a clock change skips or repeats takes the offset from before the change."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from rental_etl.errors import ConfigurationError

# Offsets change at most once in so many hours, anywhere, since 2000.
_STEP = timedelta(hours=6)
# Read without the system's time zone data, which not every machine has.
_UTC = ("UTC", "Etc/UTC")


def check_zone(name: str, *, table: str) -> None:
    """Raise ConfigurationError when there is no zone called `name`."""
    if name in _UTC:
        return
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ConfigurationError(
            f"{name!r} is not a time zone that this system knows",
            where=f"tables.{table}.time_zone",
            expected="a name of the IANA database, such as UTC or Europe/Berlin",
            remedy="correct the name, or install the system's time zone data",
        ) from error


def to_utc(moment: str, *, zone_name: str, first: date, last: date) -> str:
    """SQL that turns wall clock times between two days (and a week around them), named by the SQL text `moment`, into UTC."""
    if zone_name in _UTC:
        return moment
    spans = _spans(zone_name, first, last)
    if len(spans) == 1 and not spans[0][1]:
        return moment
    return f"({moment} - ({_choose(moment, spans)}))"


def is_utc(zone_name: str, *, first: date, last: date) -> bool:
    """Whether the zone's clocks show UTC all the time between two days."""
    return to_utc("t", zone_name=zone_name, first=first, last=last) == "t"


@cache
def _spans(zone_name: str, first: date, last: date) -> tuple[tuple[datetime, timedelta], ...]:
    """Wall clock times from which an offset holds, in order."""
    clock = ZoneInfo(zone_name)

    def offset(moment: datetime) -> timedelta:
        return clock.utcoffset(moment) or timedelta(0)

    moments = list(_moments(first, last))
    spans = [(moments[0], offset(moments[0]))]
    for earlier, later in pairwise(moments):
        if offset(later) != spans[-1][1]:
            low, high = earlier, later
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (middle, high) if offset(middle) == spans[-1][1] else (low, middle)
            spans.append((high, offset(high)))
    return tuple(spans)


def _moments(first: date, last: date) -> Iterator[datetime]:
    moment = datetime.combine(first, time(), UTC).replace(tzinfo=None) - timedelta(days=7)
    while moment <= datetime.combine(last, time()) + timedelta(days=7):
        yield moment
        moment += _STEP


def _choose(moment: str, spans: Sequence[tuple[datetime, timedelta]]) -> str:
    if len(spans) == 1:
        return f"to_seconds({int(spans[0][1].total_seconds())})"
    middle = len(spans) // 2
    return (
        f"case when {moment} < timestamp '{spans[middle][0].isoformat(sep=' ')}'"
        f" then {_choose(moment, spans[:middle])} else {_choose(moment, spans[middle:])} end"
    )
