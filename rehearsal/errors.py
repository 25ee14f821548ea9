"""Errors of the rehearsal that a person reads."""

from spark_job.contract.errors import FruitError


class RehearsalError(FruitError):
    """Says what went wrong and what to do next; the command line prints it and exits with 1."""
