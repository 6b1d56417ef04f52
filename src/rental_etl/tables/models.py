"""Loads the SQL models and the YAML beside them."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from typing import Any

from rental_etl.errors import ModelError
from rental_etl.model.contract import Column, Contract
from rental_etl.tables.contracts import contract_text, contracts
from rental_etl.tables.documents import read_yaml
from rental_etl.tables.render import Parameters

CURATED = ("bookings", "user_viewing", "apartment_attributes", "apartment_history", "apartments", "fx_rates")
BATCH_COLUMN = Column("_batch_id", "int64", description="The batch that delivered the row")


@dataclass(frozen=True, slots=True)
class Check:
    """A rule counted over the current tables, not per batch; `sql` gives the number of rows that break it.

    One with `invalidated_by` is counted by month: `sql` gives (first day of the month, rows) for the months from $period_from to $period_to, and the causes
    say which months a change can affect. `begins`, if any, gives the first day in these tables that a change from $period_from on can affect, null for none;
    when one of the tables in `anew_with` has another snapshot, every month is counted.
    """

    name: str
    column: str
    description: str
    sql: str
    invalidated_by: Sequence[Mapping[str, Any]] = ()
    begins: str = ""
    anew_with: Sequence[str] = ()
    period_unit: str = "month"

    @property
    def reads(self) -> tuple[str, ...]:
        """The shared queries it reads."""
        return tuple(re.findall(r"intermediate\.\w+", self.sql))


@dataclass(frozen=True, slots=True)
class CuratedModel:
    """A curated table: its source, key and columns, and what a changed row matters to.

    `changes` gives the days it matters to (kind -> (from, to) expressions), `whole_changes` the kinds of change that matter to every day
    (kind -> columns that have to differ).
    """

    name: str
    source: str
    question: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    sql: str
    partition_by: str
    changes: Mapping[str, tuple[str, str]]
    checks: tuple[Check, ...]
    whole_changes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def content(self) -> tuple[str, ...]:
        """The columns that say something about the key: all but the key and the lineage."""
        return tuple(
            column.name for column in self.columns if column.name not in self.key and column.name != BATCH_COLUMN.name
        )


@dataclass(frozen=True, slots=True)
class PresentationModel:
    """A presentation table: one SELECT and what its YAML says about it (see docs/metrics.md for the keys)."""

    name: str
    sql: str
    question: str
    grain: tuple[str, ...]
    period_column: str
    period_unit: str
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    invariants: tuple[Mapping[str, str], ...]
    invalidated_by: tuple[Mapping[str, Any], ...]
    checks: tuple[Check, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IntermediateModel:
    """A query several metrics share; kept (evaluated once) when `materialised`."""

    name: str
    sql: str
    reads: tuple[str, ...]
    materialised: bool
    document: Mapping[str, Any] = field(default_factory=dict)


@cache
def curated_models() -> dict[str, CuratedModel]:
    """Every curated table by name."""
    return {name: _curated(name) for name in CURATED}


@cache
def presentation_models() -> dict[str, PresentationModel]:
    """Every presentation table by name, in alphabetical order."""
    return {name: _presentation(name) for name in _names("presentation")}


@cache
def intermediate_models() -> dict[str, IntermediateModel]:
    """Every shared query by name, each after those it reads."""
    models = {name: _intermediate(name) for name in _names("intermediate")}
    ordered: dict[str, IntermediateModel] = {}
    while len(ordered) < len(models):
        ready = [
            model
            for name, model in models.items()
            if name not in ordered and all(read in ordered for read in _own(model.reads))
        ]
        if not ready:
            raise ModelError("intermediate models read each other in a circle")
        ordered.update({model.name: model for model in ready})
    return ordered


def needed_intermediates(reads: tuple[str, ...]) -> list[IntermediateModel]:
    """The intermediate models behind a model's reads, in the order they have to be made."""
    wanted: set[str] = set()
    queue = list(_own(reads))
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += _own(intermediate_models()[name].reads)
    return [model for name, model in intermediate_models().items() if name in wanted]


def models_of(contract: Contract) -> tuple[CuratedModel, ...]:
    """The curated tables made from one source table; a table whose keys are forgotten has one more, of what was deleted."""
    models = [model for model in curated_models().values() if model.source == contract.table]
    if contract.key and contract.deletes == "forget":
        models.append(deleted_model(models[0]))
    return tuple(models)


def deleted_model(model: CuratedModel) -> CuratedModel:
    """The table of the last valid versions of deleted keys: should a key come back in an invalid row, its version is in force again."""
    return replace(
        model,
        name=f"{model.name}_deleted",
        question=f"Which {model.name} were deleted at the source, in their last valid version?",
        partition_by="",
        changes={},
        checks=(),
        whole_changes={},
    )


def curated_fingerprint(models: Sequence[CuratedModel]) -> str:
    """Changes when the contract or the models of curated tables of one source do."""
    columns = [f"{model.name}:{column.name}:{column.sql_type}" for model in models for column in model.columns]
    changes = [str(sorted({**model.changes, **model.whole_changes}.items())) for model in models]
    return _digest(contract_text(models[0].source), *(model.sql for model in models), *columns, *changes)


def fingerprint(model: PresentationModel | Check, parameters: Parameters) -> str:
    """Changes when the SQL of a metric or rule, that of a shared query behind it, a metric's columns, or a setting that one of them uses does."""
    statements = [model.sql, *(shared.sql for shared in needed_intermediates(model.reads))]
    columns = [str(model.columns)] if isinstance(model, PresentationModel) else []
    settings = [f"{name}={value}" for name, value in parameters.settings_used_by(*statements).items()]
    return _digest(*statements, *columns, *settings)


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _own(reads: tuple[str, ...]) -> list[str]:
    return [read.removeprefix("intermediate.") for read in reads if read.startswith("intermediate.")]


def _names(layer: str) -> list[str]:
    folder = resources.files("rental_etl.tables") / layer
    return sorted(item.name.removesuffix(".sql") for item in folder.iterdir() if item.name.endswith(".sql"))


def _text(layer: str, name: str) -> str:
    return (resources.files("rental_etl.tables") / layer / name).read_text(encoding="utf-8")


def _yaml(layer: str, name: str) -> dict[str, Any]:
    return read_yaml(_text(layer, f"{name}.yaml"))


def _curated(name: str) -> CuratedModel:
    document = _yaml("curated", name)
    contract = contracts()[document["source"]]
    extra = {
        "apartments": (Column("deleted_on", "date", description="The day it was gone from the source"),),
        "apartment_history": (Column("effective_modified_at", "timestamp", description="When this version began"),),
    }
    return CuratedModel(
        name=name,
        source=contract.table,
        question=document["question"],
        key=tuple(document["grain"]),
        columns=(*contract.columns, *extra.get(name, ()), BATCH_COLUMN),
        sql=_text("curated", f"{name}.sql"),
        partition_by=contract.partition_by,
        changes={kind: (ends["from"], ends["to"]) for kind, ends in document["changes"].items()},
        checks=tuple(Check(**check) for check in document["checks"]),
        whole_changes={kind: tuple(columns) for kind, columns in document.get("whole_changes", {}).items()},
    )


def _presentation(name: str) -> PresentationModel:
    document = _yaml("presentation", name)
    return PresentationModel(
        name=name,
        sql=_text("presentation", f"{name}.sql"),
        question=document["question"],
        grain=tuple(document["grain"]),
        period_column=document["period"]["column"],
        period_unit=document["period"]["unit"],
        needs=tuple(document["needs"]),
        reads=tuple(document["reads"]),
        columns=tuple((column["name"], column["type"]) for column in document["columns"]),
        invariants=tuple(document["invariants"]),
        invalidated_by=tuple(document["invalidated_by"]),
        checks=tuple(Check(**check) for check in document.get("checks", ())),
        document=document,
    )


def _intermediate(name: str) -> IntermediateModel:
    document = _yaml("intermediate", name)
    return IntermediateModel(
        name=name,
        sql=_text("intermediate", f"{name}.sql"),
        reads=tuple(document["reads"]),
        materialised=bool(document["materialised"]),
        document=document,
    )
