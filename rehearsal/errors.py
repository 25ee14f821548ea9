"""Errors of the rehearsal, as one line that says what to do."""

from spark_job.contract.errors import FruitError


class RehearsalError(FruitError):
    """A rehearsal, or something that it needs, failed."""


class MisuseError(RehearsalError):
    """What was asked of the rehearsal cannot work on this machine."""

    exit_code = 2
