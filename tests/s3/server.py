"""An emulator of S3 and its kin in a process of its own, one per test process; it ends with it. Nobody's identity but the tests'."""

import atexit
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import Any
from unittest.mock import patch

from rental_etl.storage import store

REGION = "us-east-1"
KEY_ID, SECRET = "AKIAFORTESTSALONE", "this-secret/is+never-shown"


@cache
def endpoint() -> str:
    """The emulator's URL; it is started at the first call."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    atexit.register(process.kill)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return f"http://127.0.0.1:{port}"
        time.sleep(0.05)
    raise TimeoutError("moto_server did not start")


def environment(url: str | None = None) -> dict[str, str]:
    """What makes a process the tests' identity at an endpoint (default: the emulator)."""
    return {
        "AWS_ACCESS_KEY_ID": KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url or endpoint(),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


@contextmanager
def identity(url: str | None = None, **more: str) -> Iterator[None]:
    """Be that identity for as long as the block lasts."""
    with patch.dict(os.environ, {**environment(url), **more}):
        yield


@cache
def client() -> Any:
    """A client of the emulator's S3, for what tests do behind the product's back."""
    import boto3

    with identity():
        made = boto3.client("s3", region_name=REGION)
        # Credentials are looked for at the first request.
        made.list_buckets()
    return made


def forked() -> None:
    """Forget clients in a process that was forked: two processes on one connection take each other's answers."""
    store._shared.cache_clear()
    client.cache_clear()


def create_bucket() -> str:
    """Make an empty bucket; returns its name."""
    name = f"rental-{uuid.uuid4().hex[:12]}"
    client().create_bucket(Bucket=name)
    return name


def keys(bucket: str, prefix: str = "") -> list[str]:
    """Every key of a bucket below a prefix."""
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


def free_port() -> int:
    """A port nobody listens on."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
