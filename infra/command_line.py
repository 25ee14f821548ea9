"""`python -m infra`: its commands, and their errors as one line and an exit code."""

import sys

import click

from infra.commands.fields import fields_command
from infra.commands.next_steps import next_steps_command
from infra.commands.plan import plan_command
from infra.errors import InfraError


@click.group(context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]})
def cli() -> None:
    """Show what a deployment will cost, and what comes after it."""


for command in (plan_command, fields_command, next_steps_command):
    cli.add_command(command)


def main() -> None:
    """Run the command; exit 0, 1 (declined) or 2 (misuse) with one line that says what is wrong."""
    try:
        # Outside standalone mode Click returns the code of an `Exit`, and what the command returns: nothing.
        sys.exit(cli.main(standalone_mode=False))
    except click.ClickException as error:
        _fail(" ".join(error.format_message().split()), error.exit_code)
    except click.Abort:
        _fail("not deployed", 1)
    except InfraError as error:
        _fail(str(error), 2)


def _fail(message: str, exit_code: int) -> None:
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(exit_code)
