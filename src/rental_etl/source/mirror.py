"""A folder that stands for what lies below an s3:// URL: rules for names look at it as at any folder.

Reads the bucket's listing; writes files without content, of which others fill those that they read.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rental_etl.errors import InputError
from rental_etl.storage.objects import Entry, Objects


def mirror(objects: Objects, folder: Path, *, wanted: Callable[[str], bool]) -> Iterator[tuple[Entry, Path]]:
    """Make an empty file for each object whose key is wanted; yields them with their places. Raises OSError."""
    for entry in objects.entries():
        # A key that ends with a slash is how some tools write a folder; others have no name on a disk.
        if all(part not in ("", ".", "..") for part in entry.key.split("/")) and wanted(entry.key.casefold()):
            place = folder / entry.key
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
            yield entry, place


@contextmanager
def told_of(url: str, folder: Path) -> Iterator[None]:
    """Errors name the bucket, not the folder that stands for it."""

    def there(text: str) -> str:
        return text.replace(f"{folder}/", f"{url}/").replace(str(folder), url)

    try:
        yield
    except InputError as error:
        raise InputError(
            there(error.what),
            where=there(error.where),
            expected=there(error.expected),
            remedy=there(error.remedy),
            page=error.page,
        ) from error
