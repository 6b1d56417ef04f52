"""Kills runs: `python -m killing SOURCE FOLDER STEP...` kills a run after each of these steps, runs again, and compares with an undisturbed run.

A step is a file put into place, a commit, a transaction, or a word of progress. Each run is a fork of this process, which has loaded everything and
opened nothing. A few steps are tried again while two tables are read at once. Prints one JSON object per step, and first the names of all steps.
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from rental_etl.bootstrap import Application
from rental_etl.lake.iceberg import LocalCurated
from rental_etl.settings import load_settings
from rental_etl.source.csv_files import CsvFilesSource
from rental_etl.tables.models import curated_models, presentation_models
from rental_etl.warehouse.duckdb_file import DuckDBWarehouse

END = date(2024, 6, 30)
# Some steps in the middle of reading two tables at once.
READING = (4, 10)


class Steps:
    """A `Watch` that counts steps and kills the process after the last one."""

    def __init__(self, last: int) -> None:
        self.names: list[str] = []
        self.last = last

    def step(self, name: str) -> None:
        """One more; perhaps the last."""
        self.names.append(name)
        if len(self.names) == self.last:
            os.kill(os.getpid(), signal.SIGKILL)

    def job(self, name: str) -> None:
        """A job begins."""
        self.step(name)

    def progress(self, label: str, done: int, total: int) -> None:
        """A job gets on."""
        del done, total
        self.step(label)

    def after(self, owner: Any, name: str) -> None:
        """Count calls of a function, when they return."""
        real = getattr(owner, name)

        def counted(*given: Any, **named: Any) -> Any:
            result = real(*given, **named)
            # The index of digests learns only of files that are old enough: whether it is written depends on the clock.
            if not (owner is os and str(given[-1]).endswith("source-files.json")):
                self.step(name)
            return result

        setattr(owner, name, counted)


def application(source: Path, workspace: Path, steps: Steps | None = None) -> Application:
    """The product on a workspace."""
    settings = load_settings(
        config=Path("/dev/null"), overrides={"workspace": workspace, "source": {"url": str(source)}}
    )
    return Application(settings, as_of=END, watch=steps)


def run(source: Path, workspace: Path, *, last: int, readers: int = 1) -> list[str]:
    """One run, killed after `last` steps (0: not at all); returns its steps. With one reader they come in the same order every time."""
    steps = Steps(last)
    CsvFilesSource.readers = readers
    for name in ("link", "rename", "replace"):
        steps.after(os, name)
    steps.after(LocalCurated, "commit")
    for name in ("load", "publish", "record_run"):
        steps.after(DuckDBWarehouse, name)
    application(source, workspace, steps).run()
    return steps.names


def content(source: Path, workspace: Path) -> dict[str, list[str]]:
    """Everything a user can ask for, in an order that does not depend on how it came about, but for times."""
    app = application(source, workspace)
    tables = [f"presentation.{name}" for name in presentation_models()] + [
        f"curated.{name}" for name in curated_models()
    ]
    found = {table: sorted(map(repr, app.query(f"from {table}").rows)) for table in tables}
    for name in ("bookings", "user_viewing", "apartments", "apartment_attributes"):
        found[f"raw.{name}"] = sorted(map(repr, app.query(f"select * exclude (_loaded_at) from raw.{name}").rows))
    status = app.status()
    found["accounting"] = sorted(map(repr, status.accounting))
    found["rules"] = sorted(map(repr, status.rules))
    found["quarantine"] = sorted(map(repr, app.quarantine()))
    return found


def forked(work: Callable[[], Any]) -> Any:
    """What `work` returns in a process of its own, or the number of the signal that ended it."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with os.fdopen(write, "w", encoding="utf-8") as answer:
                json.dump(work(), answer)
            code = 0
        except BaseException:
            traceback.print_exc()
            raise
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, encoding="utf-8") as answer:
        text = answer.read()
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else json.loads(text)


def say(document: Any) -> None:
    """Tell whoever started this, at once."""
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def main(source: Path, folder: Path, steps: list[int]) -> None:
    """Compare each killed and resumed workspace with the undisturbed one; no steps: all of them."""
    for name in ("pyarrow.dataset", "pyiceberg.catalog.sql", "pyiceberg.io.pyarrow"):
        # Forked runs find it loaded.
        import_module(name)
    undisturbed = folder / "undisturbed"
    names = forked(partial(run, source, undisturbed, last=0))
    say(names)
    expected = forked(partial(content, source, undisturbed))
    attempts = [*((step, 1) for step in steps or range(1, len(names) + 1)), *((step, 2) for step in READING)]
    for step, readers in attempts:
        workspace = folder / f"{step}-{readers}"
        ended = forked(partial(run, source, workspace, last=step, readers=readers))
        forked(partial(run, source, workspace, last=0))
        found = forked(partial(content, source, workspace))
        different = [table for table in expected if expected[table] != found[table]]
        say({"step": names[step - 1] if readers == 1 else "reading two", "ended": ended, "different": different})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [int(step) for step in sys.argv[3:]])
