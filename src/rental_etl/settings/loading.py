"""Reads the settings: defaults, `rental-etl.toml`, environment and options, the later winning, checked before anything runs.

Reads one TOML file and the `RENTAL_ETL_*` variables. Every error names the key, what was expected and, for an unknown key, the nearest known one.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from rental_etl.errors import ConfigurationError
from rental_etl.settings.sections import PREFIX, Settings

CONFIG_NAME = "rental-etl.toml"


def load_settings(*, config: Path | None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings. `config` None reads `rental-etl.toml` of the working directory where there is one; `overrides` are nested options.

    Raises ConfigurationError for a missing or broken file, an unknown key or a value that does not fit.
    """
    path = config if config is not None else Path(CONFIG_NAME)
    written = _read(path) if config is not None or path.exists() else {}
    _check_environment()
    _check_secrets(written, path=path)

    class Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            *sources: PydanticBaseSettingsSource,
            **named: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            above = super().settings_customise_sources(settings_cls, *sources, **named)
            return (*above, _File(settings_cls, written))

    try:
        return Layered(**dict(overrides or {}))
    except ValidationError as error:
        raise _explained(error, path=path, written=written) from None


class _File(PydanticBaseSettingsSource):
    """What the TOML file says."""

    def __init__(self, settings_cls: type[BaseSettings], written: Mapping[str, Any]) -> None:
        super().__init__(settings_cls)
        self._written = written

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """One key of the file."""
        del field
        return self._written.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """All keys of the file, unknown ones too, so that they are refused."""
        return dict(self._written)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(
            "the configuration file does not exist",
            where=str(path),
            expected="a TOML file",
            remedy="check --config, or make one with `rental-etl init`",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"the configuration file is not TOML: {error}", where=str(path), remedy="correct the line that is named"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"the configuration file cannot be read: {error.strerror}", where=str(path), remedy="check --config"
        ) from error


def _check_environment() -> None:
    """Refuse variables that look like settings but name no section; unknown keys inside a section are found by validation."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    for variable in os.environ:
        section = variable.upper().split("__")[0]
        if section.startswith(PREFIX) and section not in known:
            raise ConfigurationError(
                f"the environment variable {variable} is no setting of rental-etl",
                where="environment",
                expected=_nearest(section, known),
                remedy=f"unset {variable}, or correct its name",
            )


def _check_secrets(written: Mapping[str, Any], *, path: Path) -> None:
    """Refuse a password in the file, without repeating it: files are copied and committed."""
    for section, keys in written.items():
        for key in ("password", "catalog_password"):
            if not isinstance(keys, Mapping) or key not in keys:
                continue
            instead = "" if key == "catalog_password" else f", or {section}.secret"
            raise ConfigurationError(
                f"{section}.{key} is written in the configuration file",
                where=str(path),
                expected=f"{PREFIX}{section.upper()}__{key.upper()} in the environment{instead}",
                remedy="remove it from the file, and change the password: the file may have been copied",
            )


def _explained(error: ValidationError, *, path: Path, written: Mapping[str, Any]) -> ConfigurationError:
    first = error.errors()[0]
    location = [str(part) for part in first["loc"] if not _is_validator_tag(part)]
    key = ".".join(location)
    where = _origin(location, path=path, written=written)
    if first["type"] == "extra_forbidden":
        known = _names_beside(location)
        return ConfigurationError(
            f"unknown key {key}",
            where=where,
            expected=_nearest(location[-1], known),
            remedy="correct the key, or remove it",
        )
    said = str(first.get("ctx", {}).get("error", "")) or first["msg"]
    return ConfigurationError(
        f"{key} = {_shown(first['input'])} is not possible",
        where=where,
        expected=said[0].lower() + said[1:],
        remedy=f"correct {key}; the keys are described in docs/configuration.md",
    )


def _is_validator_tag(part: int | str) -> bool:
    return isinstance(part, str) and ("[" in part or part == "nullable")


def _origin(location: Sequence[str], *, path: Path, written: Mapping[str, Any]) -> str:
    variable = PREFIX + "__".join(part.upper() for part in location)
    if any(name.upper() == variable or name.upper().startswith(f"{variable}__") for name in os.environ):
        return f"environment variable {variable}"
    inner: Any = written
    for part in location:
        if not isinstance(inner, Mapping) or part not in inner:
            return "options of the command"
        inner = inner[part]
    return str(path)


def _names_beside(location: Sequence[str]) -> list[str]:
    model: type[BaseModel] = Settings
    for part in location[:-1]:
        inner = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.4)
    return f"did you mean {near[0]}?" if near else "one of " + ", ".join(known)


def _shown(value: Any) -> str:
    """A value for a message, without the password a URL may hold."""
    return re.sub(r"//([^/@:]*):[^/@]*@", r"//\1:***@", repr(value))
