"""Elastic MapReduce itself: the one door to its API, for every account and region."""

import copy
import threading
from collections.abc import Callable
from typing import Any

from rehearsal.emr.cluster_events import cluster_event, step_event
from rehearsal.emr.compute import ComputeFactory
from rehearsal.emr.errors import invalid_request
from rehearsal.emr.events import Dispatcher, Event
from rehearsal.emr.life.controller import Controller
from rehearsal.emr.life.settling import settle
from rehearsal.emr.life.yarn_slots import YarnSlots
from rehearsal.emr.operations import account, capacity, catalogue, clusters, instances, policies, steps
from rehearsal.emr.requests.configurations import cluster_spec
from rehearsal.emr.requests.job_flow_request import new_cluster
from rehearsal.emr.requests.protocol import check_request, fit_answer
from rehearsal.emr.state.account import AccountState
from rehearsal.emr.state.ending import USER_REQUEST
from rehearsal.emr.timings import Timings

Operation = Callable[[AccountState, dict[str, Any]], dict[str, Any]]
OPERATIONS: dict[str, Operation] = {
    **clusters.OPERATIONS,
    **steps.OPERATIONS,
    **instances.OPERATIONS,
    **capacity.OPERATIONS,
    **policies.OPERATIONS,
    **account.OPERATIONS,
    **catalogue.OPERATIONS,
}
DEFAULT_TIMINGS = Timings()


class ElasticMapReduce:
    """EMR's API and control plane.

    Args:
        compute: Makes the machine under each cluster.
        events: Gets what EMR tells EventBridge, one after the other, in a thread of its own.
        timings: How long things take.
    """

    def __init__(
        self, compute: ComputeFactory, events: Callable[[Event], None], timings: Timings = DEFAULT_TIMINGS
    ) -> None:
        self._compute = compute
        self._timings = timings
        self._dispatcher = Dispatcher(events)
        self._slots = YarnSlots(timings.yarn_clusters)
        self._states: dict[tuple[str, str], AccountState] = {}
        self._lock = threading.Lock()

    def handle(self, operation: str, request: dict[str, Any], *, account: str, region: str) -> dict[str, Any]:
        """Answer one request, times as epoch seconds.

        Args:
            operation: As the model names it, such as `RunJobFlow`.
            request: As the JSON body holds it.

        Raises:
            EmrError: what EMR answers instead.
        """
        check_request(operation, request)
        state = self._state(account, region)
        # None means absent, as everywhere in AWS's JSON.
        asked = {name: value for name, value in copy.deepcopy(request).items() if value is not None}
        if operation == "RunJobFlow":
            answer = self._run_job_flow(state, asked)
        elif operation in OPERATIONS:
            answer = OPERATIONS[operation](state, asked)
        else:
            raise invalid_request(
                f"{operation} is not part of the rehearsal: it has no studios and sessions."
            )
        if not operation.startswith(("Describe", "List", "Get")):
            settle(state, asked, answer, self._timings.settle)
        return copy.deepcopy(fit_answer(operation, answer))

    def interrupt(self, cluster_id: str | None = None) -> str:
        """Take one running task node away at once, as Spot does; a Spot one first.

        Args:
            cluster_id: Where; None: the latest cluster that has one.

        Returns:
            Its EC2 instance id.

        Raises:
            EmrError: there is none.
        """
        for controller in self._controllers():
            cluster = controller.cluster
            tasks = [each for each in cluster.instances if each.role == "TASK" and each.running]
            if not tasks or cluster_id not in (None, cluster.id):
                continue
            lost = min(tasks, key=lambda each: each.market != "SPOT")
            controller.lose(lost, "Server.SpotInstanceTermination: Spot instance termination")
            return lost.ec2_id
        where = f"Cluster {cluster_id}" if cluster_id else "No cluster"
        raise invalid_request(f"{where} has a running task node: wait until one has joined.")

    def stop(self) -> None:
        """End every cluster, protected or not, and every process of theirs."""
        controllers = self._controllers()
        for controller in controllers:
            controller.cluster.end(USER_REQUEST)
        late = [each.cluster.id for each in controllers if not each.join(self._timings.stop)]
        self._dispatcher.close(self._timings.stop)
        if late:
            raise TimeoutError(f"clusters that did not end in {self._timings.stop} s: {', '.join(late)}")

    def _state(self, account: str, region: str) -> AccountState:
        with self._lock:
            return self._states.setdefault((account, region), AccountState(account, region))

    def _controllers(self) -> list[Controller]:
        """Those of every account and region, the latest first."""
        with self._lock:
            found = [each for state in self._states.values() for each in list(state.controllers.values())]
        return sorted(found, key=lambda each: each.cluster.created, reverse=True)

    def _run_job_flow(self, state: AccountState, request: dict[str, Any]) -> dict[str, Any]:
        security = request.get("SecurityConfiguration")
        if security and security not in state.security_configurations:
            raise invalid_request(f"Security configuration with name '{security}' does not exist.")
        cluster = new_cluster(request, state.account, state.region, self._dispatcher.put)
        controller = Controller(cluster, cluster_spec(cluster), self._compute, self._timings, self._slots)
        with self._lock:
            state.controllers[cluster.id] = controller
        self._dispatcher.put(cluster_event(cluster))
        for step in cluster.steps:
            self._dispatcher.put(step_event(cluster, step))
        controller.begin()
        return {"JobFlowId": cluster.id, "ClusterArn": cluster.arn}
