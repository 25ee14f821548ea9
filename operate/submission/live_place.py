"""Where a run goes and on what: the live cluster, the listed images, what it will take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from operate.configuration import stage_configuration
from operate.connection import Connection
from operate.emr.clusters import Cluster, describe_cluster, idle_timeout, most_nodes
from operate.emr.nodes import list_nodes
from operate.errors import OperateError
from operate.printing import say
from operate.s3.image_listing import Listing, list_images
from operate.submission.estimate import Estimate, estimate

NAME_FROM_FINGERPRINT = 8


@dataclass(frozen=True)
class Place:
    """A live cluster, and the images to run on."""

    cluster: Cluster
    images: tuple[str, ...]
    listing: Listing


class ClusterEndedError(OperateError):
    """A run needs a new cluster, which comes with a deploy that has these fields."""

    def __init__(self, connection: Connection, cluster: Cluster, fields: Mapping[str, str]) -> None:
        self.fields = fields
        pairs = [f"{name}={value}" for name, value in fields.items()]
        self.command = connection.command("deploy", *(word for pair in pairs for word in ("-c", pair)))
        reason = f" ({cluster.reason})" if cluster.reason else ""
        super().__init__(
            f"cluster {cluster.id} is {cluster.state}{reason}; `{self.command}` starts one, "
            "with a run on all sources; for other options submit again while it is up"
        )


def live_place(
    connection: Connection,
    images: tuple[str, ...],
    name: str | None,
    variance: float | None,
    fields: Mapping[str, str],
) -> Place:
    """Return the deployment's cluster, and the listing of the images.

    Args:
        fields: of the configuration, for the deploy that makes another cluster.

    Raises:
        ClusterEndedError: it takes no steps any more.
    """
    cluster = describe_cluster(connection.client("emr"), connection.deployment.cluster_id)
    say(f"listing {', '.join(images)}")
    listing = list_images(connection.client("s3"), images, say)
    if not cluster.live:
        wanted = f"{name or 'run'}-{listing.fingerprint[:NAME_FROM_FINGERPRINT]}"
        decided = {} if variance is None else {"variance": f"{variance:g}"}
        raise ClusterEndedError(connection, cluster, {**fields, "run": wanted, **decided})
    return Place(cluster, images, listing)


def require_images(place: Place) -> None:
    """Check that there are images to run on. Raises OperateError."""
    if not place.listing.files:
        where = ", ".join(place.images)
        raise OperateError(f"no images in {where}: put photographs there with `upload DIR`")


def estimated(
    connection: Connection, place: Place, options: Mapping[str, Any], fields: Mapping[str, str]
) -> Estimate:
    """Return what the run will take with the model of this tree's configuration and these fields."""
    emr = connection.client("emr")
    files = place.listing.files
    idle = idle_timeout(emr, place.cluster.id)
    return estimate(
        list_nodes(emr, place.cluster.id),
        images=min(files, options.get("sample") or files),
        model=stage_configuration(connection.stage, connection.region, fields).model,
        region=connection.region,
        most_nodes=most_nodes(emr, place.cluster.id),
        idle_minutes=idle.total_seconds() / 60 if idle else 0.0,
    )
