"""The SQL behind a table as one statement: a metric together with the shared queries it reads, so that it runs as it is shown."""

import difflib
import re
from typing import TYPE_CHECKING

from rental_etl.errors import ModelError, UsageError

if TYPE_CHECKING:
    from rental_etl.bootstrap import Application

_FIRST_WORD = re.compile(r"^(with|select)\b", re.MULTILINE)
_SHARED = re.compile(r"\bintermediate\.(?=\w)")


def statement(table: str, *, dialect: str, application: "Application") -> str:
    """The statement that makes `table`, a curated or presentation table, with the application's settings filled in.

    Raises UsageError for an unknown table, ModelError where a dialect has no words for a construct.
    """
    from rental_etl.tables.models import curated_models, needed_intermediates, presentation_models
    from rental_etl.tables.render import fill, render

    name = table.rpartition(".")[2]
    if name in presentation_models():
        model = presentation_models()[name]
        shared = [(each.name, each.sql) for each in needed_intermediates(model.reads)]
        text = _together(model.sql, shared)
    elif name in curated_models():
        text = curated_models()[name].sql
    else:
        raise _unknown(table, [*presentation_models(), *curated_models()])
    return render(fill(text, application.parameters.literals()), dialect)


def _together(sql: str, shared: list[tuple[str, str]]) -> str:
    """One statement of a model and the queries it reads, each of them a named part."""
    if not shared:
        return sql
    parts = ",\n\n".join(f"intermediate_{name} as (\n{text.strip()}\n)" for name, text in shared)
    first = _FIRST_WORD.search(sql)
    if first is None:
        raise ModelError("a model has neither `with` nor `select` at the beginning of a line")
    own = sql[first.start() :]
    rest = ",\n\n" + own.removeprefix("with").lstrip() if first[0] == "with" else "\n\n" + own
    return _SHARED.sub("intermediate_", f"{sql[: first.start()]}with {parts}{rest}")


def _unknown(table: str, known: list[str]) -> UsageError:
    near = difflib.get_close_matches(table, known, n=1)
    return UsageError(
        f"there is no curated or metric table {table}",
        expected=", ".join(known),
        remedy=f"did you mean {near[0]}?" if near else "name one of these",
    )
