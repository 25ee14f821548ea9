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
    """The images to run on, and where."""

    cluster: Cluster | None  # that of the deploy while it takes steps; None: the run gets one of its own
    images: tuple[str, ...]
    listing: Listing
    deployed: DeployedJob  # the job of the last deploy

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
    """Return the place of a run; `labels` is its `--labels`, None: that of the deployment."""
    deployed, deploys = deployed_job(connection), connection.deployment.cluster_id
    live = [cluster for cluster in stage_clusters(connection) if cluster.live]
    cluster = next((cluster for cluster in live if cluster.id == deploys), None)
    say(f"listing {', '.join(images)}")
    listing = list_images(connection.client("s3"), images, say, labels or deployed.value("--labels"))
    return Place(cluster, images, listing, deployed)


def require_images(place: Place) -> None:
    """Check that there are images to run on. Raises OperateError."""
    if not place.listing.files:
        raise OperateError(f"no images in {', '.join(place.images)}: put photographs there with `upload DIR`")


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
    """Start a cluster that ends with this run; return the ids of both. Raises OperateError: it is refused."""
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
