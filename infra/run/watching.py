"""The functions that watch runs: one tells the waiting deploy of an end, one stops what costs too much."""

import json
from pathlib import Path

from aws_cdk import CfnWaitConditionHandle, Duration, Stack
from aws_cdk.aws_events import EventPattern, Rule, Schedule
from aws_cdk.aws_events_targets import LambdaFunction
from aws_cdk.aws_lambda import Function
from constructs import Construct

from infra.access import statements as allow
from infra.config.deployment import DeploymentConfig
from infra.contract.names import run_name_prefix
from infra.contract.prefixes import RUNS
from infra.costs.prices import node_hour
from infra.python_function import python_function
from infra.run.functions.run_ended.handler import NAMESPACE
from infra.run.identity import Run
from infra.storage.bucket import Buckets
from spark_job.contract.run_layout import COST, METRICS, PROGRESS

FUNCTIONS = Path(__file__).with_name("functions")
STEP_ENDS = ["COMPLETED", "FAILED", "CANCELLED"]
CLUSTER_ENDS = ["TERMINATED", "TERMINATED_WITH_ERRORS"]
EVERY = Duration.minutes(1)


def run_watch(
    here: Construct, config: DeploymentConfig, buckets: Buckets, run: Run, logs_uri: str
) -> tuple[Function, CfnWaitConditionHandle]:
    """Hear of the end of every run of the stage, and tell the waiting deploy of the end of its own.

    The cluster must depend on this: an event that comes before its rule is lost. So a rule cannot name the
    cluster's id; it names what the names of all steps and clusters of the stage begin with.

    Returns:
        The function that hears of it, and where it signals to. The handle exists even where nothing waits,
        so that a deploy that begins to wait for a run which is over finds its signal.
    """
    # A new one for each run: CloudFormation updates neither handle nor condition.
    handle = CfnWaitConditionHandle(here, f"Handle{run.construct_suffix}")
    function = python_function(
        here,
        "RunEnded",
        config=config,
        folder=FUNCTIONS,
        handler="run_ended.handler.handle",
        description="Tells the deploy how its run ended",
        grants=_grants(Stack.of(here), config.stage, buckets),
        environment={
            "STAGE": config.stage,
            "STEP_PREFIX": run.prefix,
            "AWAITED_STEP": run.name,
            "RESULTS_BUCKET": buckets.results.bucket_name,
            "RUNS_PREFIX": RUNS,
            "LOGS_URI": logs_uri,
            "HANDLE_URL": handle.ref,
        },
    )
    for rule, kind, states in (
        ("StepEnds", "EMR Step Status Change", STEP_ENDS),
        ("ClusterEnds", "EMR Cluster State Change", CLUSTER_ENDS),
    ):
        detail = {"name": [{"prefix": run.prefix}], "state": states}
        Rule(
            here,
            rule,
            description=f"{kind} of {run.prefix}*",
            event_pattern=EventPattern(source=["aws.emr"], detail_type=[kind], detail=detail),
            targets=[LambdaFunction(function)],
        )
    return function, handle


def _grants(stack: Stack, stage: str, buckets: Buckets) -> list[allow.Grant]:
    """Let the function read how a run ended and what it yielded, and publish it."""
    files = [f"{RUNS}/*/{name}" for name in (METRICS, COST)]
    look = ["elasticmapreduce:DescribeStep", "elasticmapreduce:ListSteps"]
    every_run = "The function reads the figures of every run of the stage"
    return [
        allow.objects("ReadFigures", [buckets.results], files, allow.READ_OBJECTS, every_run),
        allow.clusters_of_stage("ReadSteps", stack, stage, look),
        publish_figures(),
        *allow.use_key("DecryptFigures", buckets.key, ["kms:Decrypt"]),
    ]


def publish_figures() -> allow.Grant:
    """Let a function publish the figures of runs, and nothing else."""
    one_namespace = {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
    reason = "cloudwatch:PutMetricData knows no resources; the condition admits one namespace"
    return allow.on_everything("PublishFigures", ["cloudwatch:PutMetricData"], reason, one_namespace)


def cost_limit(here: Construct, config: DeploymentConfig, buckets: Buckets) -> Function:
    """Make what sums the cost of every run, tells its driver when to stop, and else ends its cluster."""
    prefix = run_name_prefix(config.stage)
    types = [one for fleet in config.fleets for one in fleet.instances]
    prices = {one.name: node_hour(one, config.region, public=config.public_nodes) for one in types}
    function = python_function(
        here,
        "CostLimit",
        config=config,
        folder=FUNCTIONS,
        handler="cost_limit.handler.handle",
        description="Stops runs that cost as much as they may",
        grants=_grants_of_limit(Stack.of(here), config.stage, buckets),
        environment={
            "STEP_PREFIX": prefix,
            "RUNS_URI": f"{buckets.results.bucket_name}/{RUNS}",
            "HOUR_USD": json.dumps({name: round(usd, 5) for name, usd in prices.items()}, sort_keys=True),
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


def _grants_of_limit(stack: Stack, stage: str, buckets: Buckets) -> list[allow.Grant]:
    """Let the function see what the stage's runs do, end their clusters, and tell what they have cost."""
    results, actions = [buckets.results], ("ListSteps", "ListInstances", "TerminateJobFlows")
    look_and_end = [f"elasticmapreduce:{action}" for action in actions]
    tell = "The function tells every run of the stage what it has cost"
    read = "The function reads how far every run of the stage is"
    return [
        allow.list_clusters(),
        allow.clusters_of_stage("LookAndEnd", stack, stage, look_and_end),
        allow.objects("TellCosts", results, [f"{RUNS}/*/{COST}"], ["s3:PutObject"], tell),
        allow.objects("ReadProgress", results, [f"{RUNS}/*/{PROGRESS}"], allow.READ_OBJECTS, read),
        publish_figures(),
        *allow.use_key("UseKey", buckets.key, allow.USE_KEY),
    ]
