"""A run that costs as much as it may is stopped: a schedule and its function, in the account.

The function also publishes how far the runs are.
"""

import json

from aws_cdk import Duration, Stack
from aws_cdk.aws_events import Rule, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_lambda import Function
from constructs import Construct

from infra.access import statements as allow
from infra.config.deployment import DeploymentConfig
from infra.contract.names import run_name_prefix
from infra.contract.prefixes import RUNS
from infra.costs.prices import node_hour
from infra.python_function import python_function
from infra.run.functions.run_ended.figures import NAMESPACE
from infra.run.waiting import FUNCTIONS, publish_figures
from infra.storage.bucket import Buckets
from spark_job.contract.run_layout import COST, PROGRESS

EVERY = Duration.minutes(1)


def cost_limit(here: Construct, config: DeploymentConfig, buckets: Buckets) -> Function:
    """Make what sums the cost of every run, tells its driver when to stop, and else ends its cluster."""
    prefix = run_name_prefix(config.stage)
    prices = {
        one.name: round(node_hour(one, config.region, public=config.public_nodes), 5)
        for fleet in config.fleets
        for one in fleet.instances
    }
    function = python_function(
        here,
        "CostLimit",
        config=config,
        folder=FUNCTIONS,
        handler="cost_limit.handler.handle",
        description="Stops runs that cost as much as they may",
        grants=_grants(Stack.of(here), config.stage, buckets),
        environment={
            "STEP_PREFIX": prefix,
            "RUNS_URI": f"{buckets.results.bucket_name}/{RUNS}",
            "HOUR_USD": json.dumps(prices, sort_keys=True),
            "MOST_USD": json.dumps(config.max_run_cost_usd),
            "NAMESPACE": NAMESPACE,
            "STAGE": config.stage,
        },
    )
    Rule(
        here,
        "EveryMinute",
        description=f"What runs of {prefix}* have cost",
        schedule=Schedule.rate(EVERY),
        targets=[LambdaFunction(function)],
    )
    return function


def _grants(stack: Stack, stage: str, buckets: Buckets) -> list[allow.Grant]:
    """Let the function see what the stage's runs do, end their clusters, and tell what they have cost."""
    results, look_and_end = [buckets.results], ("ListSteps", "ListInstances", "TerminateJobFlows")
    tell = "The function tells every run of the stage what it has cost"
    read = "The function reads how far every run of the stage is"
    return [
        allow.list_clusters(),
        allow.clusters_of_stage(
            "LookAndEnd", stack, stage, [f"elasticmapreduce:{action}" for action in look_and_end]
        ),
        allow.objects("TellCosts", results, [f"{RUNS}/*/{COST}"], ["s3:PutObject"], tell),
        allow.objects("ReadProgress", results, [f"{RUNS}/*/{PROGRESS}"], allow.READ_OBJECTS, read),
        publish_figures(),
        *allow.use_key("UseKey", buckets.key, allow.USE_KEY),
    ]
