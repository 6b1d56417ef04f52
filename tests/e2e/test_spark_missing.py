"""`--engine spark` where something is missing or wrong: one screen, and what to do."""

from pathlib import Path

import pytest

from shell import END, Done, marketplace, rental_etl
from spark import server as spark


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small marketplace."""
    return marketplace(tmp_path_factory.mktemp("source") / "data")


def refused(source: Path, cwd: Path, code: int, **variables: str) -> Done:
    """A run that ends with an error, all of whose parts are told."""
    done = rental_etl("run", "--source", source, "--as-of", END, "--engine", "spark", cwd=cwd, variables=variables)
    assert (done.code, done.labels) == (code, ["error", "where", "expected", "do"]), done.err
    return done


def test_java(source: Path, tmp_path: Path) -> None:
    done = refused(source, tmp_path, 3, PATH="/nonexistent", JAVA_HOME="")
    assert "Spark needs Java" in done.err
    assert "default-jre-headless" in done.err


def test_pyspark(source: Path, tmp_path: Path) -> None:
    (tmp_path / "pyspark.py").write_text("raise ImportError('No module named pyspark')")
    done = refused(source, tmp_path, 2, PYTHONPATH=str(tmp_path))
    assert 'pip install "rental-etl[spark]"' in done.err


def test_a_setting_that_results_rest_on_cannot_be_changed(source: Path, tmp_path: Path) -> None:
    (tmp_path / "rental-etl.toml").write_text("[engine.spark]\nspark.sql.ansi.enabled = false")
    done = refused(source, tmp_path, 2)
    assert "spark.sql.ansi.enabled = false is not possible" in done.err


def test_a_setting_that_is_not_sparks(tmp_path: Path) -> None:
    (tmp_path / "rental-etl.toml").write_text('[engine.spark]\n"executor.memory" = "4g"')
    done = rental_etl("check", cwd=tmp_path)
    assert (done.code, "begin with spark." in done.err) == (2, True)


def test_a_master_that_is_none(source: Path, tmp_path: Path) -> None:
    spark.require()
    (tmp_path / "rental-etl.toml").write_text(f'[engine]\nmaster = "nowhere"\n[lake]\nurl = "{tmp_path}/lake"')
    done = refused(source, tmp_path, 3)
    assert "Spark cannot be started" in done.err
    assert "nowhere" in done.err
