"""For every test: the product is imported before anything that it has to come before (see its `__init__`)."""

import rental_etl  # noqa: F401
