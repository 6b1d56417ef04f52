"""rental-etl: CSV files or a MySQL database to a lake, a warehouse and twelve exact rental metrics."""

__version__ = "0.1.0"
