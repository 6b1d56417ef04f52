"""How DuckDB writes the lake's Parquet, landed and curated alike."""

from collections.abc import Iterable

# A dictionary of ids, of which few come again, costs more than it saves: it is given up early. Months are found by their files, not by Bloom filters.
PARQUET = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 5000, write_bloom_filter false"


def parquet(types: Iterable[str], *, local: bool) -> str:
    """Options of a COPY of columns of these contract types; `local` when nothing but this machine's programs will read them.

    Version 2 encodings make writing numbers half as long again as fast, reading them twice as fast, and files smaller. Redshift's and Athena's readers are
    not known to know all of them, and Spark's not the one that floating point numbers get.
    """
    return f"{PARQUET}, parquet_version v2" if local and "float64" not in types else PARQUET
