"""What the network promises: nobody comes in, S3 stays inside AWS, and everything can be deleted again."""

from infra.network.cluster_network import emr_buckets
from tests.infrastructure.pipeline_template import plain
from tests.infrastructure.synthesis import as_list, only, synthesise

EVERYWHERE = {"0.0.0.0/0", "::/0"}


def of(stacks, kind: str) -> list[dict]:
    return [one["Properties"] for one in stacks.resources("pipeline", f"AWS::EC2::{kind}").values()]


def ports(rule: dict) -> tuple:
    return rule["IpProtocol"], rule.get("FromPort"), rule.get("ToPort")


def group(value: dict) -> str:
    """Primary, Workers or Service, from the reference to the group."""
    logical_id = value["Fn::GetAtt"][0]
    return next(name for name in ("Primary", "Workers", "Service") if logical_id.startswith(f"Groups{name}"))


def ingress(stacks) -> set[tuple]:
    rules = of(stacks, "SecurityGroupIngress")
    return {(group(rule["SourceSecurityGroupId"]), group(rule["GroupId"]), *ports(rule)) for rule in rules}


def egress(stacks) -> set[tuple]:
    rules = [rule for rule in of(stacks, "SecurityGroupEgress") if "DestinationSecurityGroupId" in rule]
    return {
        (group(rule["GroupId"]), group(rule["DestinationSecurityGroupId"]), *ports(rule)) for rule in rules
    }


BETWEEN_NODES = {
    (sender, receiver, protocol, low, high)
    for sender in ("Primary", "Workers")
    for receiver in ("Primary", "Workers")
    for protocol, low, high in (("tcp", 0, 65535), ("udp", 0, 65535), ("icmp", -1, -1))
}
WITH_THE_SERVICE = {
    ("Service", "Primary", "tcp", 8443, 8443),
    ("Service", "Workers", "tcp", 8443, 8443),
    ("Primary", "Service", "tcp", 9443, 9443),
}


def test_no_security_group_admits_the_internet(stage) -> None:
    """No inbound rule names an address range, neither in a group nor beside it; port 22 is open to nobody."""
    assert [rule for rule in of(stage, "SecurityGroupIngress") if "SourceSecurityGroupId" not in rule] == []
    assert [one for one in of(stage, "SecurityGroup") if one.get("SecurityGroupIngress")] == []
    assert not EVERYWHERE & {rule.get("CidrIp") for rule in of(stage, "SecurityGroupIngress")}


def test_the_rules_are_exactly_those_that_emr_adds(dev, prod) -> None:
    """Each one both ways; in private subnets also the service's: none is left for EMR to add."""
    assert ingress(dev) == egress(dev) == BETWEEN_NODES
    assert ingress(prod) == egress(prod) == BETWEEN_NODES | WITH_THE_SERVICE


def test_nodes_reach_the_outside_by_https_alone(stage) -> None:
    """The rules out of the VPC are for port 443, and a group of its own accord lets nothing out."""
    outward = [rule for rule in of(stage, "SecurityGroupEgress") if "DestinationSecurityGroupId" not in rule]
    assert {ports(rule) for rule in outward} == {("tcp", 443, 443)}
    assert len(outward) == 2
    for one in of(stage, "SecurityGroup"):
        assert [rule["Description"] for rule in one["SecurityGroupEgress"]] == ["Disallow all traffic"]


def test_dev_pays_for_no_gateway(dev) -> None:
    """Three public subnets whose nodes have addresses, no NAT gateway, no fixed address, no paid endpoint."""
    subnets = of(dev, "Subnet")
    assert [one["MapPublicIpOnLaunch"] for one in subnets] == [True] * 3
    assert of(dev, "NatGateway") == of(dev, "EIP") == []
    assert {one["VpcEndpointType"] for one in of(dev, "VPCEndpoint")} == {"Gateway"}


def test_prod_nodes_have_no_public_address(prod) -> None:
    """The cluster's subnets lead to one NAT gateway; no subnet gives addresses."""
    assert len(of(prod, "NatGateway")) == 1
    assert {one["MapPublicIpOnLaunch"] for one in of(prod, "Subnet")} == {False}
    cluster = only(prod.resources("pipeline", "AWS::EMR::Cluster").values())["Properties"]["Instances"]
    routes = of(prod, "Route")
    tables = {
        one["SubnetId"]["Ref"]: one["RouteTableId"]["Ref"] for one in of(prod, "SubnetRouteTableAssociation")
    }
    for subnet in cluster["Ec2SubnetIds"]:
        leads = [route for route in routes if route["RouteTableId"]["Ref"] == tables[subnet["Ref"]]]
        assert [set(route) & {"GatewayId", "NatGatewayId"} for route in leads] == [{"NatGatewayId"}]


def test_the_cluster_may_be_in_each_zone_of_the_region() -> None:
    """By name, also with an account given, which would make CDK look them up."""
    for context in ({}, {"account": "123456789012"}):
        stacks = synthesise(stage="dev", **context)
        zones = {one["AvailabilityZone"] for one in of(stacks, "Subnet")}
        assert zones == {"eu-west-3a", "eu-west-3b", "eu-west-3c"}


def test_the_endpoint_lets_only_our_buckets_and_emr_s_through(stage) -> None:
    """No action and no resource is `*`; our own buckets are for principals of our account."""
    endpoint = only(of(stage, "VPCEndpoint"))
    statements = endpoint["PolicyDocument"]["Statement"]
    actions = {action for one in statements for action in as_list(one["Action"])}
    assert not [action for action in actions if "*" in action]
    assert "*" not in [resource for one in statements for resource in as_list(one["Resource"])]
    ours = only([one for one in statements if "Condition" in one])
    assert ours["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
    assert len(ours["Resource"]) == 2 * 5  # images, results, logs, artifacts, the CDK's own


def test_emr_s_buckets_are_those_of_its_documentation() -> None:
    """Packages of system and EMR, system logs, the persistent Spark UI; in the region."""
    names = {arn.rpartition(":::")[2] for arn in emr_buckets("eu-west-3")}
    assert names == {
        "al2023-repos-eu-west-3-de612dc2/*",
        "repo.eu-west-3.emr.amazonaws.com/*",
        "aws157-logs-prod-eu-west-3/*",
        "prod.eu-west-3.appinfo.src/*",
    }


def test_every_route_table_of_the_cluster_leads_to_s3(stage) -> None:
    """The gateway endpoint serves them all."""
    tables = stage.resources("pipeline", "AWS::EC2::RouteTable")
    endpoint = only(of(stage, "VPCEndpoint"))
    assert {one["Ref"] for one in endpoint["RouteTableIds"]} == set(tables)


def test_connections_are_logged_and_the_log_ends(stage) -> None:
    """Flow logs of all traffic; every log group of the stack has an end."""
    assert only(of(stage, "FlowLog"))["TrafficType"] == "ALL"
    groups = stage.resources("pipeline", "AWS::Logs::LogGroup").values()
    assert {one["Properties"]["RetentionInDays"] for one in groups} == {90}
    functions = stage.resources("pipeline", "AWS::Lambda::Function").values()
    assert all("LogGroup" in one["Properties"]["LoggingConfig"] for one in functions)


def test_flow_logs_of_this_account_alone_may_use_their_role(stage) -> None:
    """The trust names account and flow logs: no other account's log is written with it."""
    roles = stage.resources("pipeline", "AWS::IAM::Role").values()
    trusts = [only(one["Properties"]["AssumeRolePolicyDocument"]["Statement"]) for one in roles]
    (trust,) = [one for one in trusts if one["Principal"].get("Service") == "vpc-flow-logs.amazonaws.com"]
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert plain(trust["Condition"]["ArnLike"]["aws:SourceArn"]).endswith(":vpc-flow-log/*")


def test_the_default_security_group_is_emptied(stage) -> None:
    """By the CDK's own function, which may touch that one group."""
    assert len(stage.resources("pipeline", "Custom::VpcRestrictDefaultSG")) == 1


def test_an_existing_vpc_is_used_as_it_is() -> None:
    """No VPC, no subnet, no endpoint and no flow log of ours; security groups in that VPC."""
    stacks = synthesise(stage="dev", vpc_id="vpc-0123456789abcdef0", account="123456789012")
    for kind in ("VPC", "Subnet", "VPCEndpoint", "FlowLog", "NatGateway"):
        assert of(stacks, kind) == [], kind
    assert ingress(stacks) == BETWEEN_NODES


def test_emr_may_touch_what_is_tagged_for_it_and_nothing_else(stage) -> None:
    """The tag is on cluster, VPC, subnets and security groups, and on no other resource."""
    tagged = {
        one["Type"]
        for one in stage.json("pipeline")["Resources"].values()
        for tag in (one.get("Properties", {}).get("Tags") or [])
        if isinstance(tag, dict) and tag.get("Key") == "for-use-with-amazon-emr-managed-policies"
    }
    assert tagged == {"AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::SecurityGroup", "AWS::EMR::Cluster"}
    for kind in ("Subnet", "SecurityGroup"):
        for one in of(stage, kind):
            keys = {tag["Key"]: tag["Value"] for tag in one["Tags"]}
            assert keys["for-use-with-amazon-emr-managed-policies"] == "true"
