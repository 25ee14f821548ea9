"""Elastic MapReduce itself: the one door to its API, for every account and region."""

import threading
from collections.abc import Callable
from typing import Any

from botocore import xform_name

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import ComputeFactory
from rehearsal.emr.conditions import Conditions, Timings
from rehearsal.emr.errors import INVALID_REQUEST, VALIDATION, EmrError, not_emulated, refused
from rehearsal.emr.events import Dispatcher, Event
from rehearsal.emr.life.controller import Controller
from rehearsal.emr.life.launching import NO_SPOT_ROLE, Surroundings, beyond_quota
from rehearsal.emr.operations import clusters, instances, region, steps
from rehearsal.emr.operations.account import Account
from rehearsal.emr.parts import USER_REQUEST, Instance
from rehearsal.emr.protocol import checked_request, fit, operation_model, service_model

# Operation, as the model names it, to the function of boto3's name for it.
OPERATIONS: dict[str, Callable[[Account, dict[str, Any]], dict[str, Any]]] = {
    **clusters.POLICY_OPERATIONS,
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
        surroundings: The other services of every account.
    """

    def __init__(
        self,
        make_compute: ComputeFactory,
        receive: Callable[[Event], None],
        timings: Timings = DEFAULT_TIMINGS,
        surroundings: Surroundings = EMPTY_ACCOUNT,
        conditions: Conditions | None = None,
    ) -> None:
        self._make_compute, self._timings, self.surroundings = make_compute, timings, surroundings
        self.conditions = conditions or Conditions()
        self._dispatcher = Dispatcher(receive, self.conditions)
        self._yarn_places = threading.Semaphore(timings.yarn_clusters)
        self._accounts: dict[tuple[str, str], Account] = {}
        self._lock, self._launch_lock = threading.Lock(), threading.Lock()

    def handle(self, operation: str, request: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
        """Answer one request; times are epoch seconds. Raises EmrError: what EMR answers instead."""
        model, checked = operation_model(operation), checked_request(operation, request)
        if operation not in OPERATIONS:
            raise not_emulated(operation)
        place = self._account(account, region)
        place.forget()
        try:
            answer = OPERATIONS[operation](place, checked)
        except EmrError as error:
            # The newer operations, which speak of clusters, name InvalidRequestException among their errors;
            # those of job flows and of policies do not: they answer ValidationException.
            errors = [shape.name for shape in model.error_shapes]
            error.code = error.code or (INVALID_REQUEST if INVALID_REQUEST in errors else VALIDATION)
            raise
        return dict(fit(model.output_shape, answer)) if model.output_shape else {}

    def interrupt(self, cluster_id: str | None = None) -> str:
        """Take one running task node away at once, as Spot does, and return its EC2 id; a Spot one first.

        It is of this cluster, else of the latest that has one. Raises EmrError: there is none.
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
        """End every cluster and its processes. Raises TimeoutError: clusters did not end in time."""
        controllers = self._controllers()
        for controller in controllers:
            controller.cluster.end(USER_REQUEST)
        for controller in controllers:
            controller.thread.join(self._timings.stop)
        late = [controller.cluster.id for controller in controllers if controller.thread.is_alive()]
        self._dispatcher.close(self._timings.stop)
        if late:
            raise TimeoutError(f"clusters that did not end in {self._timings.stop} s: {', '.join(late)}")

    def _account(self, account: str, region: str) -> Account:
        def make(cluster: Cluster) -> Controller:
            return Controller(cluster, self._make_compute, self._timings, self._launch, self._yarn_places)

        with self._lock:
            made = Account(account, region, make, self._dispatcher.announce, self.surroundings)
            return self._accounts.setdefault((account, region), made)

    def _launch(self, cluster: Cluster, instance: Instance) -> str:
        if refusal := self.surroundings.launch_refusal(cluster):
            return refusal
        role = str(cluster.request["ServiceRole"])
        if instance.market == "SPOT" and not self.surroundings.allows_spot(cluster.region, role):
            return NO_SPOT_ROLE
        with self._launch_lock:
            clusters = self._account(cluster.account, cluster.region).clusters
            others = [other for each in clusters for other in list(each.instances)]
            refusal = beyond_quota(instance, others, self.conditions)
            if not refusal:
                cluster.instances.append(instance)
        return refusal

    def _controllers(self) -> list[Controller]:
        """Return those of every account and region, the latest first."""
        with self._lock:
            accounts = list(self._accounts.values())
        controllers = [each for account in accounts for each in list(account.controllers.values())]
        return sorted(controllers, key=lambda controller: controller.cluster.created, reverse=True)
