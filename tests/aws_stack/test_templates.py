"""The templates: nothing open, nothing in clear, no right too many, and what was agreed about cost and failure."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deploy.app import app

from aws_stack.synthesized import CODE, SNAPSHOTS, path, resources, settings_of, statements, template
from rental_etl.aws.outcomes import BROKEN, REFUSED, UNUSABLE
from rental_etl.aws.state_machine import Patience, definition
from rental_etl.pipeline import JOBS

PRESETS = ("small", "standard")
EVERY = (*PRESETS, "own_databases")
# What the runbook has beside alarms, rule and budget.
ALWAYS_EXPLAINED = ("Run failed", "Recovering")
# Actions that AWS defines without resources.
NO_RESOURCE = {
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcEndpoints",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def listed(value: Any) -> list[Any]:
    """A value that may be a list."""
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """A value with functions of CloudFormation in it, for looking into."""
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("name", EVERY)
def test_it_is_synthesized_without_a_finding_of_cdk_nag(name: str) -> None:
    """The synthesis fails on a finding that has no reason in deploy/reasons.py; the report says that it was looked."""
    report = json.loads(path(name).with_name("validation-report.json").read_text(encoding="utf-8"))
    assert "AwsSolutions" in text(report)
    assert template(name)["Resources"]


def test_cdk_nag_does_look() -> None:
    """A bucket without anything is refused."""
    from aws_cdk import App, Stack, Validations
    from aws_cdk import aws_s3 as s3
    from cdk_nag import AwsSolutionsChecks

    app = App()
    s3.Bucket(Stack(app, "Bare"), "Bucket")
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with pytest.raises(RuntimeError, match="Validation"):
        app.synth()


@pytest.mark.parametrize("name", EVERY)
def test_cfn_lint_is_content(name: str) -> None:
    """W3005 is about dependencies that the CDK itself writes twice, W3010 about zones, which the settings name: three are needed, and which."""
    from cfnlint.api import lint_file
    from cfnlint.config import ManualArgs

    found = lint_file(path(name), config=ManualArgs(ignore_checks=["W3005", "W3010"], regions=["eu-west-1"]))
    assert [str(match) for match in found] == []


@pytest.mark.parametrize("name", EVERY)
def test_every_statement_names_its_actions_and_resources(name: str) -> None:
    """No action with a star; a lone star as resource only where AWS knows no other."""
    found = list(statements(name))
    assert len(found) > 10
    for key, statement in found:
        assert statement["Effect"] == "Allow"
        assert "NotAction" not in statement
        assert "NotResource" not in statement
        actions = listed(statement["Action"])
        assert [action for action in actions if "*" in action] == [], key
        if "*" in listed(statement["Resource"]):
            assert set(actions) <= NO_RESOURCE, key


@pytest.mark.parametrize("name", EVERY)
def test_what_others_may_do_to_a_resource_is_allowed_to_services_under_a_condition(name: str) -> None:
    """Policies of the bucket, the key and the topic: to all the world only refusals, to the account's own administrators the key, to services what they do
    for this account. EventBridge alone passes no condition that could be asked for: it may publish, and use the key for that."""
    found = list(resource_statements(name))
    assert {kind for kind, _ in found} == {"AWS::S3::BucketPolicy", "AWS::KMS::Key", "AWS::SNS::TopicPolicy"}
    for kind, statement in found:
        if statement["Effect"] == "Deny":
            assert "aws:SecureTransport" in text(statement["Condition"]) or "s3:TlsVersion" in text(statement)
            continue
        (kind_of, who), *_ = statement["Principal"].items()
        if kind_of == "AWS":
            # By which IAM decides about the key: without it nobody could ever change it.
            assert kind == "AWS::KMS::Key"
            assert text(who).endswith(':root"]]}')
        elif who == "events.amazonaws.com":
            assert set(listed(statement["Action"])) <= {"sns:Publish", "kms:Decrypt", "kms:GenerateDataKey*"}
        else:
            assert statement["Condition"]
            assert [action for action in listed(statement["Action"]) if "*" in action] == []


def resource_statements(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every statement of a policy that a resource has, with the resource's type."""
    for value in template(name)["Resources"].values():
        for key in ("PolicyDocument", "KeyPolicy", "ResourcePolicy"):
            if value["Type"] not in ("AWS::IAM::Policy", "AWS::IAM::Role") and key in value.get("Properties", {}):
                yield from ((value["Type"], statement) for statement in value["Properties"][key]["Statement"])


@pytest.mark.parametrize("name", EVERY)
def test_no_role_is_given_a_policy_of_aws(name: str) -> None:
    """AWSGlueServiceRole alone may read every bucket named aws-glue-*."""
    for key, role in resources(name, "AWS::IAM::Role").items():
        assert role.get("ManagedPolicyArns", []) == [], key
        for statement in role["AssumeRolePolicyDocument"]["Statement"]:
            assert set(statement["Principal"]) == {"Service"}, key


@pytest.mark.parametrize("name", EVERY)
def test_jobs_cannot_write_their_own_code(name: str) -> None:
    """Nor the record of failures: who takes over a job does not take over the next."""
    for key, statement in statements(name):
        if key.startswith("JobRole") and "s3:PutObject" in listed(statement["Action"]):
            places = [text(place) for place in listed(statement["Resource"])]
            assert [place for place in places if re.search(r"glue/|runs/|\"/\*\"", place)] == []


def test_the_roles_have_the_names_of_the_original_design() -> None:
    """And one who may start jobs may do nothing else to them."""
    names = {role.get("RoleName") for role in resources("standard", "AWS::IAM::Role").values()}
    assert {"glue-etl-role", "stepfunctions-glue-role"} <= names
    (glue,) = [
        statement for _, statement in statements("standard") if "glue:StartJobRun" in listed(statement["Action"])
    ]
    assert set(glue["Action"]) == {"glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"}
    assert [text(arn).rpartition("job/")[2].rstrip('"]}') for arn in glue["Resource"]] == [job.name for job in JOBS]


@pytest.mark.parametrize("name", EVERY)
def test_the_bucket_is_closed(name: str) -> None:
    """Encrypted, versioned, not public, by TLS alone, and it outlives the stack."""
    (bucket,) = resources(name, "AWS::S3::Bucket").values()
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (policy,) = resources(name, "AWS::S3::BucketPolicy").values()
    denied = [entry for entry in policy["PolicyDocument"]["Statement"] if entry["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in [entry["Condition"] for entry in denied]
    whole = template(name)["Resources"].values()
    assert [each["DeletionPolicy"] for each in whole if each["Type"] == "AWS::S3::Bucket"] == ["Retain"]
    temp = [each for each in bucket["LifecycleConfiguration"]["Rules"] if each.get("Prefix") == "temp/"]
    assert [each["ExpirationInDays"] for each in temp] == [2]


@pytest.mark.parametrize("name", PRESETS)
def test_databases_are_encrypted_private_and_ask_for_tls(name: str) -> None:
    """Their admin passwords are made, kept and changed by AWS; no template holds one."""
    (cluster,) = resources(name, "AWS::RDS::DBCluster").values()
    assert cluster["StorageEncrypted"] is cluster["ManageMasterUserPassword"] is cluster["DeletionProtection"] is True
    assert cluster["EnableIAMDatabaseAuthentication"] is True
    (parameters,) = resources(name, "AWS::RDS::DBClusterParameterGroup").values()
    assert parameters["Parameters"]["require_secure_transport"] == "ON"
    assert [each["PubliclyAccessible"] for each in resources(name, "AWS::RDS::DBInstance").values()] == [False]
    (namespace,) = resources(name, "AWS::RedshiftServerless::Namespace").values()
    assert namespace["ManageAdminPassword"] is True
    assert "KmsKeyId" in namespace
    (workgroup,) = resources(name, "AWS::RedshiftServerless::Workgroup").values()
    assert workgroup["PubliclyAccessible"] is False
    assert workgroup["EnhancedVpcRouting"] is True
    assert {"ParameterKey": "require_ssl", "ParameterValue": "true"} in workgroup["ConfigParameters"]
    assert re.search(r"(?i)\"(master|admin)userpassword\"", json.dumps(template(name))) is None


@pytest.mark.parametrize("name", EVERY)
def test_ports_are_open_to_named_groups_only(name: str) -> None:
    """3306 and 5439 to the jobs, 443 of the interfaces to the jobs, the jobs among themselves; nothing from outside."""
    rules = list(resources(name, "AWS::EC2::SecurityGroupIngress").values())
    for group in resources(name, "AWS::EC2::SecurityGroup").values():
        rules += group.get("SecurityGroupIngress", [])
    assert [rule for rule in rules if "CidrIp" in rule or "CidrIpv6" in rule] == []
    assert sorted({(rule["FromPort"], rule["ToPort"]) for rule in rules}) == [
        (0, 65535),
        (443, 443),
        (3306, 3306),
        (5439, 5439),
    ]
    (among,) = [rule for rule in rules if rule["ToPort"] == 65535]
    assert among["GroupId"] == among["SourceSecurityGroupId"]
    for rule in rules:
        assert "NetworkJobs" in text(rule["SourceSecurityGroupId"])


@pytest.mark.parametrize("name", EVERY)
def test_there_is_no_way_to_the_internet(name: str) -> None:
    """And nothing to pay for one; only the interfaces that the jobs call."""
    kinds = {value["Type"] for value in template(name)["Resources"].values()}
    assert not {"AWS::EC2::NatGateway", "AWS::EC2::InternetGateway", "AWS::Lambda::Function"} & kinds
    services = {text(each["ServiceName"]).rstrip('"]}').rpartition(".")[2] for each in endpoints(name)}
    own = {"s3", "glue", "secretsmanager"}
    assert services == (own if name == "own_databases" else {"s3", "glue", "redshift-serverless"})
    assert [len(each["SubnetIds"]) for each in endpoints(name) if each["VpcEndpointType"] == "Interface"] == [1, 1]


def endpoints(name: str) -> list[dict[str, Any]]:
    """The VPC's endpoints."""
    return list(resources(name, "AWS::EC2::VPCEndpoint").values())


@pytest.mark.parametrize("name", PRESETS)
def test_jobs_are_pinned_bounded_and_one_at_a_time(name: str) -> None:
    """Two workers at least; Step Functions retries, not Glue; arguments are texts without a secret."""
    jobs = list(resources(name, "AWS::Glue::Job").values())
    names = [job["Name"] for job in jobs]
    assert sorted(names) == sorted(["run_pipeline"] if name == "small" else [job.name for job in JOBS])
    for job in jobs:
        assert (job["GlueVersion"], job["WorkerType"], job["MaxRetries"]) == ("6.0", "G.1X", 0)
        assert job["ExecutionProperty"] == {"MaxConcurrentRuns": 1}
        assert 2 <= job["NumberOfWorkers"] <= 10
        assert job["Timeout"] == 60
        arguments = job["DefaultArguments"]
        assert arguments["--python-modules-installer-option"] == "--no-index"
        assert f"/{CODE}/rental_etl.gluewheels.zip" in text(arguments["--additional-python-modules"])
        assert {"--TempDir", "--job", "--RENTAL_ETL_LAKE__URL", "--RENTAL_ETL_WAREHOUSE__URL"} <= set(arguments)
        assert [key for key in arguments if key.endswith("PASSWORD")] == []
        assert [key for key, value in arguments.items() if not isinstance(value, str | dict)] == []
        scaled = name == "standard"
        assert (arguments["--enable-auto-scaling"], job["NumberOfWorkers"]) == (
            ("true", 10) if scaled else ("false", 2)
        )
        # What is billed by scaling is told by the job: the most that there may be would be five times too much.
        assert (arguments["--dpu"], arguments.get("--worker_dpu")) == ("2", "1" if scaled else None)


def test_the_connection_of_the_original_design_is_there() -> None:
    """`redshift-conn`, by JDBC over TLS, with a secret instead of a password."""
    found = {each["ConnectionInput"]["Name"]: each for each in resources("small", "AWS::Glue::Connection").values()}
    assert set(found) == {"redshift-conn", "rental-etl-network"}
    properties = found["redshift-conn"]["ConnectionInput"]["ConnectionProperties"]
    assert properties["JDBC_ENFORCE_SSL"] == "true"
    assert "SECRET_ID" in properties
    assert "PASSWORD" not in properties


@pytest.mark.parametrize("name", PRESETS)
def test_the_state_machine_is_the_one_that_the_command_prints(name: Any) -> None:
    """With the patience that the jobs' timeout asks for; every failure is logged with its data."""
    (machine,) = resources(name, "AWS::StepFunctions::StateMachine").values()
    assert json.loads(machine["DefinitionString"]) == definition(name, patience=Patience(job=3900))
    assert set(machine["DefinitionSubstitutions"]) == {"FailureTopicArn", "Bucket"}
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    (schedule,) = resources(name, "AWS::Scheduler::Schedule").values()
    assert (schedule["ScheduleExpression"], schedule.get("State", "ENABLED")) == (
        "cron(0 3 * * ? *)",
        "ENABLED",
    )


@pytest.mark.parametrize("name", PRESETS)
def test_somebody_is_told(name: str) -> None:
    """Four alarms, executions that end from outside, and a budget; the topic is encrypted."""
    alarms = {each["AlarmName"]: each for each in resources(name, "AWS::CloudWatch::Alarm").values()}
    assert sorted(alarms) == [f"rental-etl-{kind}" for kind in ("cost", "failed", "late", "quarantine")]
    assert all(each["AlarmActions"] for each in alarms.values())
    assert alarms["rental-etl-late"]["TreatMissingData"] == "breaching"
    (rule,) = resources(name, "AWS::Events::Rule").values()
    assert rule["EventPattern"]["detail"]["status"] == ["TIMED_OUT", "ABORTED"]
    (topic,) = resources(name, "AWS::SNS::Topic").values()
    assert "KmsMasterKeyId" in topic
    (budget,) = resources(name, "AWS::Budgets::Budget").values()
    assert budget["Budget"]["BudgetLimit"]["Amount"] == settings_of(name).monthly_budget_usd


def test_without_a_schedule_nothing_is_late(tmp_path: Path) -> None:
    """An alarm that always stands is one that nobody looks at."""
    by_hand = dataclasses.replace(settings_of("small"), schedule="")
    app(by_hand, code=CODE, outdir=str(tmp_path)).synth()
    found = json.loads((tmp_path / "rental-etl.template.json").read_text(encoding="utf-8"))["Resources"].values()
    alarms = {each["Properties"]["AlarmName"] for each in found if each["Type"] == "AWS::CloudWatch::Alarm"}
    assert alarms == {f"rental-etl-{kind}" for kind in ("cost", "failed", "quarantine")}
    assert [each for each in found if each["Type"] == "AWS::Scheduler::Schedule"] == []


@pytest.mark.parametrize("name", PRESETS)
def test_the_runbook_explains_every_notice(name: str) -> None:
    """Alarms by the section that each names, the rule and the budget by their names; and it explains none that there is not."""
    runbook = Path(__file__).parents[2] / "docs" / "runbook.md"
    sections = re.split(r"(?m)^## ", runbook.read_text(encoding="utf-8"))[1:]
    explained = {section.splitlines()[0]: section for section in sections}
    prefix = "rental-etl-"
    for alarm in resources(name, "AWS::CloudWatch::Alarm").values():
        section = alarm["AlarmName"].removeprefix(prefix)
        assert alarm["AlarmDescription"] == f"docs/runbook.md, section {section}"
        assert f"Alarm `{alarm['AlarmName']}`" in explained[section]
    rules = [rule["Name"].removeprefix(prefix) for rule in resources(name, "AWS::Events::Rule").values()]
    alarms = [alarm["AlarmName"].removeprefix(prefix) for alarm in resources(name, "AWS::CloudWatch::Alarm").values()]
    assert resources(name, "AWS::Budgets::Budget")
    assert sorted(explained) == sorted([*alarms, *(rule.capitalize() for rule in rules), "Budget", *ALWAYS_EXPLAINED])
    (machine,) = resources(name, "AWS::StepFunctions::StateMachine").values()
    assert "docs/runbook.md, section Run failed" in machine["DefinitionString"]
    for mark in (REFUSED, UNUSABLE, BROKEN):
        assert f"`{mark}`" in explained["Run failed"]


@pytest.mark.parametrize("name", EVERY)
def test_logs_are_encrypted_and_end(name: str) -> None:
    """Groups that Glue makes itself would be neither."""
    groups = resources(name, "AWS::Logs::LogGroup")
    assert len(groups) == 4
    for key, group in groups.items():
        assert group["RetentionInDays"] == 90, key
        assert "KmsKeyId" in group, key


def test_capacity_is_bounded() -> None:
    """The default of Redshift would be 128 RPU."""
    (workgroup,) = resources("small", "AWS::RedshiftServerless::Workgroup").values()
    assert (workgroup["BaseCapacity"], workgroup["MaxCapacity"]) == (8, 16)
    (cluster,) = resources("small", "AWS::RDS::DBCluster").values()
    scaling = cluster["ServerlessV2ScalingConfiguration"]
    assert (scaling["MinCapacity"], scaling["MaxCapacity"]) == (0, 4)


def test_databases_of_ones_own_are_left_alone() -> None:
    """Their secrets may be read, and nothing of them is made."""
    kinds = {value["Type"] for value in template("own_databases")["Resources"].values()}
    assert not {kind for kind in kinds if kind.startswith(("AWS::RDS", "AWS::RedshiftServerless"))}
    (read,) = [
        entry for _, entry in statements("own_databases") if "secretsmanager:GetSecretValue" in listed(entry["Action"])
    ]
    assert [arn.rpartition(":")[2] for arn in read["Resource"]] == ["source-AbCdEf", "warehouse-AbCdEf"]
    (job,) = resources("own_databases", "AWS::Glue::Job").values()
    assert job["DefaultArguments"]["--RENTAL_ETL_SOURCE__URL"] == "mysql://etl@db.example.com:3306/rental"


@pytest.mark.parametrize("name", EVERY)
def test_everything_is_tagged(name: str) -> None:
    """The budget and the bill go by it."""
    for bucket in resources(name, "AWS::S3::Bucket").values():
        assert {"Key": "project", "Value": "rental-etl"} in bucket["Tags"]
    for job in resources(name, "AWS::Glue::Job").values():
        assert job["Tags"]["project"] == "rental-etl"


@pytest.mark.parametrize("name", PRESETS)
def test_the_template_is_the_one_that_was_reviewed(name: str) -> None:
    """A change shows in the diff of its snapshot: `PYTHONPATH=.:tests python -m aws_stack.synthesized` writes it."""
    assert template(name) == json.loads((SNAPSHOTS / f"{name}.json").read_text(encoding="utf-8"))
