"""One suite for the place of the report, in a folder and in S3."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from redshift import stores
from rental_etl.errors import ConfigurationError, SystemUnreachableError
from rental_etl.lake.page import LocalPage, S3Page
from rental_etl.ports.page import Page
from rental_etl.storage.objects import Objects
from rental_etl.storage.store import shared_store


@pytest.fixture(params=["folder", "s3"])
def page(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Page]:
    """A place without a page."""
    if request.param == "folder":
        yield LocalPage(tmp_path / "new" / "report" / "index.html")
        return
    with stores.identity():
        yield S3Page(objects(stores.create_bucket()))


def objects(bucket: str) -> Objects:
    """A lake's objects in a bucket of the emulator."""
    store = shared_store(region=stores.REGION, endpoint=stores.endpoint())
    return Objects(store, f"s3://{bucket}/lake")


def test_there_is_no_page_at_first(page: Page) -> None:
    """Which is no error: the first run has none."""
    assert page.beginning() == ""
    assert page.address.endswith("/report/index.html")


def test_a_page_is_replaced_whole(page: Page) -> None:
    """A shorter page leaves nothing of a longer one."""
    page.replace(b"<!doctype html>" + b"a" * 100_000)
    assert page.beginning().startswith("<!doctype html>aaa")
    assert len(page.beginning()) == 4096
    page.replace("<!doctype html>\u00fc".encode())
    assert page.beginning() == "<!doctype html>\u00fc"


def test_in_s3_it_is_served_as_html() -> None:
    """Otherwise a browser would offer it for download."""
    with stores.identity():
        bucket = stores.create_bucket()
        S3Page(objects(bucket)).replace(b"<!doctype html>")
        found = stores.s3().get_object(Bucket=bucket, Key="lake/report/index.html")
    assert found["ContentType"] == "text/html; charset=utf-8"


def test_a_bucket_that_is_not_there_is_said() -> None:
    """With what to do about it."""
    with stores.identity(), pytest.raises(ConfigurationError, match="there is no bucket"):
        S3Page(objects(f"missing-{uuid.uuid4().hex}")).replace(b"")


def test_a_folder_that_cannot_be_is_said(tmp_path: Path) -> None:
    """Also to root, whom permissions do not stop."""
    (tmp_path / "report").write_text("in the way")
    with pytest.raises(SystemUnreachableError) as caught:
        LocalPage(tmp_path / "report" / "index.html").replace(b"")
    assert "report" in caught.value.where
    assert [entry.name for entry in tmp_path.iterdir()] == ["report"]
