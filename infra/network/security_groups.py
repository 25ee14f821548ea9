"""Who may talk to whom: the rules that EMR would add by itself, declared, and the way out.

EMR adds what is missing to the groups it is given; a rule that names another group and that CloudFormation
does not know keeps that group from being deleted. So every one is here, each a resource of its own:
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
"""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Rule:
    """`sender` may open connections to `receiver` on these ports; groups by name."""

    sender: str
    receiver: str
    protocol: str
    from_port: int
    to_port: int

    @property
    def name(self) -> str:
        """`PrimaryToWorkersTcp0`: unique among the rules."""
        return f"{self.sender}To{self.receiver}{self.protocol.title()}{max(self.from_port, 0)}"


def emr_rules(private: bool) -> list[Rule]:
    """Return the rules that EMR adds: all traffic between nodes; private nodes also talk with the service."""
    nodes = (PRIMARY, WORKERS)
    rules = [Rule(one, other, *ports) for one in nodes for other in nodes for ports in ALL_PROTOCOLS]
    if private:
        rules += [Rule(SERVICE, node, "tcp", CLUSTER_MANAGER_PORT, CLUSTER_MANAGER_PORT) for node in nodes]
        rules.append(Rule(PRIMARY, SERVICE, "tcp", SERVICE_PORT, SERVICE_PORT))
    return rules


class ClusterSecurityGroups(Construct):
    """Groups for primary node, workers and, in private subnets, EMR's service; nothing from outside comes in.

    Nodes reach the outside by HTTPS alone: AWS's interfaces, and packages of the operating system.
    """

    def __init__(self, scope: Construct, construct_id: str, *, vpc: IVpc, private: bool) -> None:
        super().__init__(scope, construct_id)
        self.rules: list[Construct] = []
        names = (PRIMARY, WORKERS, SERVICE) if private else (PRIMARY, WORKERS)
        self._groups = {name: self._group(name, vpc) for name in names}
        for rule in emr_rules(private):
            self._allow(rule)
        for name in (PRIMARY, WORKERS):
            self._reach_https(name)

    @property
    def primary_id(self) -> str:
        """Id of the primary node's group."""
        return self._groups[PRIMARY].security_group_id

    @property
    def workers_id(self) -> str:
        """Id of the core and task nodes' group."""
        return self._groups[WORKERS].security_group_id

    @property
    def service_id(self) -> str | None:
        """Id of the service's group; none in public subnets, where EMR takes none."""
        return self._groups[SERVICE].security_group_id if SERVICE in self._groups else None

    def _group(self, name: str, vpc: IVpc) -> SecurityGroup:
        # Without inline rules of ours EC2 would let everything out.
        return SecurityGroup(self, name, vpc=vpc, description=DESCRIPTIONS[name], allow_all_outbound=False)

    def _allow(self, rule: Rule) -> None:
        sender, receiver = (self._groups[name].security_group_id for name in (rule.sender, rule.receiver))
        inward = CfnSecurityGroupIngress(
            self,
            f"{rule.name}In",
            group_id=receiver,
            source_security_group_id=sender,
            description=f"{rule.sender} to {rule.receiver}",
            ip_protocol=rule.protocol,
            from_port=rule.from_port,
            to_port=rule.to_port,
        )
        outward = CfnSecurityGroupEgress(
            self,
            f"{rule.name}Out",
            group_id=sender,
            destination_security_group_id=receiver,
            description=f"{rule.sender} to {rule.receiver}",
            ip_protocol=rule.protocol,
            from_port=rule.from_port,
            to_port=rule.to_port,
        )
        self.rules += [inward, outward]

    def _reach_https(self, name: str) -> None:
        self.rules.append(
            CfnSecurityGroupEgress(
                self,
                f"{name}ToHttps",
                group_id=self._groups[name].security_group_id,
                cidr_ip="0.0.0.0/0",
                ip_protocol="tcp",
                from_port=HTTPS_PORT,
                to_port=HTTPS_PORT,
                description="AWS by HTTPS",
            )
        )
