"""What jobs asked of AWS, and whether their role would have let them: the emulator grants everything, and writes down what it was asked."""

import fnmatch
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

# The emulator tells jobs from everybody else by it. Access keys have twenty characters.
JOBS_KEY = "JOBSOFTHEPIPELINE000"
ASKED = "asked.jsonl"
# What moto names by the request rather than by the right that AWS asks for.
_BY_AWS = {"s3:HeadBucket": "s3:ListBucket"}


@dataclass(frozen=True, slots=True, order=True)
class Asked:
    """One right on one resource."""

    action: str
    resource: str


def asked(folder: Path) -> set[Asked]:
    """What jobs asked for since the emulator was started."""
    lines = (folder / ASKED).read_text(encoding="utf-8").splitlines()
    found = (json.loads(line) for line in lines)
    return {Asked(_BY_AWS.get(each["action"], each["action"]), each["resource"]) for each in found}


def record_requests(folder: Path) -> None:
    """In the emulator's process: write down what jobs ask for, each once."""
    from moto.core.authorization import ActionAuthenticatorMixin

    known: set[tuple[str, str]] = set()

    def note(self: Any, iam_request_cls: type, resource: str = "*") -> None:
        del iam_request_cls
        signed = str(self.headers.get("Authorization", ""))
        if JOBS_KEY not in signed:
            return
        service = signed.partition("Credential=")[2].split("/")[3]
        name = self._get_action()
        action = f"{service}:{name[0] if isinstance(name, list) else name}"
        for place in _resources(action, self, resource):
            if (action, place) not in known:
                known.add((action, place))
                with (folder / ASKED).open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"action": action, "resource": place}) + "\n")

    mixin: Any = ActionAuthenticatorMixin
    mixin._authenticate_and_authorize_action = note


def _resources(action: str, request: Any, resource: str) -> list[str]:
    """S3's resources moto knows, but names the bucket where one request removes many objects; AWS asks for the right to each.

    Those of the catalog are in the request: the table where one is named, else the database.
    """
    if action == "s3:DeleteObject" and "/" not in resource:
        named = ElementTree.fromstring(request.body).iterfind(".//{*}Object/{*}Key")
        return [f"{resource}/{key.text}" for key in named]
    if not action.startswith("glue:"):
        return [resource]
    given = json.loads(request.body)
    table = given.get("TableInput", given).get("Name", "") if "DatabaseName" in given else ""
    database = given.get("DatabaseName") or given.get("Name", "")
    return [f"table/{database}/{table}" if table else f"database/{database}"]


def refused(wanted: Iterable[Asked], *, template: str, role: str, bucket: str) -> list[Asked]:
    """Those that no statement of a role's policy allows."""
    # Late: the emulator's process knows nothing of the CDK.
    from aws_stack import synthesized

    allowed = [
        (listed(statement["Action"]), [_plain(place, bucket) for place in listed(statement["Resource"])])
        for key, statement in synthesized.statements(template)
        if key.startswith(role)
    ]
    return sorted(each for each in wanted if not any(_allows(each, *statement) for statement in allowed))


def listed(value: Any) -> list[Any]:
    """A value that may be a list."""
    return value if isinstance(value, list) else [value]


def _allows(each: Asked, actions: list[str], places: list[str]) -> bool:
    # Of an ARN of the catalog what comes after region and account.
    names = [place if each.action.startswith("s3:") else place.split(":", 5)[-1] for place in places]
    return each.action in actions and any(fnmatch.fnmatchcase(each.resource, name) for name in names)


def _plain(value: Any, bucket: str) -> str:
    """A resource as CloudFormation would fill it in; the only resource of the template that is asked for an ARN here is the bucket."""
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        between, parts = value["Fn::Join"]
        return str(between).join(_plain(part, bucket) for part in parts)
    known: Mapping[str, str] = {"AWS::Partition": "aws", "AWS::AccountId": "123456789012", "AWS::Region": "eu-west-1"}
    if "Fn::GetAtt" in value:
        name, attribute = value["Fn::GetAtt"]
        return f"arn:aws:s3:::{bucket}" if attribute == "Arn" and "Bucket" in name else f"{name}.{attribute}"
    return known.get(value["Ref"], str(value["Ref"]))


def services(wanted: Iterable[Asked]) -> Iterator[str]:
    """The services that were asked."""
    yield from sorted({each.action.partition(":")[0] for each in wanted})
