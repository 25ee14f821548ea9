"""The clusters of a stage: which there are, which one is meant, and which one has a run."""

from collections.abc import Iterable

from infra.contract import outputs
from operate.connection import Connection
from operate.emr.clusters import REMEMBERED_DAYS, Cluster, describe_cluster, find_cluster, list_clusters
from operate.emr.steps import Step, list_steps
from operate.errors import DENIED, OperateError, unless

MOST_NAMES = 5


def stage_clusters(connection: Connection, days: float = REMEMBERED_DAYS) -> list[Cluster]:
    """Return the stage's clusters, ended ones too, the latest first.

    Whoever may not list clusters gets that of the last deploy, if EMR still knows it.
    """
    emr, deployment = connection.client("emr"), connection.deployment
    listed = unless(DENIED, lambda: list_clusters(emr, deployment.name_prefix, days))
    if listed is not None:
        return listed
    cluster = find_cluster(emr, deployment.outputs.get(outputs.CLUSTER_ID, ""))
    return [cluster] if cluster else []


def meant_clusters(connection: Connection, cluster_id: str | None) -> list[Cluster]:
    """Return the clusters that a person means: the named one, else those that are up, else the latest.

    The list is empty where EMR remembers no cluster.
    """
    emr = connection.client("emr")
    if cluster_id:
        return [describe_cluster(emr, cluster_id)]
    clusters = stage_clusters(connection)
    meant = [cluster for cluster in clusters if cluster.live] or clusters[:1]
    # A list of clusters has only a part of what EMR knows of each.
    return [describe_cluster(emr, cluster.id) for cluster in meant]


def find_run(connection: Connection, run: str | None, cluster_id: str | None = None) -> tuple[Cluster, Step]:
    """Return the step of a run, and its cluster.

    Args:
        run: `s-…` or a run id; None: the latest step of the clusters that are meant.
        cluster_id: look at this cluster alone.

    Raises OperateError: there is none.
    """
    prefix = connection.deployment.name_prefix
    clusters = meant_clusters(connection, cluster_id) if cluster_id or not run else stage_clusters(connection)
    if run is None:
        steps = _steps(connection, clusters)
        if not steps:
            raise OperateError("there are no steps yet: `submit` starts a run")
        return max(steps, key=lambda pair: pair[1].created.timestamp() if pair[1].created else 0.0)
    # A cluster that was started for a run has its name; one that is up may have taken up what another left.
    for cluster in sorted(clusters, key=lambda cluster: (not cluster.live, cluster.name != prefix + run)):
        for _, step in _steps(connection, [cluster]):
            if run in (step.id, step.name, step.name.removeprefix(prefix)):
                return cluster, step
    names = [step.name.removeprefix(prefix) for _, step in _steps(connection, clusters[:MOST_NAMES])]
    raise OperateError(
        f"no step {run} on a cluster that EMR remembers; the latest runs: "
        f"{', '.join(dict.fromkeys(names[:MOST_NAMES])) or 'none'}; `runs` lists all that have results"
    )


def _steps(connection: Connection, clusters: Iterable[Cluster]) -> list[tuple[Cluster, Step]]:
    emr = connection.client("emr")
    return [(cluster, step) for cluster in clusters for step in list_steps(emr, cluster.id)]
