"""Files as Spark's file systems see them, wherever they lie: which were written, with how many rows, and under which names rows know their file."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from rental_etl.errors import SystemUnreachableError
from rental_etl.model.contract import Column
from rental_etl.ports.engine import WrittenFile

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType, StructType


class SparkFiles:
    """Calls into the Java libraries that Spark itself reads and writes with."""

    def __init__(self, session: "SparkSession") -> None:
        context: Any = session.sparkContext
        self._java = context._jvm
        self._configuration = context._jsc.hadoopConfiguration()

    def written(self, folder: str, stem: str = "") -> list[WrittenFile]:
        """The Parquet files under a folder whose names begin with `stem`; sorted by location."""
        if "://" not in folder:
            paths = [path for path in Path(folder).rglob("*.parquet") if path.name.startswith(stem)]
            return [_local_file(path) for path in sorted(paths)]
        locations = [location for location in self._stored(folder) if PurePosixPath(location).name.startswith(stem)]
        # Each asks the store for the end of a file; the store answers several at a time.
        with ThreadPoolExecutor(max_workers=8) as pool:
            return list(pool.map(self._file, sorted(locations)))

    def remove(self, location: str) -> None:
        """Delete a file or a folder with what is in it; one that is not there is fine."""
        system, path = self._at(location)
        system.delete(path, True)

    def copy(self, file: str, location: str) -> None:
        """Copy a file of this machine to where executors reach it."""
        copy = self._java.org.apache.hadoop.fs.FileUtil.copy
        copy(*self._at(f"file://{file}"), *self._at(location), False, self._configuration)

    def known_as(self, location: str) -> tuple[str, ...]:
        """What `_metadata.file_path` may say of a file: its encoded URI, of which local files have two forms."""
        uri = str(self._java.org.apache.hadoop.fs.Path(location).toUri().toString())
        return (f"file:{uri}", f"file://{uri}") if uri.startswith("/") else (uri,)

    def _stored(self, folder: str) -> Iterator[str]:
        """The Parquet files under a URL."""
        system, path = self._at(folder)
        found = system.listFiles(path, True) if system.exists(path) else None
        while found is not None and found.hasNext():
            location = str(found.next().getPath().toString())
            if location.endswith(".parquet"):
                yield location

    def _at(self, location: str) -> tuple[Any, Any]:
        path = self._java.org.apache.hadoop.fs.Path(location)
        return path.getFileSystem(self._configuration), path

    def _file(self, location: str) -> WrittenFile:
        system, path = self._at(location)
        parquet = self._java.org.apache.parquet.hadoop
        reader = parquet.ParquetFileReader.open(parquet.util.HadoopInputFile.fromPath(path, self._configuration))
        try:
            size = system.getFileStatus(path).getLen()
            return WrittenFile(location, int(reader.getRecordCount()), int(size))
        finally:
            reader.close()


def require_whole(files: Sequence[str], *, found: int) -> None:
    """Raise SystemUnreachableError for a file that is missing or empty: Spark reads what there is and says nothing."""
    missing = [file for file in files if file.startswith("/") and not _has_content(Path(file))]
    if missing or found != len(set(files)):
        raise SystemUnreachableError(
            "the engine could not read a file",
            where=missing[0] if missing else f"{found} of {len(files)} files were found, {files[0]} perhaps among them",
            expected="files of the lake as they were written",
            remedy="check that the workspace is complete; `rental-etl repair` rebuilds curated files",
        )


def _local_file(path: Path) -> WrittenFile:
    from pyarrow import parquet

    return WrittenFile(str(path), int(parquet.read_metadata(path).num_rows), path.stat().st_size)


def _has_content(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def spark_type(column: Column) -> "DataType":
    """A column's type in Spark's words."""
    from pyspark.sql import types

    if column.type == "decimal":
        return types.DecimalType(column.precision, column.scale)
    plain: dict[str, Callable[[], DataType]] = {
        "int64": types.LongType,
        "text": types.StringType,
        "bool": types.BooleanType,
        "date": types.DateType,
        "timestamp": types.TimestampNTZType,
        "float64": types.DoubleType,
    }
    return plain[column.type]()


def spark_schema(columns: Sequence[Column]) -> "StructType":
    """Columns as Spark reads them from files, by name."""
    from pyspark.sql import types

    return types.StructType([types.StructField(column.name, spark_type(column)) for column in columns])


def inside(folder: str, *names: str) -> str:
    """A location inside a folder, which may be a URL."""
    scheme, separator, path = folder.rpartition("://")
    return f"{scheme}{separator}{PurePosixPath(path, *names)}"
