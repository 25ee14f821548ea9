"""`python -m rehearsal`: the only place that reads arguments, prints errors and exits."""

import sys

import click

from operate.command_modules import CommandModules
from rehearsal.errors import RehearsalError

# Each is the click command NAME_command of the module rehearsal.NAME, imported when it is asked for.
COMMANDS = ("run", "tune", "serve", "interrupt")


@click.group(
    cls=CommandModules,
    package="rehearsal.commands",
    modules=COMMANDS,
    context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]},
)
def cli() -> None:
    """AWS on this machine: what a deploy does in a real account, without one.

    \b
    Example, in two terminals:
      python -m rehearsal serve --env-file rehearsal.env
      source rehearsal.env; python -m operate doctor
    """


def main() -> None:
    """Run the command; exit 0, 1 (failure) or 2 (misuse) with one line that says what to do."""
    try:
        sys.exit(cli.main(prog_name="python -m rehearsal", standalone_mode=False))
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), error.exit_code)
    except click.Abort:
        _fail("stopped", 130)
    except RehearsalError as error:
        _fail(str(error), 1)


def _fail(message: str, exit_code: int) -> None:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(exit_code)
