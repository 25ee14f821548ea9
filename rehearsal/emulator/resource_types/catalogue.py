"""Every resource type that the rehearsal adds."""

from rehearsal.emulator.resource_types.bucket import Bucket
from rehearsal.emulator.resource_types.budget import Budget
from rehearsal.emulator.resource_types.emr_cluster import EmrCluster
from rehearsal.emulator.resource_types.emr_security_configuration import EmrSecurityConfiguration
from rehearsal.emulator.resource_types.flow_log import FlowLog
from rehearsal.emulator.resource_types.nat import ElasticIp, NatGateway
from rehearsal.emulator.resource_types.network_acls import (
    NetworkAcl,
    NetworkAclEntry,
    SubnetNetworkAclAssociation,
)
from rehearsal.emulator.resource_types.resource_type import ResourceType
from rehearsal.emulator.resource_types.security_group_rules import SecurityGroupRule


def resource_types() -> list[ResourceType]:
    """One of each."""
    return [
        Bucket(),
        Budget(),
        ElasticIp(),
        EmrCluster(),
        EmrSecurityConfiguration(),
        FlowLog(),
        NatGateway(),
        NetworkAcl(),
        NetworkAclEntry(),
        SecurityGroupRule("Ingress"),
        SecurityGroupRule("Egress"),
        SubnetNetworkAclAssociation(),
    ]
