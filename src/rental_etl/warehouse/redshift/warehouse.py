"""The warehouse as a Redshift database, connected to only while a method works.

Reads landed, curated and computed Parquet from S3 with COPY; writes schemas `raw`, `curated`, `presentation` and `etl`. Every change is one transaction with
one writer: after a kill or a lost connection the database shows the state before or after it, and a rerun does what is missing.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from rental_etl.errors import RentalEtlError
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.model.run import CuratedView, LakeId, Publication, Published, RunRecord
from rental_etl.model.summary import Look, Problem
from rental_etl.ports.warehouse import Ask, Rows
from rental_etl.warehouse import ledger
from rental_etl.warehouse.answers import check_format, nothing_yet
from rental_etl.warehouse.postgres import exports
from rental_etl.warehouse.postgres.catalog import columns_of, is_laid_out, schemas_of, tables_of
from rental_etl.warehouse.postgres.checking import missing_rights
from rental_etl.warehouse.postgres.layout import lay_out
from rental_etl.warehouse.postgres.parquet_rows import Opener, local_engine
from rental_etl.warehouse.redshift import answers
from rental_etl.warehouse.redshift.bucket import Bucket
from rental_etl.warehouse.redshift.connect import Cluster, RedshiftSession, Tls, connected, load_driver, transaction
from rental_etl.warehouse.redshift.credentials import Provider
from rental_etl.warehouse.redshift.errors import CopyRefusedError
from rental_etl.warehouse.redshift.publication import changed, prepare_metric, switch_curated, switch_metric
from rental_etl.warehouse.redshift.raw import bring_up_to_date, prepare
from rental_etl.warehouse.redshift.staging import Loads
from rental_etl.warehouse.redshift.statements import REDSHIFT, Layouts, external_schema, unload
from rental_etl.warehouse.redshift.writing import in_transaction
from rental_etl.warehouse.text import name, now
from rental_etl.warehouse.unloading import unload_folder, unloaded_columns

Result = TypeVar("Result")

# Locked by whoever writes.
_WRITER = {"writer": {"note": "varchar"}}


class RedshiftWarehouse:
    """A `Warehouse` in a Redshift database.

    `url` is redshift://user@host:port/database; `credentials` is asked at every connection; `bucket` is where files are staged and where the lake's lie;
    `iam_role` is the role that COPY and UNLOAD use ("default": the database's own); with `catalog` (a Glue database) schema `curated` shows the lake's
    tables, else they are loaded; `layouts` sets dist and sort keys by table.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Provider,
        bucket: Bucket,
        iam_role: str = "default",
        catalog: str = "",
        layouts: Layouts | None = None,
        tls: Tls = "verify-full",
        connect_seconds: float = 120.0,
        wait_seconds: float = 10.0,
        memory: str = "1GB",
        threads: int | None = None,
        temp: Path | None = None,
        open_engine: Opener | None = None,
    ) -> None:
        self._cluster = Cluster.of(
            url, credentials=credentials, tls=tls, connect_seconds=connect_seconds, wait_seconds=wait_seconds
        )
        self._bucket, self._role, self._catalog = bucket, iam_role, catalog
        self._layouts: Layouts = layouts or {}
        self._temp = temp
        self._open_engine = open_engine or local_engine(memory=memory, threads=threads, temp=temp)
        self._claim: ledger.Claim | None = None
        self._is_laid_out = False

    @property
    def identity(self) -> str:
        """The database as a URL, whichever user asks."""
        return self._cluster.identity

    def belong_to(self, lake: LakeId, *, moved: bool = False) -> None:
        """Say which lake this object writes for; `moved` when it takes the place of another."""
        self._claim = ledger.Claim(lake, moved)

    def loaded(self) -> Mapping[str, Sequence[tuple[int, int]]]:
        """By table, the (batch_id, revision) whose rows `raw` holds; empty before the first run."""
        with connected(self._cluster) as session:
            return ledger.loaded(_plain(session)) if is_laid_out(session) else {}

    def load(
        self, contract: Contract, *, add: Sequence[tuple[Batch, Sequence[str]]], drop: Sequence[int], replace: bool
    ) -> int:
        """Bring `raw.<table>` up to date in one transaction with the ledger; returns rows added."""
        at = now()

        def attempt(rewrite: bool) -> int:
            with self._loads(rewrite=rewrite) as loads:
                manifests = prepare(loads, contract, add)

                def work(session: RedshiftSession) -> int:
                    rows = bring_up_to_date(
                        session,
                        contract,
                        add=add,
                        manifests=manifests,
                        drop=drop,
                        replace=replace,
                        at=at,
                        role=self._role,
                        layout=self._layouts.get(contract.table),
                    )
                    added = [batch for batch, _ in add]
                    ledger.record_load(
                        _plain(session), contract.table, added=added, dropped=drop, replaced=replace, at=at
                    )
                    return rows

                return self._change(work)

        return _again_when_refused(attempt)

    def publish(self, publication: Publication) -> Published:
        """Switch all presentation tables, the curated tables and the ledger in one transaction."""
        at = now()
        self._lay_out()
        views = [] if self._catalog else self._changed(publication)

        def attempt(rewrite: bool) -> Published:
            with self._loads(rewrite=rewrite) as loads:
                new_rows = [(update, prepare_metric(loads, update)) for update in publication.metrics]
                manifests = {view.name: loads.manifest(view.files, view.columns) for view in views}

                def work(session: RedshiftSession) -> Published:
                    for update, manifest in new_rows:
                        switch_metric(session, update, manifest=manifest, role=self._role, layouts=self._layouts)
                    if not self._catalog:
                        switch_curated(
                            session,
                            publication.curated,
                            manifests=manifests,
                            role=self._role,
                            layouts=self._layouts,
                        )
                    return ledger.record_publish(_plain(session), publication, at=at)

                return self._change(work)

        return _again_when_refused(attempt)

    def last_publish(self) -> Published | None:
        """The publish in force; None before the first."""
        with connected(self._cluster) as session:
            return ledger.last_publish(_plain(session)) if is_laid_out(session) else None

    def record_run(self, run: RunRecord) -> None:
        """Insert or replace one row of `etl.runs`."""
        self._change(lambda session: ledger.record_run(_plain(session), run))

    def check(self) -> Look:
        """What is found there: version, user, TLS, driver, staging place, and the rights that are missing; a small object is put into the staging place and
        removed again."""
        with connected(self._cluster) as session:
            [(version, user)] = session.execute("select version(), current_user").fetchall()
            schemas = [schema for schema in ledger.SCHEMAS if schema != "curated" or not self._catalog]
            problems = list(missing_rights(session, schemas, user=user))
            tls = session.tls
        try:
            with self._bucket.staging() as staging:
                staging.manifest([])
        except RentalEtlError as error:
            problems.append(Problem(f"nothing can be staged in {self._bucket.url}: {error.what}", error.remedy))
        driver = f"redshift_connector {load_driver().__version__} (pure Python: there is no other)"
        said = f"Redshift ({version.split(',')[0]}) as {user}, {tls}, {driver}, staging in {self._bucket.url}"
        return Look(said, tuple(problems))

    def query(self, sql: str) -> Rows:
        """A read-only question; the connection closes when the rows are exhausted or their iterator is closed."""
        return answers.answer(self._cluster, sql)

    @contextlib.contextmanager
    def asking(self) -> Iterator[Ask]:
        """Many questions, each through a connection of its own."""
        yield self.query

    def export(self, folder: Path, format: str) -> Mapping[str, int]:
        """Write every presentation table to `<table>.<format>` (csv or parquet), each atomically; returns rows by table."""
        check_format(format)
        # One transaction: every table as the same publish left it.
        with connected(self._cluster) as session, transaction(session, "begin read only"):
            if not is_laid_out(session):
                raise nothing_yet("the warehouse is empty")
            names = tables_of(session, "presentation")
            if not names:
                raise nothing_yet("there are no presentation tables")
            tables = {table: REDSHIFT.canonical(columns_of(session, "presentation", table)) for table in names}

            def fetch(table: str, file: BinaryIO) -> None:
                answers.write_csv(session, table, tables[table], file)

            return exports.write_tables(tables, fetch, folder=folder, format=format, open_engine=self._open_engine)

    def unload(self, contract: Contract, folder: str) -> list[str]:
        """Write the rows of `raw.<table>`, in the contract's columns, `_error` and `_batch_id`, as Parquet below an s3:// folder; returns the files' URLs.

        The folder must be empty: Redshift overwrites nothing.
        """
        columns = ", ".join(name(column) for column in unloaded_columns(contract))
        with connected(self._cluster) as session:
            select = f"select {columns} from {name('raw', contract.table)}"
            session.execute(unload(select, f"{folder.rstrip('/')}/", self._role))
        return [file.url for file in self._bucket.listed(folder) if file.url.endswith(".parquet")]

    @contextlib.contextmanager
    def unloaded(self, contract: Contract, *, local: bool) -> Iterator[Sequence[str]]:
        """The rows of `raw.<table>` as Parquet files below the staging folder, or on this machine; removed afterwards."""
        with self._bucket.staging() as staging, unload_folder(self._temp) as folder:
            urls = self.unload(contract, staging.url)
            staging.adopt(urls)
            if local:
                yield [str(self._bucket.download(url, folder / url.rpartition("/")[2])) for url in urls]
            else:
                yield urls

    def _changed(self, publication: Publication) -> list[CuratedView]:
        last = self.last_publish()
        shown = dict(last.inputs.get("curated", {})) if last else {}
        with connected(self._cluster) as session:
            return changed(session, publication.curated, shown)

    @contextlib.contextmanager
    def _loads(self, *, rewrite: bool) -> Iterator[Loads]:
        if self._temp:
            self._temp.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="redshift-", dir=self._temp))
            staging = stack.enter_context(self._bucket.staging())
            yield stack.enter_context(
                Loads(self._bucket, staging, open_engine=self._open_engine, scratch=Path(scratch), rewrite=rewrite)
            )

    def _change(self, work: Callable[[RedshiftSession], Result]) -> Result:
        self._lay_out()

        def claimed(session: RedshiftSession) -> Result:
            ledger.keep_claim(_plain(session), self._claim, where=self._cluster.url, at=now())
            return work(session)

        return in_transaction(self._cluster, claimed)

    def _lay_out(self) -> None:
        """Make schemas and ledger, once: the table that writers lock has to be there before."""
        if self._is_laid_out:
            return
        schemas = [schema for schema in ledger.SCHEMAS if schema != "curated" or not self._catalog]
        with connected(self._cluster) as session:
            with transaction(session):
                lay_out(session, schemas=schemas, spell=REDSHIFT.spell, more=_WRITER)
            if self._catalog and "curated" not in schemas_of(session):
                session.execute(external_schema("curated", database=self._catalog, role=self._role))
        self._is_laid_out = True


def _again_when_refused(work: Callable[[bool], Result]) -> Result:
    """Try with the lake's files as they lie in S3, then, when COPY refuses them, with files written anew."""
    try:
        return work(False)
    except CopyRefusedError:
        return work(True)


def _plain(session: RedshiftSession) -> Any:
    """A session where the ledger's statements, which are the same in every dialect, are asked for."""
    return session
