"""DuckDB's way into S3: its httpfs extension, from the wheel that is installed, with the identity that boto3 has at this moment.

Nothing is fetched from the network but the data itself, and no secret is written to disk: it lives in the session.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import Keys, Store, attempts

_SETTINGS = (
    "set http_timeout = 60",
    # The lake's files never change: one look at each is enough, where every statement would ask for all of them again.
    "set enable_http_metadata_cache = true",
    "set parquet_metadata_cache = true",
    # Names mean themselves, also with ? and * in them.
    "set s3_url_compatibility_mode = true",
    # The extension copies secrets of the environment into settings, which any question could read.
    "set enable_global_s3_configuration = false",
    "set s3_access_key_id = ''",
    "set s3_secret_access_key = ''",
    "set s3_session_token = ''",
)


class Session(Protocol):
    """A DuckDB connection."""

    def execute(self, query: str, /) -> Any:
        """Carry out a statement."""
        ...


class Reach:
    """Lets DuckDB sessions read what lies in a bucket, and puts there what they wrote to a local disk."""

    def __init__(self, store: Store, bucket: str) -> None:
        self._store, self._bucket = store, bucket

    def send(self, files: Sequence[tuple[Path, str]]) -> None:
        """Upload local files to s3:// locations."""
        below = Objects(self._store, f"s3://{self._bucket}")
        below.send([(file, below.key_of(location)) for file, location in files])

    def keys(self) -> Keys:
        """The identity at this moment; another one than before when a role's credentials were renewed."""
        return self._store.keys()

    def extend(self, session: Session, keys: Keys | None = None) -> None:
        """Teach a session s3:// URLs. Raises ConfigurationError when the extension is not installed."""
        session.execute(f"load {_text(str(extension()))}")
        for setting in _SETTINGS:
            session.execute(setting)
        # Throttled and broken requests are tried again: after 0.1, 0.4, 1.6, 6.4 and 25.6 seconds.
        session.execute(f"set http_retries = {max(attempts() or 6, 1) - 1}")
        self.identify(session, keys or self.keys())

    def identify(self, session: Session, keys: Keys) -> None:
        """Tell a session who asks."""
        options = {"key_id": keys.key_id, "secret": keys.secret, "region": self._store.region(self._bucket)}
        if keys.token:
            options["session_token"] = keys.token
        if not self._store.is_aws:
            options |= {"endpoint": urlsplit(self._store.endpoint).netloc, "url_style": "path"}
        listed = ", ".join(f"{name} {_text(value)}" for name, value in options.items())
        tls = "true" if self._store.encrypts else "false"
        scope = _text(f"s3://{self._bucket}/")
        session.execute(
            f"create or replace temporary secret rental_etl (type s3, scope {scope}, use_ssl {tls}, {listed})"
        )


def is_missing(error: Exception) -> bool:
    """Whether DuckDB complains that it has not been taught s3:// URLs."""
    return "httpfs" in str(error) and "extension" in str(error)


def refused(error: Exception) -> RentalEtlError | None:
    """What an answer of S3 that DuckDB did not like means; None for any other error of DuckDB's."""
    if type(error).__name__ != "HTTPException":
        return None
    said = str(error).splitlines()[0].removeprefix("HTTP Error: ")
    gone = "404" in said
    return SystemUnreachableError(
        f"S3 did not give a file of the lake: {said}",
        expected="the lake's files as they were written"
        if gone
        else "a store that answers, and the right s3:GetObject",
        remedy="restore the file, or run `rental-etl repair` when it belongs to a curated table"
        if gone
        else "see what `rental-etl check` says, then run again; nothing half-done is visible",
    )


def extension() -> Path:
    """The extension's file. Raises ConfigurationError when there is none for this version of DuckDB."""
    import duckdb

    try:
        import duckdb_extension_httpfs
    except ImportError as error:
        raise _missing(f"{error}") from error
    folder = Path(duckdb_extension_httpfs.__file__).parent / "extensions" / f"v{duckdb.__version__}"
    file = folder / "httpfs.duckdb_extension"
    if not file.is_file():
        raise _missing(f"there is none for DuckDB {duckdb.__version__}")
    return file


def _missing(reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"DuckDB's way into S3 cannot be loaded: {reason}",
        expected="the package duckdb-extension-httpfs of DuckDB's own version",
        remedy="install it with `pip install 'rental-etl[s3]'`",
    )


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
