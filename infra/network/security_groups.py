"""Who may talk to whom: the rules that EMR would add by itself, declared, and the way out.

EMR adds what is missing to the groups it is given; a rule that names another group and that CloudFormation
does not know keeps that group from being deleted. So every one is here, each a resource of its own:
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
"""

from typing import Any

from aws_cdk.aws_ec2 import CfnSecurityGroupEgress, CfnSecurityGroupIngress, IVpc, SecurityGroup
from constructs import Construct

PRIMARY, WORKERS, SERVICE = "Primary", "Workers", "Service"
DESCRIPTIONS = {
    PRIMARY: "EMR primary node",
    WORKERS: "EMR core and task nodes",
    SERVICE: "EMR service, to reach nodes without public addresses",
}
ALL_PROTOCOLS = (("tcp", 0, 65535), ("udp", 0, 65535), ("icmp", -1, -1))
CLUSTER_MANAGER_PORT = 8443
SERVICE_PORT = 9443
HTTPS_PORT = 443


class ClusterSecurityGroups(Construct):
    """Groups for primary node, workers and, in private subnets, EMR's service; nothing from outside comes in.

    Nodes reach the outside by HTTPS alone: AWS's interfaces, and packages of the operating system.

    Attributes:
        ids: Of the groups, by name; there is none of the service in public subnets, where EMR takes none.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: IVpc, private: bool) -> None:
        super().__init__(scope, construct_id)
        # Without inline rules of ours EC2 would let everything out.
        self.ids = {
            name: SecurityGroup(
                self, name, vpc=vpc, description=description, allow_all_outbound=False
            ).security_group_id
            for name, description in DESCRIPTIONS.items()
            if private or name != SERVICE
        }
        self.rules: list[Construct] = []
        # As EMR adds them: all traffic between nodes; private nodes also talk with the service.
        nodes = (PRIMARY, WORKERS)
        rules = [(one, other, *ports) for one in nodes for other in nodes for ports in ALL_PROTOCOLS]
        if private:
            rules += [(SERVICE, node, "tcp", CLUSTER_MANAGER_PORT, CLUSTER_MANAGER_PORT) for node in nodes]
            rules.append((PRIMARY, SERVICE, "tcp", SERVICE_PORT, SERVICE_PORT))
        for sender, receiver, protocol, first, last in rules:
            name = f"{sender}To{receiver}{protocol.title()}{max(first, 0)}"
            traffic: Any = {
                "description": f"{sender} to {receiver}",
                "ip_protocol": protocol,
                "from_port": first,
                "to_port": last,
            }
            own, other = self.ids[sender], self.ids[receiver]
            self.rules += [
                CfnSecurityGroupIngress(
                    self, f"{name}In", group_id=other, source_security_group_id=own, **traffic
                ),
                CfnSecurityGroupEgress(
                    self, f"{name}Out", group_id=own, destination_security_group_id=other, **traffic
                ),
            ]
        for name in nodes:
            self.rules.append(
                CfnSecurityGroupEgress(
                    self,
                    f"{name}ToHttps",
                    group_id=self.ids[name],
                    cidr_ip="0.0.0.0/0",
                    ip_protocol="tcp",
                    from_port=HTTPS_PORT,
                    to_port=HTTPS_PORT,
                    description="AWS by HTTPS",
                )
            )
