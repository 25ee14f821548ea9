"""The cluster's instance fleets: the primary node and core nodes on demand, task nodes on Spot."""

from collections.abc import Sequence

from aws_cdk.aws_emr import CfnCluster

from infra.config.deployment import DeploymentConfig

# Shuffles and HDFS hold the features of a million images (5 GB) many times over.
VOLUME_GIB = 64
# The system and the Python environment of the job; EMR's default is 15.
ROOT_VOLUME_GIB = 30
# Then on demand, so that a region without Spot capacity does not hold up the cluster.
SPOT_TIMEOUT_MINUTES = 10

Fleet = CfnCluster.InstanceFleetConfigProperty


def primary_fleet(config: DeploymentConfig) -> Fleet:
    """Describe one node on demand, of the first type that is available."""
    return _fleet("primary", config.primary_instance_types, on_demand=1, spot=0)


def core_fleet(config: DeploymentConfig) -> Fleet:
    """Describe nodes on demand: they hold HDFS and the driver, and must not be taken away."""
    return _fleet("core", config.core_instance_types, on_demand=config.core_minimum, spot=0)


def task_fleets(config: DeploymentConfig) -> list[Fleet]:
    """Describe nodes that only compute; an empty list where `task_maximum` is 0.

    One at first, since EMR documents that a fleet begins with at least one unit; managed scaling does the
    rest: https://docs.aws.amazon.com/emr/latest/APIReference/API_InstanceFleetConfig.html
    """
    if not config.task_maximum:
        return []
    spot = 1 if config.task_spot_share > 0 else 0
    return [_fleet("task", config.task_instance_types, on_demand=1 - spot, spot=spot)]


def _fleet(fleet: str, types: Sequence[str], *, on_demand: int, spot: int) -> Fleet:
    # Both targets, even 0: a later change in place fails where one is missing (gchq/sleeper#6422).
    return Fleet(
        name=fleet,
        target_on_demand_capacity=on_demand,
        target_spot_capacity=spot,
        instance_type_configs=[_type(name) for name in types],
        launch_specifications=_launch(fleet),
    )


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
    if fleet != "task":
        return CfnCluster.InstanceFleetProvisioningSpecificationsProperty(on_demand_specification=on_demand)
    return CfnCluster.InstanceFleetProvisioningSpecificationsProperty(
        on_demand_specification=on_demand,
        spot_specification=CfnCluster.SpotProvisioningSpecificationProperty(
            allocation_strategy="price-capacity-optimized",
            timeout_action="SWITCH_TO_ON_DEMAND",
            timeout_duration_minutes=SPOT_TIMEOUT_MINUTES,
        ),
    )
