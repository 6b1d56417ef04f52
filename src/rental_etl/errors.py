"""The exception tree. Every error carries what happened, where, what was expected and what to do next."""

from collections.abc import Mapping


class RentalEtlError(Exception):
    """Base of every error the product raises on purpose; `exit_code` is what the command line returns."""

    exit_code = 1
    retryable = False

    def __init__(self, what: str, *, where: str = "", expected: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.remedy = remedy

    def lines(self) -> list[tuple[str, str]]:
        """The labelled parts that are present, in reading order."""
        parts = [("error", self.what), ("where", self.where), ("expected", self.expected), ("do", self.remedy)]
        return [(label, text) for label, text in parts if text]


class QualityGateError(RentalEtlError):
    """A guard or the quality gate refused to publish; everything landed stays landed."""

    exit_code = 1


class BatchRefusedError(QualityGateError):
    """Guards refused batches; `refused` maps their numbers to the reasons."""

    def __init__(self, what: str, *, refused: Mapping[int, str], where: str, expected: str, remedy: str) -> None:
        super().__init__(what, where=where, expected=expected, remedy=remedy)
        self.refused = dict(refused)


class UsageError(RentalEtlError):
    """Wrong options or arguments."""

    exit_code = 2


class ConfigurationError(UsageError):
    """The configuration cannot be understood."""


class InputError(UsageError):
    """Delivered data cannot be interpreted."""


class SystemUnreachableError(RentalEtlError):
    """A disk, server or store could not be reached or refused."""

    exit_code = 3
    retryable = True


class WorkspaceBusyError(RentalEtlError):
    """Another run, or another process, holds the workspace."""

    exit_code = 4
    retryable = True


class ModelError(RentalEtlError):
    """A contract or an SQL model of the product itself is broken: found by tests, not by users."""

    exit_code = 2
