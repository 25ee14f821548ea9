"""Operations on clusters, which the older of them call job flows, and on their two policies."""

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.utils import parse_timestamp

from rehearsal.emr.cluster import AUTO_TERMINATION, MANAGED_SCALING, Cluster
from rehearsal.emr.errors import not_emulated, refused
from rehearsal.emr.life.launching import Surroundings
from rehearsal.emr.operations.account import Account, Message, check_alive
from rehearsal.emr.operations.descriptions import cluster_description, page
from rehearsal.emr.operations.region import (
    APPLICATIONS,
    YARN_APPLICATIONS,
    find_security_configuration,
    is_release,
)
from rehearsal.emr.operations.steps import new_steps
from rehearsal.emr.parts import USER_REQUEST, Pool, new_id

# The attribute of a group that EMR manages, and the name of the one that it makes, in a public and in a
# private subnet: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
MANAGED_GROUPS = {
    "EmrManagedMasterSecurityGroup": ("ElasticMapReduce-master", "ElasticMapReduce-Master-Private"),
    "EmrManagedSlaveSecurityGroup": ("ElasticMapReduce-slave", "ElasticMapReduce-Slave-Private"),
    "ServiceAccessSecurityGroup": ("", "ElasticMapReduce-ServiceAccess"),
}
# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-tags.html
MOST_TAGS, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256

# https://docs.aws.amazon.com/emr/latest/APIReference/API_AutoTerminationPolicy.html, in seconds.
SHORTEST_IDLE, LONGEST_IDLE, DEFAULT_IDLE = 60, 604_800, 3600


def run_job_flow(account: Account, request: Message) -> Message:
    """Start a cluster: https://docs.aws.amazon.com/emr/latest/APIReference/API_RunJobFlow.html."""
    cluster = _new_cluster(account, request)
    controller = account.new_controller(cluster)
    account.controllers[cluster.id] = controller
    account.announce(cluster, cluster)
    for step in cluster.steps:
        account.announce(cluster, step)
    controller.thread.start()
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
    return page("Clusters", chosen, request, cluster_description)


def terminate_job_flows(account: Account, request: Message) -> Message:
    """End clusters."""
    for cluster in account.job_flows(request["JobFlowIds"]):
        cluster.end(USER_REQUEST)
    return {}


def list_bootstrap_actions(account: Account, request: Message) -> Message:
    """Return what every instance of a cluster runs first; `aws emr describe-cluster` asks for it."""
    return page(
        "BootstrapActions",
        account.cluster(request["ClusterId"]).bootstrap_actions,
        request,
        lambda action: {"Name": action.name, "ScriptPath": action.path, "Args": list(action.arguments)},
    )


def _new_cluster(account: Account, request: Message) -> Cluster:
    """Return the cluster with its fleets or groups and its first steps; it does not live yet."""
    instances, label = request["Instances"], request.get("ReleaseLabel", "")
    if not is_release(label):
        raise refused(f"The supplied release label is invalid: {label}.")
    names = [str(application.get("Name", "")).lower() for application in request.get("Applications", [])]
    if unknown := [name for name in names if name not in APPLICATIONS]:
        raise refused(f"Specified application(s) {', '.join(unknown)} are invalid for release {label}.")
    if request.get("StepConcurrencyLevel", 1) != 1:
        raise not_emulated("More than one step at once")
    if instances.get("TerminationProtected"):
        raise not_emulated("Termination protection")
    cluster = Cluster(
        request=request,
        account=account.id,
        region=account.region,
        announce=account.announce,
        pools=new_pools(instances),
        runs_yarn=any(name in YARN_APPLICATIONS for name in names),
        tags=_checked_tags(request.get("Tags", [])),
    )
    for role, called in (("ServiceRole", "ServiceRole"), ("JobFlowRole", "InstanceProfile")):
        if not request.get(role):
            raise refused(f"{called} is required for creating cluster.")
    for name in (MANAGED_SCALING, AUTO_TERMINATION):
        if name in request:
            cluster.policies[name] = checked_policy(name, request[name], cluster)
    cluster.steps = new_steps(cluster, request.get("Steps", []))
    if named := request.get("SecurityConfiguration"):
        cluster.security_configuration, _ = find_security_configuration(account, named)
    _place(cluster, account.surroundings)
    return cluster


def _place(cluster: Cluster, surroundings: Surroundings) -> None:
    """Note where a new cluster's instances start: whether they are public, and their managed groups."""
    network = surroundings.network(cluster.region, next(iter(cluster.subnet_ids), None))
    names = {key: pair[0] if network.public else pair[1] for key, pair in MANAGED_GROUPS.items()}
    instances = cluster.request["Instances"]
    given = {key: instances[key] for key in names if instances.get(key)}
    missing = [key for key, name in names.items() if name and key not in given]
    # https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-sg-specify.html
    if given and missing and network.vpc_id:
        raise refused(f"You must also specify {', '.join(missing)} if you use {', '.join(given)}.")
    made = {key: surroundings.security_group(cluster.region, network, names[key]) for key in missing}
    cluster.public, cluster.security_groups = network.public, {**given, **made}


def _checked_tags(added: list[dict[str, Any]]) -> dict[str, str]:
    tags = {}
    for tag in added:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        if not key or len(key) > LONGEST_KEY:
            raise refused(f"Tag keys must have 1 to {LONGEST_KEY} characters: '{key}'.")
        if len(value) > LONGEST_VALUE:
            raise refused(f"Tag values must have at most {LONGEST_VALUE} characters: that of '{key}'.")
        if key.lower().startswith("aws:"):
            raise refused(f"Tag keys must not begin with 'aws:': '{key}'.")
        tags[key] = value
    if len(tags) > MOST_TAGS:
        raise refused(f"A cluster may have at most {MOST_TAGS} tags, not {len(tags)}.")
    return tags


# https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-plan-ha-launch.html
PRIMARIES = {
    "fleet": "The master instance fleet must have a target capacity of 1 in one market, or of 3 On-Demand.",
    "group": "Master instance group must have exactly 3 instances for HA clusters.",
}


def new_pools(instances: dict[str, Any]) -> list[Pool]:
    """Return the fleets or groups that `Instances` of RunJobFlow asks for; refuse what makes no cluster.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_JobFlowInstancesConfig.html
    """
    fleets, groups = instances.get("InstanceFleets", []), instances.get("InstanceGroups", [])
    if bool(fleets) == bool(groups):
        raise refused("Exactly one of InstanceFleets and InstanceGroups must be specified.")
    if instances.get("Ec2SubnetId") and instances.get("Ec2SubnetIds"):
        raise refused("Only one of Ec2SubnetId and Ec2SubnetIds may be specified.")
    if groups and len(instances.get("Ec2SubnetIds", [])) > 1:
        raise refused("More than one subnet may be specified for instance fleets only.")
    pools = [_new_fleet(config) for config in fleets] if fleets else [_new_group(config) for config in groups]
    _check_roles(pools)
    return pools


def _new_fleet(config: dict[str, Any]) -> Pool:
    role = config["InstanceFleetType"]
    on_demand, spot = config.get("TargetOnDemandCapacity", 0), config.get("TargetSpotCapacity", 0)
    types = config.get("InstanceTypeConfigs")
    if not types:
        raise refused(f"The {role} instance fleet must have at least one instance type configuration.")
    if on_demand + spot == 0:
        # https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleetConfig.html
        no_capacity = "At least one of TargetOnDemandCapacity and TargetSpotCapacity must be greater than 0"
        raise refused(f"{no_capacity} for the {role} instance fleet.")
    return Pool(
        id=new_id("if"),
        kind="fleet",
        role=role,
        config=config,
        targets={"ON_DEMAND": on_demand, "SPOT": spot},
        instance_type=types[0]["InstanceType"],
        units_each=1 if role == "MASTER" else max(1, types[0].get("WeightedCapacity", 1)),
    )


def _new_group(config: dict[str, Any]) -> Pool:
    count = config["InstanceCount"]
    if count < 0:
        raise refused("Instance count must not be negative.")
    if "AutoScalingPolicy" in config:
        raise not_emulated("AutoScalingPolicy of an instance group")
    # https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceGroupConfig.html
    spot = config.get("Market") == "SPOT" or ("Market" not in config and "BidPrice" in config)
    return Pool(
        id=new_id("ig"),
        kind="group",
        role=config["InstanceRole"],
        config={**config, "Market": "SPOT" if spot else "ON_DEMAND"},
        targets={"ON_DEMAND": 0 if spot else count, "SPOT": count if spot else 0},
        instance_type=config["InstanceType"],
        units_each=1,
    )


def _check_roles(pools: list[Pool]) -> None:
    """Refuse what has not one primary node and at most one core pool; of fleets, at most one task fleet."""
    roles, kind = [pool.role for pool in pools], pools[0].kind
    if roles.count("MASTER") != 1:
        raise refused(f"Exactly one master instance {kind} must be specified.")
    if roles.count("CORE") > 1:
        raise refused(f"Only one core instance {kind} may be specified.")
    if kind == "fleet" and roles.count("TASK") > 1:
        raise refused("Only one task instance fleet may be specified.")
    if "TASK" in roles and "CORE" not in roles:
        raise refused(f"A task instance {kind} needs a core instance {kind}.")
    targets = pools[roles.index("MASTER")].targets
    if sum(targets.values()) == 3 and (kind == "group" or not targets["SPOT"]):
        raise not_emulated("A cluster with three primary nodes")
    if sum(targets.values()) != 1:
        raise refused(PRIMARIES[kind])


def checked_policy(name: str, policy: Message, cluster: Cluster) -> Message:
    """Return a policy as it is in force, with EMR's own time-out if it has none; refuse contradictions.

    Source: https://docs.aws.amazon.com/emr/latest/APIReference/API_ComputeLimits.html
    """
    if name == AUTO_TERMINATION:
        timeout = policy.get("IdleTimeout", DEFAULT_IDLE)
        if not SHORTEST_IDLE <= timeout <= LONGEST_IDLE:
            raise refused(
                f"The idle timeout must be between {SHORTEST_IDLE} and {LONGEST_IDLE} seconds, not {timeout}."
            )
        return {"IdleTimeout": timeout}
    limits = policy.get("ComputeLimits")
    if not limits:
        raise refused("ComputeLimits must be specified in a managed scaling policy.")
    unit, least, most = (limits[key] for key in ("UnitType", "MinimumCapacityUnits", "MaximumCapacityUnits"))
    if unit == "VCPU":
        raise not_emulated("Managed scaling by vCPU")
    if (unit == "InstanceFleetUnits") != cluster.uses_fleets:
        kind = "instance fleets" if cluster.uses_fleets else "instance groups"
        raise refused(f"UnitType {unit} is not valid for a cluster with {kind}.")
    if least < 1 or most < least:
        raise refused(
            "MinimumCapacityUnits must be at least 1 and not greater than MaximumCapacityUnits: "
            f"they are {least} and {most}."
        )
    for key in ("MaximumOnDemandCapacityUnits", "MaximumCoreCapacityUnits"):
        if not 0 <= limits.get(key, 0) <= most:
            raise refused(f"{key} must be between 0 and MaximumCapacityUnits ({most}), not {limits[key]}.")
    return policy


def _get(name: str, account: Account, request: Message) -> Message:
    return {name: account.cluster(request["ClusterId"]).policies.get(name)}


def _set(verb: str, name: str, account: Account, request: Message) -> Message:
    cluster = account.cluster(request["ClusterId"])
    policy = checked_policy(name, request.get(name, {}), cluster) if verb == "Put" else None
    with cluster.changed:
        check_alive(cluster)
        cluster.policies[name] = policy
        cluster.notify()
    return {}


# Operation on a policy, as the model names it, to its function.
POLICY_OPERATIONS: dict[str, Callable[[Account, Message], Message]] = {
    f"{verb}{name}": partial(function, name)
    for name in (MANAGED_SCALING, AUTO_TERMINATION)
    for verb, function in (("Get", _get), ("Put", partial(_set, "Put")), ("Remove", partial(_set, "Remove")))
}
