"""What a person wants of a rehearsal, checked before anything starts."""

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from infra.config.instances import Architecture
from operate.connection import configured_region, stage_configuration
from rehearsal.settings import require_plain
from spark_job.contract.errors import MisuseError

# As Python calls processors; as EC2 does, with an instance type for the advice.
X86: tuple[Architecture, str] = ("x86_64", "m5.xlarge")
ARM: tuple[Architecture, str] = ("arm64", "m7g.xlarge")
PROCESSORS = {"x86_64": X86, "amd64": X86, "aarch64": ARM, "arm64": ARM}


@dataclass(frozen=True)
class Request:
    """What one rehearsal is to do."""

    stage: str  # dev or prod
    context: Mapping[str, str]  # fields of the configuration, name to text
    images: Path | None  # the person's own photographs; None: drawn fruit
    results: Path  # where the run's results are fetched to
    keep: bool  # leave it up afterwards
    scratch: Path  # folder for logs, templates and drawn fruit

    @property
    def context_words(self) -> list[str]:
        """The fields and the stage as words that `cdk` and `infra.artifacts` take alike."""
        fields = {**self.context, "stage": self.stage}
        return [word for name, value in fields.items() for word in ("-c", f"{name}={value}")]

    @property
    def assembly(self) -> Path:
        """Where the synthesised stacks are: apart from those of `make deploy`, whose fields may differ."""
        return self.scratch / f"cdk.out-{self.stage}"


def checked_configuration(request: Request, machine: str | None = None) -> DeploymentConfig:
    """Return the stage's configuration with the request's fields, for a processor as Python calls it.

    Raises:
        ConfigError: a field cannot be used.
        MisuseError: nodes have another architecture, or Spark and YARN cannot run in the project's folder.
    """
    require_plain(ROOT)
    config = stage_configuration(request.stage, configured_region(request.stage), request.context)
    name = (machine or platform.machine()).lower()
    if name not in PROCESSORS:
        raise MisuseError(f"this machine's processor is {name}: a rehearsal needs x86_64 or arm64")
    here, instance_type = PROCESSORS[name]
    if config.architecture != here:
        advice = " ".join(
            f"-c {fleet}_instance_types={instance_type}" for fleet in ("primary", "core", "task")
        )
        raise MisuseError(
            f"the configuration asks for {config.architecture} nodes ({config.primary_instance_types[0]}), "
            f"and this machine is {here}: add CONTEXT='{advice}'"
        )
    return config
