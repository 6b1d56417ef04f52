"""When the report is rendered, where it goes, and when it is left alone."""

import os
from pathlib import Path

import pytest

from rental_etl.bootstrap import Application
from rental_etl.report.page import is_of
from rental_etl.settings import load_settings
from shell import END, marketplace, rental_etl


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a marketplace that was run once."""
    marketplace(tmp_path / "data")
    done = rental_etl("run", "--source", "data", "--as-of", END, "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert done.document["page"] == str(page_of(tmp_path))
    return tmp_path


def page_of(folder: Path) -> Path:
    """Where the report is."""
    return folder / "rental-data" / "report" / "index.html"


def again(folder: Path) -> str:
    """Run once more; returns what it says to people."""
    done = rental_etl("run", "--source", "data", "--as-of", END, cwd=folder)
    assert done.code == 0
    return done.err


def test_a_run_with_nothing_new_leaves_the_page_alone(folder: Path) -> None:
    """Whoever watches the file for changes sees one per publish."""
    before = page_of(folder).stat()
    assert "report" not in again(folder)
    assert page_of(folder).stat().st_mtime_ns == before.st_mtime_ns
    assert [entry.name for entry in page_of(folder).parent.iterdir()] == ["index.html"]


def test_a_missing_page_is_rendered_though_nothing_is_new(folder: Path) -> None:
    """The run says so, and the page is that of the publish in force."""
    page_of(folder).unlink()
    assert "the report was missing" in again(folder)
    assert page_of(folder).is_file()


def test_a_run_killed_between_publish_and_report_is_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old page shows the publish before; the next run finds nothing new and renders all the same."""
    marketplace(tmp_path / "data")
    overrides = {"workspace": tmp_path / "rental-data", "source": {"url": str(tmp_path / "data")}}
    settings = load_settings(config=Path(os.devnull), overrides=overrides)
    Application(settings, as_of=END).run()
    with monkeypatch.context() as patch:
        patch.setattr("rental_etl.pipeline.build_report", _killed)
        with pytest.raises(KeyboardInterrupt):
            Application(settings, as_of=END.replace(day=29)).run()
    application = Application(settings, as_of=END.replace(day=29))
    published = application.status().published
    assert published is not None
    assert published.number == 2
    assert not is_of(page_of(tmp_path).read_text(encoding="utf-8"), published)
    summary = application.run()
    assert (summary.run.state, summary.page) == ("unchanged", str(page_of(tmp_path)))
    assert is_of(page_of(tmp_path).read_text(encoding="utf-8"), published)


def _killed(**parts: object) -> None:
    raise KeyboardInterrupt


def test_the_command_renders_in_any_case_and_anywhere(folder: Path) -> None:
    """`report` is for whoever wants the page now, or elsewhere."""
    before = page_of(folder).stat().st_mtime_ns
    done = rental_etl("report", cwd=folder)
    assert (done.code, str(page_of(folder)) in done.err) == (0, True)
    assert page_of(folder).stat().st_mtime_ns > before
    elsewhere = rental_etl("report", "--output", "out/june.html", "--json", cwd=folder)
    assert elsewhere.document["page"] == str(folder / "out" / "june.html")
    assert (folder / "out" / "june.html").read_bytes().startswith(b"<!doctype html>")


def test_open_without_a_browser_says_where_the_page_is(folder: Path) -> None:
    """A server has no browser; the command has done its work all the same."""
    done = rental_etl("report", "--open", cwd=folder, variables={"PATH": "/nowhere", "BROWSER": "", "DISPLAY": ""})
    assert done.code == 0
    assert f"open {page_of(folder).as_uri()} yourself" in done.err


def test_before_the_first_publish_there_is_nothing_to_report(tmp_path: Path) -> None:
    """An error that says what to do."""
    done = rental_etl("report", cwd=tmp_path)
    assert (done.code, done.labels) == (2, ["error", "where", "do"])
    assert "no metrics were published" in done.err


def test_a_folder_that_may_not_be_written_stops_the_report_alone(folder: Path) -> None:
    """The metrics are published already; the next run renders the page."""
    page_of(folder).unlink()
    page_of(folder).parent.rmdir()
    page_of(folder).parent.write_text("in the way")
    done = rental_etl("report", cwd=folder)
    assert (done.code, done.labels) == (3, ["error", "where", "expected", "do"])
    page_of(folder).parent.unlink()
    assert "the report was missing" in again(folder)
