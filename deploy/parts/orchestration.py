"""The state machine with its role `stepfunctions-glue-role`, and the schedule that starts it."""

import json
from collections.abc import Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from deploy.parts.storage import Storage
from deploy.settings import Settings
from rental_etl.aws.state_machine import Patience, definition


class Orchestration(Construct):
    """`machine` is the state machine: the definition that `rental-etl state-machine` prints."""

    def __init__(
        self, scope: Construct, settings: Settings, *, storage: Storage, topic: sns.ITopic, jobs: Sequence[str]
    ) -> None:
        super().__init__(scope, "Orchestration")
        # Glue's own timeout comes first, and stops the job.
        patience = Patience(job=60 * (settings.job_timeout_minutes + 5))
        text = json.dumps(definition(settings.preset, engine=settings.engine, patience=patience), indent=1)
        group = logs.LogGroup(
            self,
            "Log",
            log_group_name=f"/aws/vendedlogs/states/{settings.name}",
            encryption_key=storage.key,
        )
        retention = group.node.default_child
        assert isinstance(retention, logs.CfnLogGroup)
        retention.retention_in_days = settings.log_retention_days
        self.machine = stepfunctions.StateMachine(
            self,
            "Machine",
            state_machine_name=settings.name,
            definition_body=stepfunctions.DefinitionBody.from_string(text),
            definition_substitutions={"FailureTopicArn": topic.topic_arn, "Bucket": storage.bucket.bucket_name},
            role=self._role(storage, topic, jobs),
            logs=stepfunctions.LogOptions(
                destination=group, level=stepfunctions.LogLevel.ALL, include_execution_data=True
            ),
            tracing_enabled=True,
        )
        if settings.schedule:
            self._schedule(settings)

    def _role(self, storage: Storage, topic: sns.ITopic, jobs: Sequence[str]) -> iam.Role:
        role = iam.Role(
            self,
            "Role",
            role_name="stepfunctions-glue-role",
            assumed_by=iam.ServicePrincipal(
                "states.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
        )
        for actions, resources in (
            (["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"], list(jobs)),
            (["sns:Publish"], [topic.topic_arn]),
            # The topic is encrypted.
            (["kms:GenerateDataKey", "kms:Decrypt"], [storage.key.key_arn]),
            (["s3:PutObject"], [f"{storage.bucket.bucket_arn}/runs/*"]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        return role

    def _schedule(self, settings: Settings) -> None:
        stack = Stack.of(self)
        name = f"{settings.name}-nightly"
        source = f"arn:{stack.partition}:scheduler:{stack.region}:{stack.account}:schedule/default/{name}"
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceArn": source}}
            ),
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["states:StartExecution"], resources=[self.machine.state_machine_arn])
        )
        scheduler.CfnSchedule(
            self,
            "Schedule",
            name=name,
            description="rental-etl: the daily run",
            schedule_expression=settings.schedule,
            schedule_expression_timezone=settings.time_zone,
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=self.machine.state_machine_arn,
                role_arn=role.role_arn,
                input="{}",
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                    maximum_event_age_in_seconds=int(Duration.hours(2).to_seconds()), maximum_retry_attempts=10
                ),
            ),
        )
