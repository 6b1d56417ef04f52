"""S3 and its kin, for every adapter that meets it: one client, one account of what went wrong, one way for DuckDB to read from it."""
