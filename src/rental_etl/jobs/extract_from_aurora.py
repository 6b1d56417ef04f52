"""extract: lands what is new at the source, one immutable batch per delivery.

Reads the source and the lake's log; writes `raw/<table>/<batch>/`, quarantined rows and manifests. Content that is known lands nothing, so a rerun
lands only what an interrupted run did not.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from rental_etl.errors import InputError
from rental_etl.jobs.reading_ahead import ReadingAhead, hints_of
from rental_etl.model.batch import Batch, Delivery
from rental_etl.model.contract import Contract
from rental_etl.model.summary import Watch
from rental_etl.ports.lake import Landed, Landing
from rental_etl.ports.source import Source
from rental_etl.tables.contracts import contracts


@dataclass(frozen=True, slots=True)
class Extracted:
    """What extract did: new batches, and tables that were delivered before but not now."""

    landed: tuple[Batch, ...]
    unchanged_tables: tuple[str, ...]


def require_mandatory(source: Source, landed: Landed) -> None:
    """Raise InputError when a table that every marketplace has neither is delivered nor ever was. Nothing is landed before."""
    for contract in contracts().values():
        if contract.mandatory and not landed.of(contract.table) and not source.deliveries(contract):
            raise InputError(
                f"{contract.table} was not delivered",
                where=source.identity,
                expected=f"{contract.table}.csv, which the other tables refer to; any other table may be missing",
                remedy=f'add it, or say which file it is: tables.{contract.table}.files = ["..."]; `rental-etl init` proposes such settings',
            )


def extract(
    *,
    source: Source,
    landing: Landing,
    as_of: date,
    run_id: str,
    explicit: frozenset[str],
    watch: Watch,
    expecting: Callable[[], None] = lambda: None,
) -> Extracted:
    """Land every new delivery. `explicit` names the tables whose kind of delivery is set: there it may change.

    `expecting` is called once there is something new, and takes as much of the interpreter as others leave.
    """
    offers = _offers(source)
    landed = landing.landed()
    work: list[tuple[Contract, Delivery]] = []
    for contract in contracts().values():
        earlier = landed.of(contract.table)
        offered = offers[contract.table]
        _check_kind(offered, earlier, allowed=contract.table in explicit)
        work += [(contract, delivery) for delivery in _new(offered, earlier)]
    batches: list[Batch] = []
    last = {table: landed.of(table)[-1] for table in offers if landed.of(table)}
    with ReadingAhead(source=source, landing=landing, work=work, last=last, as_of=as_of, expecting=expecting) as ahead:
        for done, (_, delivery) in enumerate(work):
            watch.progress(f"reading {delivery.name}", done, len(work))
            with ahead.take(done) as read:
                batch = landing.commit(
                    delivery, reading=read.reading, staging=read.staging, day=read.day, run_id=run_id
                )
            last[delivery.table] = batch
            batches.append(batch)
    absent = tuple(table for table in offers if not offers[table] and landed.of(table))
    return Extracted(tuple(batches), absent)


def reparse(
    *, source: Source, landing: Landing, batches: Sequence[Batch], run_id: str, watch: Watch, force: bool = False
) -> list[Batch]:
    """Parse kept sources again where the parsing settings changed (or `force`); returns the new revisions.

    A batch keeps its place in the order. A batch whose delivered files were not kept stays as it is, unless forced: then InputError.
    """
    revised: list[Batch] = []
    for done, batch in enumerate(batches):
        contract = contracts()[batch.table]
        if not force and not source.outdated(batch, contract=contract):
            continue
        watch.progress(f"parsing {batch.delivery.name} again", done, len(batches))
        earlier = [other for other in landing.landed().of(batch.table) if other.batch_id < batch.batch_id]
        hints = hints_of(earlier[-1] if earlier else None, batch.delivery)
        with landing.kept_source(batch) as kept, landing.staging() as staging:
            if kept is None:
                if not force:
                    continue
                raise InputError(
                    f"the delivered files of batch {batch.batch_id} ({batch.delivery.name}) were not kept",
                    where=batch.folder,
                    expected="lake.keep_source = true when the batch was landed",
                    remedy=f"deliver {batch.table} again",
                )
            reading = source.reread(batch, contract=contract, kept=kept, staging=staging, hints=hints)
            revised.append(landing.revise(batch, reading=reading, staging=staging, run_id=run_id))
    return revised


def _offers(source: Source) -> dict[str, Sequence[Delivery]]:
    """What the source has, by table. To know it takes reading large files: several at once, where the source allows it."""
    wanted = list(contracts().values())
    if source.readers == 1:
        return {contract.table: source.deliveries(contract) for contract in wanted}
    with ThreadPoolExecutor(source.readers, thread_name_prefix="finding") as threads:
        found = threads.map(source.deliveries, wanted)
        return {contract.table: deliveries for contract, deliveries in zip(wanted, found, strict=True)}


def _new(offered: Sequence[Delivery], earlier: Sequence[Batch]) -> list[Delivery]:
    known = {batch.delivery.content for batch in earlier if batch.kind == "delta"}
    latest = earlier[-1].delivery if earlier else None
    new = []
    for delivery in offered:
        if delivery.kind == "full":
            if latest is None or latest.kind != "full" or latest.content != delivery.content:
                new.append(delivery)
        elif delivery.content not in known:
            known.add(delivery.content)
            new.append(delivery)
    return new


def _check_kind(offered: Sequence[Delivery], earlier: Sequence[Batch], *, allowed: bool) -> None:
    if allowed or not offered or not earlier or offered[0].kind == earlier[-1].kind:
        return
    table, before, now = offered[0].table, earlier[-1].kind, offered[0].kind
    meaning = {"full": "one file that states the whole table", "delta": "a series of files that add to it"}
    raise InputError(
        f"{table} used to come as {meaning[before]} and now comes as {meaning[now]}",
        where=", ".join(delivery.name for delivery in offered[:3]),
        expected=f"the kind of delivery that earlier runs had ({before})",
        remedy=f'say which is meant: tables.{table}.delivery = "full" or "delta"',
    )
