"""Network controls of the review: nothing from the internet reaches a node; connections are logged."""

from tests.infrastructure.synthesis import Synthesis, as_list, synthesise

PIPELINE = "pipeline"


def only(values):
    (value,) = values
    return value


def properties(stacks: Synthesis, kind: str) -> dict[str, dict]:
    return {name: body.get("Properties", {}) for name, body in stacks.resources(PIPELINE, kind).items()}


def subnets_of_the_cluster(stacks: Synthesis) -> set[str]:
    cluster = only(properties(stacks, "AWS::EMR::Cluster").values())
    return {subnet["Ref"] for subnet in cluster["Instances"]["Ec2SubnetIds"]}


def ways_out(stacks: Synthesis, subnet: str) -> list[dict]:
    """The default routes of a subnet."""
    tables = [
        one["RouteTableId"]
        for one in properties(stacks, "AWS::EC2::SubnetRouteTableAssociation").values()
        if one["SubnetId"] == {"Ref": subnet}
    ]
    return [
        route
        for route in properties(stacks, "AWS::EC2::Route").values()
        if route["RouteTableId"] in tables and route.get("DestinationCidrBlock") == "0.0.0.0/0"
    ]


def test_prod_nodes_have_no_public_address(prod) -> None:
    """The cluster's subnets assign none, and lead out through a NAT gateway, never an internet gateway."""
    subnets = properties(prod, "AWS::EC2::Subnet")
    used = subnets_of_the_cluster(prod)
    assert len(used) == 3
    for name in used:
        assert subnets[name].get("MapPublicIpOnLaunch", False) is False
        route = only(ways_out(prod, name))
        assert "NatGatewayId" in route
        assert "GatewayId" not in route


def test_no_prod_subnet_assigns_public_addresses(prod) -> None:
    """Not even those of the NAT gateway."""
    for subnet in properties(prod, "AWS::EC2::Subnet").values():
        assert subnet.get("MapPublicIpOnLaunch", False) is False


def test_dev_pays_for_no_nat_and_no_address_while_idle(dev) -> None:
    """Public subnets, a free gateway endpoint to S3, and nothing with an hourly price."""
    assert all("GatewayId" in only(ways_out(dev, name)) for name in subnets_of_the_cluster(dev))
    for kind in ("AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::KMS::Key"):
        assert properties(dev, kind) == {}
    endpoints = properties(dev, "AWS::EC2::VPCEndpoint").values()
    assert {one.get("VpcEndpointType", "Gateway") for one in endpoints} == {"Gateway"}


def test_no_security_group_admits_an_address(stage) -> None:
    """Groups admit groups; no rule, inside a group or beside it, names addresses."""
    inward = list(properties(stage, "AWS::EC2::SecurityGroupIngress").values())
    assert inward
    for rule in inward:
        assert not {"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule)
        assert "SourceSecurityGroupId" in rule
    for group in properties(stage, "AWS::EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group


def test_no_rule_opens_a_port_for_remote_shells_to_anybody(stage) -> None:
    """Nothing outside the node groups reaches 22 or 3389: no key pair either, people use Session Manager."""
    assert "KeyName" not in str(stage.json(PIPELINE))
    nodes = {name for name in properties(stage, "AWS::EC2::SecurityGroup") if "Service" not in name}
    for rule in properties(stage, "AWS::EC2::SecurityGroupIngress").values():
        shells = [port for port in (22, 3389) if rule["FromPort"] <= port <= rule["ToPort"]]
        if rule["IpProtocol"] != "icmp" and shells:
            assert rule["SourceSecurityGroupId"]["Fn::GetAtt"][0] in nodes


def test_the_vpc_s_default_group_admits_nothing(stage) -> None:
    """CDK's resource removes the rules that every new VPC comes with."""
    vpc = only(properties(stage, "AWS::EC2::VPC"))
    restricted = only(properties(stage, "Custom::VpcRestrictDefaultSG").values())
    assert restricted["DefaultSecurityGroupId"] == {"Fn::GetAtt": [vpc, "DefaultSecurityGroup"]}


def test_every_connection_is_logged(stage) -> None:
    """Accepted and rejected ones, of the whole VPC, into a log that expires."""
    vpc = only(properties(stage, "AWS::EC2::VPC"))
    log = only(properties(stage, "AWS::EC2::FlowLog").values())
    assert (log["ResourceId"], log["ResourceType"], log["TrafficType"]) == ({"Ref": vpc}, "VPC", "ALL")
    assert all("RetentionInDays" in group for group in properties(stage, "AWS::Logs::LogGroup").values())


def test_s3_is_reached_inside_aws_with_a_policy(stage) -> None:
    """The gateway endpoint allows named actions on named buckets."""
    endpoint = only(properties(stage, "AWS::EC2::VPCEndpoint").values())
    for statement in endpoint["PolicyDocument"]["Statement"]:
        assert "*" not in as_list(statement["Resource"])
        assert all(not action.endswith("*") for action in as_list(statement["Action"]))


def test_nobody_makes_instances_beside_emr(stage) -> None:
    """No launch template and no instance whose disks the security configuration would not encrypt."""
    for kind in ("AWS::EC2::LaunchTemplate", "AWS::EC2::Instance", "AWS::AutoScaling::LaunchConfiguration"):
        assert properties(stage, kind) == {}


def test_an_existing_vpc_is_not_changed() -> None:
    """No network of ours beside it, but our own groups inside it."""
    stacks = synthesise(stage="dev", vpc_id="vpc-0123456789abcdef0", account="111122223333")
    for kind in ("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::FlowLog", "AWS::EC2::VPCEndpoint"):
        assert properties(stacks, kind) == {}
    assert len(properties(stacks, "AWS::EC2::SecurityGroup")) >= 2
