"""Curated tables in S3 beyond what every kind does: other writers, kills, and each catalog."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from adapters import cellars
from adapters.cellars import S3Cellar, ids
from postgres import server as postgres
from rental_etl.errors import ConfigurationError, SystemUnreachableError, WorkspaceBusyError
from rental_etl.lake.catalogs import Catalog, GlueCatalog, PostgresCatalog, SqliteCatalog
from rental_etl.lake.iceberg import IcebergCurated
from rental_etl.lake.tree import S3Tree
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import shared_store
from s3 import server


@pytest.fixture
def cellar() -> Iterator[S3Cellar]:
    with cellars.opened("s3") as fresh:
        assert isinstance(fresh, S3Cellar)
        yield fresh


def opened(cellar: S3Cellar, catalog: Catalog) -> IcebergCurated:
    """The cellar's lake with another catalog."""
    return IcebergCurated(S3Tree(Objects(shared_store(), cellar.root), region=None, endpoint=None), catalog)


class TestTwoWriters:
    """A commit is built on what its run saw, or it does not happen."""

    def test_a_commit_in_between_is_noticed(self, cellar: S3Cellar) -> None:
        """Both would add the same batch to a month that was empty, and nothing else would tell."""
        cellar.commit(cellar.write((1, "2024-01")))
        late = cellar.reopened()
        late.current("stays")
        cellar.commit(cellar.write((2, "2024-02")))
        files = cellar.write((2, "2024-02"))
        with pytest.raises(WorkspaceBusyError, match="at the same moment") as caught:
            late.commit("stays", columns=cellars.STAYS, partition_by="booked_at", remove=(), add=files, properties={})
        assert caught.value.exit_code == 4
        assert ids(cellar.reopened().current("stays")) == [1, 2]

    def test_two_tables_made_at_once_are_one(self, cellar: S3Cellar) -> None:
        late = cellar.reopened()
        assert late.current("stays") is None
        cellar.commit(cellar.write((1, "2024-01")))
        files = cellar.write((1, "2024-01"))
        with pytest.raises(WorkspaceBusyError):
            late.commit("stays", columns=cellars.STAYS, partition_by="booked_at", remove=(), add=files, properties={})


class TestCatalogs:
    """What knows the tables may be a file, a database or Glue."""

    @pytest.fixture(params=["sqlite", "postgres", "glue"])
    def catalog(self, cellar: S3Cellar, request: pytest.FixtureRequest) -> Iterator[Callable[[], Catalog]]:
        """Opens the catalog, as a new process would."""
        if request.param == "sqlite":
            yield lambda: SqliteCatalog(cellar.folder / "other.db", name=cellar.root)
        elif request.param == "glue":
            store, database = shared_store(), f"rental_{cellar.bucket[-12:]}"
            yield lambda: GlueCatalog(database, client=lambda: store.other("glue"), errors=store.errors)
        else:
            shared = postgres.shared()
            database = shared.create_database(f"catalog-{cellar.bucket}")
            yield lambda: PostgresCatalog(shared.url(database), name=cellar.root, password=lambda: postgres.PASSWORD)
            shared.drop_database(database)

    def test_it_remembers_and_forgets(self, cellar: S3Cellar, catalog: Callable[[], Catalog]) -> None:
        cellar.curated = opened(cellar, catalog())
        identity = catalog().identity
        assert cellar.curated.current("stays") is None
        first = cellar.commit(cellar.write((1, "2024-01"), (2, "2024-02")), properties={"merged": [[1, 1]]})
        january = [path for path, month in first.files if month == "2024-01"]
        cellar.curated = opened(cellar, catalog())
        assert cellar.curated.current("stays") == first
        second = cellar.commit(cellar.write((7, "2024-01")), january)
        assert ids(opened(cellar, catalog()).current("stays")) == [2, 7]
        cellar.aged()
        assert opened(cellar, catalog()).clean({"stays": second.snapshot_id}, 0) > 0
        assert cellar.data() == [path for path, _ in second.files]
        assert postgres.PASSWORD not in catalog().where + catalog().identity
        assert catalog().identity == identity
        opened(cellar, catalog()).forget()
        assert cellar.names("curated/") == []
        cellar.curated = opened(cellar, catalog())
        assert cellar.curated.current("stays") is None
        assert ids(cellar.commit(cellar.write((3, "2024-01")))) == [3]

    def test_a_wrong_password_is_explained(self, cellar: S3Cellar) -> None:
        url = postgres.shared().url("nowhere")
        catalog = PostgresCatalog(url, name=cellar.root, password=lambda: "wrong-and-secret")
        with pytest.raises(SystemUnreachableError, match="catalog of the curated tables") as caught:
            opened(cellar, catalog).current("stays")
        assert "wrong-and-secret" not in str(caught.value.lines())

    def test_a_table_of_somebody_else_in_glue_is_not_taken(self, cellar: S3Cellar) -> None:
        store = shared_store()
        glue = store.other("glue")
        glue.create_database(DatabaseInput={"Name": f"mine_{cellar.bucket[-12:]}"})
        glue.create_table(DatabaseName=f"mine_{cellar.bucket[-12:]}", TableInput={"Name": "stays"})
        catalog = GlueCatalog(f"mine_{cellar.bucket[-12:]}", client=lambda: glue, errors=store.errors)
        with pytest.raises(ConfigurationError, match="is no Iceberg table"):
            opened(cellar, catalog).current("stays")


def test_pyiceberg_on_its_own_reads_the_rows(cellar: S3Cellar) -> None:
    """Any reader of Iceberg finds the way, not only ours. In a process of its own: its S3 client must not be forked with the kills below."""
    cellar.commit(cellar.write((1, "2024-01"), (2, "2024-02")))
    access = {"s3.endpoint": server.endpoint(), "s3.access-key-id": server.KEY_ID, "s3.region": server.REGION}
    script = f"""
from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy.engine import URL
access = {{**{access!r}, "s3.secret-access-key": {server.SECRET!r}}}
uri = URL.create("sqlite", database={str(cellar.catalog_file)!r}).render_as_string()
catalog = SqlCatalog({cellar.root!r}, uri=uri, **access)
print(sorted(catalog.load_table("curated.stays").scan().to_arrow()["stay_id"].to_pylist()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "[1, 2]\n", done.stderr[-2000:]


def test_a_kill_after_any_request_leaves_before_or_after(cellar: S3Cellar) -> None:
    """And the next commit ends where an undisturbed one does; what the killed one uploaded goes with the next cleaning."""
    first = cellar.commit(cellar.write((1, "2024-01"), (2, "2024-02")))
    january = [path for path, month in first.files if month == "2024-01"]
    backup = cellar.catalog_file.read_bytes()
    files = cellar.write((7, "2024-01"))
    requests = _requests(lambda: _replace(cellar.reopened(), files, january))
    looks = []
    # Every request that writes, and the one after it; of those that read, one before.
    writing = [place for place, name in enumerate(requests, start=1) if name == "PutObject"]
    for step in sorted({writing[0] - 1, *writing, *(place + 1 for place in writing)}):
        cellar.catalog_file.write_bytes(backup)
        assert _killed(lambda: _replace(cellar.reopened(), files, january), step) == (step <= len(requests))
        looks.append(ids(cellar.reopened().current("stays")))
        if looks[-1] == [1, 2]:
            _replace(cellar.reopened(), files, january)
        assert ids(cellar.reopened().current("stays")) == [2, 7]
    assert (looks[0], looks[-1]) == ([1, 2], [2, 7])
    assert [look for look in looks if look not in ([1, 2], [2, 7])] == []
    last = cellar.reopened().current("stays")
    assert last is not None
    cellar.aged()
    cellar.reopened().clean({"stays": last.snapshot_id}, 0)
    assert cellar.data() == [path for path, _ in last.files]


def _requests(work: Callable[[], Any]) -> list[str]:
    """The names of the requests to S3 that some work takes."""
    from botocore.client import BaseClient

    names: list[str] = []
    real = BaseClient._make_api_call

    def call(client: Any, name: str, given: Any) -> Any:
        names.append(name)
        return real(client, name, given)

    with patch.object(BaseClient, "_make_api_call", call):
        work()
    return names


def _replace(curated: IcebergCurated, add: list[str], remove: list[str]) -> None:
    assert curated.current("stays") is not None
    curated.commit("stays", columns=cellars.STAYS, partition_by="booked_at", remove=remove, add=add, properties={})


def _killed(work: Callable[[], Any], step: int) -> bool:
    """Do the work in a process that kills itself after its `step`-th request to S3; False when it had fewer."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            server.forked()
            _die_after(step)
            work()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert status in (0, signal.SIGKILL)
    return status == signal.SIGKILL


def _die_after(step: int) -> None:
    from botocore.client import BaseClient

    steps = iter(range(1, 10_000))
    real = BaseClient._make_api_call

    def call(*given: Any, **named: Any) -> Any:
        answer = real(*given, **named)
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    BaseClient._make_api_call = call
