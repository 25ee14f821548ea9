"""`fruit rehearse run`: what `make run` starts; its environment becomes that of the rehearsal's AWS."""

import os
import shutil
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click

from infra.checkout import ROOT
from infra.config.deployment import DeploymentConfig
from operate.connection import FOLDER, PRESENT_FOLDER, STAGES, Connection, context_option
from rehearsal.commands.serve import interrupt_on_sigterm
from rehearsal.emulator.process import NODE, Server
from rehearsal.full_run.deployment import RehearsalSteps, rehearse
from rehearsal.full_run.programs import how_to_use, start_kept
from rehearsal.full_run.request import Request, checked_configuration
from rehearsal.full_run.summary import Timeline
from rehearsal.processes import wait_until
from rehearsal.settings import Settings

REMOVAL_SECONDS = 20.0
# Of this process: two rehearsals at once do not meet.
SCRATCH = ROOT / ".cache" / "rehearsal" / "run" / str(os.getpid())

# The cluster of the deploy waits for what comes after it, unless a person says otherwise.
WARM = {"idle_timeout_minutes": "30"}


def deployment_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what every rehearsal of a deployment takes: stage, context, images, results."""
    yours, made = "Your photographs, with one folder for each class", "Folder in which RUN_ID/ is made."
    options = (
        click.option(
            "--stage", type=click.Choice(STAGES), default="dev", show_default=True, help="Stage to deploy."
        ),
        context_option,
        click.option(
            "--images", type=PRESENT_FOLDER, metavar="DIR", help=f"{yours}.  [default: drawn fruit]"
        ),
        click.option(
            "--results", type=FOLDER, default="rehearsal-results", show_default=True, metavar="DIR", help=made
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command("run")
@deployment_options
@click.option("--keep", is_flag=True, help="Leave AWS and the stacks up afterwards.")
def run_command(stage: str, context: dict[str, str], images: Path | None, results: Path, keep: bool) -> None:
    """Deploy to an AWS on this machine, run the pipeline there, fetch the results, take it all away.

    \b
    Example:
      fruit rehearse run -c model=efficientnet_lite0
      fruit rehearse run --stage=prod --images photographs --keep
    """
    fields = {**WARM, **context} if keep else context
    request = Request(stage, fields, images and images.resolve(), results.resolve(), keep, SCRATCH)
    rehearse_on_this_machine(request, checked_configuration(request))


def rehearse_on_this_machine(
    request: Request, config: DeploymentConfig, then: Callable[[Connection], None] = lambda _: None
) -> None:
    """Start AWS, rehearse, stop everything. Raises FruitError: a step failed.

    When the run is complete, `then` gets the connection of who may submit.
    """
    interrupt_on_sigterm()
    timeline = Timeline(click.echo)
    with ExitStack() as stack:
        settings, next_lines = _start_aws(stack, request, config.region, timeline)
        rehearse(
            RehearsalSteps(request, config, timeline, settings), keep=request.keep, say=click.echo, then=then
        )
        click.echo(f"{timeline.seconds:7.1f} s  in all")
        if request.keep:
            stack.pop_all()
    for line in next_lines:
        click.echo(line)
    if not request.keep:
        wait_until(lambda: _is_removed(request.scratch), REMOVAL_SECONDS)


def _is_removed(folder: Path) -> bool:
    """Remove a folder, and return whether it is gone: what the guardian ends may write there until then."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _start_aws(
    stack: ExitStack, request: Request, region: str, timeline: Timeline
) -> tuple[Settings, list[str]]:
    """Start AWS, make it the environment's with the deployer's keys, and leave its stop to the stack.

    Returns where it is, and how to use an AWS that is kept.
    """
    home = request.scratch / "home"
    with timeline.event("AWS on this machine answers"):
        if request.keep:
            settings, pid = start_kept(home, region)
            stack.callback(os.kill, pid, signal.SIGTERM)
            next_lines = how_to_use(settings, pid, request.stage)
        else:
            settings, next_lines = stack.enter_context(Server(home, region=region)).settings, []
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a profile, or an endpoint of one service, would lead elsewhere
    os.environ.update(settings.client_environment())
    os.environ["PATH"] = f"{NODE}{os.pathsep}{os.environ.get('PATH', '')}"
    return settings, next_lines
