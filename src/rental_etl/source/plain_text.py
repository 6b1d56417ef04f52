"""Makes a delivered text file plain: uncompressed UTF-8 on disk, with what a glance at its bytes tells.

Reads delivered files; writes a temporary file when one is compressed or in another encoding. A plain UTF-8 file is used where it lies.
"""

import codecs
import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rental_etl.errors import ConfigurationError, ErrorPage, InputError, SystemUnreachableError
from rental_etl.source.stopping import go_on

_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, slots=True)
class PlainText:
    """An uncompressed UTF-8 file (with or without byte order mark) and facts about its bytes.

    `encoding` is what was delivered. `decodable` is false when some bytes are not UTF-8. `line_end` is how every line ends when they all do alike and no
    other carriage return occurs, else "".
    """

    path: Path
    name: str
    encoding: str
    size: int
    line_feeds: int
    quoted: bool
    line_end: Literal["\n", "\r\n", ""]
    decodable: bool
    ends_in_line: bool

    @property
    def by_returns(self) -> bool:
        """Whether lines end in carriage returns, as they did on old systems."""
        return not self.line_feeds and not self.line_end


def plain_text(path: Path, *, name: str, table: str, encoding: str, scratch: Path) -> PlainText:
    """Make `path` (called `name` in messages) plain. `encoding` is the setting, "" to find out; a byte order mark wins over it.

    Raises InputError when the file is damaged or not in its encoding, ConfigurationError when the encoding is unknown.
    """
    _check_known(encoding, table)
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP or path.name.casefold().endswith(".gz")
    try:
        head = next(_bytes(path, compressed=compressed), b"")
        found = encoding_of(head, encoding)
        chunks = _bytes(path, compressed=compressed)
        if found == "utf-8" and not compressed:
            return _look(chunks, path=path, name=name, encoding=found)
        if found != "utf-8":
            chunks = _decoded(chunks, found)
        target = scratch / f"{path.name}.utf8"
        return _look(_kept(chunks, target), path=target, name=name, encoding=found)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{name} is not a complete gzip file: {error}",
            where=name,
            expected="a file that gzip can unpack",
            remedy="deliver the file again",
        ) from error
    except UnicodeDecodeError as error:
        raise not_in_encoding(
            name, table, found, detail=f"{error.reason} near byte {error.start:,} of a block"
        ) from error


def not_in_encoding(name: str, table: str, encoding: str, *, detail: str) -> InputError:
    """The error for bytes that are no text in the encoding a file is read in."""
    return InputError(
        f"{name} is not a text in {encoding}: {detail}",
        where=name,
        expected=f"text in {encoding}",
        remedy=f'say how it was written, for example: tables.{table}.encoding = "latin-1" (or "cp1252", "utf-16")',
        page=ErrorPage.ENCODING,
    )


def _check_known(encoding: str, table: str) -> None:
    try:
        if encoding and not codecs.lookup(encoding)._is_text_encoding:
            raise LookupError(encoding)
    except LookupError as error:
        raise ConfigurationError(
            f"{encoding!r} is not an encoding",
            where=f"tables.{table}.encoding",
            expected='a name that Python knows, such as "utf-8", "latin-1", "cp1252" or "utf-16"',
            remedy="correct it, or remove it: UTF-8 and UTF-16 are detected",
        ) from error


def encoding_of(head: bytes, setting: str) -> str:
    """What a text is written in: as its byte order mark says, or the setting, or as its first bytes look."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    if setting:
        return codecs.lookup(setting).name
    # A text in UTF-16 is half NULs wherever it is ASCII.
    sample = head[:2000]
    low, high = sample[1::2].count(0), sample[0::2].count(0)
    if max(low, high) * 4 > len(sample):
        return "utf-16-le" if low > high else "utf-16-be"
    return "utf-8"


def _bytes(path: Path, *, compressed: bool) -> Iterator[bytes]:
    with gzip.open(path, "rb") if compressed else path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            go_on()
            yield chunk


def _decoded(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in chunks:
        yield decoder.decode(chunk).encode()
    yield decoder.decode(b"", True).encode()


def _kept(chunks: Iterable[bytes], target: Path) -> Iterator[bytes]:
    with target.open("wb") as file:
        for chunk in chunks:
            try:
                file.write(chunk)
            except OSError as error:
                raise SystemUnreachableError(
                    f"a temporary copy could not be written: {error.strerror}",
                    where=str(target),
                    expected="room for the unpacked file",
                    remedy="free disk space, or set [engine] temp to a folder that has room",
                ) from error
            yield chunk


def _look(chunks: Iterable[bytes], *, path: Path, name: str, encoding: str) -> PlainText:
    size = line_feeds = returns = pairs = 0
    quoted = False
    last = b""
    decoder = codecs.getincrementaldecoder("utf-8")()
    decodable = True
    for chunk in chunks:
        if not chunk:
            continue
        size += len(chunk)
        line_feeds += chunk.count(b"\n")
        quoted = quoted or b'"' in chunk
        if last == b"\r" and chunk.startswith(b"\n"):
            pairs += 1
        if b"\r" in chunk:
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n")
        decodable = decodable and _decodes(decoder, chunk)
        last = chunk[-1:]
    decodable = decodable and _decodes(decoder, b"", final=True)
    line_end: Literal["\n", "\r\n", ""] = ""
    if returns == pairs and pairs in (0, line_feeds):
        line_end = "\r\n" if pairs else "\n"
    return PlainText(
        path=path,
        name=name,
        encoding=encoding,
        size=size,
        line_feeds=line_feeds,
        quoted=quoted,
        line_end=line_end,
        decodable=decodable,
        ends_in_line=last == b"\n",
    )


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, *, final: bool = False) -> bool:
    if chunk.isascii() and not final and not decoder.getstate()[0]:
        return True
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True
