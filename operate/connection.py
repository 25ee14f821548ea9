"""What every command begins with: the stage, the region, AWS's clients, the deployment."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import boto3
from botocore.config import Config

from operate.configuration import configured_region
from operate.deployment import Deployment, find_deployment

# Of many thousand transfers some meet a busy S3 several times in a row; a person waits for the other calls.
S3_ATTEMPTS, OTHER_ATTEMPTS = 10, 5
MOST_CONNECTIONS = 64  # as many as there are transfers at once


@dataclass
class Connection:
    """AWS as one command sees it; commands get it as click's `obj`."""

    stage: str
    region: str
    clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """boto3's client of the service, made once; credentials and endpoint come from the environment."""
        if service not in self.clients:
            attempts = S3_ATTEMPTS if service == "s3" else OTHER_ATTEMPTS
            config = Config(
                retries={"mode": "standard", "max_attempts": attempts}, max_pool_connections=MOST_CONNECTIONS
            )
            make: Any = boto3.client  # its types know only names that are written out
            self.clients[service] = make(service, region_name=self.region, config=config)
        return self.clients[service]

    def in_region(self, region: str) -> Self:
        """The same stage in another region, or this connection."""
        return self if region == self.region else type(self)(self.stage, region)

    @property
    def command_line(self) -> str:
        """How a command that comes next begins, with the region where it is not the configured one."""
        elsewhere = "" if self.region == configured_region(self.stage) else f" --region={self.region}"
        return f".venv/bin/python -m operate --stage={self.stage}{elsewhere}"

    @property
    def region_fields(self) -> tuple[str, ...]:
        """What `make deploy` needs in its CONTEXT to go to the same region."""
        return () if self.region == configured_region(self.stage) else (f"region={self.region}",)

    @cached_property
    def deployment(self) -> Deployment:
        """The stage's deployment. Raises DeploymentNotFoundError."""
        return find_deployment(self.client("cloudformation"), self.stage, self.region)
