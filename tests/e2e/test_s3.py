"""Files in S3, a lake in S3: the same tables as on a local disk, whatever fails on the way, and without a secret anywhere."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from rental_etl.bootstrap import Application
from rental_etl.errors import RentalEtlError
from rental_etl.settings import load_settings
from rental_etl.tables.models import curated_models, presentation_models
from s3 import server
from s3.proxy import Answer, running
from shell import END, marketplace, rental_etl

THROTTLED, FORBIDDEN, CUT = Answer(503, "SlowDown"), Answer(403, "AccessDenied"), Answer(0)


@pytest.fixture(scope="module", autouse=True)
def somebody() -> Iterator[None]:
    """Everything here is asked by the tests' identity, which does not try long."""
    with server.identity(AWS_MAX_ATTEMPTS="2"):
        yield


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small marketplace with every defect."""
    return marketplace(tmp_path_factory.mktemp("deliveries") / "csv", dirty=0.03)


@pytest.fixture(scope="module")
def undisturbed(deliveries: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What there is to see after a run from files to a lake on the local disk."""
    app = application(str(deliveries), tmp_path_factory.mktemp("undisturbed"))
    app.run()
    return content(app)


@pytest.fixture
def lake() -> str:
    """Where no lake is yet."""
    return f"s3://{server.create_bucket()}/it's [1] +é"


def application(
    source: str, workspace: Path, *, lake: str = "", endpoint: str | None = None, source_endpoint: str | None = None
) -> Application:
    """The product on these places; the endpoints are of proxies."""
    overrides = {
        "workspace": str(workspace),
        "source": {"url": source, "endpoint": source_endpoint},
        "lake": {"url": lake or None, "endpoint": endpoint},
    }
    return Application(load_settings(config=Path(os.devnull), overrides=overrides), as_of=END)


def content(app: Application) -> dict[str, Any]:
    """Everything a user can ask for, but for times."""
    tables = [f"presentation.{name}" for name in presentation_models()]
    tables += [f"curated.{name}" for name in curated_models()]
    found: dict[str, Any] = {table: sorted(map(repr, app.query(f"from {table}").rows)) for table in tables}
    for name in ("bookings", "user_viewing", "apartments", "apartment_attributes"):
        found[f"raw.{name}"] = sorted(map(repr, app.query(f"select * exclude (_loaded_at) from raw.{name}").rows))
    status = app.status()
    found["accounting"], found["rules"] = sorted(map(repr, status.accounting)), sorted(map(repr, status.rules))
    found["quarantine"] = sorted(map(repr, app.quarantine()))
    return found


def different(expected: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """The tables that differ."""
    return [name for name in expected if expected[name] != found[name]]


def upload(folder: Path, prefix: str = "deliveries/2024") -> str:
    """Put a folder's files into a new bucket; returns its URL."""
    bucket = server.create_bucket()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            server.client().upload_file(str(path), bucket, f"{prefix}/{path.relative_to(folder).as_posix()}")
    return f"s3://{bucket}/{prefix}"


def encodings(folder: Path) -> set[str]:
    """In which ways the Parquet files below a folder have their values written."""
    files = [pyarrow.parquet.ParquetFile(path).metadata for path in folder.rglob("*.parquet")]
    columns = [
        file.row_group(group).column(column)
        for file in files
        for group in range(file.num_row_groups)
        for column in range(file.num_columns)
    ]
    return {encoding for column in columns for encoding in column.encodings}


def bucket_of(url: str) -> str:
    """A URL's bucket."""
    return url.split("/")[2]


class TestTheSameTables:
    """Where files lie changes nothing."""

    def test_files_in_s3_and_a_lake_in_s3(
        self, deliveries: Path, undisturbed: dict[str, Any], lake: str, tmp_path: Path
    ) -> None:
        source = upload(deliveries)
        app = application(source, tmp_path / "w", lake=lake)
        assert app.run().run.state == "published"
        assert different(undisturbed, content(app)) == []
        again = application(source, tmp_path / "w", lake=lake).run()
        assert (again.run.state, again.landed) == ("unchanged", ())

    def test_files_in_s3_are_written_as_every_reader_knows_and_those_that_stay_here_faster(
        self, deliveries: Path, lake: str, tmp_path: Path
    ) -> None:
        # COPY of Redshift reads the landed files, Athena the curated ones: nothing says that they know the newer encodings.
        application(str(deliveries), tmp_path / "there", lake=lake).run()
        (tmp_path / "fetched").mkdir()
        files = [key for key in server.keys(bucket_of(lake)) if key.endswith(".parquet")]
        for number, key in enumerate(files):
            server.client().download_file(bucket_of(lake), key, str(tmp_path / "fetched" / f"{number}.parquet"))
        known = {"PLAIN", "PLAIN_DICTIONARY", "RLE", "RLE_DICTIONARY"}
        there = encodings(tmp_path / "fetched")
        assert there
        assert there <= known
        application(str(deliveries), tmp_path / "here").run()
        assert encodings(tmp_path / "here" / "lake") - known == {"DELTA_BINARY_PACKED", "DELTA_LENGTH_BYTE_ARRAY"}

    def test_a_full_refresh_reads_the_kept_files_and_a_repair_makes_the_workspace_again(
        self, deliveries: Path, undisturbed: dict[str, Any], lake: str, tmp_path: Path
    ) -> None:
        app = application(str(deliveries), tmp_path / "w", lake=lake)
        app.run()
        assert app.run(full_refresh=True).run.state == "published"
        assert different(undisturbed, content(app)) == []
        # The machine is gone, with warehouse and catalog.
        shutil.rmtree(tmp_path / "w")
        app = application(str(deliveries), tmp_path / "w", lake=lake)
        with pytest.raises(RentalEtlError, match="another catalog"):
            app.run()
        app.repair()
        assert different(undisturbed, content(app)) == []
        assert app.run().landed == ()

    def test_the_layout_is_the_original_designs(self, deliveries: Path, lake: str, tmp_path: Path) -> None:
        application(str(deliveries), tmp_path / "w", lake=lake).run()
        keys = [key.removeprefix("it's [1] +é/") for key in server.keys(bucket_of(lake))]
        assert {key.split("/")[0] for key in keys} >= {"raw", "curated", "quarantine", "log", "lake.json"}
        bookings = [key for key in keys if key.startswith("raw/bookings/")]
        assert sorted(key.split("/", 3)[3] for key in bookings) == ["part-00000.parquet", "source/bookings.csv"]
        assert [key for key in keys if key.startswith("temp/")] == []


class TestASourceInS3:
    """The rules of a folder; content says what is new."""

    def test_only_new_objects_are_fetched(self, deliveries: Path, lake: str, tmp_path: Path) -> None:
        source = upload(deliveries)
        with running() as proxy:
            application(source, tmp_path / "w", lake=lake, source_endpoint=proxy.url).run()
            assert len([path for method, path in proxy.seen if method == "GET" and ".csv" in path]) == 4
            proxy.seen.clear()
            application(source, tmp_path / "w", lake=lake, source_endpoint=proxy.url).run()
            assert [path for method, path in proxy.seen if ".csv" in path] == []
            # The same bytes, written anew: fetched, and known.
            bucket, _, prefix = source.removeprefix("s3://").partition("/")
            server.client().upload_file(str(deliveries / "bookings.csv"), bucket, f"{prefix}/bookings.csv")
            summary = application(source, tmp_path / "w", lake=lake, source_endpoint=proxy.url).run()
        assert (summary.run.state, summary.landed) == ("unchanged", ())
        assert list((tmp_path / "w" / "temp").glob("source-*")) == []

    def test_a_folder_and_a_series_below_the_prefix(self, deliveries: Path, lake: str, tmp_path: Path) -> None:
        folder = tmp_path / "series"
        (folder / "bookings").mkdir(parents=True)
        for table in ("apartments", "apartment_attributes", "user_viewing"):
            shutil.copy(deliveries / f"{table}.csv", folder)
        header, *lines = (deliveries / "bookings.csv").read_text().splitlines(keepends=True)
        for number, some in ((2, lines[:200]), (10, lines[200:])):
            (folder / "bookings" / f"part {number}.csv").write_text(header + "".join(some))
        source = upload(folder)
        server.client().put_object(Bucket=bucket_of(source), Key="deliveries/2024/bookings/", Body=b"")
        summary = application(source, tmp_path / "w", lake=lake).run()
        bookings = [batch.delivery for batch in summary.landed if batch.table == "bookings"]
        assert [(delivery.name, delivery.kind) for delivery in bookings] == [
            ("bookings/part 2.csv", "delta"),
            ("bookings/part 10.csv", "delta"),
        ]
        local = application(str(folder), tmp_path / "local")
        local.run()
        app = application(source, tmp_path / "w", lake=lake)
        assert different(content(local), content(app)) == []

    def test_an_object_that_changes_while_it_is_read_is_an_error(
        self, deliveries: Path, lake: str, tmp_path: Path
    ) -> None:
        """It was listed with one ETag and is fetched with it, or not at all."""
        source = upload(deliveries)
        bucket, _, prefix = source.removeprefix("s3://").partition("/")

        def rule(method: str, path: str) -> Answer | None:
            if method == "GET" and "bookings.csv" in path:
                server.client().put_object(Bucket=bucket, Key=f"{prefix}/bookings.csv", Body=b"booking_id\n1\n")
            return None

        with running() as proxy:
            proxy.rule = rule
            app = application(source, tmp_path / "w", lake=lake, source_endpoint=proxy.url)
            with pytest.raises(RentalEtlError, match=r"bookings\.csv changed or disappeared") as caught:
                app.run()
        assert caught.value.exit_code == 2
        assert caught.value.where == f"{source}/bookings.csv"
        assert [key for key in server.keys(bucket_of(lake)) if "/log/" in key] == []

    def test_an_empty_prefix_says_where_it_looked(self, lake: str, tmp_path: Path) -> None:
        source = f"s3://{server.create_bucket()}/nothing"
        with pytest.raises(RentalEtlError, match="no table's file was found") as caught:
            application(source, tmp_path / "w", lake=lake).run()
        assert source in caught.value.where
        assert str(tmp_path) not in caught.value.where


FAILURES = {
    "no bucket": ({}, {"lake": "s3://there-is-none/x"}, 2, "there is no bucket"),
    "no credentials": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, {}, 2, "no credentials"),
    "unreachable": ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, {}, 3, "Could not connect"),
    "no such endpoint": ({"AWS_ENDPOINT_URL": "nonsense"}, {}, 2, "cannot be set up"),
    "forbidden": (FORBIDDEN, {}, 3, "S3 forbids"),
    "throttled for ever": (THROTTLED, {}, 3, "slow down"),
    "wrong region": (Answer(400, "AuthorizationHeaderMalformed"), {}, 2, "another region"),
    "unknown key": (Answer(403, "InvalidAccessKeyId"), {}, 2, "does not know these credentials"),
    "expired": (Answer(400, "ExpiredToken"), {}, 3, "expired"),
    "cut off": (CUT, {}, 3, "error"),
}


MIDDLE = [
    ("PUT", "part-00000.parquet", THROTTLED),
    ("PUT", "/log/", CUT),
    ("GET", "/raw/", FORBIDDEN),
    ("GET", "/curated/", THROTTLED),
    ("PUT", "/curated/bookings/data/", CUT),
    ("PUT", "/curated/bookings/metadata/", FORBIDDEN),
]


class TestFailures:
    """One screen, an exit code, nothing published; the next run completes and equals an undisturbed one."""

    @pytest.mark.parametrize("failure", FAILURES)
    def test_before_anything_is_there(self, deliveries: Path, lake: str, tmp_path: Path, failure: str) -> None:
        how, places, code, said = FAILURES[failure]
        with running() as proxy:
            variables = how if isinstance(how, dict) else {"AWS_ENDPOINT_URL": proxy.url}
            if isinstance(how, Answer):
                proxy.failing(how)
            variables = {**variables, "RENTAL_ETL_LAKE__URL": places.get("lake", lake)}
            done = rental_etl("run", "--source", deliveries, "--as-of", END, cwd=tmp_path, variables=variables)
        assert (done.code, done.out) == (code, ""), done.err
        assert said in done.err
        assert done.labels[0] == "error"
        assert "do" in done.labels
        assert len(done.err.splitlines()) < 12
        assert server.SECRET not in done.err
        assert server.keys(bucket_of(lake)) == []

    @pytest.mark.parametrize("failing", MIDDLE, ids=lambda failing: " ".join(failing[:2]))
    def test_in_the_middle(
        self, failing: tuple[str, str, Answer], deliveries: Path, undisturbed: dict[str, Any], lake: str
    ) -> None:
        method, containing, answer = failing
        with running() as proxy, tempfile.TemporaryDirectory() as workspace:
            proxy.failing(answer, method=method, containing=containing)
            with pytest.raises(RentalEtlError) as caught:
                application(str(deliveries), Path(workspace), lake=lake, endpoint=proxy.url).run()
            assert caught.value.exit_code == 3
            assert caught.value.remedy
            proxy.healthy()
            app = application(str(deliveries), Path(workspace), lake=lake, endpoint=proxy.url)
            assert app.status().published is None
            app.run()
            assert different(undisturbed, content(app)) == []

    def test_some_throttling_is_not_noticed(
        self, deliveries: Path, undisturbed: dict[str, Any], lake: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Requests are tried again, those of DuckDB too."""
        monkeypatch.delenv("AWS_MAX_ATTEMPTS")
        with running() as proxy:
            proxy.failing(THROTTLED, containing="parquet", times=4)
            app = application(str(deliveries), tmp_path / "w", lake=lake, endpoint=proxy.url)
            app.run()
            assert different(undisturbed, content(app)) == []

    def test_a_full_disk_in_the_temporary_folder(
        self, deliveries: Path, undisturbed: dict[str, Any], lake: str, tmp_path: Path
    ) -> None:
        """Simulated by a limit on the size of files."""
        source = upload(deliveries)
        script = f"""
import resource, signal, sys
from rental_etl.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.argv = ["rental-etl", "run", "--source", {source!r}, "--as-of", "{END}", "--workspace", {str(tmp_path / "w")!r}]
main()
"""
        variables = {**os.environ, "RENTAL_ETL_LAKE__URL": lake}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=variables, check=False
        )
        assert done.returncode == 3, done.stderr
        assert "free disk space" in done.stderr
        app = application(source, tmp_path / "w", lake=lake)
        app.run()
        assert different(undisturbed, content(app)) == []


class TestCheck:
    """What it says of a lake and a source in S3."""

    def found(self, app: Application) -> dict[str, Any]:
        return {result.subject: result for result in app.check()}

    def test_as_whom_and_how(self, deliveries: Path, lake: str, tmp_path: Path) -> None:
        source = upload(deliveries)
        found = self.found(application(source, tmp_path, lake=lake))
        assert found["lake"].ok
        for part in (lake, "arn:aws:sts::", "no TLS", server.endpoint(), "versioning off", "catalog.db", "0 batches"):
            assert part in found["lake"].found
        assert "no TLS" in found["source"].found
        assert source in found["source"].found
        assert "bookings" in found["source"].found
        assert server.keys(bucket_of(lake)) == []
        assert server.SECRET not in json.dumps([str(result) for result in found.values()])

    def test_every_right_that_is_missing(self, deliveries: Path, lake: str, tmp_path: Path) -> None:
        def rule(method: str, path: str) -> Answer | None:
            return FORBIDDEN if method == "DELETE" or "delete" in path or "/temp/" in path else None

        with running() as proxy:
            proxy.rule = rule
            app = application(str(deliveries), tmp_path, lake=lake, endpoint=proxy.url)
            found = self.found(app)["lake"]
        assert not found.ok
        assert "s3:PutObject, s3:GetObject, s3:DeleteObject" in found.found
        assert "s3:ListBucket" not in found.found
        assert "docs/s3.md" in found.remedy

    def test_a_store_that_overwrites_what_is_to_be_created(self, lake: str, tmp_path: Path, deliveries: Path) -> None:
        """Without the condition two runs could take each other's place: such a store cannot hold a lake."""
        with running() as proxy:
            proxy.ignored = ("if-none-match",)
            app = application(str(deliveries), tmp_path, lake=lake, endpoint=proxy.url)
            assert "ignores If-None-Match" in self.found(app)["lake"].found
            with pytest.raises(RentalEtlError, match="ignores If-None-Match") as caught:
                app.run()
        assert caught.value.exit_code == 2


def test_no_secret_is_left_anywhere(deliveries: Path, lake: str, tmp_path: Path) -> None:
    """Neither in what is printed nor in what is kept, also when a question asks for it."""
    variables = {"RENTAL_ETL_LAKE__URL": lake, "RENTAL_ETL_SOURCE__URL": upload(deliveries)}
    asked = [
        ("run", "--as-of", END, "--json"),
        ("check",),
        ("status",),
        ("query", "select value from duckdb_settings(), (select count(*) from curated.bookings)"),
        ("query", "select secret_string from duckdb_secrets(), (select count(*) from curated.bookings)"),
    ]
    for arguments in asked:
        done = rental_etl(*arguments, cwd=tmp_path, variables=variables)
        assert done.code == 0, done.err
        assert server.SECRET not in done.out + done.err
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and server.SECRET.encode() in path.read_bytes()]
    client, bucket = server.client(), bucket_of(lake)
    bodies = [client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in server.keys(bucket)]
    assert (kept, [body for body in bodies if server.SECRET.encode() in body]) == ([], [])


def test_a_run_killed_anywhere_goes_on(
    deliveries: Path, undisturbed: dict[str, Any], lake: str, tmp_path: Path
) -> None:
    """Killed again and again, each time a little later, until a run gets through; a table is committed whole, so each has to get further than the last."""
    script = f"""
import os, signal, sys
from botocore.client import BaseClient
from rental_etl.cli import main
steps, real, last = iter(range(1, 10_000)), BaseClient._make_api_call, int(sys.argv[1])
def call(client, name, given):
    answer = real(client, name, given)
    if name not in ("GetObject", "HeadObject", "ListObjectsV2") and next(steps) == last:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer
BaseClient._make_api_call = call
sys.argv = ["rental-etl", "run", "--source", {str(deliveries)!r}, "--as-of", "{END}", "--workspace", {str(tmp_path / "w")!r}]
main()
"""
    variables = {**os.environ, "RENTAL_ETL_LAKE__URL": lake}
    codes: list[int] = []
    while (not codes or codes[-1] != 0) and len(codes) < 12:
        later = str(16 * (len(codes) + 1))
        done = subprocess.run(
            [sys.executable, "-c", script, later], capture_output=True, text=True, env=variables, check=False
        )
        codes.append(done.returncode)
        assert done.returncode in (0, -9), done.stderr
    assert (len(codes) > 3, codes[-1]) == (True, 0)
    app = application(str(deliveries), tmp_path / "w", lake=lake)
    assert different(undisturbed, content(app)) == []
    assert app.run().run.state == "unchanged"
