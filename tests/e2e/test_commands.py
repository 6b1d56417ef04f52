"""The commands as they are typed, on a small marketplace with defects: what they write where, and their exit codes."""

import re
import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from rental_etl.bootstrap import Application
from rental_etl.cli.statements import statement
from rental_etl.settings import load_settings
from rental_etl.tables.models import curated_models, presentation_models
from shell import END, marketplace, read, rental_etl, rewrite


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with `data/` and a workspace that has run once. Tests only look at it."""
    folder = tmp_path_factory.mktemp("home")
    marketplace(folder / "data", dirty=0.05)
    done = rental_etl("run", "--as-of", END, cwd=folder)
    assert done.code == 0, done.err
    (folder / "first.txt").write_text(done.err, encoding="utf-8")
    assert done.out == ""
    return folder


@pytest.fixture
def own(home: Path, tmp_path: Path) -> Path:
    """A working directory to change: `data/` without a workspace."""
    shutil.copytree(home / "data", tmp_path / "data")
    return tmp_path


class TestRun:
    """`run` and its jobs."""

    def test_the_summary_says_what_was_done_and_what_to_do_next(self, home: Path) -> None:
        """On stderr, in sections."""
        said = (home / "first.txt").read_text(encoding="utf-8")
        for heading in ("landed", "in quarantine, by rule", "warnings, by rule", "published", "next"):
            assert f"\n{heading}\n" in said
        assert re.search(r"\d+  bookings +checkout_not_after_checkin +checkout_date\n", said)
        assert re.search(r"^  revenue_monthly +\d+$", said, re.MULTILINE)
        assert re.search(
            r"^published, as of 2024-06-30: extract [\d.]+ s, load [\d.]+ s, .*in all$", said, re.MULTILINE
        )
        assert len(said.splitlines()) < 80

    def test_a_run_that_commits_does_not_load_pandas(self, own: Path) -> None:
        """pyarrow would, wherever it is installed, and a run takes a tenth longer for nothing."""
        done = rental_etl("run", "--as-of", END, cwd=own, variables={"PYTHONPROFILEIMPORTTIME": "1"})
        assert done.code == 0, done.err
        modules = {line.rpartition("|")[2].strip() for line in done.err.splitlines() if line.startswith("import time:")}
        assert {name: name in modules for name in ("pyarrow.dataset", "pandas.core")} == {
            "pyarrow.dataset": True,
            "pandas.core": False,
        }

    def test_a_run_says_that_it_publishes_what_a_stopped_one_had_landed(self, own: Path) -> None:
        """It lists only what it landed itself, and people would look for their files in vain; the quarantine is worth a look all the same."""
        assert rental_etl("extract", "--as-of", END, cwd=own).code == 0
        said = rental_etl("run", "--as-of", END, cwd=own).err
        for batch, table in enumerate(("bookings", "user_viewing", "apartment_attributes", "apartments"), start=1):
            assert f"  - {table}: batch {batch}, landed by an earlier run and published now\n" in said
        assert re.search(r"^  rental-etl quarantine +the rows in quarantine, and why$", said, re.MULTILINE)
        bookings = own / "data" / "bookings.csv"
        bookings.write_text(bookings.read_text(encoding="utf-8").rstrip().rpartition("\n")[0], encoding="utf-8")
        assert "landed by an earlier run" not in rental_etl("run", "--as-of", END, cwd=own).err

    def test_with_nothing_new_it_says_so_in_one_line(self, own: Path) -> None:
        """After the line of the one job that ran."""
        rental_etl("run", "--as-of", END, cwd=own)
        again = rental_etl("run", "--as-of", END, cwd=own)
        assert again.code == 0
        assert [re.sub(r"\d", "0", line) for line in again.err.splitlines()] == [
            "extract   0.0 s",
            "nothing new since publish 0 of 0000-00-00 00:00 UTC, as of 0000-00-00",
        ]

    def test_json_has_the_whole_result(self, own: Path) -> None:
        """And stdout has nothing else."""
        document = rental_etl("run", "--as-of", END, "--json", cwd=own).document
        assert list(document) == ["run", "landed", "rules", "accounting", "published", "skipped", "notes", "page"]
        assert (document["run"]["state"], document["run"]["as_of"]) == ("published", "2024-06-30")
        assert [job["name"] for job in document["run"]["jobs"]] == ["extract", "load", "transform", "metrics", "report"]
        assert {batch["table"] for batch in document["landed"]} == {path.stem for path in (own / "data").glob("*.csv")}
        assert set(document["published"]) == set(presentation_models())
        assert all(entry["balanced"] for entry in document["accounting"])
        assert rental_etl("run", "--as-of", END, "--json", cwd=own).document["run"]["state"] == "unchanged"

    def test_job_by_job_gives_what_run_gives(self, home: Path, own: Path) -> None:
        """The five of them are the pipeline."""
        for job in ("extract", "load", "transform", "metrics", "report"):
            done = rental_etl(job, "--as-of", END, cwd=own)
            assert (done.code, done.out) == (0, ""), done.err
        for folder in (home, own):
            rental_etl("export", "out", cwd=folder)
        assert tables(own / "out") == tables(home / "out")

    def test_options_win_over_environment_over_file(self, own: Path) -> None:
        """As the workspace that comes to be shows."""
        (own / "rental-etl.toml").write_text('workspace = "from-file"\n[source]\nurl = "nowhere"\n', encoding="utf-8")
        variables = {"RENTAL_ETL_WORKSPACE": "from-environment", "RENTAL_ETL_SOURCE__URL": "data"}
        assert rental_etl("extract", cwd=own, variables=variables).code == 0
        assert rental_etl("extract", "--workspace", "from-option", cwd=own, variables=variables).code == 0
        assert sorted(path.name for path in own.glob("from-*")) == ["from-environment", "from-option"]


class TestQuestions:
    """`query`, `export`, `status`, `check`, `sql`."""

    def test_the_formats_hold_the_same_rows(self, home: Path) -> None:
        """To the last digit; a table says how many."""
        sql = "select * from revenue_monthly where nights_sold > 0 order by month_start, currency limit 100"
        as_csv, as_json = (rental_etl("query", sql, "--format", name, cwd=home) for name in ("csv", "json"))
        assert as_csv.rows == [
            {
                key: "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
                for key, value in row.items()
            }
            for row in as_json.document
        ]
        assert any(isinstance(row["adr"], Decimal) for row in as_json.document)
        table = rental_etl("query", sql, cwd=home)
        assert table.out.split()[:3] == ["month_start", "currency", "nights_sold"]
        assert table.err.splitlines()[-1] == f"{len(as_csv.rows):,} rows"

    def test_a_table_that_does_not_exist_is_exit_2_with_the_nearest_names(self, home: Path) -> None:
        """A typo is the usual reason."""
        done = rental_etl("query", "from revenue_montly", cwd=home)
        assert (done.code, done.out) == (2, "")
        assert "do:       did you mean presentation.revenue_monthly" in done.err

    def test_a_question_cannot_change_anything(self, home: Path) -> None:
        """The warehouse changes through the pipeline alone."""
        assert rental_etl("query", "delete from presentation.revenue_monthly", cwd=home).code == 2
        assert rental_etl(
            "query", "select count(*) > 0 as there from revenue_monthly", "--format", "csv", cwd=home
        ).rows == [{"there": "true"}]

    @pytest.mark.parametrize("form", ["csv", "parquet"])
    def test_export_writes_every_metric_table(self, home: Path, tmp_path: Path, form: str) -> None:
        """And nothing else into the folder."""
        done = rental_etl("export", tmp_path / "out", "--format", form, cwd=home)
        assert (done.code, done.out) == (0, "")
        assert {path.name for path in (tmp_path / "out").iterdir()} == {
            f"{name}.{form}" for name in presentation_models()
        }
        assert re.fullmatch(r"12 tables with [\d,]+ rows written to \S+\n", done.err)

    def test_status_shows_where_every_row_is(self, home: Path) -> None:
        """For people, and with the same counts for machines."""
        document = rental_etl("status", "--json", cwd=home).document
        assert list(document) == ["workspace", "published", "tables", "waiting", "rules", "accounting", "runs"]
        assert document["workspace"] == str(home / "rental-data")
        assert document["published"]["as_of"] == "2024-06-30"
        assert document["waiting"] == []
        assert {entry["table"]: entry["rows_read"] for entry in document["accounting"]} == {
            path.stem: len(read(path)) for path in (home / "data").glob("*.csv")
        }
        assert all(entry["balanced"] for entry in document["accounting"])
        text = rental_etl("status", cwd=home).out
        for entry in document["accounting"]:
            assert re.search(rf"^  {entry['table']} +{entry['rows_read']:,} ", text, re.MULTILINE)

    def test_before_the_first_run_the_answer_is_what_to_do(self, tmp_path: Path) -> None:
        """Not an empty table."""
        for command in (("status",), ("query", "select 1"), ("export", "out"), ("batch", "list"), ("quarantine",)):
            done = rental_etl(*command, cwd=tmp_path)
            assert (done.code, done.out) == (2, ""), command
            assert any(line.startswith("do:") and "rental-etl run" in line for line in done.err.splitlines()), command

    def test_check_names_what_cannot_be_used(self, home: Path) -> None:
        """Exit as the run would, with what to do."""
        fine = rental_etl("check", "--json", cwd=home)
        assert fine.code == 0
        assert [(line["subject"], line["ok"]) for line in fine.document] == [
            ("source", True),
            *((table, True) for table in ("bookings", "user_viewing", "apartment_attributes", "apartments")),
            ("lake", True),
            ("engine", True),
            ("warehouse", True),
        ]
        broken = rental_etl("check", cwd=home, variables={"RENTAL_ETL_SOURCE__URL": "nowhere"})
        assert broken.code == 2
        assert re.search(r"^FAILED +source +the source folder does not exist .*nowhere", broken.out)
        elsewhere = rental_etl("check", "--source", "somewhere", cwd=home)
        assert elsewhere.code == 2
        assert re.search(r"^FAILED +source +the source folder does not exist .*somewhere", elsewhere.out)

    @pytest.mark.parametrize("table", sorted(presentation_models()))
    def test_the_sql_that_is_shown_gives_the_rows_that_are_stored(self, home: Path, table: str) -> None:
        """Whoever doubts a number can run what made it."""
        settings = load_settings(config=Path("/dev/null"), overrides={"workspace": home / "rental-data"})
        application = Application(settings, as_of=END)
        shown = application.query(statement(table, dialect="duckdb", application=application))
        stored = application.query(f"select {', '.join(shown.columns)} from presentation.{table}")
        assert sorted(map(repr, shown.rows)) == sorted(map(repr, stored.rows))

    @pytest.mark.parametrize("dialect", ["duckdb", "spark"])
    def test_sql_shows_every_table_in_every_engine_s_words(self, home: Path, dialect: str) -> None:
        """And names the nearest table for a typo."""
        for table in ("revenue_monthly", "presentation.occupancy_rate_monthly", *curated_models()):
            done = rental_etl("sql", table, "--dialect", dialect, cwd=home)
            assert done.code == 0, done.err
            assert "select" in done.out.lower()
            assert "$" not in done.out
        wrong = rental_etl("sql", "revenue_montly", cwd=home)
        assert wrong.code == 2
        assert "do:       did you mean revenue_monthly?\n" in wrong.err


class TestQuarantine:
    """`quarantine`, `batch`, `repair`."""

    def test_every_row_that_was_not_taken_is_listed_with_its_line(self, home: Path) -> None:
        """As many as the accounting says, each as it stands in its file."""
        rows = rental_etl("quarantine", "--json", cwd=home).document
        accounting = rental_etl("status", "--json", cwd=home).document["accounting"]
        assert len(rows) == sum(entry["unreadable"] + entry["refused"] for entry in accounting) > 0
        assert list(rows[0]) == ["table", "batch_id", "file", "line", "kind", "rule", "column", "text"]
        assert {row["kind"] for row in rows} == {"unreadable", "refused"}
        files = {row["file"]: (home / "data" / row["file"]).read_text(encoding="utf-8").split("\n") for row in rows}
        whole = [row for row in rows if "\n" not in row["text"]]
        assert [row["text"] for row in whole] == [files[row["file"]][row["line"] - 1] for row in whole]

    def test_one_table_can_be_asked_for(self, home: Path) -> None:
        """As a table, as CSV, and not by a name that is none."""
        rows = rental_etl("quarantine", "bookings", "--format", "csv", cwd=home).rows
        assert {row["table"] for row in rows} == {"bookings"}
        text = rental_etl("quarantine", "bookings", cwd=home)
        place = next(
            number
            for number, row in enumerate(rows)
            if row["column"] and "," not in row["rule"] and "\n" not in row["text"]
        )
        shown = text.out.splitlines()[2 * place : 2 * place + 2]
        assert shown[0] == "{file}:{line}: {rule} ({column}), {kind}, batch {batch_id}".format(**rows[place])
        assert shown[1] == f"    {rows[place]['text']}"
        assert text.err == f"{len(rows):,} rows in quarantine\n"
        wrong = rental_etl("quarantine", "booking", cwd=home)
        assert (wrong.code, wrong.out) == (2, "")
        assert "did you mean bookings?" in wrong.err

    def test_replay_takes_rows_once_the_setting_is_right(self, own: Path) -> None:
        """The batch keeps its place, and the metrics follow."""
        apartments = read(marketplace(own / "clean") / "apartments.csv")
        words = {"true": "ja", "false": "false"}
        rewrite(own / "clean" / "apartments.csv", [row | {"is_active": words[row["is_active"]]} for row in apartments])
        assert rental_etl("run", "--source", "clean", "--as-of", END, cwd=own).code == 0
        before = rental_etl("quarantine", "apartments", "--json", cwd=own).document
        assert {row["column"] for row in before} == {"is_active"}
        (own / "rental-etl.toml").write_text(
            '[source]\nurl = "clean"\n[tables.apartments]\ntrue_words = ["ja"]\n', encoding="utf-8"
        )
        replayed = rental_etl("quarantine", "apartments", "--replay", "--json", cwd=own)
        assert replayed.code == 0, replayed.err
        assert replayed.document["run"]["command"] == "quarantine --replay"
        assert rental_etl("quarantine", "--json", cwd=own).document == []
        assert [entry["batch_id"] for entry in rental_etl("batch", "list", "--json", cwd=own).document] == [1, 2, 3, 4]

    def test_a_batch_that_would_delete_too_much_waits_for_a_word(self, own: Path) -> None:
        """Refused with exit 1 and how to decide; accepted, the next run merges it."""
        rental_etl("run", "--as-of", END, cwd=own)
        bookings = read(own / "data" / "bookings.csv")
        rewrite(own / "data" / "bookings.csv", bookings[:50])
        refused = rental_etl("run", "--as-of", END, cwd=own)
        assert refused.code == 1
        assert refused.labels == ["error", "where", "expected", "do"]
        assert "rental-etl batch accept 5" in refused.err
        assert rental_etl("run", "--as-of", END, cwd=own).code == 1
        listed = rental_etl("batch", "list", "--json", cwd=own).document
        assert [(entry["batch_id"], entry["state"]) for entry in listed] == [
            (1, "merged"),
            (2, "merged"),
            (3, "merged"),
            (4, "merged"),
            (5, "refused"),
        ]
        assert "max_deleted_ratio" in listed[-1]["reason"]
        assert "rental-etl batch accept BATCH" in rental_etl("status", cwd=own).out
        accepted = rental_etl("batch", "accept", 5, cwd=own)
        assert (accepted.code, accepted.out) == (0, "")
        assert rental_etl("run", "--as-of", END, cwd=own).code == 0
        counted = rental_etl("query", "select count(*) as n from curated.bookings", "--format", "csv", cwd=own).rows
        assert 0 < int(counted[0]["n"]) <= 50

    def test_a_rejected_batch_is_left_out(self, own: Path) -> None:
        """And the run after it goes on without it."""
        rental_etl("run", "--as-of", END, cwd=own)
        before = rental_etl("query", "select count(*) as n from curated.bookings", "--format", "csv", cwd=own).rows
        rewrite(own / "data" / "bookings.csv", read(own / "data" / "bookings.csv")[:50])
        rental_etl("run", "--as-of", END, cwd=own)
        assert rental_etl("batch", "reject", 5, cwd=own).code == 0
        assert rental_etl("run", "--as-of", END, cwd=own).code == 0
        assert (
            rental_etl("query", "select count(*) as n from curated.bookings", "--format", "csv", cwd=own).rows == before
        )
        unknown = rental_etl("batch", "accept", 99, cwd=own)
        assert (unknown.code, unknown.labels) == (2, ["error", "expected", "do"])

    def test_a_moved_workspace_says_what_to_do_and_is_repaired(self, own: Path) -> None:
        """To the same tables."""
        rental_etl("run", "--as-of", END, cwd=own)
        rental_etl("export", "before", cwd=own)
        (own / "rental-data").rename(own / "moved")
        run = rental_etl("run", "--as-of", END, "--workspace", "moved", cwd=own)
        assert run.code == 2
        assert "rental-etl repair" in run.err
        repaired = rental_etl("repair", "--workspace", "moved", cwd=own)
        assert repaired.code == 0, repaired.err
        rental_etl("run", "--as-of", END, "--workspace", "moved", cwd=own)
        rental_etl("export", "after", "--workspace", "moved", cwd=own)
        assert tables(own / "after") == tables(own / "before")


class TestStart:
    """`demo`, `generate`."""

    def test_the_demo_runs_and_runs_again(self, tmp_path: Path) -> None:
        """With rows to look at and what to try next; a configuration file lying around does not disturb it."""
        (tmp_path / "rental-etl.toml").write_text(
            '[tables.bookings]\ncolumns = { booking_id = "res_no" }\n', encoding="utf-8"
        )
        first = rental_etl("demo", cwd=tmp_path)
        assert first.code == 0, first.err
        assert "revenue by month" in first.out
        assert "rental-etl query --workspace rental-demo" in first.err
        again = rental_etl("demo", cwd=tmp_path)
        assert again.code == 0
        assert "nothing new since publish 1" in again.err
        assert again.out == first.out

    def test_generate_never_overwrites_what_it_did_not_make(self, own: Path) -> None:
        """Somebody's bookings.csv is worth more than a synthetic one; its own are made again."""
        before = (own / "data" / "bookings.csv").read_bytes()
        refused = rental_etl("generate", "data", "--apartments", 5, cwd=own)
        assert (refused.code, refused.labels) == (2, ["error", "where", "expected", "do"])
        assert (own / "data" / "bookings.csv").read_bytes() == before
        for seed in (1, 2):
            assert (
                rental_etl("generate", "new", "--apartments", 20, "--bookings", 30, "--seed", seed, cwd=own).code == 0
            )
        assert len(read(own / "new" / "bookings.csv")) == 30
        assert "--seed 2" in (own / "new" / "generated.txt").read_text(encoding="utf-8")


def tables(folder: Path) -> dict[str, list[str]]:
    """Exported tables, their rows in order."""
    return {path.name: sorted(path.read_text(encoding="utf-8").splitlines()) for path in folder.iterdir()}
