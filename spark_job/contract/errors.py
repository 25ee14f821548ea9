"""The errors that a command line turns into one line and an exit code."""


class FruitError(Exception):
    """A command cannot do what it was asked; the message says what to do next."""

    exit_code = 1


class MisuseError(FruitError):
    """A command was called in a way that cannot work: wrong option, existing run, and so on."""

    exit_code = 2
