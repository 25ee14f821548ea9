"""What one account has in one region, and how its clusters are found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.cluster import Cluster, Subject
from rehearsal.emr.conditions import CLOCK, SECONDS_OF_A_DAY
from rehearsal.emr.errors import refused
from rehearsal.emr.life.controller import Controller
from rehearsal.emr.life.launching import Surroundings
from rehearsal.emr.parts import ENDED

Message = dict[str, Any]
DAYS_REMEMBERED = 60


@dataclass
class Account:
    """One account in one region; what asks for a cluster that is not there is refused with an EmrError."""

    id: str
    region: str
    new_controller: Callable[[Cluster], Controller]  # makes the controller of a new cluster
    announce: Callable[[Cluster, Subject], None]  # takes the states that clusters enter
    surroundings: Surroundings
    controllers: dict[str, Controller] = field(default_factory=dict)  # by cluster id, the oldest first
    # Name to text and time of creation, in epoch seconds.
    security_configurations: dict[str, tuple[str, float]] = field(default_factory=dict)
    opened: float = field(default_factory=CLOCK.now)

    @property
    def clusters(self) -> list[Cluster]:
        """Every cluster that there is and was, the latest first."""
        return [controller.cluster for controller in reversed(list(self.controllers.values()))]

    def forget(self) -> None:
        """Forget the clusters that ended two months ago.

        Sources: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-manage-view-clusters.html;
        what EMR says then: https://github.com/hashicorp/terraform/issues/20531
        """
        for cluster in self.clusters:
            if cluster.ended and CLOCK.now() - cluster.ended > DAYS_REMEMBERED * SECONDS_OF_A_DAY:
                self.controllers.pop(cluster.id, None)

    def cluster(self, cluster_id: str) -> Cluster:
        if cluster_id not in self.controllers:
            raise refused(f"Cluster id '{cluster_id}' is not valid.", detail="NoSuchCluster")
        return self.controllers[cluster_id].cluster

    def job_flows(self, ids: list[str]) -> list[Cluster]:
        """Return clusters, or refuse in the words of the older operations."""
        if any(cluster_id not in self.controllers for cluster_id in ids):
            raise refused("Specified job flow ID does not exist.")
        return [self.controllers[cluster_id].cluster for cluster_id in ids]


def check_alive(cluster: Cluster) -> None:
    """Refuse to change a cluster that ends or has ended.

    Source of the words: https://github.com/hashicorp/terraform-provider-aws/pull/15541
    """
    if cluster.ending or cluster.state in (*ENDED, "TERMINATING"):
        raise refused("A job flow that is shutting down, terminated, or finished may not be modified.")
