"""Command-line tools that npm alone has, each in a folder of its own in the user's cache, run by the Node of the `deploy` group."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rental-etl-tests"
_NODE = Path(sys.executable).parent


def environment() -> Mapping[str, str]:
    """This process's, with Node on the path."""
    return os.environ | {"PATH": f"{_NODE}:{os.environ.get('PATH', '')}"}


def tool(name: str, version: str) -> Path:
    """The program of an npm package, installed where it is missing. Raises RuntimeError when it cannot be."""
    folder = _CACHE / f"{name}-{version}"
    program = folder / "node_modules" / ".bin" / name
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"{name}-{version}.lock").open("w") as lock:
        # Tests run beside each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not program.exists():
            command = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"{name}@{version}"]
            done = subprocess.run(
                command, env=environment(), capture_output=True, text=True, check=False, timeout=240, shell=False
            )
            if done.returncode:
                raise RuntimeError(f"npm could not install {name} {version}: {done.stderr[-1000:]}")
    return program
