"""`interfaces`: what other tools need to use the tables, written as files."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from rental_etl.cli.terminal import say


def interfaces(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made when it does not exist.")],
) -> None:
    """Write dbt sources, data contracts and lineage.

    sources.yml for dbt, contracts/ in the Open Data Contract Standard, and lineage.json with the origin of every column.
    Files of these names in DIR are replaced. The warehouse is not needed: the tables are the same everywhere.

    \b
    Example:
      rental-etl interfaces ./models/rental
    """
    written = files()
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    say(f"{len(written)} files written to {folder}", sys.stderr)


def files() -> dict[str, str]:
    """The texts by file name."""
    from rental_etl.tables.interfaces import contract_documents, dbt_sources, lineage_document

    contracts = {
        f"contracts/{name}": document if isinstance(document, str) else yaml_text(document)
        for name, document in contract_documents().items()
    }
    return {
        "sources.yml": yaml_text(dbt_sources()),
        **contracts,
        "lineage.json": json.dumps(lineage_document(), indent=1) + "\n",
    }


def yaml_text(document: Mapping[str, Any]) -> str:
    """A document as YAML, keys in their order."""
    import yaml

    return str(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=160))
