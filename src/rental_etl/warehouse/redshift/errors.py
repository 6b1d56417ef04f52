"""What Redshift's refusals mean to the user. The driver gives the server's answer as a dictionary of fields."""

from dataclasses import dataclass

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError, WorkspaceBusyError
from rental_etl.warehouse.postgres import errors as postgres


class ConflictError(WorkspaceBusyError):
    """Another transaction changed the same tables meanwhile: this one was undone and can simply be done again."""


class CopyRefusedError(SystemUnreachableError):
    """COPY could not read the files it was given."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the server said: its SQLSTATE ("" when the connection broke), message and detail."""

    state: str
    message: str
    detail: str = ""


def told(error: BaseException) -> Told:
    """The fields of a driver's error."""
    fields = error.args[0] if error.args else ""
    if isinstance(fields, dict):
        return Told(str(fields.get("C", "")), str(fields.get("M", "")), str(fields.get("D", "")))
    return Told("", " ".join(str(part) for part in error.args) or type(error).__name__)


def explained(said: Told, *, url: str, user: str) -> RentalEtlError:
    """What an error of a statement means."""
    words = f"{said.message} {said.detail}".strip()
    if said.state == "40001" or "Serializable isolation violation" in words or said.message.strip().startswith("1023"):
        return ConflictError(
            f"another transaction changed the warehouse's tables at the same time: {postgres.said(words)}",
            where=url,
            expected="no other writer to the schemas raw, curated, presentation and etl",
            remedy="let the other writer end; then run again, nothing was changed",
        )
    if "Spectrum Scan Error" in words or "S3ServiceException" in words or "Manifest file" in words:
        return _copy_refused(words, url=url)
    return postgres.explained(said.message, state=said.state, detail=said.detail, url=url, user=user)


def _copy_refused(words: str, *, url: str) -> RentalEtlError:
    # The lines between the rulers of the detail say what happened.
    context = next((line for line in words.splitlines() if line.strip().startswith("context:")), words)
    if "Access" in words and "enied" in words:
        return ConfigurationError(
            f"Redshift may not read the bucket: {postgres.said(context)}",
            where=url,
            expected="an IAM role of the database with s3:GetObject and s3:ListBucket on the lake's bucket",
            remedy="attach the role to the cluster, name it in warehouse.iam_role, and add the bucket to its policy",
        )
    return CopyRefusedError(
        f"COPY could not read a file: {postgres.said(context)}",
        where=url,
        expected="whole Parquet files in a bucket of the same region, with the columns of the table",
        remedy="check the bucket's region and the files; run again, nothing was changed",
    )
