"""A cluster's description for the machine under it."""

from typing import Any

from rehearsal.emr.compute import ClusterSpec
from rehearsal.emr.state.cluster import Cluster


def cluster_spec(cluster: Cluster) -> ClusterSpec:
    """Return what the machine needs to know of a cluster."""
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
    """Return each classification's properties; a nested `export` counts to the classification around it."""
    merged: dict[str, dict[str, str]] = {}
    for configuration in configurations:
        properties = merged.setdefault(configuration["Classification"], {})
        properties.update(configuration.get("Properties", {}))
        nested = properties_by_classification(configuration.get("Configurations", []))
        for classification, inner in nested.items():
            target = properties if classification == "export" else merged.setdefault(classification, {})
            target.update(inner)
    return merged
