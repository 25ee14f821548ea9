"""Every resource type that the rehearsal adds."""

from rehearsal.emr.conditions import Conditions
from rehearsal.emulator.resource_types.bucket import Bucket
from rehearsal.emulator.resource_types.budget import Budget
from rehearsal.emulator.resource_types.emr_cluster import EmrCluster
from rehearsal.emulator.resource_types.emr_security_configuration import EmrSecurityConfiguration
from rehearsal.emulator.resource_types.network import ElasticIp, FlowLog, NatGateway, NetworkAcl
from rehearsal.emulator.resource_types.network_rules import (
    NetworkAclEntry,
    SecurityGroupRule,
    SubnetNetworkAclAssociation,
)
from rehearsal.emulator.resource_types.resource_type import ResourceType


def resource_types(conditions: Conditions | None = None) -> list[ResourceType]:
    """Return one object of each type; the conditions say what CloudFormation makes of EMR's refusals."""
    return [
        Bucket(),
        Budget(),
        ElasticIp(),
        EmrCluster(conditions),
        EmrSecurityConfiguration(),
        FlowLog(),
        NatGateway(),
        NetworkAcl(),
        NetworkAclEntry(),
        SecurityGroupRule("Ingress"),
        SecurityGroupRule("Egress"),
        SubnetNetworkAclAssociation(),
    ]
