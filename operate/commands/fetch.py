"""`fruit fetch`: the results of a run to a folder of this machine."""

from fnmatch import fnmatchcase
from pathlib import Path

import click

from infra.contract.aws_clients import S3Client
from infra.contract.prefixes import RUNS
from operate.connection import FOLDER, Connection, connected
from operate.errors import OperateError
from operate.printing import json_option, print_result, say
from operate.runs.run_history import run_prefix
from operate.s3.objects import FolderCopy, StoredObject, download, list_folders, list_objects
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_layout import MANIFEST


@click.command("fetch")
@click.argument("run", required=False)
@click.option(
    "--to",
    type=FOLDER,
    default="results",
    show_default=True,
    metavar="DIR",
    help="Folder in which RUN/ is made.",
)
@click.option(
    "--only", multiple=True, metavar="PATTERN", help="Fetch only files that match, as 'report/*'; repeatable."
)
@click.option("--partial", is_flag=True, help="Fetch what there is of a run that is not complete.")
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=16, show_default=True, help="Files to fetch at once."
)
@json_option
@connected
def fetch_command(
    connection: Connection,
    run: str | None,
    to: Path,
    only: tuple[str, ...],
    partial: bool,
    at_once: int,
    as_json: bool,
) -> None:
    """Fetch the results of RUN (default: the last deploy's run) into a folder; only what is not there yet.

    \b
    Example:
      fruit fetch
      fruit fetch run-0123456789ab --to=results --only='report/*' --only=metrics.json
    """
    deployment, s3 = connection.deployment, connection.client("s3")
    run_id = run or deployment.run_id
    objects = objects_of(s3, deployment.results_bucket, run_id)
    # The manifest is written last.
    complete = any(stored.key == run_prefix(run_id) + MANIFEST for stored in objects)
    if not complete and not partial:
        raise OperateError(
            f"run {run_id} is not complete: look with `fruit status`, or fetch what there is with --partial"
        )
    say(f"run {run_id} from {deployment.results_uri}/{run_id}/")
    copy = FolderCopy(s3, deployment.results_bucket, run_prefix(run_id), to / run_id)
    wanted = matching(objects, copy.prefix, only) if only else objects
    fetched = download(copy, wanted, at_once=at_once)
    size = sum(stored.size for stored in fetched)
    text = f"{copy.folder}: {len(fetched):,} of {len(wanted):,} files fetched ({size / 1e6:,.1f} MB)"
    report = copy.folder / "report" / "index.html"
    text += f"\nreport: {report}" if report.is_file() else ""
    told = {"run": run_id, "folder": str(copy.folder), "complete": complete}
    told |= {"files": len(wanted), "fetched": len(fetched), "bytes": size}
    print_result(told, text, as_json=as_json)


def objects_of(s3: S3Client, bucket: str, run_id: str) -> list[StoredObject]:
    """Return the objects of a run. Raises OperateError: nothing; the message names runs that there are."""
    objects = list(list_objects(s3, bucket, run_prefix(run_id)))
    if not objects:
        known = list_folders(s3, bucket, f"{RUNS}/")
        alike = [name for name in known if name.startswith(run_id[:3])]
        named = ", ".join((alike or known)[:5]) or "there are none yet"
        raise OperateError(f"no results of run {run_id} yet; with results: {named}")
    return objects


def matching(objects: list[StoredObject], prefix: str, patterns: tuple[str, ...]) -> list[StoredObject]:
    """Return the objects whose name below the prefix matches a pattern. Raises MisuseError: none does."""
    matches = [
        stored
        for stored in objects
        if any(fnmatchcase(stored.key.removeprefix(prefix), pattern) for pattern in patterns)
    ]
    if not matches:
        raise MisuseError(f"--only {' '.join(patterns)}: no file of the run matches (docs/results-folder.md)")
    return matches
