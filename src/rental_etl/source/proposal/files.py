"""Groups a folder's files into what may be tables, and finds patterns that name exactly a group. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence

from rental_etl.source.discovery import matches, natural_key
from rental_etl.source.proposal.names import fold, parts

_ENDS = re.compile(r"(\.(csv|tsv|txt|dat|parquet))?(\.gz)?$", re.IGNORECASE)
_NUMBERED = re.compile(r"[\s_.-]*[0-9][0-9\s_.-]*$")


def stem_of(name: str) -> str:
    """What a path says about its content: its name without suffixes and without the number or day at the end; the folder where that is all."""
    folder, _, file = name.rpartition("/")
    stem = _NUMBERED.sub("", _ENDS.sub("", file))
    telling = [word for word in parts(stem) if len(word) > 1 and word not in ("part", "export", "data", "file", "page")]
    return stem if telling or not folder else folder.rpartition("/")[2]


def grouped(headers: Mapping[str, tuple[str, ...]]) -> list[list[str]]:
    """Paths by what belongs together, in natural order: those of one folder with one stem, and with them others of the same header and first word
    (`buchungen_berlin`, `buchungen_hamburg`). `headers` are the column names by path."""
    groups: list[list[str]] = []
    places: dict[tuple[object, ...], list[str]] = {}
    for name in sorted(headers, key=natural_key):
        folder, stem = name.rpartition("/")[0], stem_of(name)
        header = tuple(sorted(column.casefold() for column in headers[name]))
        keys = [(folder, fold(stem)), (folder, (parts(stem) or [""])[0], header)]
        group = next((places[key] for key in keys if key in places), None)
        if group is None:
            group = []
            groups.append(group)
        group.append(name)
        places.update({key: group for key in keys if key not in places})
    return groups


def file_patterns(files: Sequence[str], *, besides: Iterable[str]) -> tuple[tuple[str, ...], bool]:
    """Patterns that match `files` and none of the others, and whether they are wild (what matches them is a series)."""
    others = list(besides)
    if len(files) == 1:
        pattern = _escaped(files[0])
        return (pattern,), pattern != files[0]
    pattern = _joint(files)
    if all(matches(file, [pattern]) for file in files) and not any(matches(other, [pattern]) for other in others):
        return (pattern,), True
    exact = tuple(map(_escaped, files))
    return exact, exact != tuple(files)


def _joint(files: Sequence[str]) -> str:
    """One pattern from what the names have in common at both ends."""
    start = min(len(file) for file in files)
    head = next((place for place in range(start) if len({file[place] for file in files}) > 1), start)
    prefix = re.sub(r"[0-9][0-9\s_.-]*$", "", files[0][:head])
    tails = [file[len(prefix) :] for file in files]
    least = min(map(len, tails))
    end = next((place for place in range(least) if len({tail[len(tail) - 1 - place] for tail in tails}) > 1), least)
    suffix = re.sub(r"^[0-9\s_-]+", "", tails[0][len(tails[0]) - end :])
    return f"{_escaped(prefix)}*{_escaped(suffix)}"


def _escaped(name: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", name)
