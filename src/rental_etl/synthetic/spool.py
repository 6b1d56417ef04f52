"""Files written in segments by several writers and read back segment by segment: the rows of every writer's first period, of every
writer's second, and so on."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Spool:
    """A finished file, the bytes of its segments, and its records."""

    path: Path
    segments: tuple[int, ...]
    rows: int


class SpoolWriter:
    """Writes one spool; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._segments: list[int] = []

    def __enter__(self) -> "SpoolWriter":
        self._file = self.path.open("wb", buffering=_BLOCK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def segment(self, records: Sequence[str]) -> None:
        """Write the records of the next period."""
        data = "".join(records).encode()
        self._file.write(data)
        self._segments.append(len(data))
        self.rows += len(records)

    def spool(self) -> Spool:
        """What was written so far."""
        return Spool(self.path, tuple(self._segments), self.rows)


def weave(spools: Sequence[Spool], *, header: str, path: Path) -> None:
    """Write `path`: a header, then the segments of all spools, period by period. Holds one open file per spool."""
    with ExitStack() as stack:
        target = stack.enter_context(path.open("wb", buffering=_BLOCK))
        sources = [stack.enter_context(spool.path.open("rb", buffering=_BLOCK // 8)) for spool in spools]
        target.write(header.encode())
        for sizes in zip(*(spool.segments for spool in spools), strict=True):
            for source, size in zip(sources, sizes, strict=True):
                target.write(source.read(size))
