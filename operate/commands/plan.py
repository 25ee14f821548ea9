"""`fruit plan`: what a deployment would run and what it would cost; `fruit fields`: its configuration."""

import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from infra.checkout import cdk_json_context
from infra.config.context import field_rows
from infra.config.deployment import STAGE_DEFAULTS, DeploymentConfig
from operate.connection import Connection, context_option, plain_aws_errors
from operate.printing import print_result, table
from operate.runs.run_history import own_rates


@click.command("plan")
@context_option
@click.option("--stage", metavar="STAGE", help="The stage, dev or prod; the same as -c stage=STAGE.")
@click.option("--compare", is_flag=True, help="Also show the families of instance types side by side.")
@click.option("--from-runs", is_flag=True, help="Prefer the rates that finished runs of the deployment had.")
def plan_command(context: dict[str, str], stage: str | None, compare: bool, from_runs: bool) -> None:
    """Show what would run and what it would cost.

    \b
    Example:
      fruit plan --stage=prod -c task_maximum=6
    """
    print_plan({**context, **({"stage": stage} if stage else {})}, compare=compare, from_runs=from_runs)


def print_plan(
    context: Mapping[str, str], *, stderr: bool = False, compare: bool = False, from_runs: bool = False
) -> None:
    """Print the plan of the configuration with these fields. Raises ConfigError."""
    from rich.console import Console

    from infra.costs.plan import plan, rendered

    whole = {**cdk_json_context(), **context}
    config = DeploymentConfig.from_context(whole)
    with plain_aws_errors():
        rates = own_rates(Connection(config.stage, config.region)) if from_runs else ()
    Console(stderr=stderr).print(rendered(plan(config, templates(whole), rates), compare=compare))


def templates(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Synthesise the stacks of this context into a folder that is removed again; return their templates."""
    from infra.application import build_app  # starts Node

    with TemporaryDirectory() as folder:
        return [stack.template for stack in build_app(context, outdir=Path(folder)).synth().stacks]


@click.command("fields")
def fields_command() -> None:
    """Print the table of all fields of the configuration; into a pipe as Markdown, as in docs/deployment.md.

    \b
    Example:
      fruit fields
    """
    lines = field_rows(DeploymentConfig, STAGE_DEFAULTS)
    if not sys.stdout.isatty():
        click.echo("\n".join(lines))
        return
    columns, _, *rows = (line.strip("| ").split(" | ") for line in lines)
    print_result(rows, table(columns, [[row[0].strip("`"), *row[1:]] for row in rows]), as_json=False)
