"""What Glue jobs install: complete, for Glue's Python, and enough to run a job without the internet."""

import json
import os
import subprocess
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from deploy.bundle import build

import shell
from rehearsal import bundle

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def for_glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle as it is deployed."""
    return build(tmp_path_factory.mktemp("dist") / "rental_etl.gluewheels.zip")


def wheels(path: Path) -> dict[str, tuple[str, str]]:
    """Version and tags by package."""
    with zipfile.ZipFile(path) as archive:
        names = [Path(name).stem for name in archive.namelist() if name.endswith(".whl")]
    parts = [name.split("-") for name in names]
    return {part[0].lower().replace("_", "-").replace(".", "-"): (part[1], "-".join(part[-3:])) for part in parts}


def test_every_wheel_is_for_the_python_and_system_of_glue(for_glue: Path) -> None:
    """A wheel of another Python would end every job before its first line."""
    for package, (_, tags) in wheels(for_glue).items():
        assert "cp313" in tags or "abi3" in tags or tags.startswith(("py3-none", "py2.py3-none")), package
        assert "manylinux" in tags or tags.endswith("-any"), package


def test_versions_are_those_that_were_tested(for_glue: Path) -> None:
    """The lock's, here and there; Spark is Glue's own."""
    locked = {
        package["name"]: package["version"]
        for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    }
    found = wheels(for_glue)
    assert {name: version for name, (version, _) in found.items()} == {name: locked[name] for name in found}
    assert {"duckdb", "pyiceberg", "mysql-connector-python", "redshift-connector", "rental-etl"} <= set(found)
    assert not {"pyspark", "pytest", "aws-cdk-lib"} & set(found)


def test_requirements_name_every_wheel(for_glue: Path) -> None:
    """Glue installs what they name, and looks for nothing elsewhere."""
    with zipfile.ZipFile(for_glue) as archive:
        lines = archive.read("wheels/requirements.txt").decode().splitlines()
    assert sorted(lines) == sorted(f"{name}=={version}" for name, (version, _) in wheels(for_glue).items())


def job(
    folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a Glue job of the installed bundle, in an environment that knows nothing else."""
    return subprocess.run(
        [bundle.python(), "-m", "rental_etl.glue_entry", *arguments],
        cwd=folder,
        env={"PATH": os.defpath, "HOME": str(folder), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


def test_a_job_runs_from_the_bundle_alone(tmp_path: Path) -> None:
    """Installed into an empty environment with --no-index; it publishes what `rental-etl run` publishes."""
    shell.marketplace(tmp_path / "data")
    places = ["--RENTAL_ETL_SOURCE__URL", "data", "--RENTAL_ETL_WORKSPACE", "glue"]
    of_glue = ["--JOB_NAME", "run_pipeline", "--TempDir", "s3://bucket/temp/", "--enable-metrics", "true"]
    done = job(tmp_path, *of_glue, "--run_id", "nightly-1", "--as_of", str(shell.END), *places)
    assert done.returncode == 0, done.stderr
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["run_id"], last["event"], last["state"]) == ("nightly-1", "run done", "published")
    local = shell.rental_etl("run", "--source", "data", "--workspace", "local", "--as-of", shell.END, cwd=tmp_path)
    assert local.code == 0
    for workspace in ("glue", "local"):
        assert shell.rental_etl("export", "--workspace", workspace, f"{workspace}-tables", cwd=tmp_path).code == 0
    tables = sorted(path.name for path in (tmp_path / "local-tables").iterdir())
    assert len(tables) == 12
    for table in tables:
        assert (tmp_path / "glue-tables" / table).read_bytes() == (tmp_path / "local-tables" / table).read_bytes()


def test_a_failed_job_says_why_and_is_marked(tmp_path: Path) -> None:
    """One screen in the log, without a traceback; the last line is what Step Functions judges it by."""
    done = job(tmp_path, "--JOB_NAME", "extract_from_aurora", "--RENTAL_ETL_SOURCE__URL", "nowhere")
    assert done.returncode == 1
    assert [line.partition(":")[0] for line in done.stderr.splitlines()[:4]] == ["error", "where", "expected", "do"]
    assert done.stderr.splitlines()[-1].startswith("[rental-etl unusable] the source folder does not exist")
    assert "Traceback" not in done.stderr
