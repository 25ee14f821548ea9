"""Where a run goes: to the live cluster or to one that the deployed function starts; what it will take."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from infra.contract import outputs
from infra.launch.image_listing import Listing, list_images
from infra.launch.run_request import DeployedJob, RunRequest
from operate.connection import Connection
from operate.emr.clusters import Cluster, idle_timeout, list_nodes, most_nodes
from operate.errors import OperateError
from operate.printing import say
from operate.runs.run_history import own_rates, stage_clusters
from operate.submission.estimate import Estimate, estimate, estimate_of_new
from spark_job.contract.errors import MisuseError


@dataclass(frozen=True)
class Place:
    """The images to run on, and where.

    Attributes:
        cluster: that of the deploy while it takes steps; None: the run gets a cluster of its own.
        deployed: the job of the last deploy.
    """

    cluster: Cluster | None
    images: tuple[str, ...]
    listing: Listing
    deployed: DeployedJob

    @property
    def live_cluster(self) -> Cluster:
        """The cluster of the deploy. Raises OperateError where it has ended."""
        if self.cluster is None:
            raise OperateError(
                "no cluster is up: `fruit deploy -c run=NAME -c idle_timeout_minutes=60` starts one that "
                "stays an hour after its run"
            )
        return self.cluster


def find_place(connection: Connection, images: tuple[str, ...], labels: str | None = None) -> Place:
    """Return the deployment's cluster, if it takes steps, its job, and the listing of the images.

    Args:
        labels: as the run's `--labels`; None: as the deployment's.
    """
    deployed = deployed_job(connection)
    deploys, clusters = connection.deployment.cluster_id, stage_clusters(connection)
    cluster = next((cluster for cluster in clusters if cluster.id == deploys and cluster.live), None)
    say(f"listing {', '.join(images)}")
    listing = list_images(connection.client("s3"), images, say, labels or deployed.value("--labels"))
    return Place(cluster, images, listing, deployed)


def require_images(place: Place) -> None:
    """Check that there are images to run on. Raises OperateError."""
    if not place.listing.files:
        where = ", ".join(place.images)
        raise OperateError(f"no images in {where}: put photographs there with `upload DIR`")


def estimated(connection: Connection, place: Place, options: Mapping[str, Any]) -> Estimate:
    """Return what the run will take with the deployed model, at the rate of the deployment's earlier runs."""
    emr, cluster, deployed = connection.client("emr"), place.cluster, place.deployed
    images = min(place.listing.files, options.get("sample") or place.listing.files)
    rates = own_rates(connection)
    if cluster is None:
        return estimate_of_new(deployed, images, rates)
    idle = idle_timeout(emr, cluster.id)
    return estimate(
        list_nodes(emr, cluster.id),
        images=images,
        model=deployed.model,
        region=connection.region,
        most_nodes=most_nodes(emr, cluster.id),
        idle_minutes=idle.total_seconds() / 60 if idle else 0.0,
        own_rates=rates,
    )


def deployed_job(connection: Connection) -> DeployedJob:
    """Return how the deployed job is started. Raises OperateError where the function does not answer."""
    return DeployedJob.from_json(_ask(connection, {"describe": True}))


def launch(connection: Connection, request: RunRequest) -> tuple[str, str]:
    """Start a cluster that ends with this run, and return its id and that of its step.

    Raises OperateError: the function refuses; the message holds its reason.
    """
    answer = _ask(connection, {"run": asdict(request)})
    return str(answer["cluster_id"]), str(answer["step_id"])


def _ask(connection: Connection, event: dict[str, Any]) -> dict[str, Any]:
    name = connection.deployment.of_pipeline(outputs.LAUNCHER)
    answer = connection.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
    content: dict[str, Any] = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise OperateError(
            f"the function {name} failed: {content.get('errorMessage')}; its log in CloudWatch says more"
        )
    if "error" in content:
        misuse = content["exit_code"] == MisuseError.exit_code
        raise (MisuseError if misuse else OperateError)(content["error"])
    return content
