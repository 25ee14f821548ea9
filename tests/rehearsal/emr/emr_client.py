"""The service behind botocore's own serializer, parser and response shapes, and waiting for its clusters."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.model import ListShape, Shape, StructureShape
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from rehearsal.emr.cluster import Cluster
from rehearsal.emr.compute import ClusterSpec
from rehearsal.emr.conditions import Timings
from rehearsal.emr.errors import EmrError
from rehearsal.emr.events import Event
from rehearsal.emr.life.launching import Surroundings
from rehearsal.emr.parts import ENDED, READY, Pool
from rehearsal.emr.protocol import operation_model
from rehearsal.emr.service import EMPTY_ACCOUNT, ElasticMapReduce
from tests.rehearsal.emr.fake_compute import FakeCompute
from tests.waiting import wait_until

ACCOUNT = "111122223333"
SETTLE_SECONDS = 0.5
QUICK = Timings(
    tick=0.01,
    scale_out_after=0.05,
    scale_in_after=0.1,
    idle_second=0.002,
    provisioning_minute=0.02,
    stop=5,
    yarn_clusters=2,
)
GROUPS = {
    "InstanceGroups": [
        {"InstanceRole": "MASTER", "InstanceType": "m5.xlarge", "InstanceCount": 1},
        {"InstanceRole": "CORE", "InstanceType": "m5.xlarge", "InstanceCount": 2},
        {
            "InstanceRole": "TASK",
            "InstanceType": "m5.2xlarge",
            "InstanceCount": 1,
            "Market": "SPOT",
            "Name": "t",
        },
    ]
}


def fleet(role: str, on_demand: int = 0, spot: int = 0, weight: int = 1) -> dict[str, Any]:
    types = [
        {"InstanceType": "m5.xlarge", "WeightedCapacity": weight},
        {"InstanceType": "m5.2xlarge", "WeightedCapacity": weight},
    ]
    return {
        "InstanceFleetType": role,
        "TargetOnDemandCapacity": on_demand,
        "TargetSpotCapacity": spot,
        "InstanceTypeConfigs": types,
    }


FLEETS = {"InstanceFleets": [fleet("MASTER", 1), fleet("CORE", 1), fleet("TASK", spot=1)]}


class EmrClient:
    """Calls operations of one account and region; keeps the machines and the events."""

    def __init__(self, timings: Timings = QUICK, surroundings: Surroundings = EMPTY_ACCOUNT) -> None:
        self.computes: dict[str, FakeCompute] = {}
        self.events: list[Event] = []
        self.service = ElasticMapReduce(self._make, self.events.append, timings, surroundings)

    def _make(self, spec: ClusterSpec) -> FakeCompute:
        self.computes[spec.cluster_id] = FakeCompute(spec)
        return self.computes[spec.cluster_id]

    def call(self, operation: str, region: str = "eu-west-1", **request: Any) -> dict[str, Any]:
        """One request, serialized and parsed as boto3 does it."""
        model = operation_model(operation)
        body = create_serializer("json").serialize_to_request(request, model)["body"]
        answer = answer_of(self.service, operation, json.loads(body), region)
        told = json.loads(json.dumps(answer))
        if model.output_shape:
            assert_fits(model.output_shape, told, operation)
        response = {"status_code": 200, "headers": {}, "body": json.dumps(told).encode()}
        parser: Any = create_parser("json")
        parsed: dict[str, Any] = parser.parse(response, model.output_shape)
        parsed.pop("ResponseMetadata", None)
        return parsed

    def run(self, instances: dict[str, Any] | None = None, *, keep: bool = True, **more: Any) -> str:
        """A cluster's id; light unless `Applications` says otherwise."""
        chosen = {"KeepJobFlowAliveWhenNoSteps": keep, **(instances or GROUPS)}
        defaults = {"Name": "fruit", "ReleaseLabel": "emr-7.9.0", "ServiceRole": "s", "JobFlowRole": "j"}
        return str(self.call("RunJobFlow", **{**defaults, **more}, Instances=chosen)["JobFlowId"])

    def cluster(self, cluster_id: str) -> dict[str, Any]:
        described: dict[str, Any] = self.call("DescribeCluster", ClusterId=cluster_id)["Cluster"]
        return described

    def state(self, cluster_id: str) -> str:
        return str(self.cluster(cluster_id)["Status"]["State"])

    def wait(self, cluster_id: str, *states: str) -> dict[str, Any]:
        until(lambda: self.state(cluster_id) in states, f"{cluster_id} in {states}")
        return self.cluster(cluster_id)

    def steps(self, cluster_id: str) -> list[dict[str, Any]]:
        """In the order in which they were added."""
        return list(reversed(self.call("ListSteps", ClusterId=cluster_id)["Steps"]))

    def step_states(self, cluster_id: str) -> list[str]:
        return [step["Status"]["State"] for step in self.steps(cluster_id)]

    def nodes(self, cluster_id: str, role: str | None = None, *states: str) -> list[dict[str, Any]]:
        chosen: dict[str, Any] = {"InstanceGroupTypes": [role]} if role else {}
        if states:
            chosen["InstanceStates"] = list(states)
        return list(self.call("ListInstances", ClusterId=cluster_id, **chosen)["Instances"])


def assert_fits(shape: Shape, value: Any, where: str) -> None:
    """No member that the shape lacks, none that it requires missing, and the types right."""
    if isinstance(shape, StructureShape):
        assert set(value) <= set(shape.members), f"{where}: unknown {set(value) - set(shape.members)}"
        assert set(shape.required_members) <= set(value), f"{where}: lacks {shape.required_members}"
        for name, item in value.items():
            assert_fits(shape.members[name], item, f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for item in value:
            assert_fits(shape.member, item, where)
    else:
        kinds = {"string": str, "integer": int, "long": int, "boolean": bool, "map": dict}
        assert isinstance(value, kinds.get(shape.type_name, (int, float))), f"{where}: {value!r}"
        allowed = getattr(shape, "enum", None)
        assert not allowed or value in (*allowed, ""), f"{where}: {value}"


def answer_of(
    service: ElasticMapReduce, operation: str, request: dict[str, Any], region: str
) -> dict[str, Any]:
    """The answer, once the clusters without YARN that a change names have made it, in milliseconds."""
    answer = service.handle(operation, request, account=ACCOUNT, region=region)
    if not operation.startswith(("Describe", "List", "Get")):
        for cluster_id in (
            *(answer.get("JobFlowId"), request.get("JobFlowId"), request.get("ClusterId")),
            *request.get("JobFlowIds", []),
        ):
            cluster = service.find_cluster(cluster_id or "")
            if cluster and not cluster.runs_yarn:
                with cluster.changed:
                    cluster.changed.wait_for(partial(_is_at_rest, cluster), SETTLE_SECONDS)
    return answer


def _is_at_rest(cluster: Cluster) -> bool:
    """Whether nothing but its steps goes on in a cluster."""
    if cluster.state in ENDED:
        return True
    if cluster.ending or cluster.state not in READY or not (cluster.keep_alive or cluster.active_steps):
        return False
    return all(pool.suspended or pool.refusal or _is_full(cluster, pool) for pool in cluster.pools)


def _is_full(cluster: Cluster, pool: Pool) -> bool:
    running = sum(instance.units for instance in cluster.of_pool(pool) if instance.running)
    return pool.state == "RUNNING" and 0 <= running - sum(pool.targets.values()) < pool.units_each


class _Body:
    """What boto3 reads an answer from."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def answers_of(service: ElasticMapReduce, region: str = "eu-west-1") -> Callable[..., Any]:
    """Return a handler of botocore's event `before-send.emr`: the service answers, without a socket."""

    def answer(request: Any, **_: Any) -> Any:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        try:
            told = answer_of(service, operation, json.loads(request.body), region)
            status = 200
        except EmrError as error:
            status, told = 400, error.body
        headers: Any = {}
        return AWSResponse(request.url, status, headers, _Body(json.dumps(told).encode()))

    return answer


def until(true: Callable[[], bool], what: str = "it is true", seconds: float = 10.0) -> None:
    """Wait for something to become true, which takes milliseconds here."""
    wait_until(true, what, seconds, pause=0.005)


def step(name: str = "step", *arguments: str, on_failure: str | None = None) -> dict[str, Any]:
    """`exit N`, `wait`, or nothing, which succeeds."""
    action = {"ActionOnFailure": on_failure} if on_failure else {}
    return {"Name": name, **action, "HadoopJarStep": {"Jar": "command-runner.jar", "Args": list(arguments)}}
