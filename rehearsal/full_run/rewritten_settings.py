"""What was changed in the cluster's settings and steps for this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from operate.connection import Connection
from operate.emr.steps import list_steps
from rehearsal.rewriting import EmulatedAws, rewrite_arguments, rewrite_configurations

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient

INDENT = "  "
SHARED = Path("/CLUSTER")  # stands for the cluster's folder, which only the emulator knows


def rewritings(connection: Connection, cluster_id: str) -> list[str]:
    """One line a change, of the cluster's configurations and of its steps' arguments."""
    emr = connection.client("emr")
    endpoint = emr.meta.endpoint_url
    aws = EmulatedAws(f"http://{urlsplit(endpoint).netloc}", connection.region, "", "")
    _, changes = rewrite_configurations(_asked(emr, cluster_id), aws=aws, place={}, shared=SHARED)
    for step in list_steps(emr, cluster_id):
        changes += rewrite_arguments(step.arguments, SHARED)[1]
    return [INDENT + str(change) for change in changes]


def _asked(emr: EMRClient, cluster_id: str) -> dict[str, dict[str, str]]:
    told = emr.describe_cluster(ClusterId=cluster_id)["Cluster"].get("Configurations", [])
    return {each["Classification"]: each.get("Properties", {}) for each in told}
