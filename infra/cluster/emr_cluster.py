"""The EMR cluster with its fleets and its one step; what EMR cannot change in place makes a new cluster."""

import math
from dataclasses import dataclass
from functools import partial

from aws_cdk.aws_emr import CfnCluster, CfnSecurityConfiguration
from aws_cdk.aws_iam import CfnInstanceProfile, Role
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.artifacts.declaration import Artifacts
from infra.cluster.configurations import classifications, security_configuration
from infra.config.deployment import DeploymentConfig
from infra.network.cluster_network import PRIMARY, SERVICE, WORKERS, ClusterNetwork, ClusterSecurityGroups
from infra.run.identity import Run, cluster_name, run_step
from infra.storage.bucket import Buckets

APPLICATIONS = ("Hadoop", "Spark")
# Shuffles and HDFS hold the features of a million images (5 GB) many times over.
VOLUME_GIB = 64
# The system and the Python environment of the job; EMR's default is 15.
ROOT_VOLUME_GIB = 30
# Then on demand, so that a region without Spot capacity does not hold up the cluster.
SPOT_TIMEOUT_MINUTES = 10
FINDINGS = {
    "AwsSolutions-EMR4": "cdk-nag looks for Kerberos or one exact shape; the security configuration encrypts "
    "at rest",
    "AwsSolutions-EMR6": "No key pair and no port 22: people come in by Session Manager, whose authority is "
    "IAM, and CloudTrail records each session",
    "NIST.800.53.R5-EMRKerberosEnabled": "One application of one user runs on it: nobody to tell apart",
}
ENCRYPTED = "The security configuration encrypts between nodes with a certificate of this deployment"
NOT_ENCRYPTED = "dev: nodes talk within two security groups that admit nobody else; prod encrypts"


@dataclass(frozen=True)
class ClusterSite:
    """The network, the security groups and the roles of a cluster; the profile is of the nodes' role."""

    network: ClusterNetwork
    groups: ClusterSecurityGroups
    service_role: Role
    nodes_role: Role
    profile: CfnInstanceProfile


def emr_cluster(
    here: Construct,
    *,
    config: DeploymentConfig,
    run: Run,
    site: ClusterSite,
    buckets: Buckets,
    artifacts: Artifacts,
    logs_uri: str,
    certificates_uri: str | None,
) -> CfnCluster:
    """Make the cluster, which runs its step once, grows and shrinks by need, and ends when it has idled."""
    key_arn = buckets.key.key_arn if buckets.key else None
    encryption = security_configuration(key_arn, certificates_uri)
    applications = (*APPLICATIONS, *config.applications)
    security = CfnSecurityConfiguration(here, "Security", security_configuration=encryption)
    # It prepares each node that joins, before anything runs there.
    bootstrap = CfnCluster.BootstrapActionConfigProperty(
        name="Job's Python environment and extractor",
        script_bootstrap_action=CfnCluster.ScriptBootstrapActionConfigProperty(
            path=artifacts.install_script.s3_uri, args=artifacts.bootstrap_arguments
        ),
    )
    cluster = CfnCluster(
        here,
        "Cluster",
        name=cluster_name(run, config),
        release_label=config.release_label,
        applications=[CfnCluster.ApplicationProperty(name=name) for name in applications],
        instances=_instances(config, site),
        service_role=site.service_role.role_arn,
        job_flow_role=site.profile.ref,
        security_configuration=security.ref,
        configurations=[
            CfnCluster.ConfigurationProperty(classification=name, configuration_properties=properties)
            for name, properties in classifications(config).items()
        ],
        bootstrap_actions=[bootstrap],
        steps=[run_step(run, config, buckets, artifacts)],
        managed_scaling_policy=managed_scaling(config),
        auto_termination_policy=CfnCluster.AutoTerminationPolicyProperty(
            idle_timeout=config.idle_timeout_minutes * 60
        ),
        ebs_root_volume_size=ROOT_VOLUME_GIB,
        log_uri=logs_uri + "/",
        log_encryption_kms_key_id=key_arn,
        scale_down_behavior="TERMINATE_AT_TASK_COMPLETION",
        visible_to_all_users=True,
    )
    # Without a role's policies or a group's rules it would fail, or could not be deleted.
    cluster.node.add_dependency(site.service_role, site.nodes_role, site.profile, *site.groups.rules)
    # Nodes fetch packages as they start: routes and endpoint before them, and gone after them.
    cluster.node.add_dependency(site.network)
    transit = ENCRYPTED if certificates_uri else NOT_ENCRYPTED
    acknowledge(cluster, {**FINDINGS, "AwsSolutions-EMR5": transit})
    return cluster


def managed_scaling(config: DeploymentConfig) -> CfnCluster.ManagedScalingPolicyProperty:
    """Describe how far EMR may grow and shrink the cluster: core and task nodes together, in nodes.

    What exceeds the on-demand limit is Spot. All core nodes are on demand, so that the limit is at least
    theirs, as EMR demands.
    """
    on_demand_tasks = config.task_maximum - math.floor(config.task_maximum * config.task_spot_share)
    return CfnCluster.ManagedScalingPolicyProperty(
        compute_limits=CfnCluster.ComputeLimitsProperty(
            unit_type="InstanceFleetUnits",
            minimum_capacity_units=config.core_minimum,
            maximum_capacity_units=config.core_maximum + config.task_maximum,
            maximum_core_capacity_units=config.core_maximum,
            maximum_on_demand_capacity_units=config.core_maximum + on_demand_tasks,
        )
    )


def _instances(config: DeploymentConfig, site: ClusterSite) -> CfnCluster.JobFlowInstancesConfigProperty:
    fleets = _fleets(config)
    return CfnCluster.JobFlowInstancesConfigProperty(
        master_instance_fleet=fleets["primary"],
        core_instance_fleet=fleets["core"],
        task_instance_fleets=[fleets["task"]] if "task" in fleets else None,
        ec2_subnet_ids=[subnet.subnet_id for subnet in site.network.subnets],
        emr_managed_master_security_group=site.groups.ids[PRIMARY],
        emr_managed_slave_security_group=site.groups.ids[WORKERS],
        service_access_security_group=site.groups.ids.get(SERVICE),
        # The idle time-out ends it, so that a second run finds it warm.
        keep_job_flow_alive_when_no_steps=True,
        termination_protected=False,
        unhealthy_node_replacement=True,
    )


def _fleets(config: DeploymentConfig) -> dict[str, CfnCluster.InstanceFleetConfigProperty]:
    """Describe the fleets, by name; without `task_maximum` there is no `task`.

    primary: one node on demand, of the first type that is available. core: nodes on demand, since they hold
    HDFS and the driver, and must not be taken away. task: nodes that only compute; one at first, since EMR
    documents that a fleet begins with at least one unit; managed scaling does the rest:
    https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleetConfig.html
    """
    volume = CfnCluster.VolumeSpecificationProperty(size_in_gb=VOLUME_GIB, volume_type="gp3")
    device = CfnCluster.EbsBlockDeviceConfigProperty(volume_specification=volume, volumes_per_instance=1)
    disks = CfnCluster.EbsConfigurationProperty(ebs_optimized=True, ebs_block_device_configs=[device])
    on_demand = CfnCluster.OnDemandProvisioningSpecificationProperty(allocation_strategy="lowest-price")
    spot = CfnCluster.SpotProvisioningSpecificationProperty(
        allocation_strategy="price-capacity-optimized",
        timeout_action="SWITCH_TO_ON_DEMAND",
        timeout_duration_minutes=SPOT_TIMEOUT_MINUTES,
    )
    # Each instance counts as one unit, whatever its type.
    kind = partial(CfnCluster.InstanceTypeConfigProperty, weighted_capacity=1, ebs_configuration=disks)
    fleets: dict[str, CfnCluster.InstanceFleetConfigProperty] = {}
    for fleet in config.fleets:
        # Both targets, even 0: a later change in place fails where one is missing (gchq/sleeper#6422).
        fleets[fleet.name] = CfnCluster.InstanceFleetConfigProperty(
            name=fleet.name,
            # Only task nodes may be Spot: such a fleet begins with one, and buys no other at its start.
            target_on_demand_capacity=0 if fleet.spot_share else max(fleet.minimum, 1),
            target_spot_capacity=1 if fleet.spot_share else 0,
            instance_type_configs=[kind(instance_type=name) for name in fleet.types],
            launch_specifications=CfnCluster.InstanceFleetProvisioningSpecificationsProperty(
                on_demand_specification=on_demand, spot_specification=spot if fleet.name == "task" else None
            ),
        )
    return fleets
