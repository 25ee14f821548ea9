"""Operations on policies: managed scaling, auto-termination, and the automatic scaling of groups."""

from typing import Any

from rehearsal.emr.errors import validation
from rehearsal.emr.operations.capacity import find_pool
from rehearsal.emr.requests.groups import attached_policy
from rehearsal.emr.requests.policies import check_idle_timeout, check_scaling
from rehearsal.emr.state.account import AccountState, check_alive
from rehearsal.emr.state.cluster import Cluster

Request = dict[str, Any]


def put_scaling(state: AccountState, request: Request) -> Request:
    """PutManagedScalingPolicy."""
    cluster = state.cluster(request["ClusterId"])
    policy = check_scaling(request["ManagedScalingPolicy"], cluster.uses_fleets)
    if any(pool.scaling_policy for pool in cluster.pools):
        raise validation("A cluster with an automatic scaling policy may not have a managed scaling policy.")
    return _set(cluster, "managed_scaling", policy)


def get_scaling(state: AccountState, request: Request) -> Request:
    """GetManagedScalingPolicy."""
    return {"ManagedScalingPolicy": state.cluster(request["ClusterId"]).managed_scaling}


def remove_scaling(state: AccountState, request: Request) -> Request:
    """RemoveManagedScalingPolicy."""
    return _set(state.cluster(request["ClusterId"]), "managed_scaling", None)


def put_termination(state: AccountState, request: Request) -> Request:
    """PutAutoTerminationPolicy."""
    policy = check_idle_timeout(request.get("AutoTerminationPolicy", {}))
    return _set(state.cluster(request["ClusterId"]), "auto_termination", policy)


def get_termination(state: AccountState, request: Request) -> Request:
    """GetAutoTerminationPolicy."""
    return {"AutoTerminationPolicy": state.cluster(request["ClusterId"]).auto_termination}


def remove_termination(state: AccountState, request: Request) -> Request:
    """RemoveAutoTerminationPolicy."""
    return _set(state.cluster(request["ClusterId"]), "auto_termination", None)


def put_group_scaling(state: AccountState, request: Request) -> Request:
    """PutAutoScalingPolicy: recorded; without CloudWatch's metrics it never acts.

    Taken on an ended cluster as well: one without steps lives for minutes in AWS, for a moment here.
    """
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        if cluster.managed_scaling:
            raise validation(
                "A cluster with a managed scaling policy may not have an automatic scaling policy."
            )
        policy = attached_policy(request["AutoScalingPolicy"], cluster.id)
        find_pool(cluster, request["InstanceGroupId"], "group").scaling_policy = policy
    return {
        "ClusterId": cluster.id,
        "InstanceGroupId": request["InstanceGroupId"],
        "AutoScalingPolicy": policy,
        "ClusterArn": cluster.arn,
    }


def remove_group_scaling(state: AccountState, request: Request) -> Request:
    """RemoveAutoScalingPolicy."""
    cluster = state.cluster(request["ClusterId"])
    with cluster.changed:
        find_pool(cluster, request["InstanceGroupId"], "group").scaling_policy = None
    return {}


def _set(cluster: Cluster, attribute: str, policy: Request | None) -> Request:
    with cluster.changed:
        check_alive(cluster)
        setattr(cluster, attribute, policy)
        cluster.notify()
    return {}


OPERATIONS = {
    "PutManagedScalingPolicy": put_scaling,
    "GetManagedScalingPolicy": get_scaling,
    "RemoveManagedScalingPolicy": remove_scaling,
    "PutAutoTerminationPolicy": put_termination,
    "GetAutoTerminationPolicy": get_termination,
    "RemoveAutoTerminationPolicy": remove_termination,
    "PutAutoScalingPolicy": put_group_scaling,
    "RemoveAutoScalingPolicy": remove_group_scaling,
}
