"""`doctor`: each thing that would stop a deploy is seen, and what to do is said."""

from contextlib import ExitStack
from typing import Any

import pytest
from botocore.stub import Stubber

from infra.config.deployment import DeploymentConfig
from infra.contract.names import cost_tags
from operate.commands import doctor
from operate.connection import Connection
from operate.readiness.checks import vcpu_need
from tests.aws.conftest import REGION

ACCOUNT = "123456789012"
CONFIG = DeploymentConfig.from_context({"stage": "dev"})
TYPES = ("m5.xlarge", "m7i-flex.xlarge")
ABSENT = ("ValidationError", "Stack with id fruit-features-dev-storage does not exist")
ROLE = {
    "Role": {
        "Path": "/aws-service-role/",
        "RoleName": "service-role",
        "RoleId": "A" * 16,
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "CreateDate": 0,
    }
}
# What a ready account answers: service -> list of (operation, answer, or error code and perhaps message).
READY: dict[str, Any] = {
    "sts": [
        ("get_caller_identity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/a", "UserId": "A"})
    ],
    "ssm": [("get_parameter", {"Parameter": {"Value": "21"}})],
    "iam": [("get_role", ROLE), ("get_role", ROLE)],
    "service-quotas": [
        ("get_service_quota", {"Quota": {"Value": 64.0}}),
        ("get_service_quota", {"Quota": {"Value": 64.0}}),
        ("get_service_quota", {"Quota": {"Value": 5.0}}),
    ],
    # The stacks storage, monitoring, pipeline, and the pipeline's outputs.
    "cloudformation": [("describe_stacks", ABSENT)] * 4,
    "ec2": [
        ("describe_vpcs", {"Vpcs": [{"VpcId": "vpc-default"}]}),
        (
            "describe_instance_type_offerings",
            {"InstanceTypeOfferings": [{"InstanceType": t, "Location": f"{REGION}a"} for t in TYPES]},
        ),
    ],
    "emr": [
        (
            "get_block_public_access_configuration",
            {
                "BlockPublicAccessConfiguration": {"BlockPublicSecurityGroupRules": True},
                "BlockPublicAccessConfigurationMetadata": {
                    "CreationDateTime": 0,
                    "CreatedByArn": f"arn:aws:iam::{ACCOUNT}:root",
                },
            },
        ),
        ("list_release_labels", {"ReleaseLabels": ["emr-7.13.0"]}),
    ],
}


def stack(state):
    """What DescribeStacks tells of the pipeline."""
    output = {"OutputKey": "ClusterId", "OutputValue": "j-1"}
    told = {"StackName": "pipeline", "CreationTime": 0, "StackStatus": state, "Outputs": [output]}
    return "describe_stacks", {"Stacks": [told]}


def resource(name, state):
    return {
        "LogicalResourceId": name,
        "ResourceType": "AWS::EMR::Cluster",
        "ResourceStatus": state,
        "LastUpdatedTimestamp": 0,
    }


def cluster(state):
    return {"Id": "j-1", "Name": "one", "Status": {"State": state}, "ServiceRole": "EMR_role"}


@pytest.fixture
def examined():
    """Every check by name, in an account that answers as READY, but for what is given."""

    def call(config=CONFIG, *, probe=False, **other):
        answers = {**READY, **{name.replace("_", "-"): value for name, value in other.items()}}
        connection = Connection("dev", REGION)
        stubbers = []
        with ExitStack() as stack:
            for service, told in answers.items():
                stubber = stack.enter_context(Stubber(connection.client(service)))
                stubbers.append(stubber)
                for operation, answer in told:
                    if isinstance(answer, dict):
                        stubber.add_response(operation, answer)
                    else:
                        code, message = answer if isinstance(answer, tuple) else (answer, "")
                        stubber.add_client_error(operation, code, message)
            checks = {check.name: check for check in doctor.examine(connection, config, probe=probe)}
            for stubber in stubbers:
                stubber.assert_no_pending_responses()
            return checks

    return call


def test_a_ready_account_passes_every_check(examined):
    """Each thing is looked at, and none needs anything."""
    checks = examined()
    assert list(checks) == [
        "credentials",
        "CDK bootstrap",
        "service-linked roles",
        "stacks",
        "cluster",
        "vCPU quota, on demand",
        "vCPU quota, Spot",
        "VPC quota",
        "Elastic IP quota",
        "instance types",
        "EMR block public access",
        "EMR release",
    ]
    assert {(check.state, check.advice) for check in checks.values()} == {("ok", "")}


def test_an_account_that_is_not_bootstrapped_gets_the_command(examined):
    """The first deploy of most people stops here."""
    check = examined(ssm=[("get_parameter", "ParameterNotFound")])["CDK bootstrap"]
    assert (check.state, check.found) == ("failed", "not bootstrapped in eu-west-3")
    assert check.advice == f"once: node_modules/.bin/cdk bootstrap aws://{ACCOUNT}/eu-west-3"


def test_an_old_bootstrap_fails(examined):
    """CDK refuses it in the middle of a deploy."""
    check = examined(ssm=[("get_parameter", {"Parameter": {"Value": "3"}})])["CDK bootstrap"]
    assert (check.state, check.found) == ("failed", "version 3, 6 at least is needed")


def test_a_missing_spot_role_gets_the_command(examined):
    """Only the role that is missing is named."""
    check = examined(iam=[("get_role", ROLE), ("get_role", "NoSuchEntity")])["service-linked roles"]
    assert (check.state, check.found) == ("warning", "missing: AWSServiceRoleForEC2Spot")
    assert check.advice == (
        "the first cluster makes it, where the organisation allows that; "
        "once: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"
    )


def test_the_need_counts_every_fleet_at_its_largest():
    """The runbook's table: one primary and two core nodes of 4 vCPU on demand, four task nodes on Spot.

    One task node more on demand: EMR buys it when there is no Spot capacity for the first one.
    """
    assert vcpu_need(CONFIG) == (16, 16)
    half = DeploymentConfig.from_context({"stage": "dev", "task_spot_share": "0.5"})
    assert vcpu_need(half) == (24, 8)


@pytest.mark.parametrize(("value", "state"), [(15, "failed"), (16, "warning"), (31, "warning"), (32, "ok")])
def test_a_quota_is_held_against_the_largest_cluster(examined, value, state):
    """Below one cluster a deploy fails; below two, one that replaces a cluster that still runs."""
    quotas = [("get_service_quota", {"Quota": {"Value": float(count)}}) for count in (value, 64, 5)]
    check = examined(service_quotas=quotas)["vCPU quota, on demand"]
    assert (check.state, check.found) == (state, f"{value} allowed, 16 needed")
    assert ("--quota-code L-1216C47A --desired-value 32" in check.advice) is (state != "ok")


def test_a_quota_that_was_never_changed_is_the_default_one(examined):
    """AWS has no record of the account's own then."""
    quotas = [
        ("get_service_quota", "NoSuchResourceException"),
        ("get_aws_default_service_quota", {"Quota": {"Value": 5.0}}),
        *READY["service-quotas"][1:],
    ]
    check = examined(service_quotas=quotas)["vCPU quota, on demand"]
    assert (check.state, check.found) == ("failed", "5 allowed, 16 needed")


def test_the_network_s_quotas_count_what_others_have(examined):
    """The stage's own VPC and address are there already, or are made: either way one of each is its own."""
    tags = [{"Key": key, "Value": value} for key, value in cost_tags("prod").items()]
    config = DeploymentConfig.from_context({"stage": "prod"})
    vpcs = [{"VpcId": f"vpc-{number}"} for number in range(5)]
    addresses = [{"PublicIp": f"192.0.2.{number}"} for number in range(5)]
    quotas = [*READY["service-quotas"], ("get_service_quota", {"Quota": {"Value": 5.0}})]

    def looked(own):
        ec2 = [
            ("describe_vpcs", {"Vpcs": [*vpcs[own:], {"VpcId": "vpc-own", "Tags": tags}]}),
            ("describe_addresses", {"Addresses": addresses[own:]}),
            READY["ec2"][1],
        ]
        checks = examined(config, ec2=ec2, service_quotas=quotas)
        return checks["VPC quota"], checks["Elastic IP quota"]

    assert [check.state for check in looked(1)] == ["ok", "ok"]
    vpc, address = looked(0)
    assert (vpc.state, vpc.found) == ("failed", "5 allowed, 5 beside this stage's")
    assert "--service-code vpc --quota-code L-F678F1CE --desired-value 6, or vpc_id=" in vpc.advice
    assert address.state == "failed"
    assert "--service-code ec2 --quota-code L-0263D0A3 --desired-value 6" in address.advice


def test_a_network_that_is_there_needs_no_quota(examined):
    """Neither a VPC nor an address is made."""
    config = DeploymentConfig.from_context({"stage": "prod", "account": ACCOUNT, "vpc_id": "vpc-12345678"})
    checks = examined(config, ec2=READY["ec2"][1:], service_quotas=READY["service-quotas"][:2])
    assert (checks["VPC quota"].found, checks["Elastic IP quota"].state) == ("vpc-12345678 is used", "ok")


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name fruit-features-dev-pipeline "),
        ("DELETE_FAILED", "`fruit destroy --stage=dev` takes the rest of fruit-features-dev-pipeline away"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "is being changed: wait until that has ended"),
    ],
)
def test_a_stack_that_takes_no_change_gets_its_cure(examined, state, advice):
    """CloudFormation would refuse the deploy; what holds up a rollback is named in the command."""
    stuck = stack(state)
    resources = [
        ("list_stack_resources", {"StackResourceSummaries": [resource("EmrCluster0", "UPDATE_FAILED")]})
    ]
    look = [*READY["cloudformation"][:2], stuck, *(resources if "ROLLBACK" in state else [])]
    check = examined(cloudformation=[*look, READY["cloudformation"][3]])["stacks"]
    assert (check.state, check.found) == ("failed", f"fruit-features-dev-pipeline {state}")
    assert advice in check.advice
    assert ("--resources-to-skip EmrCluster0" in check.advice) is (state == "UPDATE_ROLLBACK_FAILED")


@pytest.mark.parametrize("state", ["UPDATE_ROLLBACK_COMPLETE", "ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_failed_and_can_be_deployed_again_is_no_hindrance(examined, state):
    """CDK deletes a first deploy that was rolled back, and makes it anew."""
    look = [*READY["cloudformation"][:2], stack(state), READY["cloudformation"][3]]
    assert examined(cloudformation=look)["stacks"].state == "ok"


@pytest.mark.parametrize(
    ("answer", "state", "found"),
    [
        ("WAITING", "ok", "j-1 WAITING"),
        ("RUNNING", "warning", "j-1 RUNNING"),
        ("TERMINATED", "ok", "j-1 TERMINATED: a change of the cluster or its run makes another one"),
        (None, "ok", "j-1: EMR has forgotten it; `fruit submit` starts others"),
    ],
)
def test_the_cluster_of_the_last_deploy_is_looked_at(examined, answer, state, found):
    """A deploy that replaces it ends its work; one that has ended is no hindrance; EMR forgets old ones."""
    told = "InvalidRequestException" if answer is None else {"Cluster": cluster(answer)}
    look = [*READY["cloudformation"][:2], stack("UPDATE_COMPLETE"), stack("UPDATE_COMPLETE")]
    check = examined(cloudformation=look, emr=[("describe_cluster", told), *READY["emr"]])["cluster"]
    assert (check.state, check.found) == (state, found)


def simulated(decision):
    result = {"EvalActionName": "iam:CreateServiceLinkedRole", "EvalDecision": decision}
    return "simulate_principal_policy", {"EvaluationResults": [result]}


def test_probing_a_ready_account_asks_only_what_is_free(examined):
    """EMR's types over all pages, a dry run for each type, simulated rights; there is no cluster yet."""
    types = [
        ("list_supported_instance_types", {"SupportedInstanceTypes": [{"Type": TYPES[0]}], "Marker": "2"}),
        ("list_supported_instance_types", {"SupportedInstanceTypes": [{"Type": TYPES[1]}]}),
    ]
    checks = examined(
        probe=True,
        emr=[*READY["emr"], *types],
        ssm=[*READY["ssm"], ("get_parameter", {"Parameter": {"Value": "ami-1"}})],
        ec2=[*READY["ec2"], *[("run_instances", "DryRunOperation")] * 2],
        iam=[*READY["iam"], simulated("allowed")],
        cloudformation=[("describe_stacks", ABSENT)] * 5,
    )
    probed = {name: check.state for name, check in list(checks.items())[-5:]}
    assert probed == {
        "types for EMR": "ok",
        "dry run of EC2": "ok",
        "deployer's rights": "ok",
        "service role, Spot": "unknown",
        "cluster, asked": "unknown",
    }


def test_probing_finds_what_would_stop_a_deploy(examined):
    """A type that EMR lacks; a forbidden start; a restricted role; and how EMR refuses an ended cluster."""
    refusal = ("InvalidRequestException", "Cluster must not be terminated")
    ended = {"Cluster": cluster("TERMINATED")}
    checks = examined(
        probe=True,
        emr=[
            ("describe_cluster", ended),
            *READY["emr"],
            ("list_supported_instance_types", {"SupportedInstanceTypes": [{"Type": TYPES[0]}]}),
            ("describe_cluster", ended),
            ("put_auto_termination_policy", refusal),
        ],
        ssm=[*READY["ssm"], ("get_parameter", {"Parameter": {"Value": "ami-1"}})],
        ec2=[*READY["ec2"], *[("run_instances", "UnauthorizedOperation")] * 2],
        iam=[*READY["iam"], *[simulated("implicitDeny")] * 2],
        cloudformation=[*READY["cloudformation"][:2], *[stack("UPDATE_COMPLETE")] * 3],
    )
    assert (checks["types for EMR"].state, checks["types for EMR"].found) == (
        "failed",
        "emr-7.13.0 lacks m7i-flex.xlarge",
    )
    assert checks["dry run of EC2"].found.startswith("m5.xlarge: UnauthorizedOperation")
    assert "may not iam:CreateServiceLinkedRole" in checks["deployer's rights"].found
    assert checks["service role, Spot"].found == "EMR_role may not make AWSServiceRoleForEC2Spot"
    assert checks["cluster, asked"].found == (
        "j-1 has ended; EMR refuses a change: "
        "InvalidRequestException (no ErrorCode) Cluster must not be terminated"
    )


def test_probing_a_cluster_that_emr_has_forgotten_says_so(examined):
    """Two months after it ended; these credentials lack nothing."""
    forgotten = ("describe_cluster", "InvalidRequestException")
    types = {"SupportedInstanceTypes": [{"Type": name} for name in TYPES]}
    checks = examined(
        probe=True,
        emr=[forgotten, *READY["emr"], ("list_supported_instance_types", types), forgotten],
        ssm=[*READY["ssm"], ("get_parameter", {"Parameter": {"Value": "ami-1"}})],
        ec2=[*READY["ec2"], *[("run_instances", "DryRunOperation")] * 2],
        iam=[*READY["iam"], simulated("allowed")],
        cloudformation=[*READY["cloudformation"][:2], *[stack("UPDATE_COMPLETE")] * 3],
    )
    for name in ("service role, Spot", "cluster, asked"):
        assert (checks[name].state, checks[name].found) == (
            "unknown",
            "EMR remembers none: ask again within two months after a deploy",
        )


def test_probing_a_live_cluster_asks_session_manager_for_its_nodes(examined):
    """Without an agent on the primary node there is no tunnel."""
    live = {"Cluster": cluster("WAITING")}
    node = {"Id": "ci-1", "Ec2InstanceId": "i-1", "Status": {"State": "RUNNING"}}
    told = {"InstanceInformationList": [{"InstanceId": "i-1", "PingStatus": "ConnectionLost"}]}
    types = {"SupportedInstanceTypes": [{"Type": name} for name in TYPES]}
    checks = examined(
        probe=True,
        emr=[
            ("describe_cluster", live),
            *READY["emr"],
            ("list_supported_instance_types", types),
            ("describe_cluster", live),
            ("list_instances", {"Instances": [node]}),
        ],
        ssm=[
            *READY["ssm"],
            ("get_parameter", {"Parameter": {"Value": "ami-1"}}),
            ("describe_instance_information", told),
        ],
        ec2=[*READY["ec2"], *[("run_instances", "DryRunOperation")] * 2],
        iam=[*READY["iam"], *[simulated("allowed")] * 2],
        cloudformation=[*READY["cloudformation"][:2], *[stack("UPDATE_COMPLETE")] * 3],
    )
    assert checks["cluster, asked"].state == "warning"
    assert checks["cluster, asked"].found == "Session Manager reaches 0 of 1 nodes that run"


def test_a_type_that_no_zone_offers_is_named(examined):
    """The fleet has another one: a warning; none: the deploy would fail."""
    one = {"InstanceTypeOfferings": [{"InstanceType": TYPES[0], "Location": f"{REGION}a"}]}
    check = examined(ec2=[READY["ec2"][0], ("describe_instance_type_offerings", one)])["instance types"]
    assert (check.state, check.found) == ("warning", "m5.xlarge in 1 zones, m7i-flex.xlarge in 0 zones")
    none = {"InstanceTypeOfferings": []}
    check = examined(ec2=[READY["ec2"][0], ("describe_instance_type_offerings", none)])["instance types"]
    assert check.state == "failed"
    assert "core_instance_types needs one that eu-west-3 offers" in check.advice


def test_an_open_account_and_a_missing_release_are_seen(examined):
    """The first is advice, the second stops the deploy."""
    configuration = READY["emr"][0][1]
    off = {**configuration, "BlockPublicAccessConfiguration": {"BlockPublicSecurityGroupRules": False}}
    emr = [("get_block_public_access_configuration", off), ("list_release_labels", {"ReleaseLabels": []})]
    checks = examined(emr=emr)
    assert checks["EMR block public access"].state == "warning"
    assert checks["EMR release"].state == "failed"
    assert checks["EMR release"].found == "emr-7.13.0 is not offered in eu-west-3"


def test_what_may_not_be_looked_at_is_unknown(examined):
    """Who may deploy need not be allowed to read quotas."""
    check = examined(service_quotas=[("get_service_quota", "AccessDeniedException")] * 3)["vCPU quota, Spot"]
    assert (check.state, check.found) == ("unknown", "GetServiceQuota: AccessDeniedException")


def test_credentials_of_another_account_fail(examined):
    """The configured account is where the stacks would go."""
    config = DeploymentConfig.from_context({"stage": "dev", "account": "999999999999"})
    check = examined(config)["credentials"]
    assert check.state == "failed"
    assert "account=999999999999 is configured" in check.advice


def test_a_failed_check_is_the_exit_code(operate, monkeypatch):
    """`make deploy` stops before anything is made; the advice stands below what was found."""
    made = doctor.Check("CDK bootstrap", "failed", "not bootstrapped", "once: cdk bootstrap")
    monkeypatch.setattr(doctor, "examine", lambda connection, config, probe: iter([made]))
    outcome = operate("doctor")
    assert outcome.exit_code == 1
    assert [" ".join(line.split()) for line in outcome.out.splitlines()] == [
        "failed CDK bootstrap not bootstrapped",
        "once: cdk bootstrap",
    ]
    assert operate("doctor", "--json").json[0]["state"] == "failed"


def test_a_wrong_field_is_misuse(operate):
    """As in every other command that takes the configuration's fields."""
    outcome = operate("doctor", "-c", "core_minimum=1")
    assert (outcome.exit_code, outcome.out) == (2, "")
    assert outcome.err == "Error: core_minimum=1: allowed: a whole number, 2 to 100\n"
