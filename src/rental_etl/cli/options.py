"""Options that commands share, as groups: a command that takes a `Place` or `Work` has its options.

`command` registers a function, spreading the fields of such a group into options, and gives every command `--debug`.
"""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rental_etl.bootstrap import Application
    from rental_etl.model.summary import Watch


def day(text: str) -> date:
    """A calendar day of an option."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2024-06-30") from None


def source_tables(incomplete: str) -> list[str]:
    """Names for a shell to complete: of source tables."""
    from rental_etl.tables.contracts import TABLES

    return [table for table in sorted(TABLES) if table.startswith(incomplete)]


def made_tables(incomplete: str) -> list[str]:
    """Names for a shell to complete: of curated and metric tables."""
    from rental_etl.tables.models import curated_models, presentation_models

    return [table for table in sorted([*curated_models(), *presentation_models()]) if table.startswith(incomplete)]


AsOf = Annotated[
    date | None,
    typer.Option(
        "--as-of", parser=day, metavar="DATE", help="Last day that the data covers in full.  [default: yesterday, UTC]"
    ),
]
Source = Annotated[
    str | None, typer.Option("--source", metavar="DIR_OR_URL", help="Folder of the tables.  [default: ./data]")
]
Json = Annotated[bool, typer.Option("--json", help="Write the result to stdout as JSON, for machines.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback when something fails.")]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command works."""

    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="DIR", help="Holds lake, warehouse and report.  [default: ./rental-data]"),
    ] = None
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="Configuration.  [default: ./rental-etl.toml, where there is one]"
        ),
    ] = None

    def application(
        self, *, as_of: date | None = None, watch: "Watch | None" = None, **sections: Mapping[str, Any]
    ) -> "Application":
        """The product over the settings in force; `sections` are what the command's other options say."""
        from rental_etl import events
        from rental_etl.bootstrap import Application
        from rental_etl.settings import load_settings

        overrides: dict[str, Any] = dict(sections)
        if self.workspace is not None:
            overrides["workspace"] = self.workspace
        settings = load_settings(config=self.config, overrides=overrides)
        if settings.log.format != "auto":
            # The log tells all that a bar or a line per job would.
            events.write_to(sys.stderr, settings.log.format)
            watch = None
        return Application(settings, as_of=as_of, watch=watch)


@dataclass(frozen=True, slots=True)
class Work:
    """What a run works on, and how."""

    source: Source = None
    as_of: AsOf = None
    engine: Annotated[
        str | None, typer.Option("--engine", metavar="NAME", help="What computes: duckdb or spark.  [default: duckdb]")
    ] = None
    full_refresh: Annotated[
        bool, typer.Option("--full-refresh", help="Compute everything again from the landed batches.")
    ] = False
    as_json: Json = False

    def sections(self) -> dict[str, Mapping[str, Any]]:
        """What the options set, by section of the configuration."""
        sections: dict[str, Mapping[str, Any]] = {}
        if self.source is not None:
            sections["source"] = {"url": self.source}
        if self.engine is not None:
            sections["engine"] = {"kind": self.engine}
        return sections


def command(group: typer.Typer, function: Callable[..., None], *, name: str | None = None) -> None:
    """Make a function a command of `group`: its parameters are the options, a parameter that is a group of options all of those."""
    own: list[inspect.Parameter] = []
    groups: dict[str, type[Any]] = {}
    for parameter in inspect.signature(function).parameters.values():
        if isinstance(parameter.annotation, type) and is_dataclass(parameter.annotation):
            groups[parameter.name] = parameter.annotation
        else:
            own.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    shared = [_parameter(field.name, field.default, field.type) for kind in groups.values() for field in fields(kind)]

    @wraps(function)
    def run(*, debug: bool, **given: Any) -> None:
        del debug  # `entry` looks for it itself: it counts also when the options are wrong.
        for parameter, kind in groups.items():
            given[parameter] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        function(**given)

    parameters = [*own, *shared, _parameter("debug", False, Debug)]
    run.__dict__["__signature__"] = inspect.Signature(parameters)
    group.command(name)(run)


def _parameter(name: str, default: Any, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
