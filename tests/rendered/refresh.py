"""Writes every model as each engine gets it to `<dialect>/<layer>/<name>.sql` beside this file: `python tests/rendered/refresh.py`.

The texts are committed, so that a change of a model, of the renderer or of sqlglot is seen in review.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from rental_etl.tables.models import curated_models, intermediate_models, presentation_models
from rental_etl.tables.render import Parameters, fill, render

FOLDER = Path(__file__).parent
DIALECTS = ("duckdb", "spark")
PARAMETERS = Parameters(as_of=date(2024, 6, 30))


def statements() -> dict[str, str]:
    """The SQL of every model by `<layer>/<name>`, its parameters filled in."""
    literals = PARAMETERS.literals()
    texts = {f"curated/{name}": model.sql for name, model in curated_models().items()}
    texts |= {f"intermediate/{name}": model.sql for name, model in intermediate_models().items()}
    texts |= {f"presentation/{name}": model.sql for name, model in presentation_models().items()}
    return {name: fill(sql, literals) for name, sql in texts.items()}


def rendered() -> Iterator[tuple[Path, str]]:
    """The path and text of every file."""
    for dialect in DIALECTS:
        for name, sql in statements().items():
            yield FOLDER / dialect / f"{name}.sql", render(sql, dialect)


def main() -> None:
    """Write the files and delete those of models that are gone."""
    wanted = dict(rendered())
    for stale in set(FOLDER.rglob("*.sql")) - wanted.keys():
        stale.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
