"""Puts the concrete parts together: the only place that names adapters. Commands, tests and jobs elsewhere work through `Application`."""

from rental_etl.bootstrap.application import Application

__all__ = ["Application"]
