"""How long the control plane takes, and how much it does at once."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Lengths of time in seconds, but for the last, which is a count.

    Attributes:
        tick: Between two looks at demand, idleness and health of a cluster.
        scale_out_after: How long containers wait for room before managed scaling adds a node.
        scale_in_after: How long a node has no container before managed scaling takes it away.
        idle_second: Length of one second of an auto-termination policy's `IdleTimeout`.
        provisioning_minute: Length of one minute of a fleet's `TimeoutDurationMinutes`.
        stop: How long `ElasticMapReduce.stop` waits for each cluster.
        yarn_clusters: How many clusters may run YARN at once; others stay in STARTING.
    """

    tick: float = 1.0
    scale_out_after: float = 15.0
    scale_in_after: float = 60.0
    idle_second: float = 1.0
    provisioning_minute: float = 1.0
    stop: float = 30.0
    yarn_clusters: int = 2
