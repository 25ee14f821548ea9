"""A run that costs as much as it may is stopped: a schedule and its function, in the account.

The function also publishes how far the runs are.
"""

import json

from aws_cdk import Duration, Stack
from aws_cdk.aws_events import Rule, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_iam import PolicyStatement
from constructs import Construct

from infra.access.buckets import Buckets
from infra.access.statements import USE_KEY, Grant, clusters_of_stage, use_key
from infra.acknowledgements import objects_of
from infra.config.deployment import DeploymentConfig
from infra.contract.names import run_name_prefix
from infra.contract.prefixes import RUNS
from infra.costs.prices import node_hour
from infra.python_function import PythonFunction
from infra.run.functions.run_ended.figures import NAMESPACE
from infra.run.permissions import publish_figures
from infra.run.waiting import FUNCTIONS
from spark_job.contract.run_layout import COST, PROGRESS

EVERY = Duration.minutes(1)


class CostLimit(Construct):
    """Sums what each running run has cost, tells its driver when to stop, and ends a cluster that does not.

    Attributes:
        function: The one that does it.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: DeploymentConfig, buckets: Buckets
    ) -> None:
        super().__init__(scope, construct_id)
        prefix = run_name_prefix(config.stage)
        prices = {
            one.name: round(node_hour(one, config.region, public=config.public_nodes), 5)
            for fleet in config.fleets
            for one in fleet.instances
        }
        self.function = PythonFunction(
            self,
            "CostLimit",
            config=config,
            folder=FUNCTIONS,
            handler="cost_limit.handler.handle",
            description="Stops runs that cost as much as they may",
            grants=_grants(Stack.of(self), config.stage, buckets),
            environment={
                "STEP_PREFIX": prefix,
                "RUNS_URI": f"{buckets.results.bucket_name}/{RUNS}",
                "HOUR_USD": json.dumps(prices, sort_keys=True),
                "MOST_USD": json.dumps(config.max_run_cost_usd),
                "NAMESPACE": NAMESPACE,
                "STAGE": config.stage,
            },
        ).function
        Rule(
            self,
            "EveryMinute",
            description=f"What runs of {prefix}* have cost",
            schedule=Schedule.rate(EVERY),
            targets=[LambdaFunction(self.function)],
        )


def _grants(stack: Stack, stage: str, buckets: Buckets) -> list[Grant]:
    """Let the function see what the stage's runs do, end their clusters, and tell what they have cost."""

    def of_every_run(sid: str, action: str, file: str, reason: str) -> Grant:
        key = f"{RUNS}/*/{file}"
        arn = f"{buckets.results.bucket_arn}/{key}"
        statement = PolicyStatement(sid=sid, actions=[action], resources=[arn])
        return Grant(statement, {objects_of(buckets.results, key): reason})

    return [
        Grant(
            PolicyStatement(sid="ListClusters", actions=["elasticmapreduce:ListClusters"], resources=["*"]),
            {"*": "EMR lists clusters without a resource; the list has names and states"},
        ),
        clusters_of_stage(
            "LookAndEnd",
            stack,
            stage,
            [
                "elasticmapreduce:ListSteps",
                "elasticmapreduce:ListInstances",
                "elasticmapreduce:TerminateJobFlows",
            ],
        ),
        of_every_run(
            "TellCosts", "s3:PutObject", COST, "The function tells every run of the stage what it has cost"
        ),
        of_every_run(
            "ReadProgress", "s3:GetObject", PROGRESS, "The function reads how far every run of the stage is"
        ),
        publish_figures(),
        *use_key("UseKey", buckets.key, USE_KEY),
    ]
