"""The end of a rehearsal: results fetched, what was done told, stacks taken away, what is left looked for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.contract.prefixes import RUNS
from operate.commands.destroy import told_after
from operate.connection import Connection
from operate.emr.clusters import Cluster
from operate.emr.nodes import list_fleets, list_nodes
from operate.emr.steps import list_steps
from operate.removal.deployed_resources import contents_of_buckets, deployed_resources
from operate.removal.leftovers import search
from operate.runs.run_folder import run_prefix
from operate.s3.download import Place, download
from operate.s3.objects import list_objects, read_json
from rehearsal.errors import RehearsalError
from rehearsal.full_run import cdk_commands as cloud
from rehearsal.full_run.child_programs import Children
from rehearsal.full_run.request import Request
from rehearsal.full_run.summary import ClusterFacts, summary
from rehearsal.full_run.timeline import Timeline
from spark_job.contract.run_layout import MANIFEST, METRICS

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

FETCHES_AT_ONCE = 16


def fetch_results(connection: Connection, results: Path, timeline: Timeline) -> Path:
    """The run's folder on this machine."""
    s3, deployment = connection.client("s3"), connection.deployment
    prefix = run_prefix(deployment.run_id)
    place = Place(s3, deployment.results_bucket, prefix, results / deployment.run_id)
    with timeline.event(f"results are in {place.folder}"):
        download(place, list(list_objects(s3, place.bucket, prefix)), at_once=FETCHES_AT_ONCE)
    return place.folder


def run_summary(connection: Connection, clusters: Sequence[Cluster], folder: Path) -> list[str]:
    """The lines of `summary`, from EMR and the run's own files.

    Raises:
        RehearsalError: the run's folder is not complete.
    """
    facts = [_facts(connection.client("emr"), cluster) for cluster in clusters]
    return summary(facts, _of_run(connection, METRICS), _of_run(connection, MANIFEST), folder)


def take_down(children: Children, request: Request, connection: Connection, timeline: Timeline) -> list[str]:
    """Destroy the stacks; what stays as the stage declares, in lines.

    Raises:
        RehearsalError: the destroy failed, or something is left that should not be.
    """
    resources = deployed_resources(connection.client("cloudformation"), request.stage)
    with timeline.event("stacks are destroyed"):
        cloud.destroy(children, request)
    after = search(connection, resources)
    stays = [resource for resource in resources if resource.stays]
    text = told_after(request.stage, stays, contents_of_buckets(connection.client("s3"), stays), after)
    if after.found:
        raise RehearsalError(text)
    return text.splitlines()


def _facts(emr: EMRClient, cluster: Cluster) -> ClusterFacts:
    roles = {fleet.id: fleet.kind for fleet in list_fleets(emr, cluster.id)}
    return ClusterFacts(cluster, list_steps(emr, cluster.id), list_nodes(emr, cluster.id), roles)


def _of_run(connection: Connection, name: str) -> dict[str, Any]:
    deployment = connection.deployment
    found = read_json(
        connection.client("s3"), deployment.results_bucket, run_prefix(deployment.run_id) + name
    )
    if found is None:
        uri = f"s3://{deployment.results_bucket}/{RUNS}/{deployment.run_id}/{name}"
        raise RehearsalError(f"the step succeeded and {uri} is not there: look at the driver's log")
    return found
