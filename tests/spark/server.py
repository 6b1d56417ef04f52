"""Starts this process's Spark, with Java from Debian where it is missing and may be installed.

The start takes seconds, so all tests of a process share it: they have to ask for the same settings, which `ENGINE` is.
"""

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from rental_etl.engine.spark_session import SparkEngine
from rental_etl.engine.spark_settings import SparkSettings

PACKAGES = ("openjdk-17-jre-headless",)

JAVA_OF_FEW_ROWS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
# A few rows: what takes time is planning and compiling, not computing.
_SMALL = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.extraJavaOptions": JAVA_OF_FEW_ROWS,
}


def require() -> None:
    """Make sure that there is a Java, installing Debian's package as root. Raises RuntimeError saying what is missing."""
    missing = shutil.which("java") is None
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-q"], ["apt-get", "install", "-y", "-q", *PACKAGES]):
            subprocess.run(command, env=quiet, check=False, capture_output=True, timeout=900)
        missing = shutil.which("java") is None
    if missing:
        raise RuntimeError(f"these tests need Spark, and java was not found: apt-get install {' '.join(PACKAGES)}")


@cache
def temp() -> Path:
    """The folder that every test's Spark spills to."""
    require()
    folder = tempfile.mkdtemp(prefix="spark-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def settings() -> SparkSettings:
    """What the shared Spark is started with."""
    return SparkSettings("1GB", 2, temp(), options=_SMALL)


def engine() -> SparkEngine:
    """A session of the shared Spark."""
    return SparkEngine(settings())


def section() -> dict[str, Any]:
    """The same as the section `[engine]` of a configuration."""
    return {"kind": "spark", "memory": "1GB", "threads": 2, "temp": str(temp()), "spark": _SMALL}
