"""Where deliveries come from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Protocol, runtime_checkable

from rental_etl.model.batch import Batch, Delivery, Reading
from rental_etl.model.contract import Contract
from rental_etl.model.delimited import Delimited


class Source(Protocol):
    """A folder of files, a bucket prefix or a database."""

    @property
    def identity(self) -> str:
        """What the lake records as its owner: two sources are the same when this is."""
        ...

    @property
    def readers(self) -> int:
        """How many tables may be looked for, or read, at once, each in a thread of its own; 1 where the order of reading matters."""
        ...

    def deliveries(self, contract: Contract) -> Sequence[Delivery]:
        """What is offered for a table now, in the order it applies; empty when the table is absent. Raises InputError."""
        ...

    def read(
        self, delivery: Delivery, *, contract: Contract, staging: Path, day: date, hints: Mapping[str, str]
    ) -> Reading:
        """Read one delivery into `staging` (`parts/`, `source/`, `quarantine/`), as typed Parquet.

        `day` bounds readable dates; `hints` are the parsing decisions of the table's earlier batches of the same series. Raises InputError when
        the delivery cannot be interpreted or changes while it is read.
        """
        ...

    def stop(self) -> None:
        """Make readings in other threads fail soon. Nothing is read any more afterwards."""
        ...

    def outdated(self, batch: Batch, *, contract: Contract) -> bool:
        """Whether a batch was parsed by other settings or another contract than today's."""
        ...

    def reread(
        self, batch: Batch, *, contract: Contract, kept: Path, staging: Path, hints: Mapping[str, str]
    ) -> Reading:
        """Parse a batch's kept source (folder `kept`) again with today's settings; same contract as `read`."""
        ...


class NotInPiecesError(Exception):
    """A delivery has to be read as a whole after all. Nothing is wrong with it."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a delivery, all of them fit: a Parquet file with the contract's columns, or the delivered text; and the columns that the delivery lacks."""

    file: Path | Delimited
    rows: int
    missing: tuple[str, ...]


@runtime_checkable
class DivisibleSource(Protocol):
    """A source that can hand over the rows of some deliveries before it has read all of them."""

    def is_divisible(self, delivery: Delivery, *, awaited: bool = False) -> bool:
        """Whether it is large enough to be read in more than one piece; less is enough when nothing else can be done until it is read."""
        ...

    def read_in_pieces(
        self,
        delivery: Delivery,
        *,
        contract: Contract,
        staging: Path,
        day: date,
        landed: Callable[[Piece], None],
        divided: bool,
        as_text: bool,
    ) -> Reading:
        """Read like `Source.read`, telling of each piece when it is read. Raises NotInPiecesError, also after some pieces.

        With `as_text` a piece that needs no change stays text, and has no Parquet part. Unless `divided` the delivery is one piece, told of only when it is
        such a text.
        """
        ...
