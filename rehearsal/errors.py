"""Errors of the rehearsal, as one line that says what to do."""

from spark_job.contract.errors import FruitError


class RehearsalError(FruitError):
    """A rehearsal, or something that it needs, failed."""
