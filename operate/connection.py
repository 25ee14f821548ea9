"""What every command begins with: the stage, its configuration, the region, AWS's clients, the deployment."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Self, get_args

import boto3
import click
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from infra.checkout import cdk_json_context
from infra.config.context import context_of, from_stage
from infra.config.deployment import DeploymentConfig
from infra.config.field_types import Stage
from infra.errors import ConfigError
from operate.deployment import Deployment, find_deployment
from operate.errors import DENIED, OperateError

STAGES: tuple[str, ...] = get_args(Stage)
# Of many thousand transfers some meet a busy S3 several times in a row; a person waits for the other calls.
S3_ATTEMPTS, OTHER_ATTEMPTS = 10, 5
MOST_CONNECTIONS = 64  # as many as there are transfers at once

# Types of options and arguments that name a place on this machine.
FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
PRESENT_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
# Gives a command `-c`; its parameter `context` is what was given, field to text.
context_option = click.option(
    "-c",
    "--context",
    multiple=True,
    metavar="FIELD=VALUE",
    callback=lambda _context, _option, pairs: context_of(pairs),
    help="A field of the configuration, as `cdk -c` takes it; repeatable.",
)


def configured_region(stage: str) -> str:
    """Return the region into which a deploy of this tree puts the stage."""
    fallback = DeploymentConfig.model_fields["region"].default
    return str(from_stage({**cdk_json_context(), "stage": stage}).get("region", fallback))


def stage_configuration(stage: str, region: str, fields: Mapping[str, str]) -> DeploymentConfig:
    """Return the stage's configuration, with these fields on top. Raises ConfigError: one is not allowed."""
    if fields.get("stage", stage) != stage:
        raise ConfigError("-c stage", fields["stage"], f"the stage is {stage}: --stage names another")
    return DeploymentConfig.from_context({**cdk_json_context(), "region": region, **fields, "stage": stage})


@dataclass
class Connection:
    """AWS as one command sees it."""

    stage: str
    region: str
    clients: dict[str, Any] = field(default_factory=dict)
    session: Any = boto3  # whose credentials the clients have: boto3's own are those of the environment

    def client(self, service: str) -> Any:
        """Return boto3's client of the service; its endpoint comes from the environment."""
        if service not in self.clients:
            attempts = S3_ATTEMPTS if service == "s3" else OTHER_ATTEMPTS
            config = Config(
                retries={"mode": "standard", "max_attempts": attempts},
                max_pool_connections=MOST_CONNECTIONS,
                # The function that starts clusters answers in 15 minutes; asked again it says "under way".
                read_timeout=900 if service == "lambda" else 60,
            )
            self.clients[service] = self.session.client(service, region_name=self.region, config=config)
        return self.clients[service]

    def configured(self, fields: Mapping[str, str]) -> tuple[Self, DeploymentConfig]:
        """Return the connection to the region of the configuration with these fields, and that one."""
        config = stage_configuration(self.stage, self.region, fields)
        there = self if config.region == self.region else type(self)(self.stage, config.region)
        return there, config

    def context(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Return what CDK needs to be told, field to text: these fields, the stage, a region of its own."""
        return {**self._elsewhere, **fields, "stage": self.stage}

    def command(self, *words: str) -> str:
        """Return a command of `fruit` for this deployment, as a person types it."""
        where = [f"--{name}={value}" for name, value in ({"stage": self.stage} | self._elsewhere).items()]
        return shlex.join(["fruit", *words, *where])

    @property
    def _elsewhere(self) -> dict[str, str]:
        return {} if self.region == configured_region(self.stage) else {"region": self.region}

    @cached_property
    def deployment(self) -> Deployment:
        """The stage's deployment. Raises DeploymentNotFoundError."""
        return find_deployment(self.client("cloudformation"), self.stage, self.region)


def connected(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options --stage and --region; it gets the connection that they name."""

    @click.option(
        "--stage", type=click.Choice(STAGES), default="dev", show_default=True, help="The deployment's stage."
    )
    @click.option(
        "--region",
        metavar="REGION",
        help="The deployment's region.  [default: that of cdk.json, or eu-west-3]",
    )
    @wraps(command)
    def with_connection(stage: str, region: str | None, **options: Any) -> None:
        with plain_aws_errors():
            command(Connection(stage, region or configured_region(stage)), **options)

    return with_connection


@contextmanager
def plain_aws_errors() -> Iterator[None]:
    """Turn an error of AWS, or of the way to it, into an OperateError of one line."""
    try:
        yield
    except NoCredentialsError as error:
        raise OperateError("no AWS credentials: set AWS_PROFILE, or sign in with `aws sso login`") from error
    except EndpointConnectionError as error:
        raise OperateError(f"{error} Look at the network, AWS_ENDPOINT_URL and --region") from error
    except ClientError as error:
        details = error.response["Error"]
        reason = " ".join(f"{details.get('Code')}: {details.get('Message')}".split())
        advice = "`fruit doctor` looks at the account"
        if details.get("Code") in DENIED:
            advice = "docs/deployment.md#permissions names the policy that it needs"
        raise OperateError(f"{error.operation_name}: {reason}; {advice}") from error
    except BotoCoreError as error:
        raise OperateError(str(error)) from error
