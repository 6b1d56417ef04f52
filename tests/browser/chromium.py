"""Debian's Chromium, driven by Playwright. `require` installs it where it may; Playwright's own download is not used."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

PACKAGES = ("chromium",)
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", "screenshots"))
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


def require() -> str:
    """The browser's program, installed as root where it is missing. Raises RuntimeError saying what is missing."""
    if not shutil.which("chromium") and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES]
        for command in (["apt-get", "update", "-q"], install):
            subprocess.run(command, env=quiet, check=False, capture_output=True, timeout=600)
    program = shutil.which("chromium")
    if program is None:
        raise RuntimeError(f"these tests need a real browser: apt-get install {' '.join(PACKAGES)}")
    return program


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    # Root may not use the sandbox; a small /dev/shm, as containers have, would crash it.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=require(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Report:
    """A report in a browser without a network. Whatever it says on the console, or asks of the network, is kept. `watch` is a script that
    runs before the page's."""

    def __init__(
        self, browser: Browser, path: Path, *, scheme: str = "light", size: str = "desk", at: str = "", watch: str = ""
    ) -> None:
        width, height = SIZES[size]
        options: Any = {"viewport": {"width": width, "height": height}, "color_scheme": scheme, "offline": True}
        self.context: BrowserContext = browser.new_context(**options)
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page: Page = self.context.new_page()
        if watch:
            self.page.add_init_script(watch)
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.absolute().as_uri() + at)
        self.settle()

    def settle(self) -> None:
        """Wait until every chart is drawn."""
        self.page.wait_for_function("document.documentElement.dataset.busy === 'false'", timeout=120_000)

    def choose(self, control: str, value: str) -> None:
        """Set a filter by its id."""
        self.page.select_option(f"#{control}", value)
        self.settle()

    def keys_of(self, scope: str) -> None:
        """Choose what the key numbers are of: month, now or whole."""
        self.page.check(f"#keys-{scope}")
        self.settle()

    def key(self, name: str) -> str:
        """The exact value of a key number; empty where there is none."""
        return self.page.get_attribute(f"#key-{name} data", "value") or ""

    def changes(self, name: str) -> dict[str, str]:
        """A key number's changes by what it is compared with (before, earlier), as they are read."""
        found = self.page.eval_on_selector_all(
            f"#key-{name} li",
            "items => items.map(item => [item.dataset.compare, item.innerText.replaceAll('\\n', ' ')])",
        )
        return {name: " ".join(text.replace("\u00a0", " ").split()) for name, text in found}

    def figures(self) -> list[str]:
        """The charts' names, in order."""
        return list(
            self.page.eval_on_selector_all("figure", "found => found.map(one => one.id.replace('figure-', ''))")
        )

    def state(self, figure: str) -> str:
        """shown, empty or skipped."""
        return self.page.get_attribute(f"#figure-{figure}", "data-state") or ""

    def text(self, figure: str, part: str) -> str:
        """What a part of a figure (sentence, scope, about) says, without marks that only isolate names."""
        return self.page.inner_text(f"#figure-{figure} .{part}").replace("\u2068", "").replace("\u2069", "")

    def twin(self, figure: str) -> list[dict[str, str]]:
        """The table beside a chart, row by row."""
        if self.page.get_attribute(f"#figure-{figure} details", "open") is None:
            self.page.click(f"#figure-{figure} summary")
        script = """place => {
          const texts = row => [...row.cells].map(cell => cell.textContent);
          const table = place.querySelector("table");
          return [texts(table.tHead.rows[0]), [...table.tBodies[0].rows].map(texts)];
        }"""
        self.page.wait_for_selector(f"#figure-{figure} table")
        head, rows = self.page.eval_on_selector(f"#figure-{figure}", script)
        return [dict(zip(head, row, strict=True)) for row in rows]

    def screenshot(self, name: str, *, full: bool = True) -> Path:
        """A picture for people to look at, kept as output of the tests."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, full_page=full)
        return path

    def close(self) -> None:
        """Close the page and everything it keeps."""
        self.context.close()
