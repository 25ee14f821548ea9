"""`python -m infra`: the plan before a deploy, and what comes after it; reads arguments, prints and exits."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from infra.config.context import context_of
from infra.errors import InfraError


@click.group(context_settings={"max_content_width": 110, "help_option_names": ["-h", "--help"]})
def cli() -> None:
    """What a deployment will cost, and what comes after it.

    \b
    Example:
      python -m infra plan -c stage=prod -c core_maximum=4
    """


@cli.command("plan")
@click.option(
    "-c", "--context", "pairs", multiple=True, metavar="FIELD=VALUE", help="As `cdk -c`; repeatable."
)
@click.option("--ask", is_flag=True, help="Ask whether to go on; no ends with exit code 1.")
def plan_command(pairs: tuple[str, ...], ask: bool) -> None:
    """Tables of what would run and what it costs.

    \b
    Example:
      python -m infra plan -c stage=dev
    """
    from rich.console import Console

    from infra.checkout import cdk_json_context
    from infra.config.deployment import DeploymentConfig
    from infra.costs.plan import plan, rendered

    context = {**cdk_json_context(), **context_of(pairs)}
    config = DeploymentConfig.from_context(context)
    Console().print(rendered(plan(config, templates(context))))
    if ask and not click.confirm("Deploy this?"):
        raise click.exceptions.Exit(1)


@cli.command("fields")
def fields_command() -> None:
    """The table of every field of the configuration, as docs/deployment.md holds it.

    \b
    Example:
      python -m infra fields
    """
    from infra.config.deployment import STAGE_DEFAULTS, DeploymentConfig
    from infra.config.field_reference import field_rows

    print("\n".join(field_rows(DeploymentConfig.model_fields, STAGE_DEFAULTS)))


@cli.command("next-steps")
@click.argument("outputs_file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-c", "--context", "pairs", multiple=True, metavar="FIELD=VALUE", help="As `cdk -c`; repeatable."
)
def next_steps_command(outputs_file: Path, pairs: tuple[str, ...]) -> None:
    """Outputs, run id and the commands that come next, from what `cdk deploy --outputs-file` wrote.

    \b
    Example:
      python -m infra next-steps cdk.out/outputs-dev.json -c stage=dev
    """
    from infra.next_steps import next_steps

    given = context_of(pairs)
    deployed = json.loads(outputs_file.read_text())
    print(next_steps(given.get("stage", "dev"), deployed, given.get("region")))


def templates(context: dict[str, Any]) -> list[dict[str, Any]]:
    """The stacks of this context, synthesised into a folder that goes again."""
    from infra.application import build_app

    with TemporaryDirectory() as folder:
        return [stack.template for stack in build_app(context, outdir=Path(folder)).synth().stacks]


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
