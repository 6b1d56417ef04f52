"""What is special about the warehouse in Redshift, tried on the shim: COPY from S3, conflicts, IAM. A green test covers the shim, not Redshift."""

import dataclasses
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from adapters.houses import (
    AS_OF,
    SECOND_WEEK,
    STAYS,
    THREE_WEEKS,
    RedshiftHouse,
    batch,
    curated,
    escaped,
    load,
    locked,
    parquet,
    publication,
    publish_three_weeks,
    published_rows,
    stays,
    update,
    weekly,
)
from postgres import server as postgres
from postgres.certificates import write_certificates
from postgres.server import PASSWORD
from redshift import stores
from redshift.shim import Shim
from redshift.wire import GoneError
from rental_etl.errors import ConfigurationError, RentalEtlError, SystemUnreachableError, WorkspaceBusyError
from rental_etl.model.contract import Column
from rental_etl.model.run import RunRecord
from rental_etl.warehouse.redshift import credentials, writing
from rental_etl.warehouse.redshift.bucket import Bucket
from rental_etl.warehouse.redshift.connect import Cluster
from rental_etl.warehouse.redshift.errors import ConflictError, CopyRefusedError, Told, explained
from rental_etl.warehouse.redshift.statements import Layout, copy, create_table
from rental_etl.warehouse.redshift.warehouse import RedshiftWarehouse

NINE = (SECOND_WEEK, "EUR", 9, "9.00")
RUN = RunRecord("run-1", "run", AS_OF, "running", "")
WORD = credentials.with_password("loader", lambda: PASSWORD)


@pytest.fixture
def house(redshift_house: RedshiftHouse) -> RedshiftHouse:
    """An empty database and an empty bucket."""
    return redshift_house


@pytest.fixture
def three_weeks(house: RedshiftHouse) -> RedshiftHouse:
    """A database with one publish of three weeks."""
    publish_three_weeks(house)
    return house


@pytest.fixture(autouse=True)
def identity() -> Iterator[None]:
    """Somebody to AWS."""
    with stores.identity():
        yield


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Conflicts are tried again at once."""
    monkeypatch.setattr(writing, "PAUSE_SECONDS", 0.0)


def refusal_of(work: Callable[[], object]) -> RentalEtlError:
    """The error that some work ends with; it says where and what to do, on one line each, and no secret."""
    with pytest.raises(RentalEtlError) as caught:
        work()
    error = caught.value
    assert error.remedy
    told = [text for _, text in error.lines()]
    assert [text for text in told if "\n" in text] == []
    assert [text for text in (*told, str(error), repr(error)) if PASSWORD in text] == []
    return error


def objects(house: RedshiftHouse, prefix: str = "") -> list[str]:
    """The keys in the house's bucket."""
    return [
        entry["Key"] for entry in stores.s3().list_objects_v2(Bucket=house.bucket, Prefix=prefix).get("Contents", ())
    ]


def copies(house: RedshiftHouse) -> list[str]:
    """The COPY statements that were sent."""
    return [sql for sql in house.shim.statements if sql.startswith("copy")]


@contextmanager
def cut_at(shim: Shim, words: str) -> Iterator[None]:
    """The connection ends without a word when a statement with these words arrives."""

    def cut(sql: str) -> None:
        if words in sql:
            raise GoneError

    shim.before = cut
    try:
        yield
    finally:
        shim.before = _let_pass


def _let_pass(sql: str) -> None:
    del sql


class Lake:
    """A lake in the house's bucket: local files are put there, and found by their name."""

    def __init__(self, house: RedshiftHouse) -> None:
        self.house = house
        self.bucket = house.staging(self.locate)

    def put(self, file: Path) -> Path:
        """Put a file into the lake and forget the local one."""
        stores.s3().upload_file(str(file), self.house.bucket, f"lake/{file.name}")
        file.unlink()
        return file

    def locate(self, file: str | Path) -> str | None:
        """Where a file of the lake lies."""
        return f"s3://{self.house.bucket}/lake/{Path(file).name}"

    def load(self, part: Path, rows: int = 1) -> int:
        """Load a part as batch 1."""
        warehouse = self.house.open(bucket=self.bucket)
        return warehouse.load(STAYS, add=[(batch(1, rows), [str(part)])], drop=(), replace=True)


class TestFilesInS3:
    """Files of a lake in S3 are copied from where they lie; what COPY does not take is written anew."""

    def test_a_lake_in_s3_is_copied_from_without_uploading_it(self, house: RedshiftHouse) -> None:
        lake = Lake(house)
        manifests: list[dict[str, Any]] = []

        def look(sql: str) -> None:
            if sql.startswith("copy"):
                key = next(key for key in objects(house, "temp/") if key.endswith(".manifest"))
                manifests.append(json.loads(stores.s3().get_object(Bucket=house.bucket, Key=key)["Body"].read()))

        house.shim.before = look
        part = stays(house.files, 1, [1])
        size = part.stat().st_size
        assert lake.load(lake.put(part)) == 1
        entry = {"url": lake.locate(part), "mandatory": True, "meta": {"content_length": size}}
        assert [{"entries": [entry]}] == manifests
        assert house.ask("select stay_id, _batch_id from raw.stays") == [(1, 1)]

    def test_local_files_are_uploaded_and_removed_again(self, house: RedshiftHouse) -> None:
        load(house, 1, [1])
        publish_three_weeks(house)
        assert objects(house) == []
        assert len(copies(house)) == 2

    def test_staged_files_are_removed_after_a_failure_too(self, house: RedshiftHouse) -> None:
        part = stays(house.files, 1, [1])
        refusal_of(lambda: house.open().load(STAYS, add=[(batch(1, 5), [str(part)])], drop=(), replace=True))
        assert objects(house) == []

    def test_a_text_that_is_too_long_for_redshift_is_shortened(self, house: RedshiftHouse) -> None:
        lake = Lake(house)
        rows = f"select * replace (repeat('é', 40000) as title) from '{escaped(stays(house.files, 1, [1]))}'"
        part = lake.put(parquet(house.files / "long.parquet", rows))
        assert lake.load(part) == 1
        [(title,)] = house.ask("select title from raw.stays")
        assert title == "é" * (65_535 // 4)
        assert len(copies(house)) == 2

    def test_columns_in_another_order_and_type_are_put_right(self, house: RedshiftHouse) -> None:
        lake = Lake(house)
        rows = f"select _warning, _error, stay_id::integer as stay_id, * exclude (_warning, _error, stay_id) from '{escaped(stays(house.files, 1, [1]))}'"
        part = lake.put(parquet(house.files / "turned.parquet", rows))
        assert lake.load(part) == 1
        assert house.ask("select stay_id, title from raw.stays") == [(1, "Flat")]

    def test_a_character_that_redshift_cannot_hold_is_left_out(self, house: RedshiftHouse) -> None:
        rows = f"select * replace ('a' || chr(0) || 'b' as title) from '{escaped(stays(house.files, 1, [1]))}'"
        part = parquet(house.files / "nul.parquet", rows)
        house.open().load(STAYS, add=[(batch(1, 1), [str(part)])], drop=(), replace=True)
        assert house.ask("select title from raw.stays") == [("ab",)]

    @pytest.mark.parametrize("broken", ["missing", "damaged", "short"])
    def test_a_batch_in_s3_that_is_not_whole_changes_nothing(self, house: RedshiftHouse, broken: str) -> None:
        lake = Lake(house)
        lake.load(lake.put(stays(house.files, 1, [1])))
        part = stays(house.files, 2, [2])
        if broken == "damaged":
            part.write_bytes(part.read_bytes()[:100])
        if broken != "missing":
            lake.put(part)
        error = refusal_of(lambda: lake.load(part, rows=2 if broken == "short" else 1))
        assert isinstance(error, SystemUnreachableError)
        assert "batch 1 of stays is not complete" in error.what
        assert error.where == "raw/stays/1"
        assert house.ask("select stay_id from raw.stays") == [(1,)]
        assert objects(house, "temp/") == []

    def test_a_bucket_that_does_not_exist(self, house: RedshiftHouse) -> None:
        nowhere = Bucket("s3://nowhere-at-all/temp", endpoint=stores.endpoint())
        part = stays(house.files, 1, [1])
        warehouse = house.open(bucket=nowhere)
        error = refusal_of(lambda: warehouse.load(STAYS, add=[(batch(1, 1), [str(part)])], drop=(), replace=True))
        assert isinstance(error, ConfigurationError)
        assert error.where.startswith("s3://nowhere-at-all/")

    def test_an_s3_that_cannot_be_reached(self, house: RedshiftHouse) -> None:
        away = Bucket("s3://away/temp", endpoint="http://127.0.0.1:1")
        part = stays(house.files, 1, [1])
        warehouse = house.open(bucket=away)
        error = refusal_of(lambda: warehouse.load(STAYS, add=[(batch(1, 1), [str(part)])], drop=(), replace=True))
        assert isinstance(error, SystemUnreachableError)
        assert house.open().loaded() == {}

    def test_a_place_that_is_not_in_s3(self) -> None:
        assert isinstance(refusal_of(lambda: Bucket("/tmp/staging")), ConfigurationError)


class TestCurated:
    """Curated tables are loaded when their snapshot changed, or shown from the lake's catalog."""

    def test_a_snapshot_that_is_loaded_is_not_loaded_again(self, house: RedshiftHouse) -> None:
        part = stays(house.files, 1, [1])
        for _ in range(2):
            house.open().publish(publication(curated=(curated([part]),)))
        assert len(copies(house)) == 1
        house.open().publish(publication(curated=(curated([stays(house.files, 2, [2])], snapshot_id=8),)))
        assert house.ask("select stay_id from curated.stays") == [(2,)]
        assert len(copies(house)) == 2

    def test_other_columns_load_it_anew(self, house: RedshiftHouse) -> None:
        part = stays(house.files, 1, [1])
        view = curated([part])
        house.open().publish(publication(curated=(view,)))
        house.open().publish(publication(curated=(dataclasses.replace(view, columns=view.columns[-2:]),)))
        assert house.open().query("select * from curated.stays").columns == ("begins", "stay_id")

    def test_with_a_glue_catalog_nothing_is_loaded(self, house: RedshiftHouse) -> None:
        """The shim makes a plain schema of it: that Spectrum reads the tables is not tried here."""
        warehouse = house.open(catalog="rental")
        warehouse.publish(publication(curated=(curated([stays(house.files, 1, [1])]),)))
        assert copies(house) == []
        external = f"create external schema \"curated\" from data catalog database 'rental' iam_role '{stores.ROLE}'"
        assert [external] == [sql for sql in house.shim.statements if "external" in sql]
        house.open(catalog="rental").publish(publication())
        assert [external] == [sql for sql in house.shim.statements if "external" in sql]


class TestUnload:
    """Raw tables can be taken back into the lake, for a transform that reads the warehouse."""

    def test_the_rows_come_back_with_exact_types(self, house: RedshiftHouse) -> None:
        load(house, 1, [1, 2])
        load(house, 2, [3])
        folder = f"s3://{house.bucket}/unloaded/stays"
        [url] = house.open().unload(STAYS, folder)
        file = house.staging().download(url, house.files / "back.parquet")
        names = ", ".join(STAYS.names)
        back = house.files / "expected.parquet"
        everything = " union all ".join(
            f"select {names}, _error, {number}::bigint as _batch_id from '{escaped(house.files / f'batch-{number}-10.50.parquet')}'"
            for number in (1, 2)
        )
        parquet(back, everything)
        assert _described(file) == _described(back)
        assert _rows(file) == _rows(back)

    def test_a_folder_that_is_not_empty_is_refused(self, house: RedshiftHouse) -> None:
        load(house, 1, [1])
        house.open().unload(STAYS, f"s3://{house.bucket}/unloaded")
        assert isinstance(
            refusal_of(lambda: house.open().unload(STAYS, f"s3://{house.bucket}/unloaded/")), CopyRefusedError
        )


class TestOneWriter:
    """Two runs never write at once, and a conflict with others is tried again."""

    def test_a_second_writer_waits_then_names_the_first(self, three_weeks: RedshiftHouse) -> None:
        with locked(three_weeks) as pid:
            error = refusal_of(lambda: three_weeks.open().record_run(RUN))
        assert isinstance(error, WorkspaceBusyError)
        assert f"server PID {pid}" in error.what
        assert "user loader" in error.what
        three_weeks.open().record_run(RUN)

    def test_readers_do_not_wait(self, three_weeks: RedshiftHouse) -> None:
        with locked(three_weeks):
            assert published_rows(three_weeks) == THREE_WEEKS

    def test_a_warehouse_that_is_let_go_in_time_is_written(self, three_weeks: RedshiftHouse) -> None:
        with locked(three_weeks, seconds=0.5):
            three_weeks.open(wait_seconds=20).record_run(RUN)
        assert three_weeks.ask("select count(*) from etl.runs") == [(1,)]

    @pytest.mark.parametrize("conflicts", [2, 5])
    def test_a_conflict_is_tried_again_from_the_beginning(self, three_weeks: RedshiftHouse, conflicts: int) -> None:
        left = [conflicts]

        def meddle(sql: str) -> None:
            if sql.startswith("delete from etl.row_accounting") and left[0]:
                left[0] -= 1
                three_weeks.meddle("update etl.row_accounting set landed = 1")

        three_weeks.meddle("insert into etl.row_accounting (batch_id) values (1)")
        three_weeks.shim.before = meddle
        new = publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE])))
        if conflicts < 5:
            assert three_weeks.open().publish(new).number == 2
            assert [row[2] for row in published_rows(three_weeks)] == [9]
        else:
            assert isinstance(refusal_of(lambda: three_weeks.open().publish(new)), ConflictError)
            assert published_rows(three_weeks) == THREE_WEEKS
        assert left == [0]

    def test_tables_that_are_made_at_the_same_time_are_no_error_the_next_time(self, house: RedshiftHouse) -> None:
        house.open().record_run(RUN)
        house.open().record_run(RUN)
        assert house.ask("select count(*) from etl.runs") == [(1,)]


class TestConnectionLost:
    """Whenever the connection goes, nothing half-done is visible, and the next run completes."""

    @pytest.mark.parametrize("words", ["lock table", "create temp table", "copy", 'insert into "raw"', "commit"])
    def test_during_a_load(self, three_weeks: RedshiftHouse, words: str) -> None:
        with cut_at(three_weeks.shim, words):
            error = refusal_of(lambda: load(three_weeks, 1, [1]))
        assert isinstance(error, SystemUnreachableError)
        assert error.exit_code == 3
        assert three_weeks.open().loaded() == {}
        assert load(three_weeks, 1, [1]) == 1
        assert three_weeks.open().loaded() == {"stays": [(1, 1)]}

    @pytest.mark.parametrize(
        "words", ['delete from "presentation"', "comment on", "insert into etl.publishes", "commit"]
    )
    def test_during_a_publish(self, three_weeks: RedshiftHouse, words: str) -> None:
        new = publication(update("revenue_weekly", weekly(three_weeks, "new", [NINE])))
        with cut_at(three_weeks.shim, words):
            assert isinstance(refusal_of(lambda: three_weeks.open().publish(new)), SystemUnreachableError)
        assert published_rows(three_weeks) == THREE_WEEKS
        assert three_weeks.open().publish(new).number == 2
        assert [row[2] for row in published_rows(three_weeks)] == [9]

    def test_during_an_answer(self, three_weeks: RedshiftHouse) -> None:
        answer = three_weeks.open().query(three_weeks.counting(100_000))
        assert next(answer.rows) == (0,)
        three_weeks.shim.end_connections()
        assert isinstance(refusal_of(lambda: list(answer.rows)), SystemUnreachableError)

    def test_at_the_beginning(self, three_weeks: RedshiftHouse) -> None:
        with cut_at(three_weeks.shim, "select"):
            assert isinstance(refusal_of(three_weeks.open().loaded), SystemUnreachableError)


class TestConnection:
    """Each refusal says what, where and what to do, and never a secret."""

    @pytest.mark.parametrize(
        "url",
        [
            "redshift://etl:geheim@db/rental",
            "redshift://etl@db",
            "redshift://etl@db:port/r",
            "postgresql://etl@db/rental",
            "redshift://etl@db/r?ssl=off",
        ],
    )
    def test_what_names_no_database_is_refused_without_repeating_it(self, url: str) -> None:
        error = refusal_of(lambda: Cluster.of(url, credentials=WORD))
        assert isinstance(error, ConfigurationError)
        assert "geheim" not in str(error.lines())

    def test_the_identity_is_the_database_whoever_asks(self) -> None:
        urls = ["redshift://etl@db.example.com/rental", "redshift://db.example.com:5439/rental"]
        assert {Cluster.of(url, credentials=WORD).identity for url in urls} == {"redshift://db.example.com:5439/rental"}

    def test_a_wrong_password(self, house: RedshiftHouse) -> None:
        wrong = dataclasses.replace(_cluster(house), credentials=credentials.with_password("loader", lambda: "falsch"))
        error = refusal_of(lambda: _open(wrong))
        assert isinstance(error, ConfigurationError)
        assert "password" in error.what
        assert "falsch" not in str(error.lines())

    def test_no_password(self, house: RedshiftHouse) -> None:
        none = dataclasses.replace(_cluster(house), credentials=credentials.with_password("loader", lambda: None))
        assert isinstance(refusal_of(lambda: _open(none)), ConfigurationError)

    def test_a_database_that_does_not_exist(self, house: RedshiftHouse) -> None:
        error = refusal_of(lambda: _open(dataclasses.replace(_cluster(house), database="nowhere")))
        assert isinstance(error, ConfigurationError)
        assert "nowhere" in error.remedy

    def test_nothing_listens(self, house: RedshiftHouse) -> None:
        error = refusal_of(lambda: _open(dataclasses.replace(_cluster(house), port=1, connect_seconds=0.1)))
        assert isinstance(error, SystemUnreachableError)
        assert "Connection refused" in error.what

    def test_a_host_that_nobody_knows(self, house: RedshiftHouse) -> None:
        error = refusal_of(lambda: _open(dataclasses.replace(_cluster(house), host="nowhere.invalid")))
        assert isinstance(error, SystemUnreachableError)

    def test_a_cluster_that_resumes_is_waited_for(self, house: RedshiftHouse) -> None:
        port = house.shim.port
        house.shim.stop()
        timer = threading.Timer(0.7, lambda: resumed.append(Shim(house.shim.backend, house.shim.s3, port=port)))
        resumed: list[Shim] = []
        timer.start()
        _open(dataclasses.replace(_cluster(house), connect_seconds=30.0))
        timer.join()
        resumed[0].stop()

    @pytest.mark.parametrize("trusted", [True, False])
    def test_tls_is_verified(self, house: RedshiftHouse, monkeypatch: pytest.MonkeyPatch, trusted: bool) -> None:
        write_certificates(house.files, host="localhost")
        monkeypatch.setenv("SSL_CERT_FILE", str(house.files / "authority.pem") if trusted else "/dev/null")
        shim = Shim(house.shim.backend, house.shim.s3, certificate=house.files / "server.pem")
        cluster = dataclasses.replace(_cluster(house), host="localhost", port=shim.port, tls="verify-full")
        if trusted:
            _open(cluster)
        else:
            error = refusal_of(lambda: _open(cluster))
            assert isinstance(error, ConfigurationError)
            assert "identity" in error.what
        shim.stop()

    def test_check_says_who_over_what(self, house: RedshiftHouse) -> None:
        found = house.open().check()
        assert found.problems == ()
        assert re.fullmatch(
            r"Redshift \(.+\) as loader, no TLS, redshift_connector \S+ \(pure Python: there is no other\), staging in s3://\S+/temp",
            found.found,
        )
        assert objects(house) == []

    def test_check_names_what_is_missing(self, house: RedshiftHouse) -> None:
        nowhere = Bucket("s3://nowhere-at-all/temp", endpoint=stores.endpoint())
        house.meddle("create schema raw")
        house.meddle("revoke all on schema raw from loader")
        first, second = house.open(bucket=nowhere).check().problems
        assert 'grant usage, create on schema raw to "loader"' in first.remedy
        assert "nothing can be staged in s3://nowhere-at-all/temp" in second.what
        house.meddle("grant usage, create on schema raw to loader")
        assert house.open().check().problems == ()

    def test_a_server_without_tls(self, house: RedshiftHouse) -> None:
        error = refusal_of(lambda: _open(dataclasses.replace(_cluster(house), tls="verify-full")))
        assert isinstance(error, ConfigurationError)
        assert "SSL" in error.what


class TestCredentials:
    """Nobody has to write a password down."""

    def test_a_secret_as_aws_keeps_it_for_databases(self, house: RedshiftHouse) -> None:
        name = _secret(json.dumps({"username": "loader", "password": PASSWORD, "engine": "redshift"}))
        provider = credentials.from_secret(name, user="", endpoint=stores.endpoint())
        warehouse = _warehouse(house, provider)
        warehouse.record_run(RUN)
        assert list(warehouse.query("select current_user").rows) == [("loader",)]

    def test_a_secret_that_is_the_password_alone(self) -> None:
        provider = credentials.from_secret(_secret(PASSWORD), user="loader", endpoint=stores.endpoint())
        assert credentials.Credentials("loader", PASSWORD) == provider()
        assert PASSWORD not in repr(provider())

    @pytest.mark.parametrize("content", ['{"username": "loader"}', "{}"])
    def test_a_secret_without_a_password(self, content: str) -> None:
        name = _secret(content)
        error = refusal_of(credentials.from_secret(name, user="loader", endpoint=stores.endpoint()))
        assert isinstance(error, ConfigurationError)
        assert error.where == name

    def test_a_secret_and_a_url_without_a_user(self) -> None:
        error = refusal_of(credentials.from_secret(_secret(PASSWORD), user="", endpoint=stores.endpoint()))
        assert isinstance(error, ConfigurationError)

    def test_a_secret_that_does_not_exist(self) -> None:
        error = refusal_of(credentials.from_secret("rental/none", user="loader", endpoint=stores.endpoint()))
        assert isinstance(error, ConfigurationError)
        assert error.where == "rental/none"

    def test_an_iam_identity_on_a_cluster(self) -> None:
        import boto3

        client = boto3.client("redshift", endpoint_url=stores.endpoint(), region_name=stores.REGION)
        client.create_cluster(
            ClusterIdentifier="rental", NodeType="ra3.large", MasterUsername="admin", MasterUserPassword="Secret123"
        )
        provider = credentials.from_cluster_iam("rental", user="loader", database="rental", endpoint=stores.endpoint())
        given = provider()
        assert given.user == "IAM:loader"
        assert len(given.password) == 32
        nowhere = credentials.from_cluster_iam("none", user="loader", database="rental", endpoint=stores.endpoint())
        assert isinstance(refusal_of(nowhere), ConfigurationError)

    def test_an_iam_identity_on_a_serverless_workgroup(self) -> None:
        asked: list[dict[str, Any]] = []
        with _answering({"dbUser": "IAMR:etl", "dbPassword": "word"}, asked) as endpoint:
            provider = credentials.from_serverless_iam("rental", database="db", region="us-east-1", endpoint=endpoint)
            assert credentials.Credentials("IAMR:etl", "word") == provider()
        assert asked == [{"workgroupName": "rental", "dbName": "db", "durationSeconds": 900}]

    def test_a_right_that_is_missing_is_named(self) -> None:
        told = {"__type": "AccessDeniedException", "message": "not authorized"}
        with _answering(told, [], status=403) as endpoint:
            provider = credentials.from_serverless_iam("rental", database="db", region="us-east-1", endpoint=endpoint)
            error = refusal_of(provider)
        assert isinstance(error, ConfigurationError)
        assert "redshift-serverless:GetCredentials" in error.expected

    def test_every_connection_asks_anew(self, house: RedshiftHouse) -> None:
        asked: list[str] = []

        def provide() -> credentials.Credentials:
            asked.append("asked")
            return credentials.Credentials("loader", PASSWORD)

        warehouse = _warehouse(house, provide)
        warehouse.loaded()
        warehouse.loaded()
        assert asked == ["asked", "asked"]


class TestTables:
    """Dist and sort keys are Redshift's business unless they are set."""

    def test_keys_that_are_set(self, house: RedshiftHouse) -> None:
        layouts = {"stays": Layout(distkey="stay_id", sortkey=("begins", "stay_id"))}
        house.open(layouts=layouts).load(
            STAYS, add=[(batch(1, 1), [str(stays(house.files, 1, [1]))])], drop=(), replace=True
        )
        [made] = [sql for sql in house.shim.statements if sql.startswith('create table "raw"')]
        assert made.endswith(') diststyle key distkey ("stay_id") sortkey ("begins", "stay_id")')
        assert house.ask("select stay_id from raw.stays") == [(1,)]

    def test_a_key_that_is_no_column(self) -> None:
        error = refusal_of(lambda: create_table("raw", "stays", [("stay_id", "bigint")], Layout(distkey="id")))
        assert isinstance(error, ConfigurationError)
        assert "id" in error.what
        assert "stay_id" in error.expected

    def test_a_contract_of_another_shape_keeps_the_rows(self, house: RedshiftHouse) -> None:
        load(house, 1, [1])
        shorter = dataclasses.replace(STAYS, columns=(*STAYS.columns[:2], Column("guests", "int64")))
        assert house.open().load(shorter, add=[], drop=[], replace=False) == 0
        assert house.ask("select stay_id, guests, _batch_id from raw.stays") == [(1, None, 1)]

    def test_the_default_role_is_the_databases_own(self) -> None:
        assert copy("stage", "s3://b/m", "default") == (
            "copy \"stage\" from 's3://b/m' iam_role default format as parquet manifest"
        )


class TestMeanings:
    """What Redshift says, in the words of its documentation, and what is made of it."""

    def test_a_bucket_that_the_role_may_not_read(self) -> None:
        words = "S3ServiceException:Access Denied,Status 403,Error AccessDenied,Rid 0"
        error = explained(Told("XX000", words), url="u", user="etl")
        assert isinstance(error, ConfigurationError)
        assert "iam_role" in error.remedy

    @pytest.mark.parametrize(
        ("told", "kind"),
        [
            (Told("XX000", "1023 ", "Serializable isolation violation on table - 100250"), ConflictError),
            (Told("40001", "could not serialize access"), ConflictError),
            (Told("XX000", "Spectrum Scan Error", "\n  context:   File is not Parquet\n"), CopyRefusedError),
            (Told("42501", "permission denied for schema raw"), ConfigurationError),
            (Told("53100", "Disk Full"), SystemUnreachableError),
            (Told("", "BrokenPipe: server socket closed."), SystemUnreachableError),
        ],
    )
    def test_kinds_of_refusal(self, told: Told, kind: type[RentalEtlError]) -> None:
        assert type(explained(told, url="u", user="etl")) is kind


def _cluster(house: RedshiftHouse) -> Cluster:
    return Cluster("127.0.0.1", house.shim.port, house.database, "loader", WORD, tls="off", connect_seconds=2.0)


def _open(cluster: Cluster) -> None:
    from rental_etl.warehouse.redshift.connect import connect

    connect(cluster).close()


def _warehouse(house: RedshiftHouse, provider: credentials.Provider) -> RedshiftWarehouse:
    url = f"redshift://127.0.0.1:{house.shim.port}/{postgres.quoted_path(house.database)}"
    return RedshiftWarehouse(url, credentials=provider, bucket=house.staging(), tls="off")


def _secret(content: str) -> str:
    import boto3

    client = boto3.client("secretsmanager", endpoint_url=stores.endpoint(), region_name=stores.REGION)
    return str(client.create_secret(Name=f"rental/{stores.create_bucket()}", SecretString=content)["ARN"])


@contextmanager
def _answering(answer: dict[str, Any], asked: list[dict[str, Any]], status: int = 200) -> Iterator[str]:
    """An AWS service that gives one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _described(file: Path) -> list[tuple[Any, ...]]:
    import duckdb

    return [row[:2] for row in duckdb.execute(f"describe from '{escaped(file)}'").fetchall()]


def _rows(file: Path) -> list[tuple[Any, ...]]:
    import duckdb

    return duckdb.execute(f"from '{escaped(file)}' order by all").fetchall()
