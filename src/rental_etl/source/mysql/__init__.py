"""Aurora MySQL, MySQL and MariaDB: where deliveries come from (`source`), and where `ingest` puts CSV files (`target`)."""
