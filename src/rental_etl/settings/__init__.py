"""Settings: what can be set, and how it is read."""

from rental_etl.settings.loading import CONFIG_NAME, load_settings
from rental_etl.settings.sections import Settings, TableSettings, known_keys

__all__ = ["CONFIG_NAME", "Settings", "TableSettings", "known_keys", "load_settings"]
