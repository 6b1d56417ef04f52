"""The file that `init` writes names every setting, shows the true defaults, and loads whatever is switched on in it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rental_etl.cli.entry import run
from rental_etl.cli.starter import starter
from rental_etl.settings import known_keys, load_settings

_SETTING = re.compile(r"^# (?=\w+ = )", re.MULTILINE)


def loaded(config: Path) -> dict[str, Any]:
    """The settings of a file, as plain values."""
    return load_settings(config=config).model_dump()


def flattened(document: dict[str, object], keys: set[str], prefix: str = "") -> dict[str, object]:
    """Values by dotted key, down to the settings."""
    found: dict[str, object] = {}
    for name, value in document.items():
        if prefix + name in keys:
            found[prefix + name] = value
        elif isinstance(value, dict):
            found.update(flattened(value, keys, f"{prefix}{name}."))
    return found


def test_as_written_it_changes_nothing(tmp_path: Path) -> None:
    """Everything in it is a comment."""
    (tmp_path / "it.toml").write_text(starter(), encoding="utf-8")
    assert loaded(tmp_path / "it.toml") == loaded(Path("/dev/null"))


def test_every_key_is_there_and_nothing_else() -> None:
    """A setting that is added is in the next file, because it is made from the settings."""
    keys = {key for key, _, _ in known_keys()}
    assert set(flattened(tomllib.loads(_SETTING.sub("", starter())), keys)) == keys


def test_with_everything_switched_on_it_loads(tmp_path: Path) -> None:
    """Defaults and examples are values that fit."""
    (tmp_path / "it.toml").write_text(_SETTING.sub("", starter()), encoding="utf-8")
    settings, defaults = loaded(tmp_path / "it.toml"), loaded(Path("/dev/null"))
    assert settings["metrics"] == defaults["metrics"] | {"reporting_currency": "USD"}
    assert settings["lake"]["keep_history"] == defaults["lake"]["keep_history"]
    assert settings["tables"]["bookings"]["values"] == {"booking_status": {"OK": "confirmed", "STORNO": "canceled"}}


def test_a_line_that_is_no_example_shows_the_default(tmp_path: Path) -> None:
    """Switching on everything but the examples changes nothing."""
    lines = [line for line in starter().splitlines() if "(an example)" not in line]
    tables = next(number for number, line in enumerate(lines) if line == "[tables.apartments]")
    (tmp_path / "it.toml").write_text(_SETTING.sub("", "\n".join(lines[:tables])), encoding="utf-8")
    assert loaded(tmp_path / "it.toml") == loaded(Path("/dev/null"))


def test_init_leaves_a_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody's settings are not a template's to overwrite."""
    folder = tmp_path / "new"
    assert run(["init", str(folder)]) == 0
    (folder / "rental-etl.toml").write_text("mine", encoding="utf-8")
    capsys.readouterr()
    assert run(["init", str(folder)]) == 2
    assert (folder / "rental-etl.toml").read_text(encoding="utf-8") == "mine"
    assert capsys.readouterr().err.startswith("error:    there is a configuration file already")
