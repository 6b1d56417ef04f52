"""Folds batches of `apartments` into the listing history and the listings of today, with what was deleted at the source.

Leaves `merge.apartment_history` (see `merge`), `merge.retired` (id, deleted_on) and `merge.apartments` in the engine session.
"""

from collections.abc import Sequence
from datetime import date

from rental_etl.jobs.landed import Survey, Tally
from rental_etl.jobs.merge import KeyedMerge
from rental_etl.jobs.raw_rows import RawRows
from rental_etl.model.batch import Batch
from rental_etl.model.contract import Contract
from rental_etl.ports.engine import Engine
from rental_etl.ports.lake import Landing
from rental_etl.tables.models import curated_models

# SPEC section 1: never earlier than the creation, and a missing modification is the creation.
EFFECTIVE = (
    "*, greatest(coalesce(last_modified_timestamp, listing_created_on), listing_created_on) as effective_modified_at"
)
_NEVER = "date '9999-12-31'"


class ListingMerge:
    """The history is upserted by version; presence follows from the keys that full batches name. Needs `base.apartment_history` and `base.apartments`."""

    def __init__(self, engine: Engine, *, landing: Landing, contract: Contract, raw: RawRows | None = None) -> None:
        self.engine = engine
        self.history = KeyedMerge(
            engine,
            landing=landing,
            raw=raw,
            contract=contract,
            model=curated_models()["apartment_history"],
            select=EFFECTIVE,
            finding="warn:changed_version:",
        )
        engine.define("merge.retired_0", "select id, deleted_on from base.apartments where deleted_on is not null")
        engine.define("merge.known_0", "select id from base.apartments")
        self._retired = "merge.retired_0"
        self._known = "merge.known_0"

    @property
    def tally(self) -> Tally:
        """What became of the landed rows."""
        return self.history.tally

    def bind(self, prefix: str, batches: Sequence[Batch]) -> None:
        """Make the landed rows and named keys of a segment readable."""
        self.history.bind(prefix, batches)

    def survey(self, prefix: str, batch: Batch) -> Survey:
        """How many present listings a bound full batch would retire."""
        del batch
        present = (
            f"select known.id from {self._known} as known anti join {self._retired} as retired on known.id = retired.id"
        )
        named = f"anti join {prefix}_named as named on present.id = named.id"
        before = self.engine.rows(f"select count(*) from ({present})")[0][0]
        deleted = self.engine.rows(f"select count(*) from ({present}) as present {named}")[0][0]
        return Survey(int(before), int(deleted))

    def fold(self, prefix: str, batches: tuple[Batch, ...]) -> None:
        """Fold one bound segment: one full batch, or deltas, which only ever bring listings back."""
        engine, batch = self.engine, batches[0]
        self.history.fold(prefix, batches)
        engine.keep(
            f"{prefix}_known", f"select id from {self._known} union select id from {prefix}_landed where _error is null"
        )
        unnamed = f"anti join {prefix}_named as named on listings.id = named.id"
        if batch.kind == "delta":
            engine.keep(f"{prefix}_retired", f"select listings.* from {self._retired} as listings {unnamed}")
        else:
            engine.keep(
                f"{prefix}_retired",
                f"select listings.id, coalesce(retired.deleted_on, {_day(batch.day)}) as deleted_on"
                f" from (select listings.id from {prefix}_known as listings {unnamed}) as listings"
                f" left join {self._retired} as retired on listings.id = retired.id",
            )
        self._known, self._retired = f"{prefix}_known", f"{prefix}_retired"

    def finish(self) -> None:
        """Define the outcome relations."""
        self.history.finish()
        engine = self.engine
        engine.define("merge.retired", f"select id, deleted_on from {self._retired}")
        engine.define("merge.history", "select * from merge.apartment_history")
        engine.keep("merge.apartments", curated_models()["apartments"].sql)

    def changes(self) -> dict[str, list[str]]:
        """What metrics have to know: `state_day` from the first day a listing's state moved, `title` when a shown title did."""
        engine = self.engine
        engine.define(
            "merge.changed_listings",
            """
            select id, min(cast(effective_modified_at as date)) as first_change from merge.apartment_history_in group by id
            """,
        )
        first = engine.rows(
            f"""
            with earliest as (
              select id, min(cast(effective_modified_at as date)) as first_day from base.apartment_history group by id
            ),
            moved as (
              select case
                when before.id is not null and before.listing_created_on = after.listing_created_on
                  and changed.first_change > earliest.first_day then changed.first_change
                else least(coalesce(cast(before.listing_created_on as date), cast(after.listing_created_on as date)),
                  cast(after.listing_created_on as date)) end as day
              from merge.changed_listings as changed
              join merge.apartments as after on changed.id = after.id
              left join base.apartments as before on changed.id = before.id
              left join earliest on changed.id = earliest.id
              union all
              select least(coalesce(after.deleted_on, before.deleted_on), coalesce(before.deleted_on, after.deleted_on)) as day
              from merge.apartments as after
              join base.apartments as before on after.id = before.id
              where coalesce(after.deleted_on, {_NEVER}) <> coalesce(before.deleted_on, {_NEVER})
              union all
              select after.deleted_on as day
              from merge.apartments as after
              anti join base.apartments as before on after.id = before.id
              where after.deleted_on is not null
            )
            select min(day) from moved
            """
        )[0][0]
        title = engine.rows(
            "select 1 from merge.apartments as after left join base.apartments as before on after.id = before.id"
            " where after.title is distinct from before.title limit 1"
        )
        changes: dict[str, list[str]] = {}
        if first is not None:
            changes["apartments.state_day"] = [str(first), str(first)]
        if title:
            changes["apartments.title"] = []
        return changes


def _day(day: date) -> str:
    return f"date '{day.isoformat()}'"
