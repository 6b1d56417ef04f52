"""pyiceberg's way to objects in S3: the same client, retries and errors as everything else of the lake has.

Metadata and manifests are small and read whole; of Parquet files only the footers are asked for.
"""

import io
from types import TracebackType
from typing import Self

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

from rental_etl.storage.objects import Objects
from rental_etl.storage.store import Store, shared_store, split_url

# Below it one request for all of it is cheaper than two for its parts.
_SMALL_BYTES = 1 << 20


class S3FileIO(FileIO):
    """Objects by s3:// URL. The properties `rental-etl.region` and `rental-etl.endpoint` name the store, where the environment does not."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._store = shared_store(
            region=properties.get("rental-etl.region") or None, endpoint=properties.get("rental-etl.endpoint") or None
        )

    def new_input(self, location: str) -> InputFile:
        """An object to be read."""
        return S3Object(self._store, location)

    def new_output(self, location: str) -> OutputFile:
        """An object to be written."""
        return S3Object(self._store, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Remove an object; one that is gone already is fine."""
        url = location if isinstance(location, str) else location.location
        objects, key = _below_bucket(self._store, url)
        objects.remove([key])


class S3Object(InputFile, OutputFile):
    """One object, written whole or not at all."""

    def __init__(self, store: Store, location: str) -> None:
        super().__init__(location)
        self._store = store
        self._objects, self._key = _below_bucket(store, location)

    def __len__(self) -> int:
        size = self._objects.size(self._key)
        if size is None:
            raise FileNotFoundError(self.location)
        return size

    def exists(self) -> bool:
        """Whether it is there."""
        return self._objects.size(self._key) is not None

    def open(self, seekable: bool = True) -> InputStream:
        """Its bytes. Raises FileNotFoundError."""
        del seekable
        size = len(self)
        if size > _SMALL_BYTES:
            return _Ranges(self._objects, self._key, size)
        body = self._objects.read(self._key)
        if body is None:
            raise FileNotFoundError(self.location)
        return io.BytesIO(body)

    def to_input_file(self) -> InputFile:
        """Itself."""
        return self

    def create(self, overwrite: bool = False) -> OutputStream:
        """A stream that becomes the object when it is closed. Raises FileExistsError, then, when there is one that may not be overwritten."""
        return _Writing(self._objects, self._key, overwrite)


class _Ranges(io.RawIOBase):
    """A big object of which a little is read."""

    def __init__(self, objects: Objects, key: str, size: int) -> None:
        super().__init__()
        self._objects, self._key, self._size, self._at = objects, key, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(self._size - self._at, 0)
        count = left if size < 0 else min(size, left)
        if not count:
            return b""
        found = self._objects.read_range(self._key, self._at, count)
        self._at += len(found)
        return found


class _Writing:
    """Collects what is written, and sends it when it is closed without an error."""

    def __init__(self, objects: Objects, key: str, overwrite: bool) -> None:
        self._objects, self._key, self._overwrite = objects, key, overwrite
        self._buffer: io.BytesIO | None = io.BytesIO()

    def write(self, b: bytes) -> int:
        assert self._buffer is not None
        return self._buffer.write(b)

    def tell(self) -> int:
        assert self._buffer is not None
        return self._buffer.tell()

    def close(self) -> None:
        if self._buffer is None:
            return
        body, self._buffer = self._buffer.getvalue(), None
        if self._overwrite:
            self._objects.put(self._key, body)
        elif not self._objects.create(self._key, body):
            raise FileExistsError(self._objects.location(self._key))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        self._buffer = None


def _below_bucket(store: Store, location: str) -> tuple[Objects, str]:
    bucket, key = split_url(location, where="the location of a curated file")
    return Objects(store, f"s3://{bucket}"), key
