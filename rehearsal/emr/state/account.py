"""What one account has in one region, and how clusters are found in it."""

import time
from dataclasses import dataclass, field
from typing import Any

from rehearsal.emr.errors import invalid_request, validation
from rehearsal.emr.life.controller import Controller
from rehearsal.emr.state.cluster import ENDED, Cluster

SSH = {"MinRange": 22, "MaxRange": 22}


def _blocked_but_ssh() -> dict[str, Any]:
    # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-block-public-access.html
    return {"BlockPublicSecurityGroupRules": True, "PermittedPublicSecurityGroupRuleRanges": [SSH]}


@dataclass
class AccountState:
    """Of one account in one region.

    Attributes:
        controllers: By cluster id, the oldest first.
        security_configurations: Name to text and time of creation.
        public_access: Block public access, as a new account has it.
        public_access_since: When it was set, in epoch seconds.
    """

    account: str
    region: str
    controllers: dict[str, Controller] = field(default_factory=dict)
    security_configurations: dict[str, tuple[str, float]] = field(default_factory=dict)
    public_access: dict[str, Any] = field(default_factory=_blocked_but_ssh)
    public_access_since: float = field(default_factory=time.time)

    @property
    def clusters(self) -> list[Cluster]:
        """Every cluster that there is and was, the latest first."""
        return [controller.cluster for controller in reversed(list(self.controllers.values()))]

    def controller(self, cluster_id: str) -> Controller:
        """A cluster's, as the newer operations look for it.

        Raises:
            EmrError: there is none.
        """
        if cluster_id not in self.controllers:
            raise invalid_request(f"Cluster id '{cluster_id}' is not valid.")
        return self.controllers[cluster_id]

    def cluster(self, cluster_id: str) -> Cluster:
        """A cluster, as the newer operations look for it.

        Raises:
            EmrError: there is none.
        """
        return self.controller(cluster_id).cluster

    def flows(self, ids: list[str]) -> list[Cluster]:
        """Clusters, as the older operations look for them.

        Raises:
            EmrError: one does not exist.
        """
        if any(each not in self.controllers for each in ids):
            raise validation("Specified job flow ID does not exist.")
        return [self.controllers[each].cluster for each in ids]

    def modifiable(self, cluster_id: str) -> Cluster:
        """A cluster that may still be changed, as the older operations look for it.

        Raises:
            EmrError: there is none, or it ends or has ended.
        """
        (cluster,) = self.flows([cluster_id])
        check_alive(cluster)
        return cluster


def check_alive(cluster: Cluster) -> None:
    """Refuse changes to a cluster that ends or has ended.

    Raises:
        EmrError: it does.
    """
    if cluster.ending or cluster.state in (*ENDED, "TERMINATING"):
        raise validation("A job flow that is shutting down, terminated, or finished may not be modified.")
