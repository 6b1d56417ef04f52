"""A real MariaDB for tests and benchmarks: private data directory, own port, gone when the process ends."""
