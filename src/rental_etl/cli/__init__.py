"""The command line. `main` is the entry point of `rental-etl`; nothing outside this package prints or exits."""

from rental_etl.cli.entry import main

__all__ = ["main"]
