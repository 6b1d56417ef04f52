"""Chooses the lake and the source that the settings name, on a local disk or in S3. Nothing is opened here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from rental_etl.errors import ConfigurationError
from rental_etl.lake.catalogs import Catalog, GlueCatalog, PostgresCatalog, SqliteCatalog
from rental_etl.lake.iceberg import IcebergCurated, LocalCurated
from rental_etl.lake.landing import LocalLanding
from rental_etl.lake.page import LocalPage, S3Page
from rental_etl.model.reading import TableReading
from rental_etl.ports.page import Page
from rental_etl.settings import Settings
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.storage.httpfs import Reach
from rental_etl.storage.store import Store, is_remote, shared_store, split_url

if TYPE_CHECKING:
    from rental_etl.storage.objects import Objects

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Lake:
    """Both halves of a lake, the way engines and warehouses get at its files when it lies in S3, what `check` says about it, and where
    the report goes: `report/index.html` in the workspace, or below the URL of a lake in S3."""

    where: str
    landing: Any
    curated: IcebergCurated
    reach: Reach | None
    check: Callable[[], str]
    page: Page


def lake_of(settings: Settings, *, workspace: Path, temp: Path) -> Lake:
    """The lake that `[lake]` names; default: a folder in the workspace. Raises ConfigurationError for one that cannot be."""
    url = settings.lake.url
    if url and is_remote(url):
        return _s3_lake(settings, url, workspace=workspace, temp=temp)
    folder = local_folder(url, key="lake.url") if url else workspace / "lake"
    landing, curated = LocalLanding(folder), LocalCurated(folder)
    page = LocalPage(workspace / "report" / "index.html")
    return Lake(str(folder), landing, curated, None, lambda: _found_locally(folder), page)


def files_source(
    settings: Settings, *, readings: Mapping[str, TableReading], workspace: Path, temp: Path, progress: Progress
) -> CsvFilesSource:
    """The files that `[source]` names, in a folder or in S3. Raises ConfigurationError for a place that cannot be."""
    options: dict[str, Any] = {
        "readings": readings,
        "keep_source": settings.lake.keep_source,
        "memory": settings.engine.memory,
        "threads": settings.engine.threads,
        "temp": temp,
        "progress": progress,
        "local": not is_remote(settings.lake.url or ""),
    }
    url = settings.source.url
    if not is_remote(url):
        folder = local_folder(url, key="source.url")
        return CsvFilesSource(folder, index=workspace / "source-files.json", **options)
    from rental_etl.source.s3_files import S3FilesSource

    return S3FilesSource(objects_of(settings), index=workspace / "source-objects.json", **options)


def objects_of(settings: Settings) -> "Objects":
    """What lies below the s3:// URL that `[source]` names. Raises ConfigurationError for a URL that cannot be."""
    from rental_etl.storage.objects import Objects

    named = settings.source
    store = shared_store(region=named.region, endpoint=named.endpoint, section="source")
    return Objects(store, named.url, setting="source.url")


def local_folder(url: str, *, key: str) -> Path:
    """The folder a URL means. Raises ConfigurationError for a kind of place this version does not know."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(url2pathname(parts.path)).absolute()
    if "://" in url:
        raise ConfigurationError(
            f"{key} = {parts.scheme}://... is not supported by this version",
            expected="a folder, such as ./data or file:///srv/data, or s3://bucket/prefix"
            + (", or mysql://user@host/database" if key == "source.url" else ""),
            remedy=f"correct {key}",
        )
    return Path(url).expanduser().absolute()


def _s3_lake(settings: Settings, url: str, *, workspace: Path, temp: Path) -> Lake:
    from rental_etl.lake.checking import check_lake
    from rental_etl.lake.s3 import S3Landing
    from rental_etl.lake.tree import S3Tree
    from rental_etl.storage.objects import Objects

    named = settings.lake
    bucket, prefix = split_url(url, where="lake.url")
    if set(prefix) & set("?#"):
        raise ConfigurationError(
            f"{url} holds a character that ends the path of a URL",
            where="lake.url",
            expected="a prefix without ? and #, so that other programs find the Iceberg tables",
            remedy="choose another prefix",
        )
    store = shared_store(region=named.region, endpoint=named.endpoint)
    objects = Objects(store, url)
    catalog = _Chosen(lambda: _catalog(settings, store, lake=objects.url, workspace=workspace))
    landing = S3Landing(objects, temp=temp, catalog=lambda: catalog.identity)
    curated = IcebergCurated(S3Tree(objects, region=named.region, endpoint=named.endpoint), catalog)
    reach = Reach(store, bucket)
    return Lake(objects.url, landing, curated, reach, lambda: check_lake(objects, catalog), S3Page(objects))


def _catalog(settings: Settings, store: Store, *, lake: str, workspace: Path) -> Catalog:
    named = settings.lake
    kind = named.catalog or ("glue" if store.is_aws else "sqlite")
    if kind == "sqlite":
        return SqliteCatalog(workspace / "catalog.db", name=lake)
    if kind == "glue":
        return GlueCatalog(named.database, client=lambda: store.other("glue"), errors=store.errors)
    password = named.catalog_password
    return PostgresCatalog(kind, name=lake, password=lambda: password.get_secret_value() if password else None)


class _Chosen:
    """A catalog that is chosen when it is first asked: which one may depend on the endpoint, and knowing that takes boto3."""

    def __init__(self, choose: Callable[[], Catalog]) -> None:
        self._choose = choose
        self._chosen: Catalog | None = None

    @property
    def _catalog(self) -> Catalog:
        if self._chosen is None:
            self._chosen = self._choose()
        return self._chosen

    @property
    def where(self) -> str:
        """What messages call it."""
        return self._catalog.where

    @property
    def identity(self) -> str:
        """What the lake records."""
        return self._catalog.identity

    @property
    def namespace(self) -> str:
        """The name that the tables lie under."""
        return self._catalog.namespace

    def location(self, table: str) -> str | None:
        """The location of a table's current metadata file."""
        return self._catalog.location(table)

    def opened(self, warehouse: str, properties: Mapping[str, str]) -> Any:
        """The catalog as pyiceberg sees it."""
        return self._catalog.opened(warehouse, properties)

    def forget(self) -> None:
        """Drop every table from the catalog."""
        self._catalog.forget()


def _found_locally(folder: Path) -> str:
    import os

    from rental_etl.lake.files import make_folder

    make_folder(folder)
    if not os.access(folder, os.W_OK):
        raise ConfigurationError(
            "the lake's folder may not be written", where=str(folder), remedy="change its permissions"
        )
    return str(folder)
