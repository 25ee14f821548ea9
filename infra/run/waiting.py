"""The deploy waits for the run: handle, function and rules before the cluster, the condition after it."""

from collections.abc import Sequence
from pathlib import Path

from aws_cdk import CfnWaitCondition, CfnWaitConditionHandle, Stack
from aws_cdk.aws_events import EventPattern, Rule
from aws_cdk.aws_events_targets import LambdaFunction
from constructs import Construct, IDependable

from infra.access.buckets import Buckets
from infra.config.deployment import DeploymentConfig
from infra.contract.prefixes import RUNS
from infra.python_function import PythonFunction
from infra.run.identity import Run
from infra.run.permissions import run_end_grants

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
        self._config, self._run = config, run
        # A new one for each run: CloudFormation updates neither handle nor condition.
        self.handle = CfnWaitConditionHandle(self, f"Handle{run.construct_suffix}")
        self.function = PythonFunction(
            self,
            "RunEnded",
            config=config,
            folder=FUNCTIONS,
            handler="run_ended.handler.handle",
            description="Tells the deploy how its run ended",
            grants=run_end_grants(Stack.of(self), config.stage, buckets),
            environment=self._environment(buckets, logs_uri),
        ).function
        self._listen("StepEnds", "EMR Step Status Change", [{"prefix": run.prefix}], STEP_ENDS)
        self._listen("ClusterEnds", "EMR Cluster State Change", [{"prefix": run.prefix}], CLUSTER_ENDS)

    def _environment(self, buckets: Buckets, logs_uri: str) -> dict[str, str]:
        return {
            "STAGE": self._config.stage,
            "STEP_PREFIX": self._run.prefix,
            "AWAITED_STEP": self._run.name,
            "RESULTS_BUCKET": buckets.results.bucket_name,
            "RUNS_PREFIX": RUNS,
            "LOGS_URI": logs_uri,
            "HANDLE_URL": self.handle.ref,
        }

    def _listen(self, construct_id: str, kind: str, names: list[object], states: list[str]) -> None:
        Rule(
            self,
            construct_id,
            description=f"{kind} of {self._run.prefix}*",
            event_pattern=EventPattern(
                source=["aws.emr"], detail_type=[kind], detail={"name": names, "state": states}
            ),
            targets=[LambdaFunction(self.function)],
        )


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
