"""A cluster's description for the machine under it."""

from typing import Any

from rehearsal.emr.compute import ClusterSpec
from rehearsal.emr.state.cluster import Cluster


def cluster_spec(cluster: Cluster) -> ClusterSpec:
    """What the machine needs to know."""
    request = cluster.request
    log_uri = request.get("LogUri")
    return ClusterSpec(
        cluster_id=cluster.id,
        name=cluster.name,
        release=str(request.get("ReleaseLabel", "")),
        configurations=properties_by_classification(request.get("Configurations", [])),
        log_uri=log_uri.replace("s3n://", "s3://").rstrip("/") + "/" if log_uri else None,
        runs_yarn=cluster.runs_yarn,
    )


def properties_by_classification(configurations: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """Each classification's properties; those of a nested `export` count to the classification around it."""
    found: dict[str, dict[str, str]] = {}
    for each in configurations:
        properties = found.setdefault(each["Classification"], {})
        properties.update(each.get("Properties", {}))
        for inner, nested in properties_by_classification(each.get("Configurations", [])).items():
            if inner == "export":
                properties.update(nested)
            else:
                found.setdefault(inner, {}).update(nested)
    return found
