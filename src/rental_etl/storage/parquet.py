"""How DuckDB writes the lake's Parquet, landed and curated alike."""

from collections.abc import Iterable

# A dictionary of ids, of which few come again, costs more than it saves: it is given up early. Months are found by their files, not by Bloom filters.
PARQUET = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 5000, write_bloom_filter false"


def parquet(types: Iterable[str], *, local: bool) -> str:
    """Options of a COPY of columns of these contract types; `local` when nothing but this machine's programs will read them.

    With the encodings of version 2 numbers are written in two thirds of the time and read in half, and files are smaller. Nothing says that the readers of
    Redshift and Athena know all of them, and Spark's does not know the one that floating point numbers get.
    """
    return f"{PARQUET}, parquet_version v2" if local and "float64" not in types else PARQUET
