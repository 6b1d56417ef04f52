"""Makes Parquet files ready for COPY, which takes columns by place and type: lake files in S3 as they are, local ones written anew and uploaded."""

import uuid
from collections.abc import Sequence
from pathlib import Path

from rental_etl.warehouse.postgres.parquet_rows import Failed, Files, Opener, ParquetRows, unreadable
from rental_etl.warehouse.postgres.types import Columns
from rental_etl.warehouse.redshift.bucket import Bucket, StagedFile, Staging
from rental_etl.warehouse.redshift.statements import TEXT_BYTES
from rental_etl.warehouse.text import literal, name, parquet

# So many characters fit whatever bytes they take.
_TEXT_CHARACTERS = TEXT_BYTES // 4
# Several files are read by several nodes; the codec is one that every version of Redshift reads.
_FORM = "format parquet, compression snappy, file_size_bytes '128MB'"


class Loads:
    """Prepares the files of one transaction. `scratch` is a local folder; with `rewrite` lake files in S3 are written anew too."""

    def __init__(
        self, bucket: Bucket, staging: Staging, *, open_engine: Opener, scratch: Path, rewrite: bool = False
    ) -> None:
        self.reader = ParquetRows(open_engine)
        self._bucket, self._staging = bucket, staging
        self._scratch, self._rewrite = scratch, rewrite

    def __enter__(self) -> "Loads":
        return self

    def __exit__(self, *exception: object) -> None:
        self.reader.__exit__(*exception)

    def manifest(self, files: Files, columns: Columns, *, failed: Failed = unreadable) -> str:
        """The URL of a manifest of the files' rows, with `columns` (canonical types) in this order; "" when there is no file.

        A file that is missing or damaged raises what `failed` makes of the reason.
        """
        if not files:
            return ""
        urls = [self._bucket.locate(file) for file in files]
        staged = [] if self._rewrite or None in urls else self._found([url for url in urls if url], failed)
        if not staged:
            local = [self._fetched(url, failed) if url else Path(file) for file, url in zip(files, urls, strict=True)]
            staged = [self._staging.upload(file) for file in self._written(local, columns, failed)]
        return self._staging.manifest(staged)

    def _found(self, urls: Sequence[str], failed: Failed) -> list[StagedFile]:
        found = []
        for url in urls:
            file = self._bucket.found(url)
            if file is None:
                raise failed(f"{url} does not exist")
            found.append(file)
        return found

    def _fetched(self, url: str, failed: Failed) -> Path:
        self._found([url], failed)
        return self._bucket.download(url, self._scratch / f"{uuid.uuid4().hex}.parquet")

    def _written(self, files: Files, columns: Columns, failed: Failed) -> list[Path]:
        target = self._scratch / uuid.uuid4().hex
        fields = ", ".join(f"{_field(column, type_)} as {name(column)}" for column, type_ in columns)
        self.reader.run(f"copy (select {fields} from {parquet(files)}) to {literal(str(target))} ({_FORM})", failed)
        return sorted(target.glob("*.parquet"))


def _field(column: str, type_: str) -> str:
    field = f"cast({name(column)} as {type_})"
    if type_ == "varchar":
        field = f"replace({field}, chr(0), '')"
        field = f"case when strlen({field}) > {TEXT_BYTES} then left({field}, {_TEXT_CHARACTERS}) else {field} end"
    return field
