"""The bundle that Glue jobs install, built for this Python and installed without the internet into an environment of its own, once per state of the code."""

import fcntl
import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from deploy.bundle import build

ROOT = Path(__file__).parents[2]
# Of this checkout alone: another one's tests clear theirs.
_TWINS = ROOT / "dist" / "twins"


def python() -> Path:
    """The Python of an environment that has the bundle, and nothing else."""
    folder = _TWINS / _digest()
    _TWINS.mkdir(parents=True, exist_ok=True)
    with (ROOT / "dist" / "twins.lock").open("w") as lock:
        # Tests run beside each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for old in _TWINS.iterdir():
                shutil.rmtree(old)
            install(build(folder / "twin.gluewheels.zip", twin=True), folder)
            (folder / "complete").touch()
    return folder / "environment" / "bin" / "python"


def install(bundle: Path, folder: Path) -> None:
    """What Glue does with `--additional-python-modules` and `--no-index`."""
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(folder)
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    _run([uv, "venv", "--quiet", "--python", sys.executable, "--no-project", str(folder / "environment")])
    where = ["--python", str(folder / "environment" / "bin" / "python")]
    offline = ["--offline", "--no-cache", "--no-index", "--find-links", str(folder / "wheels")]
    _run([uv, "pip", "install", "--quiet", *where, *offline, "--requirement", str(folder / "wheels/requirements.txt")])


def _digest() -> str:
    found = hashlib.sha256(sys.version.encode())
    for path in [ROOT / "uv.lock", ROOT / "deploy/bundle.py", *sorted((ROOT / "src").rglob("*"))]:
        if path.is_file() and path.suffix != ".pyc":
            found.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
