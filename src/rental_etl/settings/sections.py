"""What can be set, section by section, with defaults and what fits."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from rental_etl.model.reading import TableReading
from rental_etl.settings.values import (
    CatalogName,
    Currency,
    Duration,
    DurationOrNever,
    Lowered,
    SparkOptions,
    TimeZone,
    Url,
    Words,
)

PREFIX = "RENTAL_ETL_"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceSettings(_Section):
    """`[source]`: where the tables come from."""

    url: Url = Field(
        "./data",
        description="A folder with one file, several files or a folder per table; s3://BUCKET/PREFIX; or mysql://USER@HOST/DB",
    )
    # From the environment alone: `load_settings` refuses it in the file.
    password: SecretStr | None = Field(None, description="Of the user in the URL")
    secret: str | None = Field(None, description="A Secrets Manager secret that holds the password")
    auth: Literal["password", "iam"] = Field("password", description="password, or iam: AWS gives one for some minutes")
    region: str | None = Field(
        None, description="Of S3, secret and IAM; default: as the host's name, the secret or the environment says"
    )
    tls: Literal["off", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        None, description="Default: verify-full with ca or IAM, and prefer without"
    )
    ca: Path | None = Field(None, description="Certificates of the authorities that may vouch for the server")
    endpoint: str | None = Field(None, description="Of an S3-compatible store that is not AWS")
    snapshot: bool = Field(False, description="Read all tables of a database in one moment")
    connect_timeout: Duration = Field(
        timedelta(minutes=1), description="How long a database that does not answer is waited for"
    )


class LakeSettings(_Section):
    """`[lake]`: landed batches and curated tables."""

    url: Url | None = Field(None, description="A folder or s3://BUCKET/PREFIX; default: lake/ in the workspace")
    region: str | None = Field(None, description="Of the bucket; default: as environment or profile say")
    endpoint: str | None = Field(None, description="Of an S3-compatible store that is not AWS")
    catalog: CatalogName | None = Field(
        None, description="In S3: glue, sqlite or postgresql://USER@HOST/DB; default: glue on AWS, sqlite elsewhere"
    )
    # From the environment alone: `load_settings` refuses it in the file.
    catalog_password: SecretStr | None = Field(None, description="Of the user in the catalog's URL")
    database: str = Field("rental", description="Of the Glue catalog, for the curated tables")
    keep_history: Duration = Field(timedelta(days=7), description="How long superseded curated files are kept")
    keep_source: bool = Field(True, description="Keep the delivered files, byte for byte")


class WarehouseSettings(_Section):
    """`[warehouse]`: where people ask questions, and how it is reached."""

    url: Url | None = Field(
        None,
        description="duckdb:///FILE, postgresql://USER@HOST/DB or redshift://USER@HOST/DB; default: warehouse.duckdb in the workspace",
    )
    # From the environment alone: `load_settings` refuses it in the file.
    password: SecretStr | None = Field(None, description="Of the user in the URL")
    secret: str | None = Field(None, description="A Secrets Manager secret that holds the password")
    auth: Literal["password", "iam"] = Field("password", description="password, or iam: AWS gives one for some minutes")
    region: str | None = Field(None, description="Of secret, IAM and staging; default: as the host's name says")
    tls: Literal["off", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        None, description="Default: verify-full, and prefer for this machine"
    )
    ca: Path | None = Field(None, description="PostgreSQL: certificates of the authorities; default: the system's")
    staging: Url | None = Field(None, description="Redshift: an s3:// folder in its region, from which it loads")
    iam_role: str = Field(
        "default", description="Redshift: the role that COPY and UNLOAD use; default: the database's own"
    )
    catalog: str | None = Field(
        None, description="Redshift: the Glue database of the curated tables, shown in place of loading them"
    )
    distkey: Mapping[str, str] = Field({}, description="Redshift: table = column; default: Redshift chooses")
    sortkey: Mapping[str, Words] = Field({}, description="Redshift: table = columns; default: Redshift chooses")


class EngineSettings(_Section):
    """`[engine]`: what computes, and what it may use."""

    kind: Literal["duckdb", "spark"] = Field("duckdb", description="duckdb, or spark: on many machines")
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?([KMGT]i?B)$")] = Field(
        "1GB", description="Memory the engine may use before it spills to disk"
    )
    threads: int | None = Field(None, ge=1, description="Threads; default: one per core")
    temp: Path | None = Field(None, description="Where it spills; default: temp/ in the workspace")
    master: str = Field("", description="Spark: where it runs, such as spark://HOST:7077; default: this machine")
    spark: SparkOptions = Field({}, description="Spark: any setting spark.*")


class TransformSettings(_Section):
    """`[transform]`."""

    reads: Literal["lake", "warehouse"] = Field(
        "lake", description="Where transform reads landed rows: lake, or warehouse: schema raw, unloaded"
    )


class MetricsSettings(_Section):
    """`[metrics]`: what the metrics count."""

    confirmed_statuses: Lowered = Field(("confirmed", "completed"), description="Statuses of a confirmed booking")
    canceled_statuses: Lowered = Field(("canceled",), description="Statuses of a canceled booking")
    reporting_currency: Currency | None = Field(None, description="Convert all money to this currency; needs fx_rates")
    top_n: int = Field(10, ge=1, description="Ranks kept in top_listings_weekly")


class LogSettings(_Section):
    """`[log]`: what is told on stderr while a command works."""

    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: a bar on a terminal, a line per job elsewhere; json or text: structured logs"
    )


class QualitySettings(_Section):
    """`[quality]`: the guards. `off` switches one off."""

    max_quarantined_ratio: float | None = Field(
        None, ge=0, le=1, description="Refuse a batch with a greater share of quarantined rows"
    )
    max_deleted_ratio: float | None = Field(
        0.5, ge=0, le=1, description="Refuse a full batch that would delete a greater share of the keys"
    )

    @model_validator(mode="before")
    @classmethod
    def _off(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {key: None if value == "off" else value for key, value in values.items()}


class TableSettings(_Section):
    """`[tables.<table>]`: how one table is found and read."""

    files: Words = Field((), description="File patterns relative to the source folder")
    name: str = Field("", description="Of the table in a database")
    cursor: str = Field("", description="Database column with the moment of a row's last change; makes it a delta")
    overlap: Duration = Field(timedelta(days=1), description="How far behind the last change seen a delta begins")
    full_every: DurationOrNever = Field(
        timedelta(days=7), description="How often a table with a cursor is read whole, to see what was deleted"
    )
    delivery: Literal["", "full", "delta"] = Field("", description="full: states the whole table; delta: adds to it")
    date_order: Literal["", "day_first", "month_first", "iso"] = Field(
        "", description="Order of dates such as 03/04/2024"
    )
    encoding: str = Field("", description="Such as latin-1; default: UTF-8 or UTF-16, detected")
    delimiter: str = Field("", description="One character; default: detected among comma, semicolon, tab and pipe")
    number_format: Literal["1234.50", "1,234.50", "1.234,50"] = Field("1234.50", description="How decimals are written")
    time_zone: TimeZone = Field("UTC", description="Of timestamps without an offset")
    columns: dict[str, str] = Field({}, description="Contract column = delivered column")
    values: dict[str, dict[str, str]] = Field({}, description="Per column: delivered word = stored word")
    true_words: Words = Field((), description="More words for true")
    false_words: Words = Field((), description="More words for false")


# What says which rows of a database are read, not how values are.
_OF_DATABASES = {"name", "cursor", "overlap", "full_every"}


class TablesSettings(_Section):
    """`[tables]`: one section per table."""

    apartments: TableSettings = TableSettings()
    apartment_attributes: TableSettings = TableSettings()
    bookings: TableSettings = TableSettings()
    user_viewing: TableSettings = TableSettings()
    fx_rates: TableSettings = TableSettings()

    def readings(self) -> dict[str, TableReading]:
        """By table, how its files are to be read."""
        return {
            table: TableReading(**getattr(self, table).model_dump(exclude=_OF_DATABASES))
            for table in type(self).model_fields
        }

    def explicit(self) -> frozenset[str]:
        """The tables whose kind of delivery is set, or follows from a cursor: there it may change between runs."""
        tables = {table: getattr(self, table) for table in type(self).model_fields}
        return frozenset(table for table, named in tables.items() if named.delivery or named.cursor)


class Settings(BaseSettings):
    """Every setting. Paths are relative to the working directory."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix=PREFIX, env_nested_delimiter="__")

    workspace: Path = Field(Path("rental-data"), description="Holds lake/, warehouse.duckdb and report/")
    source: SourceSettings = SourceSettings()
    lake: LakeSettings = LakeSettings()
    warehouse: WarehouseSettings = WarehouseSettings()
    engine: EngineSettings = EngineSettings()
    transform: TransformSettings = TransformSettings()
    metrics: MetricsSettings = MetricsSettings()
    quality: QualitySettings = QualitySettings()
    log: LogSettings = LogSettings()
    tables: TablesSettings = TablesSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options and environment come before what the file says, which `load_settings` passes as `_file`."""
        del env_settings, dotenv_settings, file_secret_settings
        return (init_settings, _Environment(settings_cls))


class _Environment(EnvSettingsSource):
    """The environment, where a list may also be written without JSON."""

    def decode_complex_value(self, field_name: str, field: Any, value: Any) -> Any:
        """JSON where it is JSON, the text itself elsewhere."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


def known_keys(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every key that a file may hold, as (dotted name, description, default), in order."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if inner == SecretStr | None:
            continue
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from known_keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or "", field.default
