"""Opening the DuckDB file: waits for whoever holds it, sets the session up, and turns the driver's errors into the product's.

A new file is completed under another name and then linked into place, so that a kill while it is being made leaves no broken warehouse.
"""

import contextlib
import os
import re
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError, WorkspaceBusyError
from rental_etl.storage.httpfs import Reach, refused

Connection = duckdb.DuckDBPyConnection

_POLL_SECONDS = 0.1
_HOLDER = re.compile(r"Conflicting lock is held in (?P<program>.+?) \(PID (?P<pid>\d+)\)")
_SAME_PROCESS = ("different configuration than existing connections", "already attached")
_MAGIC = b"DUCK"
_MAGIC_OFFSET = 8
# What the driver says about a broken Parquet file; for a broken footer it raises its plain base class.
_DAMAGE = re.compile(r"magic bytes|too small to be a Parquet|Footer length|Failed to read file|^T\w+Exception")
# What an error in the middle of a streamed answer is wrapped in; the cause follows on the next line.
_WRAPPED = re.compile(
    r"Attempting to execute an unsuccessful or closed pending query result\s+Error: (?P<cause>.+)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class DuckDBPlace:
    """A DuckDB file and how to open it.

    `memory` in DuckDB's words ("1GB"), `wait_seconds` for a file that another process holds, `reach` the way to a lake in S3.
    """

    path: Path
    memory: str
    threads: int | None
    temp: Path | None
    wait_seconds: float
    reach: Reach | None = None

    def exists(self) -> bool:
        """Whether there is a file. Raises SystemUnreachableError when its folder may not be looked into."""
        try:
            return self.path.exists()
        except OSError as error:
            raise _unreachable(self.path, error.strerror or str(error)) from error


@contextlib.contextmanager
def connected(place: DuckDBPlace, *, write: bool) -> Iterator[Connection]:
    """An open connection, closed at the end; driver errors inside come out as the product's."""
    connection = connect(place, write=write)
    try:
        with translated(place.path, connection):
            yield connection
            # Closing checkpoints: a full disk shows here, and the committed work stays in the log.
            connection.close()
    finally:
        connection.close()


def connect(place: DuckDBPlace, *, write: bool) -> Connection:
    """Open the file, waiting `wait_seconds` for another process to let go of it.

    Raises WorkspaceBusyError naming the holder, ConfigurationError when it is not a DuckDB file this version reads, SystemUnreachableError when
    the system refuses.
    """
    deadline = time.monotonic() + place.wait_seconds
    while True:
        try:
            connection = duckdb.connect(str(place.path), read_only=not write, config=_config(place, write=write))
            break
        except (duckdb.IOException, duckdb.ConnectionException, duckdb.BinderException) as error:
            holder = _holder(str(error))
            if not holder:
                raise _refused(place.path, error) from error
            if time.monotonic() >= deadline:
                raise _busy(place, holder) from error
        except duckdb.Error as error:
            raise _refused(place.path, error) from error
        time.sleep(_POLL_SECONDS)
    with contextlib.ExitStack() as stack:
        stack.callback(connection.close)
        with translated(place.path, connection):
            connection.execute("set timezone = 'UTC'")
            # A table name must never resolve to a Python variable of the caller.
            connection.execute("set python_enable_replacements = false")
        stack.pop_all()
    return connection


def create(place: DuckDBPlace, lay_out: Callable[[Connection], None]) -> None:
    """Make the file with what `lay_out` puts into it, in one step; a file that appears meanwhile is kept."""
    fresh = place.path.with_name(f".{place.path.name}.{uuid.uuid4().hex}.new")
    try:
        with contextlib.closing(duckdb.connect(str(fresh))) as connection:
            lay_out(connection)
        # A log left by a file that is gone would stop the new one from opening.
        Path(f"{place.path}.wal").unlink(missing_ok=True)
        with contextlib.suppress(FileExistsError):
            os.link(fresh, place.path)
    except duckdb.Error as error:
        raise _refused(place.path, error) from error
    except OSError as error:
        raise _unreachable(place.path, error.strerror or str(error)) from error
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink(missing_ok=True)


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All or nothing: committed at the end, rolled back when anything is raised."""
    connection.execute("begin transaction")
    try:
        yield
    except BaseException:
        # After a fatal error there is nothing left to roll back, and the first error is the one to show.
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")
        raise
    connection.execute("commit")


@contextlib.contextmanager
def translated(path: Path, connection: Connection) -> Iterator[None]:
    """Driver errors come out as the product's, naming the warehouse file."""
    try:
        with interruptible(connection):
            yield
    except duckdb.Error as error:
        raise explained(path, error) from error


@contextlib.contextmanager
def interruptible(connection: Connection) -> Iterator[None]:
    """Ctrl-C during a statement comes out as KeyboardInterrupt; the driver makes a RuntimeError of it."""
    try:
        yield
    except RuntimeError as error:
        if "Query interrupted" in str(error):
            # The driver's other threads go on with the statement, and closing would wait for them.
            connection.interrupt()
            raise KeyboardInterrupt from error
        raise


def unwrapped(error: duckdb.Error) -> duckdb.Error:
    """The cause of an error that ended a streamed answer, as the driver raises it elsewhere; any other error as it is."""
    found = _WRAPPED.search(str(error))
    if not found:
        return error
    kinds = {"Out of Memory Error": duckdb.OutOfMemoryException, "IO Error": duckdb.IOException}
    return kinds.get(found["cause"].partition(":")[0], type(error))(found["cause"])


def is_damage(error: duckdb.Error) -> bool:
    """Whether the driver complains about a broken Parquet file."""
    return type(error) is duckdb.Error or _DAMAGE.search(first_line(error)) is not None


def explained(path: Path, error: duckdb.Error) -> RentalEtlError:
    """What a driver's error means to the user."""
    by_s3 = refused(error)
    if by_s3:
        return by_s3
    if is_damage(error):
        return SystemUnreachableError(
            f"a Parquet file is damaged: {first_line(error)}",
            where=str(path),
            expected="the lake's files as they were written; nothing was changed",
            remedy="restore the file, or run `rental-etl repair` when it belongs to a curated table",
        )
    if isinstance(error, duckdb.OutOfMemoryException):
        return SystemUnreachableError(
            f"the warehouse ran out of memory: {first_line(error)}",
            where=str(path),
            remedy="give it more with [engine] memory, or free disk space for [engine] temp",
        )
    # A commit that cannot write its log comes as a transaction error.
    if isinstance(error, duckdb.IOException) or "Could not write file" in str(error):
        return SystemUnreachableError(
            f"the warehouse could not read or write a file: {first_line(error)}",
            where=str(path),
            expected="the last publish is untouched",
            remedy="check that the disk is not full; when a lake file is missing, run `rental-etl repair`; then run again",
        )
    if isinstance(error, duckdb.FatalException | duckdb.InternalException | duckdb.SerializationException):
        return SystemUnreachableError(
            f"the warehouse file failed: {first_line(error)}",
            where=str(path),
            remedy="check the disk and run again; when it stays so, move the file away and run `rental-etl repair`",
        )
    return ConfigurationError(
        f"the warehouse refused: {first_line(error)}",
        where=str(path),
        expected="schemas raw, curated, presentation and etl as rental-etl made them",
        remedy="undo changes made by hand in these schemas, or move the file away and run `rental-etl repair`",
    )


def first_line(error: BaseException) -> str:
    """The driver's message without its category, its advice and what follows."""
    line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return re.sub(r"^[A-Z][\w ]* Error: ", "", line).split(". See also")[0]


def _config(place: DuckDBPlace, *, write: bool) -> dict[str, str | bool | int | float | list[str]]:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": place.memory,
        # Nothing is fetched from the network behind the user's back.
        "autoinstall_known_extensions": "false",
        # Tables promise no order; free order lets big loads stream. Questions without `order by` keep a stable one.
        "preserve_insertion_order": "false" if write else "true",
        # The wheel's extension is loaded, with an identity; never one that happens to lie in the home directory.
        "autoload_known_extensions": "false",
    }
    if place.threads:
        settings["threads"] = place.threads
    if place.temp:
        # A folder of its own, which the session makes and removes: two in one overwrite each other's files. Connections of one process to
        # one file are one session, and have to agree on it.
        with contextlib.suppress(OSError):
            place.temp.mkdir(parents=True, exist_ok=True)
        settings["temp_directory"] = str(
            place.temp / f"duckdb-{os.getpid()}-{zlib.crc32(str(place.path).encode()):08x}"
        )
    return settings


def _holder(message: str) -> str:
    """Who holds the file, "" when the message is about something else."""
    found = _HOLDER.search(message)
    if found:
        return f"{_program(int(found['pid']), found['program'])} (PID {found['pid']})"
    if any(text in message for text in _SAME_PROCESS):
        return f"this process itself (PID {os.getpid()})"
    return ""


def _program(pid: int, executable: str) -> str:
    """The program's name; with the script's when an interpreter runs it. Options and arguments may hold secrets and are left out."""
    name = Path(executable).name
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return name
    script = words[1].decode(errors="replace") if len(words) > 1 else ""
    return name if not script or script.startswith("-") else f"{name} {Path(script).name}"


def _busy(place: DuckDBPlace, holder: str) -> WorkspaceBusyError:
    return WorkspaceBusyError(
        f"the warehouse file is open in {holder}",
        where=str(place.path),
        expected=f"a file that no other process holds, within {place.wait_seconds:g} seconds",
        remedy="wait until that process ends, or close the file there, then run again",
    )


def _refused(path: Path, error: duckdb.Error) -> RentalEtlError:
    if path.is_file() and not _is_duckdb(path):
        what = "the warehouse file is not a DuckDB database"
    elif "version number" in str(error) or "newer version" in str(error):
        what = f"the warehouse file was written by another DuckDB version: {first_line(error)}"
    elif isinstance(error, duckdb.IOException):
        return _unreachable(path, first_line(error))
    else:
        return explained(path, error)
    return ConfigurationError(
        what,
        where=str(path),
        expected=f"a DuckDB database that DuckDB {duckdb.__version__} reads",
        remedy="name another file in [warehouse] url, or move this one away and run `rental-etl repair`",
    )


def _is_duckdb(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(_MAGIC_OFFSET + len(_MAGIC))[_MAGIC_OFFSET:] == _MAGIC
    except OSError:
        # Whoever may not read the file is told so by the driver's own message.
        return True


def _unreachable(path: Path, reason: str) -> SystemUnreachableError:
    return SystemUnreachableError(
        f"the warehouse file cannot be opened: {reason}",
        where=str(path),
        expected="a file in an existing folder that this user may read and write, on a disk with room",
        remedy="check the folder and its permissions, or name another file in [warehouse] url",
    )
