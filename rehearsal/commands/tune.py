"""`tune`: what `make tune` starts, `operate tune` on a rehearsal's YARN."""

import subprocess
import sys
from pathlib import Path

import click

from infra.checkout import ROOT
from operate.configuration import STAGES
from rehearsal.commands.run import own_scratch, rehearse
from rehearsal.demo.archive import VIEWS, write_archive
from rehearsal.errors import RehearsalError
from rehearsal.full_run.request import Request

# Enough photographs that starting the workers does not hide the work.
TIMES_THE_DEMO = 4
CONFIGURATION = "tuned-here.json"


@click.command("tune")
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
@click.option("--executors", default="1,2", show_default=True, metavar="N,…", help="How many.")
@click.option("--cores", default="1,2", show_default=True, metavar="N,…", help="Of each executor.")
@click.option("--sample", default=2_000, show_default=True, metavar="N", help="Images a point, at most.")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default="rehearsal-results",
    show_default=True,
    metavar="DIR",
    help="The report's run folder is made in it.",
)
def tune_command(
    stage: str,
    pairs: tuple[str, ...],
    images: Path | None,
    executors: str,
    cores: str,
    sample: int,
    results: Path,
) -> None:
    """Run the job with each number of executors and cores on this machine's YARN, and recommend one.

    The recommendation holds for this machine; it is written beside the report, not into cdk.json.

    \b
    Example:
      python -m rehearsal tune -c model=efficientnet_lite0 --executors=1,2 --cores=1
    """
    folder = images or own_scratch() / "fruit"
    if images is None:
        write_archive(folder, views=TIMES_THE_DEMO * VIEWS)
    request = Request(stage, pairs, folder.resolve(), results.resolve(), False, own_scratch())
    words = [f"--executors={executors}", f"--cores={cores}", f"--sample={sample}", "--yes"]
    words += [f"--results={request.results}", f"--configuration={request.results / CONFIGURATION}"]
    words += [f"--context={pair}" for pair in pairs]
    rehearse(request, lambda: _operate(stage, ["tune", *words]))


def _operate(stage: str, words: list[str]) -> None:
    """`operate`, whose lines are shown as they come; the environment leads it to this AWS."""
    command = [sys.executable, "-m", "operate", f"--stage={stage}", *words]
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise RehearsalError("`operate tune` failed: see above")
