"""Where a cluster's instances start, and the security groups that they have there."""

from rehearsal.emr.errors import refused
from rehearsal.emr.state.cluster import Cluster
from rehearsal.emr.surroundings import Surroundings

# The attribute of a group that EMR manages, and the name of the one that it makes, in a public and in a
# private subnet: https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
MANAGED_GROUPS = {
    "EmrManagedMasterSecurityGroup": ("ElasticMapReduce-master", "ElasticMapReduce-Master-Private"),
    "EmrManagedSlaveSecurityGroup": ("ElasticMapReduce-slave", "ElasticMapReduce-Slave-Private"),
    "ServiceAccessSecurityGroup": ("", "ElasticMapReduce-ServiceAccess"),
}


def place(cluster: Cluster, surroundings: Surroundings) -> None:
    """Note of a new cluster whether its instances are public, and its managed groups.

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
