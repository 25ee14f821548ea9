"""`doctor`: each thing that would stop a deploy is seen, and what to do is said."""

from contextlib import ExitStack
from typing import Any

import pytest
from botocore.stub import Stubber

from infra.config.deployment import DeploymentConfig
from operate.commands import doctor
from operate.connection import Connection
from operate.readiness.capacity_checks import vcpu_need
from tests.aws.conftest import REGION

ACCOUNT = "123456789012"
CONFIG = DeploymentConfig.from_context({"stage": "dev"})
TYPES = ("m5.xlarge", "m7i-flex.xlarge")
# What a ready account answers: service -> list of (operation, answer or error code).
READY: dict[str, Any] = {
    "sts": [
        ("get_caller_identity", {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/a", "UserId": "A"})
    ],
    "ssm": [("get_parameter", {"Parameter": {"Value": "21"}})],
    "iam": [("get_role", "role"), ("get_role", "role")],
    "service-quotas": [
        ("get_service_quota", {"Quota": {"Value": 64.0}}),
        ("get_service_quota", {"Quota": {"Value": 64.0}}),
    ],
    "ec2": [
        (
            "describe_instance_type_offerings",
            {"InstanceTypeOfferings": [{"InstanceType": t, "Location": f"{REGION}a"} for t in TYPES]},
        )
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
ROLE = {
    "Role": {
        "Path": "/aws-service-role/",
        "RoleName": "service-role",
        "RoleId": "A" * 16,
        "Arn": f"arn:aws:iam::{ACCOUNT}:role/r",
        "CreateDate": 0,
    }
}


@pytest.fixture
def examined():
    """Every check by name, in an account that answers as READY, but for what is given."""

    def call(config=CONFIG, **other):
        answers = {**READY, **{name.replace("_", "-"): value for name, value in other.items()}}
        connection = Connection("dev", REGION)
        with ExitStack() as stack:
            for service, told in answers.items():
                stubber = stack.enter_context(Stubber(connection.client(service)))
                for operation, answer in told:
                    if isinstance(answer, str) and answer != "role":
                        stubber.add_client_error(operation, answer)
                    else:
                        stubber.add_response(operation, ROLE if answer == "role" else answer)
            return {check.name: check for check in doctor.examine(connection, config)}

    return call


def test_a_ready_account_passes_every_check(examined):
    """Eight things are looked at, and none needs anything."""
    checks = examined()
    assert list(checks) == [
        "credentials",
        "CDK bootstrap",
        "service-linked roles",
        "vCPU quota, on demand",
        "vCPU quota, Spot",
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
    check = examined(iam=[("get_role", "role"), ("get_role", "NoSuchEntity")])["service-linked roles"]
    assert (check.state, check.found) == ("warning", "missing: AWSServiceRoleForEC2Spot")
    assert check.advice == "once: aws iam create-service-linked-role --aws-service-name spot.amazonaws.com"


def test_the_need_counts_every_fleet_at_its_largest():
    """The runbook's table: one primary and two core nodes of 4 vCPU on demand, four task nodes on Spot."""
    need = vcpu_need(CONFIG)
    assert (need.on_demand, need.spot) == (12, 16)
    half = vcpu_need(DeploymentConfig.from_context({"stage": "dev", "task_spot_share": "0.5"}))
    assert (half.on_demand, half.spot) == (20, 8)


@pytest.mark.parametrize(("value", "state"), [(11, "failed"), (12, "warning"), (23, "warning"), (24, "ok")])
def test_a_quota_is_held_against_the_largest_cluster(examined, value, state):
    """Below one cluster a deploy fails; below two, one that replaces a cluster that still runs."""
    quotas = [("get_service_quota", {"Quota": {"Value": float(count)}}) for count in (value, 64)]
    check = examined(service_quotas=quotas)["vCPU quota, on demand"]
    assert (check.state, check.found) == (state, f"{value} allowed, 12 needed")
    assert ("--quota-code L-1216C47A --desired-value 24" in check.advice) is (state != "ok")


def test_a_quota_that_was_never_changed_is_the_default_one(examined):
    """AWS has no record of the account's own then."""
    quotas = [
        ("get_service_quota", "NoSuchResourceException"),
        ("get_aws_default_service_quota", {"Quota": {"Value": 5.0}}),
        ("get_service_quota", {"Quota": {"Value": 64.0}}),
    ]
    check = examined(service_quotas=quotas)["vCPU quota, on demand"]
    assert (check.state, check.found) == ("failed", "5 allowed, 12 needed")


def test_a_type_that_no_zone_offers_is_named(examined):
    """The fleet has another one: a warning; none: the deploy would fail."""
    one = {"InstanceTypeOfferings": [{"InstanceType": TYPES[0], "Location": f"{REGION}a"}]}
    check = examined(ec2=[("describe_instance_type_offerings", one)])["instance types"]
    assert (check.state, check.found) == ("warning", "m5.xlarge in 1 zones, m7i-flex.xlarge in 0 zones")
    none = {"InstanceTypeOfferings": []}
    check = examined(ec2=[("describe_instance_type_offerings", none)])["instance types"]
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
    check = examined(service_quotas=[("get_service_quota", "AccessDeniedException")] * 2)["vCPU quota, Spot"]
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
    monkeypatch.setattr(doctor, "examine", lambda connection, config: iter([made]))
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
