"""Settings: which place wins, and what is said about a mistake."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rental_etl.errors import ConfigurationError
from rental_etl.settings import load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory without a configuration file."""
    monkeypatch.chdir(tmp_path)


def written(text: str, name: str = "rental-etl.toml") -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


def refused(text: str, **options: Any) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        load_settings(config=written(text), **options)
    return caught.value


class TestPlaces:
    """Options win over the environment, that over the file, that over defaults."""

    def test_without_a_file_the_defaults_hold(self) -> None:
        settings = load_settings(config=None)
        assert Path("rental-data") == settings.workspace
        assert timedelta(days=7) == settings.lake.keep_history
        assert settings.metrics.confirmed_statuses == ("confirmed", "completed")
        assert settings.quality.max_deleted_ratio == 0.5

    def test_the_file_of_the_working_directory_is_read(self) -> None:
        written("[metrics]\ntop_n = 3\n")
        assert load_settings(config=None).metrics.top_n == 3

    def test_each_place_overrides_the_one_below_key_by_key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        path = written('[metrics]\ntop_n = 3\nreporting_currency = "eur"\ncanceled_statuses = ["gone"]\n', "other.toml")
        monkeypatch.setenv("RENTAL_ETL_METRICS__TOP_N", "4")
        monkeypatch.setenv("RENTAL_ETL_METRICS__REPORTING_CURRENCY", "usd")
        settings = load_settings(config=path, overrides={"metrics": {"top_n": 5}})
        assert settings.metrics.top_n == 5
        assert settings.metrics.reporting_currency == "USD"
        assert settings.metrics.canceled_statuses == ("gone",)

    @pytest.mark.parametrize("text", ["OK, Done", '["OK", "Done"]'])
    def test_a_list_in_the_environment_is_json_or_comma_separated(
        self, monkeypatch: pytest.MonkeyPatch, text: str
    ) -> None:
        monkeypatch.setenv("RENTAL_ETL_METRICS__CONFIRMED_STATUSES", text)
        assert load_settings(config=None).metrics.confirmed_statuses == ("ok", "done")

    def test_a_table_is_set_from_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RENTAL_ETL_TABLES__BOOKINGS__DATE_ORDER", "day_first")
        monkeypatch.setenv("RENTAL_ETL_TABLES__BOOKINGS__COLUMNS", '{"booking_id": "res_no"}')
        settings = load_settings(config=None)
        assert settings.tables.readings()["bookings"].date_order == "day_first"
        assert settings.tables.readings()["bookings"].columns == {"booking_id": "res_no"}

    def test_only_tables_with_a_set_kind_may_change_it(self) -> None:
        settings = load_settings(config=written('[tables.bookings]\ndelivery = "delta"\n'))
        assert frozenset({"bookings"}) == settings.tables.explicit()

    def test_off_switches_a_guard_off(self) -> None:
        assert load_settings(config=written('[quality]\nmax_deleted_ratio = "off"\n')).quality.max_deleted_ratio is None


class TestMistakes:
    """Each says what, where, what was expected and what to do."""

    @pytest.mark.parametrize(
        ("text", "key", "nearest"),
        [
            ("[metrics]\ntop = 3\n", "metrics.top", "top_n"),
            ("[metric]\ntop_n = 3\n", "metric", "metrics"),
            ("[tables.booking]\n", "tables.booking", "bookings"),
            ('[tables.bookings]\ndateorder = "iso"\n', "tables.bookings.dateorder", "date_order"),
        ],
    )
    def test_an_unknown_key_names_the_nearest(self, text: str, key: str, nearest: str) -> None:
        error = refused(text)
        assert error.what == f"unknown key {key}"
        assert error.where == "rental-etl.toml"
        assert error.expected == f"did you mean {nearest}?"
        assert error.exit_code == 2

    @pytest.mark.parametrize(
        ("text", "said", "expected"),
        [
            ('[lake]\nkeep_history = "x"\n', "lake.keep_history = 'x'", "7 days"),
            ("[quality]\nmax_deleted_ratio = 2\n", "quality.max_deleted_ratio = 2", "less than or equal to 1"),
            ('[metrics]\nreporting_currency = "dollar"\n', "metrics.reporting_currency = 'dollar'", "three letters"),
            ('[tables.bookings]\ntime_zone = "x/y"\n', "tables.bookings.time_zone = 'x/y'", "time zone"),
            ('[tables.bookings]\ndelivery = "daily"\n', "tables.bookings.delivery = 'daily'", "'full' or 'delta'"),
            ('[engine]\nmemory = "much"\n', "engine.memory = 'much'", "pattern"),
        ],
    )
    def test_a_value_that_does_not_fit_is_named(self, text: str, said: str, expected: str) -> None:
        error = refused(text)
        assert f"{said} is not possible" == error.what
        assert expected in error.expected

    def test_a_password_in_a_url_is_refused_and_not_shown(self) -> None:
        error = refused('[source]\nurl = "mysql://etl:hunter2@host/rental"\n')
        assert "without a password" in error.expected
        assert "hunter2" not in str(error.lines())

    def test_a_mistake_in_the_environment_names_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RENTAL_ETL_METRICS__TOP_N", "many")
        error = refused("[metrics]\n")
        assert error.where == "environment variable RENTAL_ETL_METRICS__TOP_N"

    def test_a_variable_of_no_section_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RENTAL_ETL_METRIC__TOP_N", "1")
        error = refused("")
        assert "RENTAL_ETL_METRIC__TOP_N" in error.what
        assert "RENTAL_ETL_METRICS" in error.expected

    def test_a_mistake_in_an_option_says_so(self) -> None:
        error = refused("", overrides={"metrics": {"top_n": 0}})
        assert error.where == "options of the command"

    def test_a_missing_file_is_an_error_only_when_it_was_named(self) -> None:
        with pytest.raises(ConfigurationError, match="does not exist"):
            load_settings(config=Path("none.toml"))

    def test_a_broken_file_names_the_place(self) -> None:
        error = refused("[metrics\ntop_n = 1\n")
        assert "line 1" in error.what
