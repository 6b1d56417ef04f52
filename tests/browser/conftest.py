"""Marketplaces with a report, made once, and one browser for all tests of a process."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser.chromium import Report, chromium
from rental_etl.bootstrap import Application
from rental_etl.settings import load_settings
from rental_etl.synthetic.marketplace import generate

END = date(2024, 6, 17)


def run(folder: Path, *, as_of: date = END) -> Application:
    """Everything run on the files of `folder/data`; the workspace is `folder/work`."""
    overrides = {"workspace": folder / "work", "source": {"url": str(folder / "data")}}
    application = Application(load_settings(config=Path("/dev/null"), overrides=overrides), as_of=as_of)
    application.run()
    return application


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium."""
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def marketplace(tmp_path_factory: pytest.TempPathFactory) -> Application:
    """Two years, several currencies and cities, a few defects; the last month is not over."""
    folder = tmp_path_factory.mktemp("marketplace")
    generate(folder / "data", apartments=300, bookings=6_000, viewings=6_000, seed=3, end=END, dirty=0.02)
    return run(folder)


@pytest.fixture
def open_report(browser: Browser) -> Iterator[Callable[..., Report]]:
    """Opens a workspace's report; closed when the test ends. A page that complains on its console, or asks the network for anything, fails the test."""
    opened: list[Report] = []

    def open_it(application: Application, **options: str) -> Report:
        path = application.workspace / "report" / "index.html"
        opened.append(Report(browser, path, **options))
        return opened[-1]

    yield open_it
    for report in opened:
        report.close()
        assert report.complaints == []
        assert [url for url in report.requests if not url.startswith(("file:", "data:"))] == []
