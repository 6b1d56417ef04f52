"""Kinds of values that settings hold, checked as they are read: lists, durations, URLs without a password, names of currencies and time zones."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(second|minute|hour|day|week)s?")


def _listed(value: Any) -> Any:
    """A list written as one text, as the environment has it: comma-separated."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _duration(value: Any) -> Any:
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError('a duration such as "7 days" or "12 hours"')
    return timedelta(**{f"{match[2]}s": float(match[1])})


def _duration_or_never(value: Any) -> Any:
    return None if value == "never" else _duration(value)


def _without_password(url: str) -> str:
    if urlsplit(url).password:
        raise ValueError(
            "a URL without a password (give it by RENTAL_ETL_SOURCE__PASSWORD, RENTAL_ETL_WAREHOUSE__PASSWORD or RENTAL_ETL_LAKE__CATALOG_PASSWORD)"
        )
    return url


def _catalog(named: str) -> str:
    if named in ("glue", "sqlite") or urlsplit(named).scheme in ("postgresql", "postgres"):
        return _without_password(named)
    raise ValueError("glue, sqlite or postgresql://user@host/database")


def _currency(code: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{3}", code):
        raise ValueError("a currency of three letters, such as USD")
    return code.upper()


def _time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError("a time zone of the IANA database, such as UTC or Europe/Paris") from None
    return name


def _flat(value: Any) -> Any:
    """Spark's settings by their whole names, which TOML takes apart at the dots where they are not quoted."""
    if not isinstance(value, Mapping):
        return value
    found: dict[str, str] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            found |= {f"{name}.{rest}": text for rest, text in _flat(inner).items()}
        else:
            found[name] = str(inner).lower() if isinstance(inner, bool) else str(inner)
    return found


def _spark_names(options: dict[str, str]) -> dict[str, str]:
    for name in options:
        if not name.startswith("spark."):
            raise ValueError(f"settings of Spark, which begin with spark. ({name} does not)")
    return options


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Lowered = Annotated[Words, AfterValidator(lambda words: tuple(word.lower() for word in words))]
Url = Annotated[str, AfterValidator(_without_password)]
CatalogName = Annotated[str, AfterValidator(_catalog)]
Currency = Annotated[str, AfterValidator(_currency)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
DurationOrNever = Annotated[timedelta | None, BeforeValidator(_duration_or_never)]
SparkOptions = Annotated[dict[str, str], BeforeValidator(_flat), AfterValidator(_spark_names)]
