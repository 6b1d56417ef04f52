"""Makes `dist/rental_etl.gluewheels.zip`: rental-etl and everything it needs as wheels, which a Glue job installs without the internet.

Reads uv.lock, so that a job runs what was tested; downloads wheels from the package index; writes the zip as Glue wants it: `wheels/*.whl` and
`wheels/requirements.txt` (docs.aws.amazon.com/glue, "Creating a zip of wheels"). A rerun writes the same wheels again.

  python -m deploy.bundle            for Glue 6.0: Python 3.13, manylinux
  python -m deploy.bundle --twin     the same versions for this Python, to try the bundle here
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
GLUE_PYTHON = "3.13"
# Glue 6.0 is Amazon Linux 2023, whose glibc is 2.34.
GLUE_PLATFORM = "x86_64-manylinux_2_34"
_PIP_PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in range(17, 35)))
EXTRAS = ("mysql", "redshift", "s3", "aws")
# Glue has its own Spark.
_PROVIDED = ("pyspark", "py4j")
_STAMP = (1980, 1, 1, 0, 0, 0)


def build(target: Path, *, twin: bool = False) -> Path:
    """Write the zip. Raises RuntimeError with the tool's words when a wheel cannot be had."""
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder, "wheels")
        wheels.mkdir()
        pins = _pins(Path(folder), twin=twin)
        _run([_uv(), "build", "--quiet", "--wheel", "--out-dir", str(wheels)])
        _download(pins, wheels, twin=twin)
        (own,) = wheels.glob("rental_etl-*.whl")
        names = pins.read_text(encoding="utf-8").splitlines()
        lines = [*(line for line in names if line[:1].isalnum()), f"rental-etl=={own.name.split('-')[1]}"]
        (wheels / "requirements.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        _zip(wheels, target)
    return target


def _pins(folder: Path, *, twin: bool) -> Path:
    """The versions of the lock that the platform needs, as `name==version` lines: an export has them for all platforms, with conditions."""
    everything, pins = folder / "locked.txt", folder / "pins.txt"
    extras = [word for extra in EXTRAS for word in ("--extra", extra)]
    export = [_uv(), "export", "--frozen", "--quiet", "--no-dev", "--no-emit-project", "--no-hashes", *extras]
    for name in _PROVIDED:
        export += ["--no-emit-package", name]
    _run([*export, "--output-file", str(everything)])
    platform = [] if twin else ["--python-version", GLUE_PYTHON, "--python-platform", GLUE_PLATFORM]
    python = ["--python", sys.executable] if twin else []
    compiled = [_uv(), "pip", "compile", "--quiet", "--no-deps", "--no-annotate", "--no-header", *platform, *python]
    _run([*compiled, str(everything), "--output-file", str(pins)])
    return pins


def _download(pins: Path, wheels: Path, *, twin: bool) -> None:
    pip = [_uv(), "run", "--no-project", "--quiet", "--python", sys.executable, "--with", "pip", "python", "-m", "pip"]
    command = [*pip, "download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(wheels)]
    if not twin:
        digits = GLUE_PYTHON.replace(".", "")
        command += ["--python-version", GLUE_PYTHON, "--implementation", "cp", "--abi", f"cp{digits}", "--abi", "abi3"]
        command += ["--abi", "none", *(word for name in _PIP_PLATFORMS for word in ("--platform", name))]
    _run([*command, "--requirement", str(pins)])


def _zip(wheels: Path, target: Path) -> None:
    """The same bytes for the same wheels, so that a deployment sees whether anything changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_suffix(".part")
    # Wheels are compressed already.
    with zipfile.ZipFile(half, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted([*wheels.glob("*.whl"), wheels / "requirements.txt"]):
            archive.writestr(zipfile.ZipInfo(f"wheels/{path.name}", _STAMP), path.read_bytes())
    half.replace(target)


def _uv() -> str:
    """uv, from the path or from the environment that the Makefile makes."""
    return shutil.which("uv") or str(Path(sys.executable).with_name("uv"))


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr[-3000:]}")


def main() -> None:
    """Build what the command line asks for, and say where it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0], allow_abbrev=False)
    parser.add_argument("--twin", action="store_true", help="for this Python instead of Glue's")
    parser.add_argument("--out", type=Path, help="default: dist/rental_etl.gluewheels.zip, or dist/twin.gluewheels.zip")
    given = parser.parse_args()
    name = "twin.gluewheels.zip" if given.twin else "rental_etl.gluewheels.zip"
    target = build(given.out or ROOT / "dist" / name, twin=given.twin)
    sys.stdout.write(f"{target}: {target.stat().st_size / 1e6:.0f} MB\n")


if __name__ == "__main__":
    main()
