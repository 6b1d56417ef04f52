"""Reads settings.toml: what is common, then what the preset says. An unknown key is an error."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from rental_etl.aws.billing import DPU, MINIMUM_WORKERS
from rental_etl.aws.state_machine import Preset

FILE = Path(__file__).with_name("settings.toml")


@dataclass(frozen=True, slots=True)
class Aurora:
    """`[aurora]`. Capacity in ACU."""

    create: bool
    host: str
    port: int
    database: str
    user: str
    secret_arn: str
    security_group_id: str
    min_capacity: float
    max_capacity: float
    clients: tuple[str, ...]
    client_networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Redshift:
    """`[redshift]`. Capacity in RPU."""

    create: bool
    host: str
    port: int
    database: str
    user: str
    secret_arn: str
    security_group_id: str
    copy_role_arn: str
    base_capacity: int
    max_capacity: int
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be chosen about a deployment."""

    preset: Preset
    name: str
    region: str
    availability_zones: tuple[str, ...]
    bucket: str
    catalog_database: str
    notify: tuple[str, ...]
    schedule: str
    time_zone: str
    late_hours: int
    quarantine_ratio: float
    daily_dpu_hours: float
    monthly_budget_usd: float
    log_retention_days: int
    glue_version: str
    worker_type: str
    workers: int
    max_workers: int
    flex: bool
    job_timeout_minutes: int
    engine: str
    engine_memory: str
    aurora: Aurora
    redshift: Redshift
    variables: Mapping[str, str] = field(default_factory=dict)


def load(preset: str, file: Path = FILE) -> Settings:
    """The settings of a preset. Raises ValueError naming a section or key that there is not, or that is missing."""
    written = tomllib.loads(file.read_text(encoding="utf-8"))
    if preset not in written or preset == "common":
        raise ValueError(f"{file.name} has no preset {preset}; it has {', '.join(set(written) - {'common'})}")
    common, own = written["common"], written[preset]
    merged = {**common, **own}
    for part in ("aurora", "redshift"):
        merged[part] = {**common[part], **own.get(part, {})}
    merged["aurora"] = _made(Aurora, merged["aurora"], "aurora")
    merged["redshift"] = _made(Redshift, merged["redshift"], "redshift")
    settings: Settings = _made(Settings, merged, preset)
    _check(settings)
    return settings


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    known = {each.name for each in fields(kind)}
    for key in values:
        if key not in known:
            raise ValueError(f"unknown key {key} in [{where}] of {FILE.name}")
    missing = known - set(values) - {"variables"}
    if missing:
        raise ValueError(f"{', '.join(sorted(missing))} missing in [{where}] of {FILE.name}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})


def _check(settings: Settings) -> None:
    if not settings.aurora.create and not (settings.aurora.host and settings.aurora.security_group_id):
        raise ValueError("aurora.create = false needs aurora.host and aurora.security_group_id")
    if not settings.redshift.create:
        needed = ("host", "secret_arn", "security_group_id", "copy_role_arn")
        missing = [key for key in needed if not getattr(settings.redshift, key)]
        if missing:
            raise ValueError(f"redshift.create = false needs {', '.join(f'redshift.{key}' for key in missing)}")
    if settings.worker_type not in DPU:
        raise ValueError(f"worker_type is {settings.worker_type}; Glue jobs of this kind have one of {', '.join(DPU)}")
    if not MINIMUM_WORKERS <= settings.workers <= settings.max_workers:
        raise ValueError(f"workers is {settings.workers}: at least {MINIMUM_WORKERS}, at most max_workers")
    for name in settings.variables:
        if name.endswith("PASSWORD"):
            raise ValueError(f"{name} would be written into the template; use a secret's ARN")
