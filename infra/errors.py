"""What can be wrong before anything is deployed, as errors of one line."""

from spark_job.contract.errors import FruitError, MisuseError


class InfraError(FruitError):
    """The stacks or their artifacts cannot be made as asked; the message says what to do."""


class ConfigError(InfraError, MisuseError):
    """A field of the configuration cannot be used; the message names field, value and what is allowed."""

    exit_code = MisuseError.exit_code

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}={_plain(value)}: {allowed}")


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(str(part) for part in value)
    return str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
