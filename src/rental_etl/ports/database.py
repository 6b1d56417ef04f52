"""Where `ingest` puts files: the operational database of a marketplace."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from rental_etl.model.contract import Contract
from rental_etl.model.delimited import Delimited


@dataclass(frozen=True, slots=True)
class Clean:
    """Rows of one delivery, fit for a table: Parquet files with the contract's columns, no two rows with the same key; or delivered text.

    `name` and `content` are the delivery's; `delivered` are the contract's columns it had; `age` are columns the greatest of which tells how new a row is
    (nulls aside), empty when the later delivery is the newer one.
    """

    name: str
    content: str
    files: tuple[Path | Delimited, ...]
    rows: int
    delivered: tuple[str, ...]
    age: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a delivery's rows: new in the table, changed there, the same as before, and older than what was there."""

    added: int
    changed: int
    unchanged: int
    older: int = 0


class DatabaseSession(Protocol):
    """A connection that may create tables and write."""

    def prepare(self, contract: Contract) -> None:
        """Make sure that the contract's table is there, with its primary key and indexes. A table that is there stays as it is."""
        ...

    def ingested(self, contract: Contract) -> Mapping[str, str]:
        """The content of each delivery that the table holds, by name."""
        ...

    def takes_text(self, contract: Contract) -> bool:
        """Whether rows may come as delivered text. `store` and `append` then raise InputError, and store nothing, when a key is repeated in it."""
        ...

    def is_empty(self, contract: Contract) -> bool:
        """Whether the contract's table has no row."""
        ...

    def append(self, contract: Contract, *, name: str, content: str, pieces: Iterator[Clean]) -> Stored | None:
        """Add the rows of one delivery as they come, in one transaction, and remember the delivery in it; None, and no piece asked for, where rows may meet the
        key of one that is there. What `pieces` raises takes everything back; so does a key that is repeated, with InputError."""
        ...

    def store(self, contract: Contract, clean: Clean) -> Stored:
        """Add and update rows in one transaction, and remember the delivery in it. Without a key the rows replace what the same name brought before."""
        ...


class Database(Protocol):
    """A database that deliveries can be put into."""

    @property
    def identity(self) -> str:
        """What messages call it."""
        ...

    def expect_session(self) -> None:
        """Make ready for `session`, in the background: it will be asked for soon."""
        ...

    def session(self) -> AbstractContextManager[DatabaseSession]:
        """Connect."""
        ...
