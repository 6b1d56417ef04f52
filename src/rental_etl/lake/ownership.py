"""Who owns a lake: one source, one warehouse, one place, and in S3 one catalog. Pure rules over what `lake.json` holds."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rental_etl.errors import ConfigurationError
from rental_etl.model.run import LakeId


def now() -> str:
    """The present moment in UTC, as manifests have it."""
    return datetime.now(tz=UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def new_owner(wanted: Mapping[str, str]) -> dict[str, str]:
    """What the first claim records."""
    return {"lake_id": uuid.uuid4().hex, "created_at": now(), **wanted}


def lake_of(owner: Mapping[str, Any]) -> LakeId:
    """Which lake a record speaks of."""
    return LakeId(str(owner["lake_id"]), str(owner["location"]))


def agreed(found: Mapping[str, Any], wanted: Mapping[str, str], *, empty: bool, where: str) -> dict[str, Any]:
    """What the record becomes when `wanted` claims it; what was unknown ("") is filled in.

    With `empty`, nothing was landed yet: a mistyped source does not own the lake. Raises ConfigurationError for another owner.
    """
    recorded = {part: found.get(part, "") for part in wanted}
    if empty:
        recorded["source"] = ""
    for part, value in wanted.items():
        if value and recorded[part] and recorded[part] != value:
            raise _owned(where, part=part, found=recorded[part], wanted=value)
    return {**found, **{part: recorded[part] or value for part, value in wanted.items()}}


def _owned(where: str, *, part: str, found: str, wanted: str) -> ConfigurationError:
    if part == "source":
        remedy = "use another --workspace for another source, or name the workspace's own source"
    elif part == "catalog":
        remedy = "use the workspace or lake.catalog that the lake was made with; if it is lost run `rental-etl repair`"
    else:
        remedy = "if the workspace was moved here run `rental-etl repair`; otherwise use another --workspace"
    return ConfigurationError(
        f"this {'lake' if where.startswith('s3://') else 'workspace'} belongs to another {part}",
        where=where,
        expected=f"{part} {found}, but it is {wanted}",
        remedy=remedy,
    )
