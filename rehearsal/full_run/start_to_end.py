"""One rehearsal from start to end, with its clean-up whatever happens."""

from collections.abc import Callable

from infra.config.deployment import DeploymentConfig
from operate.connection import Connection
from operate.emr.clusters import describe_cluster
from operate.errors import OperateError
from rehearsal.errors import RehearsalError
from rehearsal.full_run import cdk_commands as cloud
from rehearsal.full_run import ending
from rehearsal.full_run import event_sequence as order
from rehearsal.full_run.child_programs import Children
from rehearsal.full_run.request import Request
from rehearsal.full_run.rewritten_settings import rewritings
from rehearsal.full_run.timeline import Timeline
from rehearsal.what_is_real import what_is_real

Say = Callable[[str], None]


class Performance:
    """Deploy, run, tell, and take away unless it is to be kept; AWS is the environment's.

    Args:
        then: Called when the run is complete and all is still up; what it raises is the rehearsal's failure.
    """

    def __init__(
        self,
        request: Request,
        config: DeploymentConfig,
        timeline: Timeline,
        say: Say,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        self._request, self._config, self._timeline, self._say = request, config, timeline, say
        self._then = then

    def perform(self) -> None:
        """All of it.

        Raises:
            RehearsalError, OperateError: an event failed; the stacks have been taken away all the same.
        """
        try:
            self._deploy_and_run()
            self._then()
        except (RehearsalError, OperateError):
            self._take_down_after_failure()
            raise
        if not self._request.keep:
            self._tell(self._take_down())

    def _deploy_and_run(self) -> None:
        request, timeline, children = self._request, self._timeline, Children(self._request.scratch)
        preparation = order.Preparation(children, request, self._config, timeline)
        try:
            preparation.deployable()
            order.examine_account(self._config, timeline)
            with timeline.event("storage and monitoring are deployed"):
                cloud.deploy(children, request, "storage", "monitoring")
            order.upload_photographs(self._connection(), preparation.images(), timeline)
            preparation.artifacts()
            order.run_pipeline(children, request, self._connection(), timeline)
        finally:
            preparation.close()
        self._tell_of_the_run()

    def _tell_of_the_run(self) -> None:
        connection = self._connection()
        folder = ending.fetch_results(connection, self._request.results, self._timeline)
        cluster = describe_cluster(connection.client("emr"), connection.deployment.cluster_id)
        self._tell(["", *ending.run_summary(connection, [cluster], folder), "", what_is_real()])
        self._tell(["rewritten for this machine", *rewritings(connection, cluster.id), ""])

    def _take_down(self) -> list[str]:
        children = Children(self._request.scratch)
        return ending.take_down(children, self._request, self._connection(), self._timeline)

    def _take_down_after_failure(self) -> None:
        """The failure itself is what the person must see: another one on top is told, and no more."""
        if not (self._request.assembly / "manifest.json").is_file():
            return
        try:
            self._take_down()
        except (RehearsalError, OperateError) as error:
            self._timeline.detail(f"the clean-up failed as well: {error}")

    def _connection(self) -> Connection:
        """A new one each time: it looks a deployment up once, and the deployment grows."""
        return Connection(self._request.stage, self._config.region)

    def _tell(self, lines: list[str]) -> None:
        for line in lines:
            self._say(line)
