"""What the service asks of the machine that its clusters run on: the border between states and processes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

Role = Literal["MASTER", "CORE", "TASK"]


class ComputeError(Exception):
    """A node, YARN or a program could not be started; the message becomes the state's reason."""


@dataclass(frozen=True)
class Node:
    """One EC2 instance of a cluster, by its id: `i-` and 17 hex digits."""

    instance_id: str
    role: Role


@dataclass(frozen=True)
class ClusterSpec:
    """What the machine needs to know of a cluster."""

    cluster_id: str
    # Classification to its properties, as they stand in the request.
    configurations: Mapping[str, Mapping[str, str]]
    log_uri: str | None  # `s3://BUCKET/PREFIX/`, without the cluster's id; None: it keeps no logs
    runs_yarn: bool  # whether an application of the cluster needs it (Hadoop, Spark, …)


@dataclass(frozen=True)
class Program:
    """What a step runs: its `HadoopJarStep` as it stands."""

    step_id: str
    jar: str
    arguments: Sequence[str]
    main_class: str | None = None
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True)
class BootstrapAction:
    """A script and its arguments, from S3 or this machine."""

    name: str
    path: str
    arguments: Sequence[str]


@dataclass(frozen=True)
class Demand:
    """What YARN is asked for beyond what it has, and what its nodes do."""

    pending_containers: int  # containers that wait for room
    containers_by_instance: Mapping[str, int]  # instance id to the containers that run on it now
    pending_masters: int = 0  # those that wait for the label of core nodes, as application masters do


class RunningProgram(Protocol):
    """A step that has been started."""

    def wait(self) -> int:
        """Wait for its end and return its exit code; its logs are in S3 then, unless they are late."""

    def cancel(self, *, force: bool) -> None:
        """End it and its YARN application: by SIGTERM, with `force` by SIGKILL."""

    @property
    def last_words(self) -> str:
        """The last lines of its stderr, for the step's failure details."""


class Compute(Protocol):
    """The machine under one cluster. Every method may block and may be called from any thread.

    All but `leave`, `lose`, `is_alive` and `stop` raise ComputeError for what cannot be had: room for a node,
    a script, YARN, a jar.
    """

    def provision(self, node: Node) -> None:
        """Give the node its folder."""

    def bootstrap(self, node: Node, number: int, action: BootstrapAction) -> int:
        """Run one bootstrap action on one node, number 1 first, and return its exit code."""

    def start(self, primary: Node) -> None:
        """Start YARN's ResourceManager, if the cluster runs YARN."""

    def join(self, node: Node) -> None:
        """Start the node's NodeManager (core and task nodes) and wait until YARN counts on it."""

    def leave(self, node: Node) -> None:
        """Take the node out gracefully: no new containers, then its processes end; its logs go to S3."""

    def lose(self, node: Node) -> None:
        """End everything on the node at once, as when Spot takes it back."""

    def is_alive(self, node: Node) -> bool:
        """Return whether the node's processes still run."""

    def run(self, program: Program) -> RunningProgram:
        """Start a step on the primary node."""

    def demand(self) -> Demand:
        """Return what YARN is asked for now; no containers when the cluster does not run YARN."""

    def stop(self) -> None:
        """End every process of the cluster and put the remaining logs into S3. May be called twice."""


ComputeFactory = Callable[[ClusterSpec], Compute]
