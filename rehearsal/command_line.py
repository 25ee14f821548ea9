"""`python -m rehearsal`: the only place that reads arguments, prints errors and exits."""

import sys

import click

from operate.command_modules import CommandModules
from spark_job.contract.errors import FruitError

# Each is the click command NAME_command of the module rehearsal.commands.NAME, imported when it is asked for.
COMMANDS = ("run", "tune", "serve", "interrupt", "photographs")


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
    except FruitError as error:
        _fail(str(error), error.exit_code)


def _fail(message: str, exit_code: int) -> None:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(exit_code)
