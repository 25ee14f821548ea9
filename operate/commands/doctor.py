"""`fruit doctor`: checks whether this account is ready for a deploy of this configuration."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

import click
from botocore.exceptions import ClientError

from infra.commands.context_option import context_option
from infra.config.deployment import DeploymentConfig
from operate.connection import Connection, connected
from operate.printing import json_option, print_result
from operate.readiness import account_checks, capacity_checks
from operate.readiness.check import Check

LARGEST_NAME = 24


@click.command("doctor")
@context_option
@json_option
@connected
def doctor_command(connection: Connection, context: dict[str, str], as_json: bool) -> None:
    """Check what a deploy needs, and say what to do; exit code 1 if something would stop it.

    It checks credentials, CDK bootstrap, service-linked roles, vCPU quotas against the largest cluster,
    instance types
    in the zones, EMR block public access, EMR release.

    \b
    Example:
      fruit doctor
      fruit doctor --stage=prod -c core_maximum=8
    """
    checks = list(examine(*connection.configured(context)))
    print_result([asdict(check) for check in checks], "\n".join(map(text_of_check, checks)), as_json=as_json)
    if any(check.state == "failed" for check in checks):
        raise click.exceptions.Exit(1)


def examine(connection: Connection, config: DeploymentConfig) -> Iterator[Check]:
    """Yield every check, in the order in which they would stop a deploy.

    Raises:
        NoCredentialsError, ClientError: nobody knows these credentials; nothing else can be looked at.
    """
    client, region = connection.client, config.region
    identity = client("sts").get_caller_identity()
    yield account_checks.check_account(identity, config)
    need = capacity_checks.vcpu_need(config)
    quotas = client("service-quotas")
    looks: dict[str, Callable[[], Check]] = {
        "CDK bootstrap": lambda: account_checks.check_bootstrap(client("ssm"), identity["Account"], region),
        "service-linked roles": lambda: account_checks.check_service_roles(client("iam"), config),
        "vCPU quota, on demand": lambda: capacity_checks.check_quota(
            quotas, capacity_checks.ON_DEMAND_QUOTA, need.on_demand
        ),
        "vCPU quota, Spot": lambda: capacity_checks.check_quota(
            quotas, capacity_checks.SPOT_QUOTA, need.spot
        ),
        "instance types": lambda: capacity_checks.check_types(client("ec2"), config),
        "EMR block public access": lambda: account_checks.check_public_access(client("emr")),
        "EMR release": lambda: account_checks.check_release(client("emr"), config),
    }
    for name, look in looks.items():
        yield looked_at(name, look)


def looked_at(name: str, look: Callable[[], Check]) -> Check:
    """Return the check; `unknown` where AWS does not let the person look, which stops no deploy."""
    try:
        return look()
    except ClientError as error:
        details = error.response["Error"]
        found = f"{error.operation_name}: {details.get('Code')}"
        return Check(name, "unknown", found, f"allow {error.operation_name} to these credentials to see it")


def text_of_check(check: Check) -> str:
    """Return a check as one line, with its advice in a second one."""
    line = f"{check.state:<8} {check.name:<{LARGEST_NAME}} {check.found}"
    return f"{line}\n{'':<8} {'':<{LARGEST_NAME}} {check.advice}" if check.advice else line
