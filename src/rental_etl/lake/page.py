"""The report as a file in a folder, or as an object beside a lake in S3."""

from dataclasses import dataclass
from pathlib import Path

from rental_etl.lake.files import make_folder, reaching, replace_durably
from rental_etl.storage.objects import Objects

_BEGINNING = 4096


@dataclass(frozen=True, slots=True)
class LocalPage:
    """A `Page` in a folder, which is made when it does not exist. Raises SystemUnreachableError when the system refuses."""

    path: Path

    @property
    def address(self) -> str:
        """Its absolute path."""
        return str(self.path.absolute())

    def beginning(self) -> str:
        """The first few thousand characters; empty when there is no page."""
        with reaching(self.path, "read the report"):
            if not self.path.is_file():
                return ""
            with self.path.open("rb") as file:
                return file.read(_BEGINNING).decode(errors="replace")

    def replace(self, content: bytes) -> None:
        """Put another page in its place, in one step."""
        folder = make_folder(self.path.absolute().parent)
        replace_durably(self.path.absolute(), content.decode(), scratch=folder)


@dataclass(frozen=True, slots=True)
class S3Page:
    """A `Page` below the lake's URL, served as HTML to whoever may read the bucket. Raises what `Objects` raises when the store refuses."""

    objects: Objects
    key: str = "report/index.html"

    @property
    def address(self) -> str:
        """Its s3:// URL."""
        return self.objects.location(self.key)

    def beginning(self) -> str:
        """The first few thousand characters; empty when there is no page."""
        if not self.objects.size(self.key):
            return ""
        return self.objects.read_range(self.key, 0, _BEGINNING).decode(errors="replace")

    def replace(self, content: bytes) -> None:
        """Put another page in its place, in one step."""
        self.objects.put(self.key, content, content_type="text/html; charset=utf-8")
