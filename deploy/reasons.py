"""Findings of cdk-nag that stand, each with its reason. A finding that is not here fails the synthesis."""

from aws_cdk import Acknowledgment, CfnElement, Stack, Validations
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from deploy.parts.roles import WRITTEN
from deploy.settings import Settings

_OBJECTS = "objects of the lake's own bucket, below the prefixes that the role needs"
_LOGS = "streams of the jobs' own log groups, which Glue names"
_TABLES = "tables of the lake's own database, which the pipeline makes"
_INTERFACES = (
    "network interfaces have no name beforehand; they are made in the jobs' subnet and group, and deleted in their VPC"
)
_NO_RESOURCE = {
    "JobRole": "ec2:Describe* know no resources",
    "Orchestration": "delivery of logs (logs:*LogDelivery*) and traces (xray:Put*) know no resources; the state machine's construct grants them",
}
_ALWAYS = {
    "S1": (
        "Storage",
        "who reads which object is for CloudTrail's data events, which an account keeps in one place; every write of the product is in its ledger",
    ),
    "RDS11": ("Source", "3306 is what the original design says and clients expect; it is open to named groups only"),
    "RDS14": ("Source", "Serverless v2 knows no backtrack; point-in-time recovery reaches back 14 days"),
    "GL1": (
        "Jobs",
        "the log groups are made here and encrypted with the stack's key; a security configuration would rename them",
    ),
    "GL3": ("Jobs", "bookmarks are off: what was read is known from the lake's manifests"),
}


def acknowledge(stack: Stack, settings: Settings) -> None:
    """Attach the reasons to the components they are about."""
    for rule, (part, reason) in _ALWAYS.items():
        _note(stack, part, rule, reason)
    for part, resources in _wildcards(stack, settings).items():
        for resource, reason in resources.items():
            _note(stack, part, f"IAM5[Resource::{resource}]", reason)


def _note(stack: Stack, part: str, rule: str, reason: str) -> None:
    construct: IConstruct | None = stack.node.try_find_child(part)
    if construct:
        Validations.of(construct).acknowledge(Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason))


def _wildcards(stack: Stack, settings: Settings) -> dict[str, dict[str, str]]:
    """By component the resources with a star in them, as cdk-nag writes them."""
    bucket, here = f"<{_bucket(stack)}.Arn>", f"{settings.region}:<AWS::AccountId>"
    tables = f"arn:<AWS::Partition>:glue:{here}:table/{settings.catalog_database}/*"
    logs = f"arn:<AWS::Partition>:logs:{here}:log-group:/{settings.name}/glue"
    written = {f"{bucket}/{keys}": _OBJECTS for keys in WRITTEN if keys.endswith("*")}
    return {
        "JobRole": {
            **written,
            f"{bucket}/*": _OBJECTS,
            tables: _TABLES,
            **{f"{logs}/{kind}:log-stream:*": _LOGS for kind in ("output", "error")},
            f"arn:<AWS::Partition>:ec2:{here}:network-interface/*": _INTERFACES,
            f"arn:<AWS::Partition>:rds-db:{here}:dbuser:*/{settings.aurora.user}": "a cluster of one's own that is named by its host alone",
            "*": _NO_RESOURCE["JobRole"],
        },
        "Warehouse": {
            tables: _TABLES,
            **{f"{bucket}/{folder}/*": _OBJECTS for folder in ("raw", "curated", "temp")},
        },
        "Orchestration": {f"{bucket}/runs/*": _OBJECTS, "*": _NO_RESOURCE["Orchestration"]},
    }


def _bucket(stack: Stack) -> str:
    bucket = stack.node.find_child("Storage").node.find_child("Bucket")
    assert isinstance(bucket, s3.Bucket)
    element = bucket.node.default_child
    assert isinstance(element, CfnElement)
    return stack.get_logical_id(element)
