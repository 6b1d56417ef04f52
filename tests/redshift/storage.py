"""COPY and UNLOAD as Redshift carries them out: Parquet in S3, columns by place, types exact, every file of the manifest or none."""

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

_LITERAL = r"'((?:[^'\\]|''|\\.)*)'"
_ROLE = r"iam_role (?:default|'arn:aws:iam::\d+:role/[\w/-]+')"
COPY = re.compile(rf'copy (?P<table>"[^"]+") from {_LITERAL} {_ROLE} format as parquet manifest')
UNLOAD = re.compile(rf"unload \({_LITERAL}\) to {_LITERAL} {_ROLE} format as parquet", re.DOTALL)

_PLAIN = {
    "int64": "bigint",
    "int32": "integer",
    "bool": "boolean",
    "double": "double precision",
    "date32[day]": "date",
    "timestamp[us]": "timestamp without time zone",
}
_UNLOADED: dict[int, tuple[pa.DataType, Any]] = {
    20: (pa.int64(), int),
    16: (pa.bool_(), lambda text: text == "t"),
    701: (pa.float64(), float),
    1043: (pa.string(), str),
}


class SpectrumError(Exception):
    """What Redshift says when it cannot read or write files; the text goes to the client."""

    def __init__(self, context: str) -> None:
        ruler = "-" * 47
        super().__init__("Spectrum Scan Error")
        self.detail = (
            f"\n  {ruler}\n  error:  Spectrum Scan Error\n  code:      15007\n  context:   {context}\n  {ruler}\n"
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A column of the table that is copied into."""

    name: str
    type: str


def unquoted(literal: str) -> str:
    """The text a literal stands for, with its escapes."""
    return re.sub(r"\\(.)", r"\1", literal.replace("''", "'"), flags=re.DOTALL)


def copied(client: Any, manifest_url: str, targets: Sequence[Target]) -> Iterator[bytes]:
    """The rows of a manifest's files in the text form of PostgreSQL's COPY. Raises SpectrumError."""
    bucket, key = _split(manifest_url)
    manifest = json.loads(_object(client, bucket, key, manifest_url))
    for entry in manifest["entries"]:
        if entry.get("mandatory") is not True or "content_length" not in entry.get("meta", {}):
            raise SpectrumError(f"Manifest file {manifest_url} lacks mandatory or meta.content_length")
        bucket, key = _split(entry["url"])
        content = _object(client, bucket, key, entry["url"])
        if len(content) != entry["meta"]["content_length"]:
            raise SpectrumError(
                f"Manifest file {manifest_url}: {entry['url']} is not {entry['meta']['content_length']} bytes long"
            )
        yield from _rows(content, entry["url"], targets)


def unloaded(
    client: Any, folder_url: str, columns: Sequence[tuple[str, int, int]], rows: Sequence[Sequence[str | None]]
) -> None:
    """Write rows, given as text, into one file; columns are (name, type's number, modifier). Raises SpectrumError for a folder that is not empty."""
    bucket, key = _split(folder_url)
    if client.list_objects_v2(Bucket=bucket, Prefix=key).get("KeyCount"):
        raise SpectrumError(f"Specified unload destination on S3 is not empty: {folder_url}")
    arrays = []
    for place, (_, number, modifier) in enumerate(columns):
        type_, read = _unloaded_type(number, modifier)
        texts = [row[place] for row in rows]
        plain = [None if text is None else read(text) for text in texts]
        arrays.append(
            pa.array(plain, type=type_) if read is not str or type_ == pa.string() else pa.array(plain).cast(type_)
        )
    file = io.BytesIO()
    pq.write_table(pa.table(arrays, names=[name for name, _, _ in columns]), file)
    client.put_object(Bucket=bucket, Key=f"{key}0000_part_00.parquet", Body=file.getvalue())


def _unloaded_type(number: int, modifier: int) -> tuple[pa.DataType, Any]:
    if number == 1700:
        return pa.decimal128(((modifier - 4) >> 16) & 0xFFFF, (modifier - 4) & 0xFFFF), Decimal
    if number in (1082, 1114):
        return pa.date32() if number == 1082 else pa.timestamp("us"), str
    return _UNLOADED[number]


def _rows(content: bytes, url: str, targets: Sequence[Target]) -> Iterator[bytes]:
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowInvalid, OSError) as error:
        raise SpectrumError(f"File '{url}' is not a valid Parquet file: {error}") from error
    if len(table.schema) != len(targets):
        raise SpectrumError(f"File '{url}' has {len(table.schema)} columns, the table has {len(targets)}")
    for field, target in zip(table.schema, targets, strict=True):
        _check_type(field, target, url)
    columns = [
        [_field(value, target) for value in column.to_pylist()]
        for column, target in zip(table.columns, targets, strict=True)
    ]
    for row in zip(*columns, strict=True):
        yield ("\t".join(row) + "\n").encode()


def _check_type(field: pa.Field, target: Target, url: str) -> None:
    if pa.types.is_decimal(field.type):
        found = f"numeric({field.type.precision},{field.type.scale})"
    elif pa.types.is_string(field.type):
        found = target.type if target.type.startswith("character varying") else "character varying"
    else:
        found = _PLAIN.get(str(field.type), str(field.type))
    if found != target.type:
        raise SpectrumError(
            f"File '{url}' has an incompatible Parquet schema for column '{target.name}'. Column type: {target.type}, Parquet schema: {found}"
        )


def _field(value: Any, target: Target) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    text = str(value)
    limit = re.fullmatch(r"character varying\((\d+)\)", target.type)
    if limit and len(text.encode()) > int(limit[1]):
        raise SpectrumError(
            f"The length of the data column {target.name} is longer than the length defined in the table. "
            f"Table: {limit[1]}, Data: {len(text.encode())}"
        )
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _object(client: Any, bucket: str, key: str, url: str) -> bytes:
    try:
        return bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    except client.exceptions.ClientError as error:
        raise SpectrumError(f"S3ServiceException: {error.response['Error']['Code']}, {url}") from error


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.netloc, parts.path.lstrip("/")
