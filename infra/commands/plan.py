"""`plan`: what a deployment would run and what it would cost."""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from infra.commands.context_option import context_option, whole_context
from infra.config.deployment import DeploymentConfig
from infra.costs.own_rates import OwnRate

# The rates of the runs of a deployment.
ReadRates = Callable[[DeploymentConfig], Sequence[OwnRate]]


def make_plan_command(read_rates: ReadRates) -> click.Command:
    """Return the command; what reads the rates of runs calls AWS, which infra does not."""

    @click.command("plan")
    @context_option
    @click.option("--stage", metavar="STAGE", help="The stage, dev or prod; the same as -c stage=STAGE.")
    @click.option("--compare", is_flag=True, help="Also show the families of instance types side by side.")
    @click.option(
        "--from-runs", is_flag=True, help="Prefer the rates that finished runs of the deployment had."
    )
    def plan_command(context: dict[str, str], stage: str | None, compare: bool, from_runs: bool) -> None:
        """Show what would run and what it would cost.

        \b
        Example:
          fruit plan --stage=prod -c task_maximum=6
        """
        fields = {**context, **({"stage": stage} if stage else {})}
        print_plan(fields, compare=compare, read_rates=read_rates if from_runs else lambda _: ())

    return plan_command


def print_plan(
    context: dict[str, str],
    *,
    stderr: bool = False,
    compare: bool = False,
    read_rates: ReadRates = lambda _: (),
) -> None:
    """Print the plan of the configuration with these fields. Raises ConfigError."""
    from rich.console import Console

    from infra.costs.plan import plan, rendered

    whole = whole_context(context)
    config = DeploymentConfig.from_context(whole)
    found = plan(config, templates(whole), read_rates(config))
    Console(stderr=stderr).print(rendered(found, compare=compare))


def templates(context: dict[str, Any]) -> list[dict[str, Any]]:
    """Synthesise the stacks of this context into a folder that is removed again; return their templates."""
    from infra.application import build_app  # starts Node

    with TemporaryDirectory() as folder:
        return [stack.template for stack in build_app(context, outdir=Path(folder)).synth().stacks]
