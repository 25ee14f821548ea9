"""Where a run goes: to the live cluster or to one that the deployed function starts; what it will take."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from infra.config.instances import instance_types
from infra.contract import outputs
from infra.costs.cost import OwnRate, images_per_second_per_vcpu, latest_rate, rate_table, run_estimate
from infra.costs.prices import price_table
from infra.launch.image_listing import Listing, list_images
from infra.launch.run_request import DeployedJob, RunRequest
from operate.connection import Connection
from operate.emr.clusters import Cluster, Node, idle_timeout, list_nodes, most_nodes
from operate.emr.node_costs import hour_price
from operate.errors import OperateError
from operate.printing import say
from operate.runs.run_history import own_rates, stage_clusters
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


@dataclass(frozen=True)
class Estimate:
    """Minutes and USD of one run, from its submission until the cluster ends."""

    images: int
    nodes: int  # core and task nodes, at most
    minutes: float  # with the start of a new cluster
    idle_minutes: float
    cost_usd: float | None  # None: a type has no price
    rate_source: str  # the deployment's run, or the project's measurement, whose rate counts
    new_cluster: bool = False
    expected_error: str = "an upper bound: every node on demand and the cluster at its largest all the time"

    @property
    def source(self) -> str:
        return f"prices of {price_table()['date']} (infra/costs/prices.json), rate {self.rate_source}"

    @property
    def sentence(self) -> str:
        """The estimate for people, with source and expected error."""
        cost = "no price known" if self.cost_usd is None else f"at most {self.cost_usd:.2f} USD"
        place = "a new cluster" if self.new_cluster else "the live cluster"
        idle = f" with {self.idle_minutes:.0f} min idle after it" if self.idle_minutes else ""
        return (
            f"{self.images:,} files, about {self.minutes:.0f} min on up to {self.nodes} nodes of "
            f"{place}, {cost}{idle}; {self.source}; {self.expected_error}"
        )


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


def estimate(
    nodes: Sequence[Node],
    *,
    images: int,
    model: str,
    region: str,
    most_nodes: int | None,
    idle_minutes: float,
    own_rates: Sequence[OwnRate],
) -> Estimate:
    """Return the estimate for a live cluster.

    Args:
        nodes: those that the cluster has or had.
        most_nodes: core and task nodes that scaling may reach; None: those that there are.
        idle_minutes: the cluster stays this long after the run.
        own_rates: of the deployment's runs, which are preferred to those of the project.
    """
    here = [node for node in nodes if not node.gone]
    workers = most_nodes or max(len(here) - 1, 1)
    dearest = max((price for node in here if (price := hour_price(node, region)) is not None), default=None)
    rate, source = _core_rate(own_rates, model, [node.type.partition(".")[0] for node in here])
    known = instance_types()
    # The smallest worker that there is counts, so that the estimate errs upwards.
    vcpu = min((known[node.type].vcpu for node in here if node.type in known), default=4)
    minutes, usd = run_estimate(
        core_rate=rate,
        images=images,
        cores=workers * vcpu,
        largest_hourly_usd=(dearest or 0.0) * (workers + 1),
        idle_minutes=idle_minutes,
        new_cluster=False,
    )
    return Estimate(images, workers, minutes, idle_minutes, None if dearest is None else usd, source)


def estimate_of_new(deployed: DeployedJob, images: int, own_rates: Sequence[OwnRate]) -> Estimate:
    """Return the estimate for a cluster that is started for the run and ends with it."""
    rate, source = _core_rate(own_rates, deployed.model, deployed.families)
    hourly, cores = deployed.hourly_usd, deployed.cores
    minutes, usd = run_estimate(
        core_rate=rate, images=images, cores=cores, largest_hourly_usd=hourly, idle_minutes=0.0
    )
    return Estimate(images, deployed.nodes, minutes, 0.0, usd, source, new_cluster=True)


def _core_rate(own_rates: Sequence[OwnRate], model: str, families: Sequence[str]) -> tuple[float, str]:
    """Return the images a second of one vCPU, and where this rate is from."""
    if own := latest_rate(own_rates, model, families):
        return own.images_per_second, f"{own.source}, for images like those"
    source = f"of {rate_table()['date']} (infra/costs/rates.json), measured on another machine"
    return images_per_second_per_vcpu(model), source
