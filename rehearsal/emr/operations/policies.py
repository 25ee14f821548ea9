"""Operations on a cluster's policies: managed scaling and auto-termination."""

from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.requests.policies import checked_auto_termination, checked_managed_scaling
from rehearsal.emr.state.cluster import Cluster


def put_managed_scaling_policy(account: Account, request: Message) -> Message:
    """Let EMR scale a cluster within limits."""
    cluster = account.cluster(request["ClusterId"])
    policy = checked_managed_scaling(request["ManagedScalingPolicy"], cluster.uses_fleets)
    return _set(cluster, "managed_scaling", policy)


def get_managed_scaling_policy(account: Account, request: Message) -> Message:
    """Return the limits within which EMR scales a cluster; nothing without a policy."""
    return {"ManagedScalingPolicy": account.cluster(request["ClusterId"]).managed_scaling}


def remove_managed_scaling_policy(account: Account, request: Message) -> Message:
    """Let a cluster keep its size."""
    return _set(account.cluster(request["ClusterId"]), "managed_scaling", None)


def put_auto_termination_policy(account: Account, request: Message) -> Message:
    """Let a cluster end when it has idled for a time."""
    policy = checked_auto_termination(request.get("AutoTerminationPolicy", {}))
    return _set(account.cluster(request["ClusterId"]), "auto_termination", policy)


def get_auto_termination_policy(account: Account, request: Message) -> Message:
    """Return after which idle time a cluster ends; nothing without a policy."""
    return {"AutoTerminationPolicy": account.cluster(request["ClusterId"]).auto_termination}


def remove_auto_termination_policy(account: Account, request: Message) -> Message:
    """Let a cluster live however long it idles."""
    return _set(account.cluster(request["ClusterId"]), "auto_termination", None)


def _set(cluster: Cluster, attribute: str, policy: Message | None) -> Message:
    with cluster.changed:
        check_alive(cluster)
        setattr(cluster, attribute, policy)
        cluster.notify()
    return {}
