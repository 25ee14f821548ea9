"""`python -m operate`: the only place that reads arguments, prints errors and exits."""

import sys
from typing import Any

import click
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, NoCredentialsError

from infra.errors import InfraError
from operate.command_modules import CommandModules
from operate.configuration import STAGES, configured_region
from operate.connection import Connection
from operate.errors import OperateError
from operate.printing import say

# Each is the click command NAME_command of the module operate.NAME, imported when it is asked for.
COMMANDS = (
    "doctor",
    "upload",
    "submit",
    "runs",
    "status",
    "logs",
    "fetch",
    "cancel",
    "cost",
    "tunnel",
    "tune",
    "destroy",
)


@click.group(
    cls=CommandModules,
    package="operate.commands",
    modules=COMMANDS,
    context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]},
)
@click.option(
    "--stage", type=click.Choice(STAGES), default="dev", show_default=True, help="Which deployment."
)
@click.option("--region", metavar="REGION", help="Where it is.  [default: that of cdk.json, or eu-west-3]")
@click.pass_context
def cli(ctx: click.Context, stage: str, region: str | None) -> None:
    """Drives a deployment: photographs in, runs, logs, results out, costs.

    \b
    Example:
      python -m operate upload photographs
      python -m operate submit --wait
      python -m operate fetch RUN_ID --to=results

    \b
    Exit codes: 0 done, 1 failed, 2 misuse; with --wait, 0 only if the run completed.
    """
    ctx.obj = Connection(stage, region or configured_region(stage))


def main() -> None:
    """Run the command; exit 0, 1 (failure) or 2 (misuse) with one line that says what to do."""
    try:
        # Outside standalone mode Click returns the code of an `Exit`, and what the command returns: nothing.
        sys.exit(cli.main(prog_name="python -m operate", standalone_mode=False))
    except click.ClickException as error:
        _fail(error.format_message(), error.exit_code)
    except click.Abort:
        _fail("stopped", 130)
    except OperateError as error:
        _fail(str(error), error.exit_code)
    except InfraError as error:
        _fail(str(error), 2)
    except (BotoCoreError, ClientError) as error:
        _fail(aws_error(error), 1)


def aws_error(error: Exception) -> str:
    """What AWS, or the way to it, has against a call, in one line with what to do."""
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials: set AWS_PROFILE, or sign in with `aws sso login`"
    if isinstance(error, EndpointConnectionError):
        return f"{error} Look at the network, AWS_ENDPOINT_URL and --region"
    if isinstance(error, ClientError):
        details: Any = error.response["Error"]
        return (
            f"{error.operation_name}: {details.get('Code')}: {details.get('Message')}; "
            "`python -m operate doctor` looks at the account"
        )
    return str(error)


def _fail(message: str, exit_code: int) -> None:
    say(f"Error: {' '.join(message.split())}")
    sys.exit(exit_code)
