"""What stands in for Redshift in tests: a protocol shim in front of PostgreSQL that refuses what Redshift refuses, and S3 from moto."""
