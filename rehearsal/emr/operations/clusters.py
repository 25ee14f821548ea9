"""Operations on clusters, which the older of them call job flows, and on their tags."""

from botocore.utils import parse_timestamp

from rehearsal.emr.errors import refused
from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.operations.cluster_description import cluster_description
from rehearsal.emr.operations.region import find_security_configuration
from rehearsal.emr.requests.clusters import checked_concurrency, new_cluster
from rehearsal.emr.requests.pages import page
from rehearsal.emr.requests.tags import checked_tags
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.state.ending import USER_REQUEST
from rehearsal.emr.surroundings import Surroundings

# The attribute of a group that EMR manages, and the name of the one that it makes, in a public and in a
# private subnet: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
MANAGED_GROUPS = {
    "EmrManagedMasterSecurityGroup": ("ElasticMapReduce-master", "ElasticMapReduce-Master-Private"),
    "EmrManagedSlaveSecurityGroup": ("ElasticMapReduce-slave", "ElasticMapReduce-Slave-Private"),
    "ServiceAccessSecurityGroup": ("", "ElasticMapReduce-ServiceAccess"),
}


def run_job_flow(account: Account, request: Message) -> Message:
    """Start a cluster."""
    named = request.get("SecurityConfiguration")
    security = find_security_configuration(account, named)[0] if named else "{}"
    cluster = new_cluster(request, account.id, account.region, account.announce)
    cluster.security_configuration = security
    _place(cluster, account.surroundings)
    controller = account.new_controller(cluster)
    account.controllers[cluster.id] = controller
    account.announce(cluster, cluster)
    for step in cluster.steps:
        account.announce(cluster, step)
    controller.begin()
    return {"JobFlowId": cluster.id, "ClusterArn": cluster.arn}


def describe_cluster(account: Account, request: Message) -> Message:
    """Return everything that is known of a cluster."""
    return {"Cluster": cluster_description(account.cluster(request["ClusterId"]))}


def list_clusters(account: Account, request: Message) -> Message:
    """Return the clusters of some states and times of creation, the latest first, 50 a page."""
    states = request.get("ClusterStates")
    after, before = (
        parse_timestamp(request[name]).timestamp() if name in request else None
        for name in ("CreatedAfter", "CreatedBefore")
    )
    chosen = [
        cluster
        for cluster in account.clusters
        if (not states or cluster.state in states)
        and (after is None or cluster.created >= after)
        and (before is None or cluster.created <= before)
    ]
    clusters, marker = page(chosen, request.get("Marker"), cluster_description)
    return {"Clusters": clusters, "Marker": marker}


def terminate_job_flows(account: Account, request: Message) -> Message:
    """End the clusters that are not protected, even when another one is."""
    clusters = account.job_flows(request["JobFlowIds"])
    for cluster in clusters:
        if not cluster.protected:
            cluster.end(USER_REQUEST)
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_TerminateJobFlows.html
    if any(cluster.protected and not cluster.ending for cluster in clusters):
        raise refused("Could not shut down one or more job flows since they are termination protected.")
    return {}


def modify_cluster(account: Account, request: Message) -> Message:
    """Change how many steps run at once."""
    cluster = account.cluster(request["ClusterId"])
    with cluster.changed:
        check_alive(cluster)
        cluster.step_concurrency = checked_concurrency(
            request.get("StepConcurrencyLevel", cluster.step_concurrency)
        )
        cluster.notify()
        return {"StepConcurrencyLevel": cluster.step_concurrency}


def set_termination_protection(account: Account, request: Message) -> Message:
    """Protect clusters from their end, or stop protecting them."""
    return _set(account, request["JobFlowIds"], "protected", request["TerminationProtected"])


def set_visible_to_all_users(account: Account, request: Message) -> Message:
    """Record whether all users of the account see the clusters; here there is one."""
    return _set(account, request["JobFlowIds"], "visible", request["VisibleToAllUsers"])


def set_unhealthy_node_replacement(account: Account, request: Message) -> Message:
    """Record whether unhealthy nodes are replaced; here they always are."""
    return _set(account, request["JobFlowIds"], "unhealthy_replacement", request["UnhealthyNodeReplacement"])


def list_bootstrap_actions(account: Account, request: Message) -> Message:
    """Return what every instance of a cluster runs first; `aws emr describe-cluster` asks for it."""
    actions, marker = page(
        account.cluster(request["ClusterId"]).bootstrap_actions,
        request.get("Marker"),
        lambda action: {"Name": action.name, "ScriptPath": action.path, "Args": list(action.arguments)},
    )
    return {"BootstrapActions": actions, "Marker": marker}


def add_tags(account: Account, request: Message) -> Message:
    """Add tags to a cluster; those of the same key are replaced."""
    cluster = _tagged(account, request["ResourceId"])
    with cluster.changed:
        cluster.tags = checked_tags(cluster.tags, request["Tags"])
    return {}


def remove_tags(account: Account, request: Message) -> Message:
    """Remove tags of a cluster; keys that it does not have do not matter."""
    cluster = _tagged(account, request["ResourceId"])
    with cluster.changed:
        cluster.tags = {key: value for key, value in cluster.tags.items() if key not in request["TagKeys"]}
    return {}


def _place(cluster: Cluster, surroundings: Surroundings) -> None:
    """Note where a new cluster's instances start: whether they are public, and their managed groups.

    Raises:
        EmrError: some of the groups that EMR manages are given, others not.
    """
    network = surroundings.network(cluster.region, next(iter(cluster.subnet_ids), None))
    names = {key: pair[0] if network.public else pair[1] for key, pair in MANAGED_GROUPS.items()}
    needed = [key for key, name in names.items() if name]
    instances = cluster.request["Instances"]
    given = {key: instances[key] for key in names if instances.get(key)}
    missing = [key for key in needed if key not in given]
    # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-sg-specify.html
    if given and missing and network.vpc_id:
        raise refused(f"You must also specify {', '.join(missing)} if you use {', '.join(given)}.")
    made = {key: surroundings.security_group(cluster.region, network, names[key]) for key in missing}
    cluster.public, cluster.security_groups = network.public, {**given, **made}


def _set(account: Account, ids: list[str], attribute: str, value: bool) -> Message:
    clusters = account.job_flows(ids)
    for cluster in clusters:
        check_alive(cluster)
    for cluster in clusters:
        with cluster.changed:
            setattr(cluster, attribute, value)
            cluster.notify()
    return {}


def _tagged(account: Account, resource_id: str) -> Cluster:
    cluster_id = resource_id.rpartition("/")[2]
    if cluster_id not in account.controllers:
        raise refused(f"Resource id '{resource_id}' is not valid.")
    return account.cluster(cluster_id)
