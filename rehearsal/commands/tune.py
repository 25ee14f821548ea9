"""`tune`: what `make tune` starts, `operate tune` on a rehearsal's YARN."""

import subprocess
import sys
from pathlib import Path

import click

from infra.checkout import ROOT
from rehearsal.commands.run import (
    context_option,
    images_option,
    own_scratch,
    rehearse_on_this_machine,
    results_option,
    stage_option,
)
from rehearsal.demo.photographs import VIEWS, write_archive
from rehearsal.errors import RehearsalError
from rehearsal.full_run.request import Request, checked_configuration

# Enough photographs that starting the workers does not hide the work.
TIMES_THE_DEMO = 4
CONFIGURATION = "tuned-here.json"


@click.command("tune")
@stage_option
@context_option
@images_option
@results_option
@click.option("--executors", default="1,2", show_default=True, metavar="N,…", help="How many.")
@click.option("--cores", default="1,2", show_default=True, metavar="N,…", help="Of each executor.")
@click.option("--sample", default=2_000, show_default=True, metavar="N", help="Images a point, at most.")
def tune_command(
    stage: str,
    fields: tuple[str, ...],
    images: Path | None,
    results: Path,
    executors: str,
    cores: str,
    sample: int,
) -> None:
    """Run the job with each number of executors and cores on this machine's YARN, and recommend one.

    The recommendation holds for this machine; it is written beside the report, not into cdk.json.

    \b
    Example:
      python -m rehearsal tune -c model=efficientnet_lite0 --executors=1,2 --cores=1
    """
    folder = images or own_scratch() / "fruit"
    request = Request(stage, fields, folder.resolve(), results.resolve(), False, own_scratch())
    config = checked_configuration(request)
    if images is None:
        write_archive(folder, views=TIMES_THE_DEMO * VIEWS)
    words = [f"--executors={executors}", f"--cores={cores}", f"--sample={sample}", "--yes"]
    words += [f"--results={request.results}", f"--configuration={request.results / CONFIGURATION}"]
    words += [f"--context={field}" for field in fields]
    rehearse_on_this_machine(request, config, lambda: _operate(stage, ["tune", *words]))


def _operate(stage: str, words: list[str]) -> None:
    """Run `operate`, whose lines are shown as they come; the environment leads it to this AWS."""
    command = [sys.executable, "-m", "operate", f"--stage={stage}", *words]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise RehearsalError("`operate tune` failed: see above")
