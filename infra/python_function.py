"""A small Python function in Lambda: a role of its own, a log that ends, nothing else."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aws_cdk import Duration
from aws_cdk.aws_iam import Role, ServicePrincipal
from aws_cdk.aws_lambda import Code, Function, Runtime
from constructs import Construct

from infra.access.statements import Grant, grant
from infra.acknowledgements import acknowledge
from infra.config.deployment import DeploymentConfig
from infra.log_groups import log_group

RUNTIME = Runtime.PYTHON_3_14
TIMEOUT = Duration.seconds(60)
MEMORY_MIB = 256
REASONS = {
    "NIST.800.53.R5-LambdaConcurrency": "It runs a few times a deployment; a reservation would take capacity "
    "from the account, and small accounts refuse it",
    "NIST.800.53.R5-LambdaDLQ": "Nobody would read the queue: what goes wrong ends in a failed deploy that "
    "says so, and in an alarm",
    "NIST.800.53.R5-LambdaInsideVPC": "It calls AWS's interfaces alone and holds no connection into the VPC, "
    "where it would need a NAT gateway",
}


def python_function(
    scope: Construct,
    construct_id: str,
    *,
    config: DeploymentConfig,
    folder: Path,
    handler: str,
    description: str,
    grants: Iterable[Grant],
    environment: Mapping[str, str],
    timeout: Duration = TIMEOUT,
) -> Function:
    """Make a function of a folder, standard library and boto3 only, that may do what is granted, and log."""
    here = Construct(scope, construct_id)
    log = log_group(here, "Log", config)
    role = Role(here, "Role", assumed_by=ServicePrincipal("lambda.amazonaws.com"), description=description)
    grant(role, grants, "The policy belongs to this function and to nothing else")
    log.grant_write(role)
    function = Function(
        here,
        "Function",
        # Compiled files differ from machine to machine; the hash of the folder must not.
        code=Code.from_asset(str(folder), exclude=["**/__pycache__", "**/*.pyc"]),
        handler=handler,
        runtime=RUNTIME,
        role=role,
        log_group=log,
        description=description,
        environment=dict(environment),
        timeout=timeout,
        memory_size=MEMORY_MIB,
    )
    # Its permissions come before it runs: a custom resource calls it as soon as it is there.
    function.node.add_dependency(role)
    acknowledge(function, REASONS)
    return function
