"""What Spark's errors mean to the user."""

import re
from pathlib import Path

from rental_etl.errors import ModelError, RentalEtlError, SystemUnreachableError

_NO_FILE = ("PATH_NOT_FOUND", "FAILED_READ_FILE", "CANNOT_READ_FILE_FOOTER", "FILE_NOT_EXIST")
_NO_FIT = (
    *("CAST_INVALID_INPUT", "CAST_OVERFLOW", "ARITHMETIC_OVERFLOW", "BINARY_ARITHMETIC_OVERFLOW", "DIVIDE_BY_ZERO"),
    *("NUMERIC_VALUE_OUT_OF_RANGE", "NUMERIC_OUT_OF_SUPPORTED_RANGE", "DATETIME_OVERFLOW", "REMAINDER_BY_ZERO"),
    *("INTERVAL_ARITHMETIC_OVERFLOW", "SCALAR_SUBQUERY_TOO_MANY_ROWS", "COLLECTION_SIZE_LIMIT_EXCEEDED"),
)
_NO_MEMORY = ("OutOfMemoryError", "UNABLE_TO_ACQUIRE_MEMORY", "Java heap space", "Container killed")
_FILES = ("java.io.", "ParquetDecodingException", "org.apache.parquet")
_ENDED = ("Py4JNetworkError", "ConnectionRefusedError", "Py4JError")
# A cluster that gives up says one of these, depending on what was under way.
_GIVEN_UP = ("SparkContext was shut down", "Master removed our application", "stopped SparkContext")
_NO_ROOM = ("No space left on device", "Disk quota exceeded", "File too large")


def explained(error: Exception, sql: str, *, log: Path) -> RentalEtlError:
    """The product's error for one of pyspark's or py4j's."""
    from pyspark.errors import AnalysisException, ParseException

    text = _text(error)
    if any(word in text for word in _NO_MEMORY):
        return SystemUnreachableError(
            "the engine ran out of memory",
            where=_first(text),
            remedy="give it more: [engine] memory is the driver's, [engine.spark] \"spark.executor.memory\" that of a cluster's executors",
        )
    if any(word in text for word in _NO_ROOM):
        return _file_failed(f"the disk is full: {_first(text)}")
    if isinstance(error, ParseException) or (isinstance(error, AnalysisException) and not _any(text, _NO_FILE)):
        return ModelError(
            f"a statement is wrong: {_first(text)}",
            where=" ".join(sql.split())[:200],
            remedy="this is a defect of rental-etl: report it with this message",
        )
    if _any(text, _NO_FIT):
        return ModelError(
            f"a value does not fit the type that a statement gives it: {_named(text, _NO_FIT)}",
            where=" ".join(sql.split())[:200],
            expected="amounts and counts within the types of docs/metrics.md",
            remedy="correct the value at the source, or report it with this message",
        )
    if _any(text, _NO_FILE) or any(word in text for word in _FILES):
        return _file_failed(_first(text))
    ended = type(error).__name__ in _ENDED or any(words in text for words in _GIVEN_UP)
    return SystemUnreachableError(
        "Spark ended while it worked" if ended else f"Spark could not finish a statement: {_first(text)}",
        where=f"its log is {log}",
        expected="a Spark that goes on until the run ends",
        remedy="look in the log, also for memory that did not suffice; run again, nothing half-done is visible",
    )


def _file_failed(message: str) -> SystemUnreachableError:
    return SystemUnreachableError(
        "the engine could not read or write a file",
        where=message,
        expected="files of the lake as they were written, and a disk with room",
        remedy="check that the disk is not full and the workspace is complete; run again, nothing half-done is visible",
    )


def _text(error: Exception) -> str:
    """The message with those of its causes: what failed in a task is told in the last of them."""
    java = getattr(error, "java_exception", None)
    trace = getattr(error, "_stackTrace", None) or getattr(error, "_stacktrace", None)
    return "\n".join(str(part) for part in (error, java, trace) if part)


def _any(text: str, conditions: tuple[str, ...]) -> bool:
    return any(re.search(rf"\[{condition}\b", text) for condition in conditions)


def _named(text: str, conditions: tuple[str, ...]) -> str:
    """The sentence that says what condition."""
    pattern = rf"\[(?:{'|'.join(conditions)})[^\]]*\] [^\n]*"
    match = re.search(pattern, text)
    return match[0][:300] if match else _first(text)


def _first(text: str) -> str:
    # py4j begins with which of its calls failed, which says nothing.
    lines = [line.strip(" :\t") for line in text.splitlines() if not line.startswith("An error occurred while calling")]
    lines = [line for line in lines if line]
    return lines[0][:300] if lines else "no message"
