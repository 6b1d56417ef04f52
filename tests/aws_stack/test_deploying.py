"""What `make deploy` does beside the stack: settings, the jobs' code and the certificates. The databases are in test_databases."""

import threading
from collections.abc import Iterator
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import certifi
import pytest
from deploy.code import bucket_name, fetch_authorities, upload
from deploy.settings import FILE, load

from redshift import stores


def test_presets_differ_in_what_they_say_only(tmp_path: Path) -> None:
    """One file; what a preset does not say is common."""
    small, standard = load("small"), load("standard")
    assert (small.preset, standard.preset) == ("small", "standard")
    assert small.region == standard.region
    assert (small.redshift.max_capacity, standard.redshift.max_capacity) == (16, 64)
    assert small.redshift.port == standard.redshift.port


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('schedule = "cron', 'shedule = "cron', "unknown key shedule in"),
        ("late_hours = 26", "", "late_hours missing in"),
        ('worker_type = "G.1X"', 'worker_type = "G.025X"', "one of G.1X, G.2X"),
        ("max_workers = 2 ", "max_workers = 1 ", "at most max_workers"),
        ("\nworkers = 2 ", "\nworkers = 1 ", "at least 2"),
        ("variables = {}", 'variables = { RENTAL_ETL_SOURCE__PASSWORD = "x" }', "use a secret's ARN"),
        (
            "create = true                             # false: your own, with the keys below\nhost",
            "create = false\nhost",
            "needs",
        ),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    """Before anything is deployed."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    changed = tmp_path / "settings.toml"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load("small", changed)


def test_an_unknown_preset_is_named() -> None:
    """With those there are."""
    with pytest.raises(ValueError, match="no preset large"):
        load("large")


def test_code_is_uploaded_once(tmp_path: Path) -> None:
    """Another bundle lies beside the old one, which a running job still reads; a bucket that is not there yet waits for the stack."""
    bundle, authorities = tmp_path / "rental_etl.gluewheels.zip", tmp_path / "global-bundle.pem"
    bundle.write_bytes(b"wheels")
    authorities.write_bytes(b"certificates")
    s3, bucket = stores.s3(), stores.create_bucket()
    given: dict[str, Any] = {"bundle": bundle, "authorities": authorities}
    assert upload(s3, "not-there-yet-0123", **given) == []
    first = upload(s3, bucket, **given)
    assert [key.rpartition("/")[2] for key in first] == ["job.py", "rental_etl.gluewheels.zip", "global-bundle.pem"]
    assert upload(s3, bucket, **given) == []
    bundle.write_bytes(b"other wheels")
    second = upload(s3, bucket, **given)
    assert len(second) == 2
    assert not set(second) & set(first)
    script = s3.get_object(Bucket=bucket, Key=first[0])["Body"].read().decode()
    compile(script, first[0], "exec")
    assert "from rental_etl.glue_entry import main" in script


def test_the_bucket_is_the_stacks() -> None:
    """Its name has to be known before the stack is there."""
    assert bucket_name(load("small"), "123456789012") == "rental-etl-pipeline-data-123456789012-eu-west-1"


class Page(BaseHTTPRequestHandler):
    """Answers with what the test says."""

    body, length = b"", 0

    def do_GET(self) -> None:
        """The page, of which perhaps only a part comes."""
        self.send_response(200)
        self.send_header("Content-Length", str(self.length or len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Page]]:
    """A server in the place of the one with the certificates."""
    handler = type("Handler", (Page,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr("deploy.code._AUTHORITIES", f"http://127.0.0.1:{server.server_address[1]}/global-bundle.pem")
    yield handler
    server.shutdown()
    server.server_close()


def test_the_certificates_of_rds_are_fetched_once(page: type[Page], tmp_path: Path) -> None:
    """What lies in dist/ already is taken."""
    page.body = Path(certifi.where()).read_bytes()
    target = tmp_path / "dist" / "global-bundle.pem"
    assert fetch_authorities(target).read_bytes() == page.body
    page.body = b"something else"
    assert fetch_authorities(target).read_bytes() != page.body


@pytest.mark.parametrize(
    ("body", "length"),
    [
        # A proxy's page, and a download that broke off.
        (b"<html>Please log in</html>", 0),
        ("Bitte anmelden \u00fc".encode(), 0),
        (b"-----BEGIN CERTIFICATE-----\nMIIE", 5000),
    ],
)
def test_what_is_no_certificate_is_not_kept(page: type[Page], tmp_path: Path, body: bytes, length: int) -> None:
    """It would be uploaded, and every job would refuse Aurora's own."""
    page.body, page.length = body, length
    with pytest.raises((RuntimeError, HTTPException)):
        fetch_authorities(tmp_path / "dist" / "global-bundle.pem")
    assert list(tmp_path.rglob("*.*")) == []
