"""The exception tree. Every error carries what happened, where, what was expected, what to do next, and where the documentation explains it."""

from collections.abc import Mapping
from enum import StrEnum


class ErrorPage(StrEnum):
    """Headings of docs/errors.md that explain a kind of error."""

    ANY = "docs/errors.md"
    REFUSED = "docs/errors.md#a-batch-was-refused"
    GATE = "docs/errors.md#the-quality-gate-refused-to-publish"
    USAGE = "docs/errors.md#wrong-usage"
    CONFIGURATION = "docs/errors.md#the-configuration-cannot-be-understood"
    INPUT = "docs/errors.md#a-delivery-cannot-be-read"
    DATES = "docs/errors.md#dates-that-read-both-ways"
    ENCODING = "docs/errors.md#another-encoding"
    COLUMNS = "docs/errors.md#a-column-is-missing"
    FILES = "docs/errors.md#no-file-or-two-for-one-table"
    SYSTEM = "docs/errors.md#a-system-cannot-be-reached"
    BUSY = "docs/errors.md#the-workspace-is-busy"
    DEFECT = "docs/errors.md#a-defect-of-rental-etl"


class RentalEtlError(Exception):
    """Base of every error the product raises on purpose; `exit_code` is what the command line returns, `page` where its kind is explained."""

    exit_code = 1
    retryable = False
    page = ErrorPage.ANY

    def __init__(
        self, what: str, *, where: str = "", expected: str = "", remedy: str = "", page: ErrorPage | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.remedy = remedy
        if page is not None:
            self.page = page

    def lines(self) -> list[tuple[str, str]]:
        """The labelled parts that are present, in reading order."""
        parts = [
            ("error", self.what),
            ("where", self.where),
            ("expected", self.expected),
            ("do", self.remedy),
            ("see", str(self.page)),
        ]
        return [(label, text) for label, text in parts if text]


class QualityGateError(RentalEtlError):
    """A guard or the quality gate refused to publish; everything landed stays landed."""

    exit_code = 1
    page = ErrorPage.GATE


class BatchRefusedError(QualityGateError):
    """Guards refused batches; `refused` maps their numbers to the reasons."""

    page = ErrorPage.REFUSED

    def __init__(self, what: str, *, refused: Mapping[int, str], where: str, expected: str, remedy: str) -> None:
        super().__init__(what, where=where, expected=expected, remedy=remedy)
        self.refused = dict(refused)


class UsageError(RentalEtlError):
    """Wrong options or arguments."""

    exit_code = 2
    page = ErrorPage.USAGE


class ConfigurationError(UsageError):
    """The configuration cannot be understood."""

    page = ErrorPage.CONFIGURATION


class InputError(UsageError):
    """Delivered data cannot be interpreted."""

    page = ErrorPage.INPUT


class SystemUnreachableError(RentalEtlError):
    """A disk, server or store could not be reached or refused."""

    exit_code = 3
    retryable = True
    page = ErrorPage.SYSTEM


class WorkspaceBusyError(RentalEtlError):
    """Another run, or another process, holds the workspace."""

    exit_code = 4
    retryable = True
    page = ErrorPage.BUSY


class ModelError(RentalEtlError):
    """A contract or an SQL model of the product itself is broken: found by tests, not by users."""

    exit_code = 2
    page = ErrorPage.DEFECT
