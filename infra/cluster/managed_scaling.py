"""How far EMR may grow and shrink the cluster."""

import math
from dataclasses import dataclass

from aws_cdk.aws_emr import CfnCluster

from infra.config.deployment import DeploymentConfig


@dataclass(frozen=True)
class ScalingLimits:
    """Core and task nodes together, in nodes; the primary node is beside them."""

    least: int
    most: int
    most_core: int
    most_on_demand: int


def scaling_limits(config: DeploymentConfig) -> ScalingLimits:
    """Return the limits that follow from fleets and Spot share; what exceeds the on-demand limit is Spot.

    All core nodes are on demand, so the on-demand limit is at least theirs, as EMR demands.
    """
    on_demand_tasks = config.task_maximum - math.floor(config.task_maximum * config.task_spot_share)
    return ScalingLimits(
        least=config.core_minimum,
        most=config.core_maximum + config.task_maximum,
        most_core=config.core_maximum,
        most_on_demand=config.core_maximum + on_demand_tasks,
    )


def managed_scaling(config: DeploymentConfig) -> CfnCluster.ManagedScalingPolicyProperty:
    """Describe EMR's managed scaling within the limits of the configuration."""
    limits = scaling_limits(config)
    return CfnCluster.ManagedScalingPolicyProperty(
        compute_limits=CfnCluster.ComputeLimitsProperty(
            unit_type="InstanceFleetUnits",
            minimum_capacity_units=limits.least,
            maximum_capacity_units=limits.most,
            maximum_core_capacity_units=limits.most_core,
            maximum_on_demand_capacity_units=limits.most_on_demand,
        )
    )
