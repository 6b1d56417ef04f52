"""What Spark is told: the settings that results rest on, the defaults that suit this work, and what a user passes through."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rental_etl.errors import ConfigurationError

# Numbers, dates and files must not depend on how a cluster is set up.
FIXED = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    # Iceberg's `timestamp` has no zone; a file with INT96 or zoned timestamps is refused at the commit.
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.writeLegacyFormat": "false",
    "spark.sql.parquet.fieldId.write.enabled": "true",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.decimalOperations.allowPrecisionLoss": "true",
    "spark.sql.caseSensitive": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.catalogImplementation": "in-memory",
}

# What a user may set otherwise. Joins and partitions adapt to the sizes and the skew that are met while a statement runs.
_DEFAULTS = {
    "spark.sql.adaptive.enabled": "true",
    "spark.sql.adaptive.skewJoin.enabled": "true",
    "spark.sql.adaptive.optimizeSkewsInRebalancePartitions.enabled": "true",
    "spark.sql.adaptive.advisoryPartitionSizeInBytes": "128m",
    # A list of files is read here up to this length; a job for it costs more.
    "spark.sql.sources.parallelPartitionDiscovery.threshold": "512",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.hadoop.parquet.compression.codec.zstd.level": "1",
    # Otherwise every curated file gets a checksum file beside it, which goes stale when another program writes.
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}

_JAVA = "spark.driver.extraJavaOptions"


@dataclass(frozen=True, slots=True)
class SparkSettings:
    """The `[engine]` settings as Spark gets them. `memory` is the driver's heap, such as 1GB; `options` are `spark.*` settings by name.

    `master` is where it runs; "" means this machine, with `threads` threads, and inside a cluster's job (Glue, spark-submit) that cluster.
    """

    memory: str
    threads: int | None
    temp: Path
    master: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def hosted(self) -> bool:
        """Whether somebody else started this process's Spark, as Glue and spark-submit do: memory, master and folders are theirs to say."""
        return "PYSPARK_GATEWAY_PORT" in os.environ

    @property
    def local(self) -> bool:
        """Whether everything runs on this machine."""
        return not self.hosted and self.where.startswith("local")

    @property
    def where(self) -> str:
        """Its master."""
        return self.options.get("spark.master") or self.master or f"local[{self.threads or '*'}]"

    @property
    def _cores(self) -> int:
        numbers = [int(number) for number in re.findall(r"\d+", self.where)]
        if self.where.startswith("local-cluster"):
            return numbers[0] * numbers[1]
        return numbers[0] if numbers else os.cpu_count() or 1

    def session(self) -> dict[str, str]:
        """What holds for a session, by name."""
        settings = {**_DEFAULTS, **FIXED}
        if self.local:
            # Two hundred partitions, the default, are for a cluster; here each costs a task.
            settings["spark.sql.shuffle.partitions"] = str(max(4, 2 * self._cores))
        for name, value in self.options.items():
            if FIXED.get(name, value).lower() != value.lower():
                raise ConfigurationError(
                    f"{name} = {value} is not possible",
                    where="[engine.spark]",
                    expected=f"{FIXED[name]}, which the results rest on",
                    remedy="remove it",
                )
            settings[name] = value
        return settings

    def process(self, folder: Path) -> dict[str, str]:
        """What holds for a Spark that is started here, by name; `folder` holds what it spills."""
        settings = {
            "spark.master": self.where,
            "spark.app.name": "rental-etl",
            "spark.driver.memory": heap(self.memory),
            "spark.local.dir": str(folder),
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
            "spark.sql.artifact.isolation.enabled": "false",
        }
        if self.local:
            settings |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        settings |= self.session()
        # Hadoop sets the rights of every local file with a program of its own; started so, each takes a fraction of the time.
        java = f"-Djdk.lang.Process.launchMechanism=VFORK {settings.get(_JAVA, '')}"
        return {**settings, _JAVA: java.strip()}


def heap(memory: str) -> str:
    """The engine's memory in Java's words: whole mebibytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([KMGT])(i?)B", memory)
    if not match:
        raise ConfigurationError(f"engine.memory = {memory} is not a size", expected="such as 4GB", remedy="correct it")
    base = 1024 if match[3] else 1000
    power = {"K": 1, "M": 2, "G": 3, "T": 4}[match[2]]
    return f"{max(1, int(float(match[1]) * base**power) // 2**20)}m"
