"""A cluster's end: its steps, processes, instances and pools, in this order."""

import logging

from rehearsal.emr.compute import Compute
from rehearsal.emr.life.step_runner import interrupt_steps
from rehearsal.emr.state.cluster import Cluster

logger = logging.getLogger(__name__)


def shut_down(cluster: Cluster, compute: Compute | None) -> None:
    """End what a cluster has; the reason of its end says which of the two last states it enters.

    Args:
        compute: Its machine, None when it never got one.
    """
    cluster.set_state("TERMINATING")
    interrupt_steps(cluster)
    for pool in cluster.pools:
        cluster.set_pool_state(pool, "TERMINATING")
    _stop(cluster, compute)
    for instance in cluster.instances:
        cluster.set_instance_state(instance, "TERMINATED", "CLUSTER_TERMINATED", "Cluster was terminated.")
    for pool in cluster.pools:
        pool.code, pool.message = "CLUSTER_TERMINATED", "Cluster terminated."
        cluster.set_pool_state(pool, "TERMINATED")
    failed = cluster.ending is not None and cluster.ending.failed
    cluster.set_state("TERMINATED_WITH_ERRORS" if failed else "TERMINATED")


def _stop(cluster: Cluster, compute: Compute | None) -> None:
    if compute is None:
        return
    try:
        compute.stop()
    except Exception:
        # The cluster ends all the same; the log says what is left of it.
        logger.exception("cluster %s did not stop in peace", cluster.id)
