"""Raw tables taken back out of a warehouse, for a transform that reads them: the folder they go to, and their columns."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.contract import Contract


def unloaded_columns(contract: Contract) -> tuple[str, ...]:
    """What an unloaded row tells: the delivered values, the error rules it breaks, and its batch."""
    return (*contract.names, "_error", "_batch_id")


@contextlib.contextmanager
def unload_folder(temp: Path | None) -> Iterator[Path]:
    """A folder below `temp` that is removed afterwards. Raises SystemUnreachableError where none can be made."""
    try:
        if temp is not None:
            temp.mkdir(parents=True, exist_ok=True)
        folder = tempfile.TemporaryDirectory(prefix="unload-", dir=temp)
    except OSError as error:
        raise SystemUnreachableError(
            f"cannot make a folder for the rows of schema raw: {error.strerror}",
            where=str(temp or tempfile.gettempdir()),
            remedy="make it writable, or name another with [engine] temp",
        ) from error
    with folder as path:
        yield Path(path)
