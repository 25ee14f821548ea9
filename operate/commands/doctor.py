"""`fruit doctor`: checks whether this account is ready for a deploy of this configuration."""

from collections.abc import Iterator
from dataclasses import asdict

import click
from botocore.exceptions import ClientError

from infra.config.deployment import DeploymentConfig
from operate.connection import Connection, connected, context_option
from operate.printing import json_option, print_result
from operate.readiness import checks
from operate.readiness.checks import Check
from operate.readiness.probes import probes

LARGEST_NAME = 24


@click.command("doctor")
@context_option
@click.option("--probe", is_flag=True, help="Ask AWS more: dry runs and simulations, which cost nothing.")
@json_option
@connected
def doctor_command(connection: Connection, context: dict[str, str], probe: bool, as_json: bool) -> None:
    """Check what a deploy needs, and say what to do; exit code 1 if something would stop it.

    It checks credentials, CDK bootstrap, service-linked roles, the stage's stacks and cluster, the quotas
    that the largest cluster and its network need, instance types in the zones, EMR block public access and
    EMR release.

    \b
    Example:
      fruit doctor
      fruit doctor --stage=prod -c task_maximum=8 --probe
    """
    seen = list(examine(*connection.configured(context), probe=probe))
    print_result([asdict(check) for check in seen], "\n".join(map(text_of_check, seen)), as_json=as_json)
    if any(check.state == "failed" for check in seen):
        raise click.exceptions.Exit(1)


def examine(connection: Connection, config: DeploymentConfig, *, probe: bool = False) -> Iterator[Check]:
    """Yield every check, in the order in which they would stop a deploy; with `probe` also the probes.

    Raises NoCredentialsError, ClientError: AWS does not know these credentials.
    """
    client = connection.client
    identity = client("sts").get_caller_identity()
    account = identity["Account"]
    yield Check("credentials", *checks.check_account(identity, config))
    on_demand, spot = checks.vcpu_need(config)
    quotas, stacks, ec2, emr = map(client, ("service-quotas", "cloudformation", "ec2", "emr"))
    looks: dict[str, checks.Look] = {
        "CDK bootstrap": lambda: checks.check_bootstrap(client("ssm"), account, config.region),
        "service-linked roles": lambda: checks.check_service_roles(client("iam"), config),
        "stacks": lambda: checks.check_stacks(stacks, config.stage),
        "cluster": lambda: checks.check_cluster(stacks, emr, config.stage),
        "vCPU quota, on demand": lambda: checks.check_vcpu(quotas, checks.ON_DEMAND, on_demand),
        "vCPU quota, Spot": lambda: checks.check_vcpu(quotas, checks.SPOT, spot),
        "VPC quota": lambda: checks.check_vpcs(ec2, quotas, config),
        "Elastic IP quota": lambda: checks.check_addresses(ec2, quotas, config),
        "instance types": lambda: checks.check_types(ec2, config),
        "EMR block public access": lambda: checks.check_public_access(emr),
        "EMR release": lambda: checks.check_release(emr, config),
    }
    if probe:
        looks |= probes(connection, account, config)
    for name, look in looks.items():
        try:
            yield Check(name, *look())
        except ClientError as error:  # AWS does not let the person look, which stops no deploy
            found = f"{error.operation_name}: {error.response['Error'].get('Code')}"
            advice = f"allow {error.operation_name} to these credentials to see it"
            yield Check(name, "unknown", found, advice)


def text_of_check(check: Check) -> str:
    """Return a check as one line, with its advice in a second one."""
    line = f"{check.state:<8} {check.name:<{LARGEST_NAME}} {check.found}"
    return f"{line}\n{'':<8} {'':<{LARGEST_NAME}} {check.advice}" if check.advice else line
