"""rental-etl: CSV files or a MySQL database to a lake, a warehouse and twelve exact rental metrics."""

import contextlib
import importlib

# The compiled half of the MySQL driver has to be loaded before DuckDB or pyarrow, which use the same thread-local storage in a way that locks it out, and
# after ssl, whose OpenSSL it then shares. Otherwise the driver falls back to its Python half, at ten times the cost. It takes some milliseconds, and nothing
# where the driver is not installed.
with contextlib.suppress(ImportError):
    importlib.import_module("ssl")
    importlib.import_module("_mysql_connector")

__version__ = "0.1.0"
