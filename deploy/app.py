"""The CDK app: `python -m deploy.app` writes the templates of one preset. Which one says PRESET (small or standard) in the environment."""

import hashlib
import os
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from deploy.reasons import acknowledge
from deploy.settings import Settings, load
from deploy.stack import RentalEtl

ROOT = Path(__file__).parents[1]
BUNDLE = ROOT / "dist" / "rental_etl.gluewheels.zip"


def code_prefix(bundle: Path = BUNDLE) -> str:
    """Where in the bucket the jobs' code lies: another bundle, another place, so that a running job keeps its own."""
    if not bundle.exists():
        return "glue/not-built"
    with bundle.open("rb") as file:
        return f"glue/{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"


def app(settings: Settings, *, code: str, outdir: str | None = None) -> App:
    """The app of a deployment, checked by cdk-nag."""
    built = App(outdir=outdir)
    acknowledge(RentalEtl(built, settings, code=code), settings)
    Validations.of(built).add_plugins(AwsSolutionsChecks(built))
    return built


if __name__ == "__main__":
    app(load(os.environ.get("PRESET", "small")), code=code_prefix()).synth()
