"""Spark as the engine: on this machine, on a cluster, or inside a job on AWS Glue.

Reads and writes Parquet where the lake lies. A kept query becomes Parquet in a scratch folder rather than blocks of an executor: it is evaluated once, also
when an executor is lost, and what is built on it does not repeat its plan. Nothing of the session outlives it.
"""

import contextlib
import functools
import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from rental_etl.engine.spark_errors import explained
from rental_etl.engine.spark_files import SparkFiles, inside, require_whole, spark_schema, spark_type
from rental_etl.engine.spark_process import forget_dead, log_of, open_session
from rental_etl.engine.spark_settings import SparkSettings
from rental_etl.model.contract import Column
from rental_etl.ports.engine import WrittenFile
from rental_etl.tables.render import render
from rental_etl.working_thread import WorkingThread

if TYPE_CHECKING:
    from pyspark.sql import Column as SparkColumn
    from pyspark.sql import DataFrame

Result = TypeVar("Result")
# Up to so many files a row's tags are chosen by comparing names; a join with a list of files costs a broadcast.
_FEW = 16


class SparkEngine:
    """An `Engine` on many machines. Statements raise SystemUnreachableError when memory, disk, a file or Spark fails, ModelError when they are wrong.

    `lake` is a folder or URL that every executor reaches, for one whose executors are on other machines: what does not lie in it is taken there
    to be read, and what is to be written elsewhere stays there until the session ends. Default: everything is reached, as on one machine.
    """

    def __init__(self, settings: SparkSettings, *, lake: str = "") -> None:
        self._log = log_of(settings)
        self._session = open_session(settings)
        self._thread = WorkingThread(self._cancel, self._activate)
        self._files = SparkFiles(self._session)
        own = f"spark-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._lake = lake
        self._scratch = inside(lake, "temp", own) if lake else inside(str(settings.temp.absolute()), own)
        self._kept: dict[str, str] = {}
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._do("", lambda: self._files.remove(self._scratch))
        finally:
            self._thread.end()
            forget_dead()

    @property
    def version(self) -> str:
        """Of Spark."""
        return self._session.version

    def bind(
        self, name: str, files: Sequence[str], *, columns: Sequence[Column], tags: Sequence[Mapping[str, int]] = ()
    ) -> None:
        """Make Parquet files readable as one relation with exactly `columns`."""

        def binding() -> None:
            found = [self._brought(file) for file in files]
            frame = self._read(found, columns)
            if files and tags:
                frame = self._tagged(frame, found, tags)
            self._show(name, frame)

        self._do(f"bind {name}", binding)

    def define(self, name: str, sql: str) -> None:
        """Name a query; it is evaluated where it is used."""
        text = _rendered(sql)
        self._do(sql, lambda: self._session.sql(f"create or replace temporary view {_quoted(_flat(name))} as {text}"))
        self._forget(name)

    def keep(self, name: str, sql: str) -> int:
        """Evaluate a query once and keep its rows under a name; returns the number of rows."""
        folder = self._fresh()

        def keeping() -> int:
            frame = _storable(self._session.sql(_rendered(sql)))
            frame.write.option("compression", "snappy").parquet(folder)
            kept = self._session.read.schema(frame.schema).parquet(folder)
            rows = sum(file.rows for file in self._files.written(folder))
            self._show(name, kept)
            return rows

        rows = self._do(sql, keeping)
        self._kept[name] = folder
        return rows

    def drop(self, name: str) -> None:
        """Forget a kept or defined relation and free what it holds."""
        self._do(name, lambda: self._session.catalog.dropTempView(_flat(name)))
        self._forget(name)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """A small result as Python tuples."""
        return self._do(sql, lambda: [tuple(row) for row in self._session.sql(_rendered(sql)).collect()])

    def write(
        self, sql: str, folder: str, *, stem: str, columns: Sequence[Column], month_of: str = ""
    ) -> list[WrittenFile]:
        """Write a query's rows as Parquet with Iceberg field ids 1..n in the order of `columns`.

        They lie in the session's own folder when executors do not reach `folder`.
        """
        from pyspark.sql import functions as fn

        place = folder if self._reached(folder) else self._fresh()

        def writing() -> list[WrittenFile]:
            frame = self._session.sql(_rendered(sql))
            wanted = [_numbered(column, number) for number, column in enumerate(columns, start=1)]
            if month_of:
                when = fn.col(_quoted(month_of))
                frame = frame.select(*wanted, (fn.year(when) * 100 + fn.month(when)).alias("month"))
                # Rows of a month come together, large months in parts, so that no month gets a file of every task.
                frame = frame.hint("rebalance", fn.col("month"))
            else:
                frame = frame.select(*wanted)
            writer = frame.write.mode("append").option("mapreduce.output.basename", stem)
            (writer.partitionBy("month") if month_of else writer).parquet(place)
            found = self._files.written(place, stem)
            for file in found:
                if not file.rows:
                    self._files.remove(file.path)
            return [file for file in found if file.rows]

        return self._do(sql, writing)

    def _fresh(self) -> str:
        """A place in the session's own folder."""
        self._number += 1
        return inside(self._scratch, str(self._number))

    def _reached(self, location: str) -> bool:
        """Whether executors reach it: on one machine everything, on a cluster what is in the lake and in stores."""
        return not self._lake or "://" in location or Path(location).is_relative_to(self._lake)

    def _brought(self, file: str) -> str:
        """Where executors read a file."""
        if self._reached(file):
            return file
        copy = inside(self._fresh(), Path(file).name)
        self._files.copy(file, copy)
        return copy

    def _read(self, files: Sequence[str], columns: Sequence[Column]) -> "DataFrame":
        schema = spark_schema(columns)
        if not files:
            # Known to be empty when a statement is planned, which then leaves it out.
            nulls = [f"cast(null as {field.dataType.simpleString()}) as {_quoted(field.name)}" for field in schema]
            return self._session.sql(f"select {', '.join(nulls)} where false")
        # Locations are taken as they are, whatever characters they hold and whatever their folders are called.
        reader = self._session.read.schema(schema).option("__globPaths__", "false")
        frame = reader.option("recursiveFileLookup", "true").parquet(*files)
        require_whole(files, found=len(frame._jdf.inputFiles()))
        return frame

    def _tagged(self, frame: "DataFrame", files: Sequence[str], tags: Sequence[Mapping[str, int]]) -> "DataFrame":
        """The rows of files with their files' tags and their ordinals, which Parquet's footer tells however a file is split."""
        from pyspark.sql import functions as fn

        by_file = list(zip(files, tags, strict=True))
        names = list(by_file[0][1])
        same = {name: len({tag[name] for _, tag in by_file}) == 1 for name in names}
        columns = [fn.col(_quoted(column)) for column in frame.columns]
        ordinal = fn.col("_metadata.row_index").alias("_row")
        file = fn.col("_metadata.file_path")
        if all(same.values()) or len(files) <= _FEW:
            chosen = [
                _constant(by_file[0][1][name]) if same[name] else self._choice(file, by_file, name) for name in names
            ]
            told = [value.alias(name) for name, value in zip(names, chosen, strict=True)]
            return frame.select(*columns, *told, ordinal)
        rows = ", ".join(
            f"({', '.join((_text(form), *(f'{int(tag[name])}L' for name in names)))})"
            for path, tag in by_file
            for form in self._files.known_as(path)
        )
        listed = self._session.sql(f"select * from values {rows} as t")
        look_up = listed.toDF("_file", *(f"_tag_{number}" for number in range(len(names))))
        told = [fn.col(f"_tag_{number}").alias(name) for number, name in enumerate(names)]
        found = frame.select(*columns, ordinal, file.alias("_file")).join(fn.broadcast(look_up), "_file")
        return found.select(*columns, *told, fn.col("_row"))

    def _choice(
        self, file: "SparkColumn", by_file: Sequence[tuple[str, Mapping[str, int]]], name: str
    ) -> "SparkColumn":
        from pyspark.sql import functions as fn

        value = fn.when(fn.lit(False), _constant(0))
        for path, tag in by_file:
            value = value.when(file.isin(*self._files.known_as(path)), _constant(tag[name]))
        return value

    def _show(self, name: str, frame: "DataFrame") -> None:
        frame.createOrReplaceTempView(_quoted(_flat(name)))
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Free the rows that were kept under a name before."""
        folder = self._kept.pop(name, "")
        if folder:
            self._do(name, lambda: self._files.remove(folder))

    def _cancel(self) -> None:
        from py4j.protocol import Py4JError

        # A Spark that died ends the work as well.
        with contextlib.suppress(OSError, Py4JError):
            self._session.sparkContext.cancelAllJobs()

    def _activate(self) -> None:
        """What Spark takes from a thread, like its dialect of SQL, is this session's."""
        from py4j.protocol import Py4JError

        session: Any = self._session
        # A Spark that died is told of by the work itself.
        with contextlib.suppress(OSError, Py4JError):
            session._get_j_spark_session_class(session._jvm).setActiveSession(session._jsparkSession)

    def _do(self, sql: str, work: Callable[[], Result]) -> Result:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            return self._thread.do(work)
        except (PySparkException, Py4JError, ConnectionError) as error:
            raise explained(error, sql, log=self._log) from error


@functools.lru_cache(maxsize=4096)
def _rendered(sql: str) -> str:
    return render(sql, "spark")


def _storable(frame: "DataFrame") -> "DataFrame":
    """The rows with a type for columns that are null in every one: Parquet has none for them."""
    from pyspark.sql import types

    for column in frame.schema.fields:
        if isinstance(column.dataType, types.NullType):
            frame = frame.withColumn(column.name, frame[_quoted(column.name)].cast("string"))
    return frame


def _numbered(column: Column, number: int) -> "SparkColumn":
    from pyspark.sql import functions as fn

    value = fn.col(_quoted(column.name)).cast(spark_type(column))
    return value.alias(column.name, metadata={"parquet.field.id": number})


def _constant(value: int) -> "SparkColumn":
    from pyspark.sql import functions as fn

    return fn.lit(int(value)).cast("bigint")


def _flat(name: str) -> str:
    """A relation's name as the renderer writes it: temporary views have no schema."""
    return name.replace(".", "_", 1)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _text(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
