"""Errors of the rehearsal that a person reads."""


class RehearsalError(Exception):
    """Says what went wrong and what to do next; the command line prints it and exits with 1."""
