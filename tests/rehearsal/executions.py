"""Executions of the state machine in the emulator."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.emulator import ACCOUNT, REGION, Emulated
from rental_etl.aws.state_machine import Patience, Preset, definition
from rental_etl.pipeline import JOBS

QUICK = Patience(job=60, busy=1, fault=1, rerun=1)
BUCKET = "rental-etl-pipeline-data"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stepfunctions-glue-role"


@dataclass(frozen=True, slots=True)
class Machine:
    """A state machine with its Glue jobs, bucket, topic and a queue that gets what the topic is told."""

    aws: Emulated
    arn: str
    queue: str

    def start(self, name: str, **given: Any) -> str:
        """Start an execution; returns its ARN."""
        start = self.aws.client("stepfunctions").start_execution
        return str(start(stateMachineArn=self.arn, name=name, input=json.dumps(given))["executionArn"])

    def end(self, execution: str, *, seconds: float = 120) -> Mapping[str, Any]:
        """Wait for an execution's end."""
        client = self.aws.client("stepfunctions")
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found: Mapping[str, Any] = client.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return found
            time.sleep(0.1)
        raise AssertionError(f"{execution} did not end: {self.path(execution)}")

    def run(self, name: str, **given: Any) -> tuple[Mapping[str, Any], list[str]]:
        """Start an execution and wait; returns its end and the states it went through."""
        execution = self.start(name, **given)
        return self.end(execution), self.path(execution)

    def redrive(self, name: str) -> tuple[Mapping[str, Any], list[str]]:
        """Redrive a failed execution and wait; returns its end and the states from there on."""
        execution = f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"
        self.aws.client("stepfunctions").redrive_execution(executionArn=execution)
        return self.end(execution), self.path(execution)

    def path(self, execution: str) -> list[str]:
        """The states an execution entered."""
        history = self.aws.client("stepfunctions").get_execution_history(executionArn=execution, maxResults=1000)
        entered = [event.get("stateEnteredEventDetails") for event in history["events"]]
        return [details["name"] for details in entered if details]

    def messages(self) -> list[Mapping[str, str]]:
        """What the topic was told since the last time."""
        client = self.aws.client("sqs")
        found = client.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            client.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return [json.loads(message["Body"]) for message in found]

    def failure(self, run_id: str) -> Mapping[str, str]:
        """What the bucket keeps of a failed run."""
        found = self.aws.client("s3").get_object(Bucket=BUCKET, Key=f"runs/{run_id}/failure.json")
        return dict(json.loads(found["Body"].read()))


def machine(
    aws: Emulated,
    preset: Preset = "standard",
    *,
    patience: Patience = QUICK,
    arguments: Mapping[str, str] | None = None,
) -> Machine:
    """Make the bucket, topic, queue, Glue jobs (with default `arguments`) and a state machine."""
    s3, sns, sqs, glue = (aws.client(service) for service in ("s3", "sns", "sqs", "glue"))
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    topic = sns.create_topic(Name="failures")["TopicArn"]
    queue = sqs.create_queue(QueueName="failures")["QueueUrl"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:failures")
    for name in ("run_pipeline", *(job.name for job in JOBS)):
        glue.create_job(
            Name=name,
            Role=f"arn:aws:iam::{ACCOUNT}:role/glue-etl-role",
            Command={"Name": "glueetl"},
            DefaultArguments=dict(arguments or {}),
            ExecutionProperty={"MaxConcurrentRuns": 1},
        )
    return another(Machine(aws, "", queue), "rental-etl", preset, topic=topic, patience=patience)


def another(first: Machine, name: str, preset: Preset, *, topic: str = "", patience: Patience = QUICK) -> Machine:
    """One more state machine over the same jobs."""
    aws = first.aws
    topic = topic or aws.client("sns").create_topic(Name="failures")["TopicArn"]
    text = json.dumps(definition(preset, patience=patience))
    text = text.replace("${FailureTopicArn}", topic).replace("${Bucket}", BUCKET)
    made = aws.client("stepfunctions").create_state_machine(name=name, definition=text, roleArn=ROLE)
    return Machine(aws, made["stateMachineArn"], first.queue)
