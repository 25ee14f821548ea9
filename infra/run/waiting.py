"""The deploy waits for the run: handle, function and rules before the cluster, the condition after it."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import CfnWaitCondition, CfnWaitConditionHandle, Stack
from aws_cdk.aws_events import EventPattern, Rule
from aws_cdk.aws_events_targets import LambdaFunction
from constructs import Construct, IDependable

from infra.access.statements import READ_OBJECTS, Grant, clusters_of_stage, objects, on_everything, use_key
from infra.config.deployment import DeploymentConfig
from infra.contract.prefixes import RUNS
from infra.python_function import python_function
from infra.run.functions.run_ended.figures import NAMESPACE
from infra.run.identity import Run
from infra.storage.bucket import Buckets
from spark_job.contract.run_layout import COST, METRICS

FUNCTIONS = Path(__file__).with_name("functions")
STEP_ENDS = ["COMPLETED", "FAILED", "CANCELLED"]
CLUSTER_ENDS = ["TERMINATED", "TERMINATED_WITH_ERRORS"]


class RunWatch(Construct):
    """Hears of the end of every run of the stage, and tells the waiting deploy of the end of its own.

    The cluster must depend on this: an event that comes before its rule is lost. So a rule cannot name the
    cluster's id; it names what the names of all steps and clusters of the stage begin with.

    Attributes:
        function: The one that hears of it.
        handle: Where it signals to; it exists even where nothing waits, so that a deploy that begins to
            wait for a run which is over finds its signal.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        buckets: Buckets,
        run: Run,
        logs_uri: str,
    ) -> None:
        super().__init__(scope, construct_id)
        # A new one for each run: CloudFormation updates neither handle nor condition.
        self.handle = CfnWaitConditionHandle(self, f"Handle{run.construct_suffix}")
        self.function = python_function(
            self,
            "RunEnded",
            config=config,
            folder=FUNCTIONS,
            handler="run_ended.handler.handle",
            description="Tells the deploy how its run ended",
            grants=_grants(Stack.of(self), config.stage, buckets),
            environment={
                "STAGE": config.stage,
                "STEP_PREFIX": run.prefix,
                "AWAITED_STEP": run.name,
                "RESULTS_BUCKET": buckets.results.bucket_name,
                "RUNS_PREFIX": RUNS,
                "LOGS_URI": logs_uri,
                "HANDLE_URL": self.handle.ref,
            },
        )
        events = {"StepEnds": ("EMR Step Status Change", STEP_ENDS)}
        events["ClusterEnds"] = ("EMR Cluster State Change", CLUSTER_ENDS)
        for rule, (kind, states) in events.items():
            detail = {"name": [{"prefix": run.prefix}], "state": states}
            Rule(
                self,
                rule,
                description=f"{kind} of {run.prefix}*",
                event_pattern=EventPattern(source=["aws.emr"], detail_type=[kind], detail=detail),
                targets=[LambdaFunction(self.function)],
            )


def _grants(stack: Stack, stage: str, buckets: Buckets) -> list[Grant]:
    """Let the function read how a run ended and what it yielded, and publish it."""
    files, look = [f"{RUNS}/*/{name}" for name in (METRICS, COST)], ("DescribeStep", "ListSteps")
    every_run = "The function reads the figures of every run of the stage"
    return [
        objects("ReadFigures", [buckets.results], files, READ_OBJECTS, every_run),
        clusters_of_stage("ReadSteps", stack, stage, [f"elasticmapreduce:{action}" for action in look]),
        publish_figures(),
        *use_key("DecryptFigures", buckets.key, ["kms:Decrypt"]),
    ]


def publish_figures() -> Grant:
    """Let a function publish the figures of runs, and nothing else."""
    one_namespace = {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}
    reason = "cloudwatch:PutMetricData knows no resources; the condition admits one namespace"
    return on_everything("PublishFigures", ["cloudwatch:PutMetricData"], reason, one_namespace)


def wait_for_run(
    scope: Construct, handle: CfnWaitConditionHandle, run: Run, minutes: int, after: Sequence[IDependable]
) -> None:
    """Let the deploy, after all of `after`, wait until the run has ended well.

    It fails when the run failed, with the reason in the stack's event, or after `minutes`.
    """
    condition = CfnWaitCondition(
        scope,
        # Run and time-out are in the id: CloudFormation cannot change a condition in place.
        f"Run{run.construct_suffix}Within{minutes}Minutes",
        handle=handle.ref,
        timeout=str(minutes * 60),
        count=1,
    )
    condition.node.add_dependency(*after)
