"""Operations on clusters and, as the older ones call them, job flows."""

from typing import Any

from rehearsal.emr.errors import invalid_request, validation
from rehearsal.emr.operations.cluster_description import describe_cluster
from rehearsal.emr.operations.job_flow_description import describe_flow, flow_state
from rehearsal.emr.requests.job_flow_request import check_concurrency
from rehearsal.emr.requests.moments import epoch
from rehearsal.emr.requests.pages import page
from rehearsal.emr.state.account import AccountState, check_alive
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.ending import USER_REQUEST

Request = dict[str, Any]


def describe(state: AccountState, request: Request) -> Request:
    """DescribeCluster."""
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        return {"Cluster": describe_cluster(cluster)}


def list_clusters(state: AccountState, request: Request) -> Request:
    """ListClusters: the latest first, 50 a page."""
    wanted = request.get("ClusterStates")
    found = [cluster for cluster in _created(state, request) if not wanted or cluster.state in wanted]
    clusters, marker = page(found, request.get("Marker"), _describe)
    return {"Clusters": clusters, "Marker": marker}


def describe_flows(state: AccountState, request: Request) -> Request:
    """DescribeJobFlows."""
    ids, wanted = request.get("JobFlowIds"), request.get("JobFlowStates")
    found = state.flows(ids) if ids else _created(state, request)
    return {
        "JobFlows": [
            _describe_flow(cluster) for cluster in found if not wanted or flow_state(cluster) in wanted
        ]
    }


def terminate(state: AccountState, request: Request) -> Request:
    """TerminateJobFlows: those that are not protected end, even when another one is."""
    clusters = state.flows(request["JobFlowIds"])
    for cluster in clusters:
        if not cluster.protected:
            cluster.end(USER_REQUEST)
    if any(cluster.protected and not cluster.ending for cluster in clusters):
        raise validation("Could not shut down one or more job flows since they are termination protected.")
    return {}


def modify(state: AccountState, request: Request) -> Request:
    """ModifyCluster."""
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        check_alive(cluster)
        if "StepConcurrencyLevel" not in request and "ExtendedSupport" not in request:
            raise invalid_request("StepConcurrencyLevel or ExtendedSupport must be specified.")
        if "StepConcurrencyLevel" in request:
            check_concurrency(request["StepConcurrencyLevel"])
            cluster.step_concurrency = request["StepConcurrencyLevel"]
        cluster.extended_support = request.get("ExtendedSupport", cluster.extended_support)
        cluster.notify()
        return {
            "StepConcurrencyLevel": cluster.step_concurrency,
            "ExtendedSupport": cluster.extended_support,
        }


def protect(state: AccountState, request: Request) -> Request:
    """SetTerminationProtection."""
    return _set(state, request["JobFlowIds"], "protected", request["TerminationProtected"])


def show_to_all(state: AccountState, request: Request) -> Request:
    """SetVisibleToAllUsers."""
    return _set(state, request["JobFlowIds"], "visible", request["VisibleToAllUsers"])


def keep_alive(state: AccountState, request: Request) -> Request:
    """SetKeepJobFlowAliveWhenNoSteps."""
    return _set(state, request["JobFlowIds"], "keep_alive", request["KeepJobFlowAliveWhenNoSteps"])


def replace_unhealthy(state: AccountState, request: Request) -> Request:
    """SetUnhealthyNodeReplacement."""
    return _set(state, request["JobFlowIds"], "unhealthy_replacement", request["UnhealthyNodeReplacement"])


def list_bootstrap_actions(state: AccountState, request: Request) -> Request:
    """ListBootstrapActions."""
    actions = state.cluster(request["ClusterId"]).bootstrap_actions
    told, marker = page(
        actions,
        request.get("Marker"),
        lambda action: {"Name": action.name, "ScriptPath": action.path, "Args": list(action.arguments)},
    )
    return {"BootstrapActions": told, "Marker": marker}


def _set(state: AccountState, ids: list[str], attribute: str, value: bool) -> Request:
    clusters = state.flows(ids)
    for cluster in clusters:
        check_alive(cluster)
    for cluster in clusters:
        with cluster.changed:
            setattr(cluster, attribute, value)
            cluster.notify()
    return {}


def _created(state: AccountState, request: Request) -> list[Cluster]:
    after, before = epoch(request.get("CreatedAfter")), epoch(request.get("CreatedBefore"))
    return [
        cluster
        for cluster in state.clusters
        if (after is None or cluster.created >= after) and (before is None or cluster.created <= before)
    ]


def _describe(cluster: Cluster) -> Request:
    with cluster.changed:
        return describe_cluster(cluster)


def _describe_flow(cluster: Cluster) -> Request:
    with cluster.changed:
        return describe_flow(cluster)


OPERATIONS = {
    "DescribeCluster": describe,
    "ListClusters": list_clusters,
    "DescribeJobFlows": describe_flows,
    "TerminateJobFlows": terminate,
    "ModifyCluster": modify,
    "SetTerminationProtection": protect,
    "SetVisibleToAllUsers": show_to_all,
    "SetKeepJobFlowAliveWhenNoSteps": keep_alive,
    "SetUnhealthyNodeReplacement": replace_unhealthy,
    "ListBootstrapActions": list_bootstrap_actions,
}
