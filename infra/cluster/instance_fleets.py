"""The cluster's instance fleets: the primary node and core nodes on demand, task nodes on Spot."""

from aws_cdk.aws_emr import CfnCluster

from infra.config.deployment import DeploymentConfig

# Shuffles and HDFS hold the features of a million images (5 GB) many times over.
VOLUME_GIB = 64
# The system and the Python environment of the job; EMR's default is 15.
ROOT_VOLUME_GIB = 30
# Then on demand, so that a region without Spot capacity does not hold up the cluster.
SPOT_TIMEOUT_MINUTES = 10


def instance_fleets(config: DeploymentConfig) -> dict[str, CfnCluster.InstanceFleetConfigProperty]:
    """Describe the fleets, by name; without `task_maximum` there is no `task`.

    primary: one node on demand, of the first type that is available. core: nodes on demand, since they hold
    HDFS and the driver, and must not be taken away. task: nodes that only compute; one at first, since EMR
    documents that a fleet begins with at least one unit; managed scaling does the rest:
    https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleetConfig.html
    """
    return {
        # Both targets, even 0: a later change in place fails where one is missing (gchq/sleeper#6422).
        fleet.name: CfnCluster.InstanceFleetConfigProperty(
            name=fleet.name,
            # Only task nodes may be Spot: such a fleet begins with one, and buys no other at its start.
            target_on_demand_capacity=0 if fleet.spot_share else max(fleet.minimum, 1),
            target_spot_capacity=1 if fleet.spot_share else 0,
            instance_type_configs=[_type(name) for name in fleet.types],
            launch_specifications=_launch(fleet.name),
        )
        for fleet in config.fleets
    }


def _type(name: str) -> CfnCluster.InstanceTypeConfigProperty:
    """Describe one type; each instance counts as one unit, whatever its type."""
    volume = CfnCluster.VolumeSpecificationProperty(size_in_gb=VOLUME_GIB, volume_type="gp3")
    return CfnCluster.InstanceTypeConfigProperty(
        instance_type=name,
        weighted_capacity=1,
        ebs_configuration=CfnCluster.EbsConfigurationProperty(
            ebs_optimized=True,
            ebs_block_device_configs=[
                CfnCluster.EbsBlockDeviceConfigProperty(volume_specification=volume, volumes_per_instance=1)
            ],
        ),
    )


def _launch(fleet: str) -> CfnCluster.InstanceFleetProvisioningSpecificationsProperty:
    on_demand = CfnCluster.OnDemandProvisioningSpecificationProperty(allocation_strategy="lowest-price")
    spot = CfnCluster.SpotProvisioningSpecificationProperty(
        allocation_strategy="price-capacity-optimized",
        timeout_action="SWITCH_TO_ON_DEMAND",
        timeout_duration_minutes=SPOT_TIMEOUT_MINUTES,
    )
    return CfnCluster.InstanceFleetProvisioningSpecificationsProperty(
        on_demand_specification=on_demand, spot_specification=spot if fleet == "task" else None
    )
