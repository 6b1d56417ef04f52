"""Guards: batches too odd to be merged without a person's word."""

from dataclasses import dataclass

from rental_etl.jobs.landed import Survey
from rental_etl.model.batch import Batch


@dataclass(frozen=True, slots=True)
class Limits:
    """The `[quality]` settings; None switches a guard off."""

    max_deleted_ratio: float | None = 0.5
    max_quarantined_ratio: float | None = None


def objection(batch: Batch, *, limits: Limits, survey: Survey | None) -> str:
    """Why a batch is refused, or "" when it may be merged; a delta needs no survey."""
    reading = batch.reading
    if survey is not None and reading.rows_read == 0 and survey.keys_before:
        return f"it is empty, but the table had {survey.keys_before:,} rows"
    quarantined = reading.rows_unreadable + reading.rows_refused
    if limits.max_quarantined_ratio is not None and quarantined > limits.max_quarantined_ratio * reading.rows_read:
        return (
            f"{quarantined:,} of its {reading.rows_read:,} rows are quarantined, more than"
            f" quality.max_quarantined_ratio = {limits.max_quarantined_ratio:g} allows"
        )
    if survey is None or limits.max_deleted_ratio is None:
        return ""
    if survey.keys_deleted > limits.max_deleted_ratio * survey.keys_before:
        return (
            f"it would delete {survey.keys_deleted:,} of {survey.keys_before:,} keys, more than"
            f" quality.max_deleted_ratio = {limits.max_deleted_ratio:g} allows"
        )
    return ""
