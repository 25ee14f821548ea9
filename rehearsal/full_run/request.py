"""What a person wants of a rehearsal, checked before anything starts."""

import platform
from dataclasses import dataclass
from pathlib import Path

from infra.config.context import context_of
from infra.config.deployment import DeploymentConfig
from infra.config.instances import Architecture
from operate.configuration import configured_region, stage_configuration
from rehearsal.errors import MisuseError

# As Python calls processors, and as EC2 does.
ARCHITECTURES: dict[str, Architecture] = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "arm64",
    "arm64": "arm64",
}
# An instance type of each, for the advice.
INSTANCE_TYPES: dict[Architecture, str] = {"x86_64": "m5.xlarge", "arm64": "m7g.xlarge"}


@dataclass(frozen=True)
class Request:
    """What one rehearsal is to do.

    Attributes:
        stage: dev or prod.
        fields: `FIELD=VALUE` of the configuration, as `cdk -c` takes them.
        images: The person's own photographs; None: drawn fruit.
        results: Where the run's results are fetched to.
        keep: Leave it up afterwards.
        scratch: Folder for logs, templates and drawn fruit.
    """

    stage: str
    fields: tuple[str, ...]
    images: Path | None
    results: Path
    keep: bool
    scratch: Path

    @property
    def context(self) -> list[str]:
        """The fields and the stage as words that `cdk` and `infra.artifacts` take alike."""
        return [word for pair in (*self.fields, f"stage={self.stage}") for word in ("-c", pair)]

    @property
    def assembly(self) -> Path:
        """Where the synthesised stacks are: apart from those of `make deploy`, whose fields may differ."""
        return self.scratch / f"cdk.out-{self.stage}"


def checked_configuration(request: Request, machine: str | None = None) -> DeploymentConfig:
    """Return the configuration of the stage with the request's fields.

    Args:
        machine: this machine's processor, as Python calls it.

    Raises:
        ConfigError: a field cannot be used.
        MisuseError: the nodes would have another architecture than this machine.
    """
    config = stage_configuration(request.stage, configured_region(request.stage), context_of(request.fields))
    name = (machine or platform.machine()).lower()
    here = ARCHITECTURES.get(name)
    if here is None:
        raise MisuseError(f"this machine's processor is {name}: a rehearsal needs x86_64 or arm64")
    if config.architecture != here:
        fleets = ("primary", "core", "task")
        advice = " ".join(f"-c {fleet}_instance_types={INSTANCE_TYPES[here]}" for fleet in fleets)
        raise MisuseError(
            f"the configuration asks for {config.architecture} nodes ({config.primary_instance_types[0]}), "
            f"and this machine is {here}: add CONTEXT='{advice}'"
        )
    return config
