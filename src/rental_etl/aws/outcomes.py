"""How a failed Glue job tells the state machine what kind of failure it was: a mark at the beginning of its error message.

Glue passes on one line of a failed job, `ErrorMessage`; Step Functions shows it inside `Cause`. Retries there go by the mark.
"""

from rental_etl.errors import QualityGateError, RentalEtlError, UsageError

REFUSED = "[rental-etl refused]"
UNUSABLE = "[rental-etl unusable]"
BROKEN = "[rental-etl broken]"

# A rerun of these ends the same: somebody has to decide, or to correct something.
FINAL = (REFUSED, UNUSABLE)


def marked(error: BaseException) -> str:
    """One line for Glue's ErrorMessage: the mark, then what happened and where."""
    if not isinstance(error, RentalEtlError):
        return f"{BROKEN} {type(error).__name__}"
    where = f" ({error.where})" if error.where else ""
    return f"{_mark(error)} {error.what}{where}".replace("\n", " ")


def _mark(error: RentalEtlError) -> str:
    match error:
        case QualityGateError():
            return REFUSED
        case UsageError():
            return UNUSABLE
        case _:
            return BROKEN
