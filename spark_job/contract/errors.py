"""The errors that a command line turns into one line and an exit code."""

FAILURE, MISUSE, STOPPED = 1, 2, 130


class FruitError(Exception):
    """A command cannot do what it was asked; the message says what to do next."""

    exit_code = FAILURE


class MisuseError(FruitError):
    """A command was called in a way that cannot work: wrong option, existing run, and so on."""

    exit_code = MISUSE


class StoppedError(FruitError):
    """A person stopped the command; the message says how to go on."""

    exit_code = STOPPED
