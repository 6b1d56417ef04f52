"""Writes the reference pages under docs/reference/ from the code: `python scripts/reference.py`.

They are committed, so that they read in the repository; a test holds that they are current.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import typer

from rental_etl.cli.app import app
from rental_etl.cli.interfaces import files
from rental_etl.cli.starter import toml
from rental_etl.settings import known_keys
from rental_etl.tables.contracts import contracts
from rental_etl.tables.lineage import lineages
from rental_etl.tables.models import curated_models, presentation_models

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
_MADE = "Made from the code by `make docs`; changes here are overwritten.\n"


def pages() -> dict[str, str]:
    """Every generated file by its path in docs/reference."""
    return {
        "commands.md": _page(
            "Commands",
            "in the order of `rental-etl --help`. Examples and exit codes are in [commands](../commands.md).",
            _commands(),
        ),
        "settings.md": _page(
            "Settings", "with defaults; how they are given is in [configuration](../configuration.md).", _settings()
        ),
        "contracts.md": _page(
            "Source tables",
            "as every delivery has to state them. `key` marks the primary key; what is `needed` may not be null.",
            _contracts(),
        ),
        "metrics.md": _page(
            "Metrics",
            "with the origin of every column. Definitions and worked examples are in [metrics](../metrics.md).",
            _metrics(),
        ),
        "curated.md": _page("Curated tables", "one row per key, current and valid.", _curated()),
        **{f"interfaces/{name}": text for name, text in files().items()},
    }


def main() -> None:
    """Write the files and delete those that are not made any more."""
    wanted = pages()
    for path in FOLDER.rglob("*"):
        if path.is_file() and path.relative_to(FOLDER).as_posix() not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _page(title: str, lead: str, lines: Iterator[str]) -> str:
    return f"# {title}, all of them\n\nMade for looking things up, {lead} {_MADE}\n" + "\n".join(lines).rstrip() + "\n"


def _commands() -> Iterator[str]:
    whole: Any = typer.main.get_command(app)
    for name, command in _leaves(whole):
        paragraphs = (command.help or "").replace("\b\n", "").split("\n\n")
        described = [text for text in paragraphs if not text.lstrip().startswith("Example")]
        yield f"## {name}\n"
        yield "\n\n".join(" ".join(text.split()) for text in described) + "\n"
        yield "| option | meaning |\n|---|---|"
        for parameter in command.params:
            # A flag that is hidden, or the other half of a switch, is not typed.
            shown = parameter.opts[-1] if parameter.opts[-1].startswith("--") else parameter.metavar
            value = f" {parameter.metavar}" if shown.startswith("--") and parameter.metavar else ""
            yield f"| `{shown}{value}` | {_cell(getattr(parameter, 'help', None) or '')} |"
        yield ""


def _leaves(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _leaves(command, f"{path}{name} ")
        else:
            yield f"{path}{name}", command


def _settings() -> Iterator[str]:
    section = None
    for key, description, default in known_keys():
        place, _, name = key.rpartition(".")
        if place.startswith("tables."):
            place = "tables.<table>"
            if not key.startswith("tables.apartments."):
                continue
        if place != section:
            yield f"\n## {f'[{place}]' if place else 'Outside sections'}\n"
            if place.startswith("tables."):
                yield f"For each of {', '.join(sorted(contracts()))}.\n"
            yield "| key | default | meaning |\n|---|---|---|"
            section = place
        shown = "" if default in (None, "", (), {}) else f"`{toml(default)}`"
        yield f"| `{name}` | {shown} | {_cell(description)} |"


def _contracts() -> Iterator[str]:
    for table, contract in sorted(contracts().items()):
        yield f"## {table}\n"
        yield f"{contract.description}{' Every run needs it.' if contract.mandatory else ''}\n"
        yield "| column | type | | meaning |\n|---|---|---|---|"
        for column in contract.columns:
            kind = f"decimal({column.precision},{column.scale})" if column.type == "decimal" else column.type
            mark = "key" if column.key else "needed" if column.required else ""
            yield f"| `{column.name}` | {kind} | {mark} | {_cell(column.description)} |"
        if contract.rules:
            yield "\n| rule | severity | holds for every row | broken when |\n|---|---|---|---|"
            for rule in contract.rules:
                yield f"| `{rule.name}` | {rule.severity} | {_cell(rule.description)} | `{_cell(rule.violated_when)}` |"
        yield f"\nAs a data contract: [{table}.yaml](interfaces/contracts/source/{table}.yaml).\n"


def _metrics() -> Iterator[str]:
    for name, model in presentation_models().items():
        found = lineages()[f"presentation.{name}"]
        yield f"## {name}\n"
        yield f"{model.question} One row per {_code(model.grain)}. Rows come from {_code(found.tables)}.\n"
        yield "| column | type | meaning | computed from |\n|---|---|---|---|"
        for column in model.document["columns"]:
            origin = _names(found.columns[column["name"]]) or "rows, counted"
            yield f"| `{column['name']}` | {column['type']} | {_cell(column['description'])} | {origin} |"
        yield "\n| always holds | |\n|---|---|"
        for invariant in model.invariants:
            yield f"| `{invariant['name']}` | {_cell(invariant['description'])} |"
        yield f"\nAs a data contract: [{name}.yaml](interfaces/contracts/presentation/{name}.yaml).\n"


def _curated() -> Iterator[str]:
    for name, model in curated_models().items():
        found = lineages()[f"curated.{name}"]
        yield f"## {name}\n"
        yield f"{model.question} " + (f"One row per {_code(model.key)}.\n" if model.key else "Without a key.\n")
        yield "| column | type | meaning | from |\n|---|---|---|---|"
        for column in model.columns:
            yield f"| `{column.name}` | {column.sql_type} | {_cell(column.description)} | {_names(found.columns[column.name])} |"
        yield ""


def _names(names: tuple[str, ...]) -> str:
    """Columns by table, so that a table's name is written once."""
    tables: dict[str, list[str]] = {}
    for name in names:
        layer_and_table, _, column = name.rpartition(".") if name.count(".") == 2 else (name, "", "")
        tables.setdefault(layer_and_table, []).append(column)
    return "; ".join(
        f"`{table}`" + (f" {', '.join(columns)}" if any(columns) else "") for table, columns in tables.items()
    )


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    """Text inside a table."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
