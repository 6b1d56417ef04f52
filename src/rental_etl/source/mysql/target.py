"""A MySQL database as a place to store rows in: how it is opened, and set up so that every value arrives as it was sent."""

import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rental_etl.model.reading import TableReading
from rental_etl.source.mysql.access import Access
from rental_etl.source.mysql.marks import Selection
from rental_etl.source.mysql.session import Progress, connect, load_driver
from rental_etl.source.mysql.storing import MySqlDatabaseSession


class MySqlDatabase:
    """A `Database` that is MySQL, Aurora MySQL or MariaDB. `selections` and `readings` are the settings by table; `temp` is where rows wait to be sent."""

    def __init__(
        self,
        access: Access,
        *,
        selections: Mapping[str, Selection],
        readings: Mapping[str, TableReading],
        temp: Path,
        progress: Progress,
        local_infile: bool = True,
    ) -> None:
        self.access = access
        self._selections = selections
        self._readings = readings
        self._temp = temp
        self._progress = progress
        self._local_infile = local_infile
        self._loading: threading.Thread | None = None

    @property
    def identity(self) -> str:
        """The database as a URL without the user."""
        return self.access.address.identity

    def expect_session(self) -> None:
        """Begin to load the driver, while files are hashed in other threads."""
        if self._loading is None:
            self._loading = threading.Thread(target=load_driver, name="loading the driver", daemon=True)
            self._loading.start()

    @contextmanager
    def session(self) -> Iterator[MySqlDatabaseSession]:
        """Connect; what is not committed when the block ends is taken back."""
        if self._loading is not None:
            # Two threads that import modules which import each other could each see half of them.
            self._loading.join()
        self._temp.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix="ingest-", dir=self._temp) as folder,
            connect(self.access, progress=self._progress, load_from=folder) as session,
        ):
            # Values that do not fit are errors, not cut; and a backslash is a backslash.
            session.execute(
                "set session sql_mode = 'STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO,NO_ENGINE_SUBSTITUTION'",
                doing="setting up the session",
            )
            # A server may be set up to keep no warnings, and they tell what LOAD DATA left out.
            session.execute("set session max_error_count = 64", doing="setting up the session")
            allowed = session.rows("select @@local_infile", doing="setting up the session")[0][0]
            yield MySqlDatabaseSession(
                session,
                selections=self._selections,
                readings=self._readings,
                folder=Path(folder),
                bulk=bool(int(allowed)) and self._local_infile,
                progress=self._progress,
            )
