"""Puts what Glue jobs run into the bucket: script, bundle and the certificates of RDS. `python -m deploy.code` before and after `cdk deploy`.

Before, so that an upgraded job finds its new code at once; after, because a first deployment has no bucket before. What lies there already is left alone.
"""

import os
import ssl
import sys
import urllib.request
from pathlib import Path
from typing import Any

from deploy.app import BUNDLE, ROOT, code_prefix
from deploy.settings import Settings, load

# AWS publishes it here; docs.aws.amazon.com/AmazonRDS, "Using SSL/TLS to encrypt a connection".
_AUTHORITIES = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"
SCRIPT = b'"""A job of rental-etl; which one says its argument --job."""\n\nfrom rental_etl.glue_entry import main\n\nmain()\n'


def bucket_name(settings: Settings, account: str) -> str:
    """As the stack names it."""
    return settings.bucket or f"rental-etl-pipeline-data-{account}-{settings.region}"


def upload(s3: Any, bucket: str, *, bundle: Path, authorities: Path) -> list[str]:
    """Upload what is missing; returns the keys. A bucket that does not exist yet gets nothing."""
    prefix = code_prefix(bundle)
    wanted = {
        f"{prefix}/job.py": SCRIPT,
        f"{prefix}/rental_etl.gluewheels.zip": bundle,
        "glue/global-bundle.pem": authorities,
    }
    try:
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="glue/")
        there = {entry["Key"] for page in pages for entry in page.get("Contents", ())}
    except s3.exceptions.NoSuchBucket:
        return []
    missing = {key: what for key, what in wanted.items() if key not in there}
    for key, what in missing.items():
        if isinstance(what, Path):
            s3.upload_file(str(what), bucket, key)
        else:
            s3.put_object(Bucket=bucket, Key=key, Body=what)
    return sorted(missing)


def fetch_authorities(target: Path) -> Path:
    """Download the certificates by which Aurora proves who it is, once. Raises RuntimeError for an answer that is none, such as a proxy's page."""
    if not target.exists():
        with urllib.request.urlopen(_AUTHORITIES, timeout=60) as answer:
            found = answer.read()
        try:
            ssl.create_default_context(cadata=found.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise RuntimeError(f"{_AUTHORITIES} answered with something else than certificates") from error
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_suffix(".part")
        half.write_bytes(found)
        half.replace(target)
    return target


def main() -> None:
    """Upload to the bucket of the preset that PRESET names."""
    import boto3

    settings = load(os.environ.get("PRESET", "small"))
    session = boto3.session.Session(region_name=settings.region)
    bucket = bucket_name(settings, session.client("sts").get_caller_identity()["Account"])
    authorities = fetch_authorities(ROOT / "dist" / "global-bundle.pem")
    keys = upload(session.client("s3"), bucket, bundle=BUNDLE, authorities=authorities)
    sys.stdout.write(f"s3://{bucket}: {', '.join(keys) or 'nothing to upload'}\n")


if __name__ == "__main__":
    main()
