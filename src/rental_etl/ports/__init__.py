"""The four ports between the pipeline and the outside: source, lake, engine, warehouse."""

from rental_etl.ports.engine import Engine
from rental_etl.ports.source import Source

__all__ = ["Engine", "Source"]
