"""What one page is made of. Pure values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rental_etl.model.run import Published, RunRecord


@dataclass(frozen=True, slots=True)
class Facts:
    """The publish a page shows; its packed tables by name; the metrics that have none, with the reason; how many places and ranks there are and how many
    are named; the last runs, newest first; when (UTC, ISO 8601) and by which version it was rendered."""

    published: Published
    tables: Mapping[str, Mapping[str, Any]]
    skipped: Mapping[str, str]
    runs: tuple[RunRecord, ...]
    rendered_at: str
    version: str
    limits: Mapping[str, int] = field(default_factory=dict)
