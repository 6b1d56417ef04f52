"""The file that `init` writes names every setting, shows the true defaults, and loads whatever is switched on in it."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rental_etl.cli.entry import run
from rental_etl.cli.starter import Choices, starter
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


def test_choices_are_switched_on_and_the_rest_is_explained_all_the_same(tmp_path: Path) -> None:
    """Mappings become tables of their own; an offer stays a comment; the settings below them still belong to their section."""
    chosen = {
        "source.url": "./my files",
        "tables.apartments.columns": {"id": "Objekt-Nr."},
        "tables.bookings.files": ("a.csv",),
        "tables.bookings.columns": {"booking_id": 'the "number"', "user_id": "Gäste"},
        "tables.bookings.values": {"booking_status": {"Bestätigt": "confirmed", "no show": "no_show"}},
        "tables.bookings.true_words": ("ja",),
    }
    offered = {"tables.bookings.date_order": "day_first"}
    remarks = {"tables.bookings.date_order": "DECIDE", "tables.bookings.columns.user_id": "likely"}
    text = starter(Choices(chosen, offered, remarks))
    (tmp_path / "it.toml").write_text(text, encoding="utf-8")
    keys = {key for key, _, _ in known_keys()}
    document = flattened(tomllib.loads(text), keys)
    assert document == {key: list(value) if isinstance(value, tuple) else value for key, value in chosen.items()}
    assert loaded(tmp_path / "it.toml")["tables"]["bookings"]["columns"]["user_id"] == "Gäste"
    assert re.search(r'^# date_order = "day_first" +# DECIDE$', text, re.MULTILINE)
    assert re.search(r'^user_id = "Gäste" +# likely$', text, re.MULTILINE)


def test_entries_to_decide_on_stand_where_they_belong(tmp_path: Path) -> None:
    """As comments in the table they would be in; switched on, they are what they say."""
    active = {"tables.bookings.columns": {"booking_id": "no"}}
    offered = {
        "tables.bookings.columns": {"user_id": "?", "booking_id": "?"},
        "tables.bookings.values.booking_status": {"on hold": "?"},
        "tables.apartments.columns": {"price": "?"},
    }
    text = starter(Choices(active, offered, {"tables.bookings.columns.user_id": "DECIDE: why"}))
    assert tomllib.loads(text)["tables"]["bookings"] == {"columns": {"booking_id": "no"}}
    assert re.search(r'^# user_id = "\?" +# DECIDE: why$', text, re.MULTILINE)
    switched_on = re.sub(r'^# (?=\[tables.*\]$|.* = "\?")', "", text, flags=re.MULTILINE)
    tables = tomllib.loads(switched_on)["tables"]
    assert tables["bookings"] == {
        "columns": {"booking_id": "no", "user_id": "?"},
        "values": {"booking_status": {"on hold": "?"}},
    }
    assert tables["apartments"] == {"columns": {"price": "?"}}


def test_nothing_in_data_ends_a_comment(tmp_path: Path) -> None:
    """A value with a line end could become a setting."""
    remark = 'for example "x"\n[lake]\nurl = "elsewhere"\x1b[2J'
    (tmp_path / "it.toml").write_text(
        starter(Choices(remarks={"metrics.top_n": remark}, active={"metrics.top_n": 3})), encoding="utf-8"
    )
    assert loaded(tmp_path / "it.toml")["lake"] == loaded(Path("/dev/null"))["lake"]


def test_init_leaves_a_file_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody's settings are not a template's to overwrite."""
    folder = tmp_path / "new"
    assert run(["init", str(folder)]) == 0
    (folder / "rental-etl.toml").write_text("mine", encoding="utf-8")
    capsys.readouterr()
    assert run(["init", str(folder)]) == 2
    assert (folder / "rental-etl.toml").read_text(encoding="utf-8") == "mine"
    assert capsys.readouterr().err.startswith("error:    there is a configuration file already")
