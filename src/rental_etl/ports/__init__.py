"""The ports between the pipeline and the outside: source, lake (landing, curated), engine, warehouse."""

from rental_etl.ports.engine import Engine, WrittenFile
from rental_etl.ports.lake import Curated, Landed, Landing, Snapshot
from rental_etl.ports.source import Source
from rental_etl.ports.warehouse import Rows, Warehouse

__all__ = ["Curated", "Engine", "Landed", "Landing", "Rows", "Snapshot", "Source", "Warehouse", "WrittenFile"]
