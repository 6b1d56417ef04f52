"""The commands about AWS: the state machine, and what runs cost."""

import sys
from enum import StrEnum
from typing import Annotated

import typer


class Preset(StrEnum):
    """The two ways to lay the pipeline out."""

    small = "small"
    standard = "standard"


def state_machine(
    preset: Annotated[
        Preset, typer.Option("--preset", help="small: one Glue job for everything; standard: one per job.")
    ] = Preset.standard,
) -> None:
    """Print the Step Functions definition.

    It is what `make deploy` deploys, as Amazon States Language; CloudFormation fills in ${FailureTopicArn} and ${Bucket}.

    \b
    Example:
      rental-etl state-machine --preset small
    """
    import json

    from rental_etl.aws.state_machine import definition

    json.dump(definition(preset.value), sys.stdout, indent=2)
    sys.stdout.write("\n")
