"""Templates of the presets, synthesized once per state of the code. `PYTHONPATH=.:tests python -m aws_stack.synthesized` writes the snapshots."""

import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy.app import app
from deploy.settings import Settings, load

ROOT = Path(__file__).parents[2]
SNAPSHOTS = Path(__file__).with_name("snapshots")
CODE = "glue/0123456789abcdef"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rental-etl-tests"
_SOURCES = ("deploy", "src/rental_etl/aws", "src/rental_etl/pipeline.py", "uv.lock", "tests/aws_stack/synthesized.py")


def own_databases() -> Settings:
    """A deployment to databases that are there already."""
    settings = load("small")
    aurora = dataclasses.replace(
        settings.aurora,
        create=False,
        host="db.example.com",
        security_group_id="sg-0a0a0a0a0a0a0a0a0",
        secret_arn=_secret("source"),
    )
    redshift = dataclasses.replace(
        settings.redshift,
        create=False,
        host="dw.example.com",
        security_group_id="sg-0b0b0b0b0b0b0b0b0",
        secret_arn=_secret("warehouse"),
        copy_role_arn="arn:aws:iam::123456789012:role/redshift-copy",
        user="etl",
    )
    return dataclasses.replace(settings, aurora=aurora, redshift=redshift, notify=("oncall@example.com",))


def _secret(name: str) -> str:
    return f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-AbCdEf"


def settings_of(name: str) -> Settings:
    """By the name of a preset, or `own_databases`."""
    return own_databases() if name == "own_databases" else load(name)


def path(name: str) -> Path:
    """The template's file, synthesized where the code has changed since. Raises RuntimeError with the findings of a synthesis that is refused."""
    folder = _CACHE / "templates" / _digest() / name
    (_CACHE / "templates").mkdir(parents=True, exist_ok=True)
    with (_CACHE / f"templates-{name}.lock").open("w") as lock:
        # Tests run beside each other.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "rental-etl.template.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
            half = folder.with_name(f"{name}.part")
            app(settings_of(name), code=CODE, outdir=str(half)).synth()
            half.replace(folder)
    return folder / "rental-etl.template.json"


def template(name: str) -> dict[str, Any]:
    """A template."""
    found: dict[str, Any] = json.loads(path(name).read_text(encoding="utf-8"))
    return found


def resources(name: str, kind: str = "") -> dict[str, dict[str, Any]]:
    """Properties by logical id, of all resources or those of one type."""
    found = template(name)["Resources"].items()
    return {key: value.get("Properties", {}) for key, value in found if kind in ("", value["Type"])}


def statements(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every IAM statement of a role's policy, with the resource it is in."""
    for kind in ("AWS::IAM::Policy", "AWS::IAM::Role", "AWS::IAM::ManagedPolicy"):
        for key, properties in resources(name, kind).items():
            inline = [entry["PolicyDocument"] for entry in properties.get("Policies", ())]
            documents = [*inline, *([properties["PolicyDocument"]] if "PolicyDocument" in properties else [])]
            for document in documents:
                yield from ((key, statement) for statement in document["Statement"])


def _digest() -> str:
    found = hashlib.sha256()
    for source in _SOURCES:
        place = ROOT / source
        files = sorted(place.rglob("*")) if place.is_dir() else [place]
        for file in (each for each in files if each.suffix in (".py", ".toml", ".lock")):
            found.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return found.hexdigest()[:16]


if __name__ == "__main__":
    SNAPSHOTS.mkdir(exist_ok=True)
    for preset in ("small", "standard"):
        text = json.dumps(template(preset), indent=1, sort_keys=True)
        (SNAPSHOTS / f"{preset}.json").write_text(text + "\n", encoding="utf-8")
