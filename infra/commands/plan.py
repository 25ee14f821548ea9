"""`plan`: what a deployment would run and what it would cost."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from infra.commands.context_option import context_option, whole_context


@click.command("plan")
@context_option
@click.option("--stage", metavar="STAGE", help="The stage, dev or prod; the same as -c stage=STAGE.")
@click.option("--compare", is_flag=True, help="Also show the families of instance types side by side.")
def plan_command(context: dict[str, str], stage: str | None, compare: bool) -> None:
    """Show what would run and what it would cost.

    \b
    Example:
      fruit plan --stage=prod -c task_maximum=6
    """
    print_plan({**context, **({"stage": stage} if stage else {})}, compare=compare)


def print_plan(context: dict[str, str], *, stderr: bool = False, compare: bool = False) -> None:
    """Print the plan of the configuration with these fields. Raises ConfigError."""
    from rich.console import Console

    from infra.config.deployment import DeploymentConfig
    from infra.costs.plan import plan, rendered

    whole = whole_context(context)
    config = DeploymentConfig.from_context(whole)
    Console(stderr=stderr).print(rendered(plan(config, templates(whole)), compare=compare))


def templates(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Synthesise the stacks of this context into a folder that is removed again; return their templates."""
    from infra.application import build_app  # starts Node

    with TemporaryDirectory() as folder:
        return [stack.template for stack in build_app(context, outdir=Path(folder)).synth().stacks]
