"""`fruit rehearse policies`: which statements of policies a rehearsal's calls need, and which not."""

import json
from pathlib import Path

import click

from operate.connection import FILE
from rehearsal.emulator.permissions.record import Replay
from rehearsal.errors import RehearsalError
from rehearsal.permissions_report import RECORD, Report

WRITTEN = Path("rehearsal-results") / RECORD


@click.command("policies")
@click.option(
    "--record",
    type=FILE,
    default=WRITTEN,
    show_default=True,
    metavar="FILE",
    help="The calls, as a rehearsal wrote them.",
)
@click.option("--page", type=FILE, metavar="FILE", help="Write the page of a security review there.")
def policies_command(record: Path, page: Path | None) -> None:
    """Decide a rehearsal's calls again without each statement in turn, and print which call needs it.

    Exit code 1: a call was refused, or a statement is not needed.

    \b
    Example:
      fruit rehearse policies --page permissions.md
    """
    try:
        report = Report(Replay(json.loads(record.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError) as error:
        raise RehearsalError(f"{record} is no record of a rehearsal: `make run` writes one") from error
    for one in report.ours:
        if calls := report.missed.get(one.id):
            print(f"{one.id}: {calls[0]['caller']}, {calls[0]['action']} on {calls[0]['resource']}")
    print(report.line)
    if page:
        page.write_text(report.page(), encoding="utf-8")
    if faults := list(report.faults()):
        raise RehearsalError("\n".join(faults))
