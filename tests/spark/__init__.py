"""A real Spark for tests: one per test process, which every test that needs one shares."""
