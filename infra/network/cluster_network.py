"""The VPC and the subnets of the cluster, ours or those that are there already; and who may talk to whom.

EMR adds what is missing to the groups it is given; a rule that names another group and that CloudFormation
does not know keeps that group from being deleted. So every rule is here, each a resource of its own:
https://docs.aws.amazon.com/emr/latest/ManagementGuide/emr-man-sec-groups.html
"""

from collections.abc import Sequence
from typing import Any

from aws_cdk import Acknowledgment, Aws, Fn, Stack, Validations
from aws_cdk import aws_ec2 as ec2
from aws_cdk.aws_iam import AnyPrincipal, PolicyStatement, Role, ServicePrincipal
from constructs import Construct

from infra.acknowledgements import acknowledge
from infra.config.deployment import DeploymentConfig
from infra.log_groups import log_group, write_log_to

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
READ = ("s3:GetObject", "s3:GetObjectVersion")
WRITE = ("s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
BUCKET = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")
# Every region of the European Union has zones a, b and c.
ZONES = ("a", "b", "c")
DEFAULT_GROUP_PROVIDER = "Custom::VpcRestrictDefaultSGCustomResourceProvider"
NAMED_ZONES_RULE = "CloudFormation-Validate::W3010"
NAMED_ZONES_REASON = (
    "The region is part of the configuration; Fn::GetAZs leaves out zones without a default subnet"
)
ACCESS_LIST_REASON = (
    "Beside the security groups, not in their place: EC2.21 wants no list that admits remote shells, and the "
    "VPC's default list does"
)
TO_INTERNET = "NIST.800.53.R5-VPCNoUnrestrictedRouteToIGW"
PUBLIC_ADDRESSES = "NIST.800.53.R5-VPCSubnetAutoAssignPublicIpDisabled"
PUBLIC_REASON = (
    "A NAT gateway would cost about 36 USD a month while idle. No security group admits anything from the "
    "internet; network=private puts the nodes behind a NAT"
)


class ClusterNetwork(Construct):
    """Subnets in every zone of the region, with S3 reached inside AWS and every connection logged.

    In `public` subnets nodes have addresses of their own, and nothing is paid while idle. `private` subnets
    are behind one NAT gateway, which is enough since a cluster lies in one zone. With `vpc_id` the subnets of
    that kind in that VPC are used; its owner cares for its endpoint, flow logs and tags.
    """

    def __init__(self, scope: Construct, *, config: DeploymentConfig, bucket_arns: Sequence[str]) -> None:
        super().__init__(scope, "Network")
        self.private = config.network == "private"
        if config.vpc_id:
            self.vpc: ec2.IVpc = ec2.Vpc.from_lookup(
                self, "Existing", vpc_id=config.vpc_id, region=config.region
            )
        else:
            self.vpc = self._own_vpc(config)
            endpoint = self.vpc.add_gateway_endpoint(
                "S3",
                service=ec2.GatewayVpcEndpointAwsService.S3,
                subnets=[ec2.SubnetSelection(subnets=[*self.vpc.public_subnets, *self.vpc.private_subnets])],
            )
            for statement in endpoint_statements(config.region, bucket_arns):
                endpoint.add_to_policy(statement)
        kind = ec2.SubnetType.PRIVATE_WITH_EGRESS if self.private else ec2.SubnetType.PUBLIC
        self.subnets: list[ec2.ISubnet] = self.vpc.select_subnets(subnet_type=kind).subnets

    def _own_vpc(self, config: DeploymentConfig) -> ec2.Vpc:
        nat: Any = {"name": "Nat", "subnet_type": ec2.SubnetType.PUBLIC, "cidr_mask": 28}
        private: Any = {"name": "Cluster", "subnet_type": ec2.SubnetType.PRIVATE_WITH_EGRESS, "cidr_mask": 20}
        public: Any = {"name": "Cluster", "subnet_type": ec2.SubnetType.PUBLIC, "cidr_mask": 20}
        subnets = [{**public, "map_public_ip_on_launch": True}]
        if self.private:
            subnets = [{**nat, "map_public_ip_on_launch": False}, private]
        vpc = ec2.Vpc(
            self,
            "Vpc",
            nat_gateways=1 if self.private else 0,
            subnet_configuration=[ec2.SubnetConfiguration(**subnet) for subnet in subnets],
            restrict_default_security_group=True,
        )
        # The default group loses its rules by a function of CDK's.
        write_log_to(
            log_group(self, "DefaultGroupLog", config), Stack.of(self).node.find_child(DEFAULT_GROUP_PROVIDER)
        )
        before_groups = Construct(self, "AccessList")
        access_list(before_groups, vpc)
        acknowledge(before_groups, {"AwsSolutions-VPC3": ACCESS_LIST_REASON})
        # EC2's delivery of flow logs, and only for logs of this account:
        # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-iam-role.html
        stack = Stack.of(self)
        logs = stack.format_arn(service="ec2", resource="vpc-flow-log", resource_name="*")
        own = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": logs}}
        delivery = ServicePrincipal("vpc-flow-logs.amazonaws.com", conditions=own)
        writer = Role(self, "FlowLogRole", assumed_by=delivery)
        vpc.add_flow_log(
            "FlowLog",
            traffic_type=ec2.FlowLogTrafficType.ALL,
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                log_group(self, "Connections", config), writer
            ),
        )
        inline = "The role of this flow log, which writes to its one log group"
        acknowledge(writer, {"NIST.800.53.R5-IAMNoInlinePolicy": inline})
        reasons = {TO_INTERNET: "The NAT gateway's way out; it admits no connection from outside"}
        if not self.private:
            reasons = dict.fromkeys((TO_INTERNET, PUBLIC_ADDRESSES), PUBLIC_REASON)
        for subnet in vpc.public_subnets:
            acknowledge(subnet, reasons)
        Validations.of(vpc).acknowledge(Acknowledgment(id=NAMED_ZONES_RULE, reason=NAMED_ZONES_REASON))
        return vpc


def access_list(here: Construct, vpc: ec2.Vpc) -> None:
    """Give the subnets a network ACL: what stands before the security groups.

    Inside the VPC everything; from outside only answers by TCP, never to 22 or 3389, the ports of remote
    shells; outwards everything. It takes the place of the VPC's default list, which admits everything and
    which no stack can change.
    """
    everywhere = ec2.SubnetSelection(subnets=[*vpc.public_subnets, *vpc.private_subnets])
    made = ec2.NetworkAcl(here, "List", vpc=vpc, subnet_selection=everywhere)
    inward, outward = ec2.TrafficDirection.INGRESS, ec2.TrafficDirection.EGRESS
    anywhere, inside = ec2.AclCidr.any_ipv4(), ec2.AclCidr.ipv4(vpc.vpc_cidr_block)
    everything, ports = ec2.AclTraffic.all_traffic(), ec2.AclTraffic.tcp_port_range
    # The list has no state: answers to connections from inside come in on these ports. A NAT gateway takes
    # any from 1024 up; 3389 (remote desktops) is left out: one connection in 64,000 is tried again.
    # https://docs.aws.amazon.com/vpc/latest/userguide/vpc-network-acls.html#nacl-ephemeral-ports
    for name, direction, number, cidr, traffic in (
        ("In0", inward, 100, inside, everything),
        ("In1", inward, 110, anywhere, ports(1024, 3388)),
        ("In2", inward, 120, anywhere, ports(3390, 65535)),
        ("Out", outward, 100, anywhere, everything),
    ):
        made.add_entry(name, direction=direction, rule_number=number, cidr=cidr, traffic=traffic)


def emr_buckets(region: str) -> dict[str, tuple[str, ...]]:
    """Return AWS's own buckets that an EMR 7 node needs: ARN of the objects to what a node does with them.

    https://docs.aws.amazon.com/emr/latest/ManagementGuide/private-subnet-iampolicy.html
    """
    return {
        # Packages of Amazon Linux 2023 and of EMR.
        f"arn:{Aws.PARTITION}:s3:::al2023-repos-{region}-de612dc2/*": ("s3:GetObject",),
        f"arn:{Aws.PARTITION}:s3:::repo.{region}.emr.amazonaws.com/*": ("s3:GetObject",),
        # EMR's copy of the nodes' system logs.
        f"arn:{Aws.PARTITION}:s3:::aws157-logs-prod-{region}/*": ("s3:PutObject",),
        # The persistent Spark UI.
        f"arn:{Aws.PARTITION}:s3:::prod.{region}.appinfo.src/*": ("s3:GetObject", *WRITE),
    }


def endpoint_statements(region: str, bucket_arns: Sequence[str]) -> list[PolicyStatement]:
    """Allow EMR's buckets, and ours for principals of our account; anything else in S3 is out of reach."""
    theirs = [
        PolicyStatement(principals=[AnyPrincipal()], actions=list(actions), resources=[objects])
        for objects, actions in emr_buckets(region).items()
    ]
    # The CDK's own bucket holds the job, the wheels and the bootstrap script.
    staging = Fn.sub("arn:${AWS::Partition}:s3:::cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}")
    ours = PolicyStatement(
        principals=[AnyPrincipal()],
        actions=[*READ, *WRITE, *BUCKET],
        resources=[arn for bucket in (*bucket_arns, staging) for arn in (bucket, f"{bucket}/*")],
        conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
    )
    return [*theirs, ours]


class ClusterSecurityGroups(Construct):
    """Groups for primary node, workers and, in private subnets, EMR's service; nothing from outside comes in.

    Nodes reach the outside by HTTPS alone: AWS's interfaces, and packages of the operating system.

    Attributes:
        ids: Of the groups, by name; there is none of the service in public subnets, where EMR takes none.
    """

    def __init__(self, scope: Construct, *, vpc: ec2.IVpc, private: bool) -> None:
        super().__init__(scope, "Groups")
        # Without inline rules of ours EC2 would let everything out.
        self.ids = {
            name: ec2.SecurityGroup(
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
            traffic: Any = {"ip_protocol": protocol, "from_port": first, "to_port": last}
            traffic["description"] = f"{sender} to {receiver}"
            own, other = self.ids[sender], self.ids[receiver]
            self.rules += [
                ec2.CfnSecurityGroupIngress(
                    self, f"{name}In", group_id=other, source_security_group_id=own, **traffic
                ),
                ec2.CfnSecurityGroupEgress(
                    self, f"{name}Out", group_id=own, destination_security_group_id=other, **traffic
                ),
            ]
        https: Any = {"ip_protocol": "tcp", "from_port": HTTPS_PORT, "to_port": HTTPS_PORT}
        https |= {"cidr_ip": "0.0.0.0/0", "description": "AWS by HTTPS"}
        for name in nodes:
            group = self.ids[name]
            self.rules.append(ec2.CfnSecurityGroupEgress(self, f"{name}ToHttps", group_id=group, **https))
