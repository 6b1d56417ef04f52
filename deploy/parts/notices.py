"""Who is told what: a topic, alarms (failed, late, quarantine share, cost), executions that end without a word, and a budget."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from deploy.parts.jobs import JobLogs
from deploy.parts.storage import Storage
from deploy.settings import Settings

_RUNBOOK = "docs/runbook.md"


class Topic(Construct):
    """Where failures and alarms go. Encrypted; whoever publishes without TLS is refused."""

    def __init__(self, scope: Construct, settings: Settings, *, storage: Storage) -> None:
        super().__init__(scope, "Topic")
        self.topic = sns.Topic(
            self,
            "Failures",
            topic_name=f"{settings.name}-failures",
            display_name="rental-etl",
            master_key=storage.key,
            enforce_ssl=True,
        )
        for address in settings.notify:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))
        account = Stack.of(self).account
        # EventBridge has no condition it would pass (its target below grants what it needs): with one, its messages vanish silently.
        for service in ("cloudwatch", "budgets"):
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions={"StringEquals": {"aws:SourceAccount": account}},
                )
            )


class Notices(Construct):
    """The alarms and the budget; each is explained in docs/runbook.md under its name."""

    def __init__(
        self,
        scope: Construct,
        settings: Settings,
        *,
        topic: sns.ITopic,
        machine: stepfunctions.StateMachine,
        logs: JobLogs,
    ) -> None:
        super().__init__(scope, "Notices")
        self._settings, self._topic = settings, topic
        hour, day = Duration.hours(1), Duration.days(1)
        at_least = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
        quiet, broken = cloudwatch.TreatMissingData.NOT_BREACHING, cloudwatch.TreatMissingData.BREACHING
        failed = machine.metric_failed(period=Duration.minutes(5), statistic="Sum")
        self._alarm("failed", failed, 1, at_least, missing=quiet, periods=1)
        if settings.schedule:
            # Where people start runs there is no late.
            succeeded = machine.metric_succeeded(period=hour, statistic="Sum")
            below = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
            self._alarm("late", succeeded, 1, below, missing=broken, periods=settings.late_hours)
        share = self._logged(logs, "quarantined_ratio", "Maximum", hour)
        above = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
        self._alarm("quarantine", share, settings.quarantine_ratio, above, missing=quiet, periods=1)
        used = self._logged(logs, "dpu_seconds", "Sum", day)
        self._alarm("cost", used, settings.daily_dpu_hours * 3600, above, missing=quiet, periods=1)
        self._unsaid(machine)
        self._budget()

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        comparison: cloudwatch.ComparisonOperator,
        *,
        missing: cloudwatch.TreatMissingData,
        periods: int,
    ) -> None:
        alarm = cloudwatch.Alarm(
            self,
            name.capitalize(),
            alarm_name=f"{self._settings.name}-{name}",
            alarm_description=f"{_RUNBOOK}, section {name}",
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            datapoints_to_alarm=periods,
            treat_missing_data=missing,
        )
        alarm.add_alarm_action(actions.SnsAction(self._topic))

    def _logged(self, job_logs: JobLogs, field: str, statistic: str, period: Duration) -> cloudwatch.Metric:
        """A number that jobs write to their log, as a metric: they need no right and no way to CloudWatch for it."""
        group = job_logs.groups["output"]
        logs.CfnMetricFilter(
            self,
            field,
            log_group_name=str(group.log_group_name),
            filter_pattern=f"{{ $.{field} = * }}",
            metric_transformations=[
                logs.CfnMetricFilter.MetricTransformationProperty(
                    metric_name=field, metric_namespace=self._settings.name, metric_value=f"$.{field}"
                )
            ],
        ).add_resource_dependency(group)
        return cloudwatch.Metric(metric_name=field, namespace=self._settings.name, statistic=statistic, period=period)

    def _unsaid(self, machine: stepfunctions.StateMachine) -> None:
        """Executions that were ended from outside, or by their own timeout, say nothing themselves."""
        rule = events.Rule(
            self,
            "Ended",
            rule_name=f"{self._settings.name}-ended",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.state_machine_arn], "status": ["TIMED_OUT", "ABORTED"]},
            ),
        )
        rule.add_target(targets.SnsTopic(self._topic))

    def _budget(self) -> None:
        subscribers = [
            budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=self._topic.topic_arn),
        ]
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=self._settings.name,
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=self._settings.monthly_budget_usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:project${self._settings.name}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        comparison_operator="GREATER_THAN",
                        notification_type=kind,
                        threshold=share,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=subscribers,
                )
                for kind, share in (("ACTUAL", 80), ("FORECASTED", 100))
            ],
        )
