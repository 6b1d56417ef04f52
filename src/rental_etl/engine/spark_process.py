"""Starts Spark, once per process: sessions share it, for the start takes seconds. Where a job runs inside somebody else's Spark, that one is used.

Writes Spark's log to `spark.log` in the engine's temporary folder, and what it spills to a folder beside it that goes with the process.
"""

import atexit
import contextlib
import os
import re
import shutil
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rental_etl.engine.spark_settings import SparkSettings
from rental_etl.engine.spill import spill_folder
from rental_etl.errors import ConfigurationError, SystemUnreachableError

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True)
class _Running:
    """This process's Spark, what it was started with, and the folder that is its own (None when it was there already)."""

    settings: SparkSettings
    context: "SparkContext"
    folder: Path | None


_lock = threading.Lock()


@dataclass(slots=True)
class _Process:
    """A process has one Spark at most."""

    running: _Running | None = None


_process = _Process()


def open_session(settings: SparkSettings) -> "SparkSession":
    """A session of its own (names, settings) in this process's Spark, which is started, or started anew when its settings differ.

    Raises ConfigurationError without pyspark, SystemUnreachableError when Spark cannot be started.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise ConfigurationError(
            "the engine spark needs pyspark, which is not installed",
            where="[engine] kind",
            expected="the extra spark",
            remedy='pip install "rental-etl[spark]", and a Java 17 or 21 (Debian: apt-get install default-jre-headless)',
        ) from error
    with _lock:
        if _process.running is not None and (
            _process.running.settings != settings or not _alive(_process.running.context)
        ):
            _stop()
        if _process.running is None:
            _process.running = _start(settings)
        session = SparkSession(_process.running.context).newSession()
    if _process.running.folder is None:
        for name, value in settings.session().items():
            if session.conf.isModifiable(name):
                session.conf.set(name, value)
    return session


def log_of(settings: SparkSettings) -> Path:
    """Where Spark's own messages are."""
    return settings.temp / "spark.log"


def processors() -> int:
    """How many this process's Spark computes with, its driver's among them; 0 where there is none."""
    if _process.running is None or not _alive(_process.running.context):
        return 0
    context = _process.running.context
    own = 0 if str(context.master).startswith("local[") else os.cpu_count() or 1
    # It may end at any moment, and what it ends with is told by the work itself.
    with contextlib.suppress(OSError, _py4j_error()):
        return int(context.defaultParallelism) + own
    return 0


def executor_seconds() -> float:
    """For how long the executors of this process's Spark have been there, added up, those that are gone among them; 0 without any beside the driver."""
    if _process.running is None or not _alive(_process.running.context):
        return 0.0
    context: Any = _process.running.context
    with contextlib.suppress(OSError, _py4j_error()):
        found = context._jsc.sc().statusStore().executorList(False)
        executors = [each for each in map(found.apply, range(found.size())) if each.id() != "driver"]
        now = 1000 * time.time()
        ends = [each.removeTime().get().getTime() if each.removeTime().isDefined() else now for each in executors]
        return float(sum(ends) - sum(each.addTime().getTime() for each in executors)) / 1000
    return 0.0


def forget_dead() -> None:
    """Let the next session start a new Spark when this one's process has died, or its cluster has ended it."""
    with _lock:
        if _process.running is not None and not _alive(_process.running.context):
            _stop()


def _start(settings: SparkSettings) -> _Running:
    from pyspark import SparkConf, SparkContext
    from pyspark.errors import PySparkException
    from pyspark.java_gateway import launch_gateway
    from pyspark.logger import PySparkLogger

    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        # They write every error to stderr, with Java's whole trace, before it is translated.
        PySparkLogger.getLogger(name).disabled = True
    # A wrong setting is said before anything is started.
    wanted = settings.session()
    active = SparkContext._active_spark_context
    if active is not None or settings.hosted:
        return _Running(settings, active or SparkContext.getOrCreate(_conf(SparkConf(), wanted)), None)
    _require_java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if settings.local:
        # A machine's own name often means an address that nobody answers.
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    folder = spill_folder(settings.temp, "spark")
    conf = _conf(SparkConf(loadDefaults=False), settings.process(folder))
    try:
        folder.mkdir(parents=True)
        with log_of(settings).open("w") as log:
            launch: Any = launch_gateway
            gateway = launch(conf, {"stdout": log, "stderr": log})
        context = SparkContext(conf=conf, gateway=gateway)
    except (PySparkException, OSError, _py4j_error()) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _not_started(settings, error) from error
    atexit.register(_stop)
    return _Running(settings, context, folder)


def _conf(conf: Any, settings: dict[str, str]) -> Any:
    for name, value in settings.items():
        conf.set(name, value)
    return conf


def _stop() -> None:
    """End this process's Spark and remove its folder; one that was not started here goes on."""
    running, _process.running = _process.running, None
    if running is None or running.folder is None:
        return
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    gateway: Any = running.context._gateway
    # What is dead already cannot be asked to stop.
    with contextlib.suppress(OSError, _py4j_error()):
        running.context.stop()
    process = getattr(gateway, "proc", None)
    with contextlib.suppress(OSError, _py4j_error()):
        gateway.shutdown()
    if process is not None:
        # It ends when its input does.
        with contextlib.suppress(OSError):
            process.stdin.close()
        process.wait()
    SparkContext._gateway = None
    SparkContext._jvm = None
    SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
    shutil.rmtree(running.folder, ignore_errors=True)


def _alive(context: "SparkContext") -> bool:
    process = getattr(context._gateway, "proc", None)
    java: Any = context._jsc
    if java is None or (process is not None and process.poll() is not None):
        return False
    # A master that gives up stops it inside its process, which goes on.
    with contextlib.suppress(OSError, _py4j_error()):
        return not java.sc().isStopped()
    return False


def _py4j_error() -> type[Exception]:
    from py4j.protocol import Py4JError

    error: type[Exception] = Py4JError
    return error


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME", "")
    program = Path(home) / "bin" / "java" if home else None
    if (program and program.exists()) or (not home and shutil.which("java")):
        return
    raise SystemUnreachableError(
        "Spark needs Java, which was not found",
        where=f"JAVA_HOME = {home}" if home else "java on the PATH",
        expected="Java 17 or 21",
        remedy='install one (Debian: apt-get install default-jre-headless), or use [engine] kind = "duckdb"',
    )


def _not_started(settings: SparkSettings, error: Exception) -> SystemUnreachableError:
    with contextlib.suppress(OSError):
        text = log_of(settings).read_text(errors="replace")
        if "UnsupportedClassVersionError" in text:
            return SystemUnreachableError(
                "Spark cannot be started with this Java",
                where=os.environ.get("JAVA_HOME") or shutil.which("java") or "",
                expected="Java 17 or 21",
                remedy="install one (Debian: apt-get install default-jre-headless) and let JAVA_HOME name it",
            )
        found = re.findall(r'(?m)^(?:Exception in thread "main" )?(.*?(?:Error|Exception)\b.*)$', text)
        return SystemUnreachableError(
            f"Spark cannot be started: {(found or [str(error)])[0].strip()[:300]}",
            where=f"[engine] and [engine.spark], with the master {settings.where}; its log is {log_of(settings)}",
            expected="a master that can be reached, settings that Spark knows, and memory enough for its driver",
            remedy="correct the settings and run again",
        )
    return SystemUnreachableError(
        f"Spark cannot be started: {str(error).splitlines()[0]}",
        where=str(settings.temp),
        remedy="make the folder writable, or name another with [engine] temp",
    )
