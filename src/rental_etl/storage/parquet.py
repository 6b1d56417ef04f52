"""How DuckDB writes the lake's Parquet, landed and curated alike."""

# A dictionary of ids, of which few come again, costs more than it saves: it is given up early. Months are found by their files, not by Bloom filters.
PARQUET = "format parquet, compression zstd, compression_level 1, dictionary_size_limit 5000, write_bloom_filter false"
