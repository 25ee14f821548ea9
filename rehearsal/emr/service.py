"""Elastic MapReduce itself: the one door to its API, for every account and region."""

import threading
from collections.abc import Callable
from typing import Any

from botocore import xform_name

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import ComputeFactory
from rehearsal.emr.conditions import Conditions, Timings
from rehearsal.emr.errors import EmrError, not_emulated, refused
from rehearsal.emr.events import Dispatcher, Event
from rehearsal.emr.life.controller import Controller
from rehearsal.emr.life.launching import Launching, Surroundings
from rehearsal.emr.operations import clusters, instances, policies, region, steps
from rehearsal.emr.operations.account import Account
from rehearsal.emr.parts import USER_REQUEST, Instance
from rehearsal.emr.protocol import checked_request, fit_answer, refusal_code, service_model

# Operation, as the model names it, to the function of boto3's name for it.
OPERATIONS: dict[str, Callable[[Account, dict[str, Any]], dict[str, Any]]] = {
    **policies.OPERATIONS,
    **{
        operation: getattr(module, xform_name(operation))
        for module in (clusters, steps, instances, region)
        for operation in service_model().operation_names
        if hasattr(module, xform_name(operation))
    },
}
DEFAULT_TIMINGS = Timings()
EMPTY_ACCOUNT = Surroundings()


class ElasticMapReduce:
    """EMR's API and control plane.

    Args:
        make_compute: Makes the machine under each cluster.
        receive: Gets what EMR tells EventBridge, one event after the other, in a thread of its own.
        timings: How long things take.
        surroundings: The other services of every account.
        conditions: What the account and AWS's delivery are like; they may change at any time.
    """

    def __init__(
        self,
        make_compute: ComputeFactory,
        receive: Callable[[Event], None],
        timings: Timings = DEFAULT_TIMINGS,
        surroundings: Surroundings = EMPTY_ACCOUNT,
        conditions: Conditions | None = None,
    ) -> None:
        self._make_compute = make_compute
        self._timings = timings
        self.surroundings = surroundings
        self.conditions = conditions or Conditions()
        self._launching = Launching(self.conditions, surroundings, self._instances)
        self._dispatcher = Dispatcher(receive, self.conditions)
        self._yarn_places = threading.Semaphore(timings.yarn_clusters)
        self._accounts: dict[tuple[str, str], Account] = {}
        self._lock = threading.Lock()

    def handle(self, operation: str, request: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
        """Answer one request, times as epoch seconds.

        Args:
            operation: As the model names it, such as `RunJobFlow`.
            request: As the JSON body holds it.

        Raises:
            EmrError: what EMR answers instead.
        """
        checked = checked_request(operation, request)
        if operation not in OPERATIONS:
            raise not_emulated(operation)
        place = self._account(account, region)
        place.forget()
        try:
            answer = OPERATIONS[operation](place, checked)
        except EmrError as error:
            error.code = error.code or refusal_code(operation)
            raise
        return fit_answer(operation, answer)

    def interrupt(self, cluster_id: str | None = None) -> str:
        """Take one running task node away at once, as Spot does, and return its EC2 id; a Spot one first.

        Args:
            cluster_id: Where; None: in the latest cluster that has one.

        Raises:
            EmrError: there is none.
        """
        for controller in self._controllers():
            cluster = controller.cluster
            tasks = [node for node in cluster.instances if node.role == "TASK" and node.running]
            if not tasks or cluster_id not in (None, cluster.id):
                continue
            lost = min(tasks, key=lambda node: node.market != "SPOT")
            controller.lose(lost, "Server.SpotInstanceTermination: Spot instance termination")
            return lost.ec2_id
        place = f"Cluster {cluster_id}" if cluster_id else "No cluster"
        raise refused(f"{place} has a running task node: wait until one has joined.")

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of a cluster by its ARN; of an unknown one, none."""
        cluster = self.find_cluster(arn.rpartition("/")[2])
        return dict(cluster.tags) if cluster else {}

    def find_cluster(self, cluster_id: str) -> Cluster | None:
        """Return a cluster of any account and region, also one that has ended; None: there is none."""
        clusters = (controller.cluster for controller in self._controllers())
        return next((cluster for cluster in clusters if cluster.id == cluster_id), None)

    def stop(self) -> None:
        """End every cluster, protected or not, and every process of theirs.

        Raises:
            TimeoutError: clusters did not end in time.
        """
        controllers = self._controllers()
        for controller in controllers:
            controller.cluster.end(USER_REQUEST)
        late = [each.cluster.id for each in controllers if not each.join(self._timings.stop)]
        self._dispatcher.close(self._timings.stop)
        if late:
            raise TimeoutError(f"clusters that did not end in {self._timings.stop} s: {', '.join(late)}")

    def _account(self, account: str, region: str) -> Account:
        with self._lock:
            new = Account(account, region, self._new_controller, self._dispatcher.announce, self.surroundings)
            return self._accounts.setdefault((account, region), new)

    def _new_controller(self, cluster: Cluster) -> Controller:
        return Controller(cluster, self._make_compute, self._timings, self._launching, self._yarn_places)

    def _instances(self, account: str, region: str) -> list[Instance]:
        clusters = self._account(account, region).clusters
        return [instance for cluster in clusters for instance in list(cluster.instances)]

    def _controllers(self) -> list[Controller]:
        """Return those of every account and region, the latest first."""
        with self._lock:
            accounts = list(self._accounts.values())
        controllers = [each for account in accounts for each in list(account.controllers.values())]
        return sorted(controllers, key=lambda controller: controller.cluster.created, reverse=True)
