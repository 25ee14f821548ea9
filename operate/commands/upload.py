"""`fruit upload`: photographs of a folder into an image source, only what is new or changed."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from urllib.parse import quote

import click

from operate.connection import PRESENT_FOLDER, Connection, connected
from operate.errors import OperateError, none_if_refused
from operate.printing import json_option, print_result, say
from operate.s3.image_store import Target, UploadResult, upload
from operate.s3.objects import read_json
from operate.s3.photographs import Collection, require_photographs, without_erased
from spark_job.contract.erasure import CONSENT, CONTRIBUTOR, TOMBSTONES, Tombstones, erasures_folder
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import bucket_and_key

MOST_METADATA_BYTES = 2_048


@click.command("upload")
@click.argument("folder", type=PRESENT_FOLDER)
@click.option("--source", metavar="NAME", help="Upload into this image source.  [default: the first]")
@click.option("--prefix", default="", metavar="PREFIX", help="Upload into this folder of the bucket.")
@click.option(
    "--contributor", metavar="ID", help="Who gives the photographs; `forget --contributor` uses it."
)
@click.option("--consent", metavar="TEXT", help="What that person agreed to, and when.")
@click.option("--all-files", is_flag=True, help="Upload every file, not only those named like photographs.")
@click.option(
    "--links-outside",
    is_flag=True,
    help="Follow links to what does not lie in FOLDER; else they are refused.",
)
@click.option(
    "--at-once", type=click.IntRange(1, 64), default=32, show_default=True, help="Files to upload at once."
)
@click.option("--dry-run", is_flag=True, help="Only show what would be uploaded.")
@json_option
@connected
def upload_command(
    connection: Connection,
    folder: Path,
    source: str | None,
    prefix: str,
    contributor: str | None,
    consent: str | None,
    all_files: bool,
    links_outside: bool,
    at_once: int,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Upload the photographs of FOLDER, which has one folder for each class; only what is new or changed.

    S3 checks every file against its SHA-256; a second call goes on where a first one stopped, also within a
    large file. What cannot be read, links that lead nowhere, in a circle or out of FOLDER, and what is
    neither file nor folder get a line each; all others are uploaded, and the command ends with exit code 1.

    \b
    Example:
      fruit upload photographs
      fruit upload summer --source=images --prefix=2026/summer
      fruit upload anna --contributor=anna --consent="research, 2026-11-28"
    """
    erased, facts = tombstones_of(connection), facts_of(contributor, consent)
    if contributor and erased.has_contributor(contributor):
        raise OperateError(f"--contributor {contributor}: this person has withdrawn; nothing was uploaded")
    bucket = connection.deployment.images_bucket(source)
    cleaned = prefix.strip("/")
    target = Target(connection.client("s3"), bucket, f"{cleaned}/" if cleaned else "", facts)
    found = require_photographs(folder, all_files=all_files, links_outside=links_outside)
    found = without_erased(found, erased)
    result = _upload(target, found, at_once, dry_run)
    told = {**asdict(result), "problems": found.problems}
    verb, size = "would be uploaded" if dry_run else "uploaded", f"{result.bytes / 1e6:,.1f} MB"
    text = (
        f"{result.uri}: {result.uploaded:,} {verb} ({size}), {result.unchanged:,} unchanged\n"
        f"next: {connection.command('submit', result.uri, '--wait')}"
    )
    print_result(told, text, as_json=as_json)
    if found.problems:
        raise OperateError(f"{len(found.problems):,} of {folder} could not be taken: mend and upload again")


def upload_folder(connection: Connection, folder: Path, tell: Callable[[str], None] = say) -> UploadResult:
    """Upload every photograph of the folder that can be read into the first image source."""
    target = Target(connection.client("s3"), connection.deployment.images_bucket(None), "")
    found = without_erased(require_photographs(folder, all_files=False), tombstones_of(connection))
    result = _upload(target, found, at_once=32, dry_run=False, tell=tell)
    if not found.photographs:
        raise OperateError(f"none of the photographs in {folder} could be taken: give another folder")
    return result


def facts_of(contributor: str | None, consent: str | None) -> dict[str, str]:
    """Return the metadata of photographs, in ASCII, as S3 wants it. Raises MisuseError: S3 takes less."""
    given = {CONTRIBUTOR: contributor, CONSENT: consent}
    facts = {name: quote(text, safe=" ,;:/()@") for name, text in given.items() if text}
    if sum(len(name) + len(text) for name, text in facts.items()) > MOST_METADATA_BYTES:
        raise MisuseError("--consent: S3 takes 2 KB of metadata: write less, for example where the text lies")
    return facts


def tombstones_of(connection: Connection) -> Tombstones:
    """Return what was forgotten in this deployment; nothing where the caller may not read it."""
    deployment = connection.deployment
    bucket, folder = bucket_and_key(erasures_folder(deployment.results_uri))
    s3, key = connection.client("s3"), f"{folder}/{TOMBSTONES}"
    known = none_if_refused(["AccessDenied"], lambda: Tombstones.from_json(read_json(s3, bucket, key)))
    if known is None:
        say(f"note: s3://{bucket}/{folder}/ cannot be read, so nothing is passed over: deploy once more")
    return known or Tombstones()


def _upload(
    target: Target, found: Collection, at_once: int, dry_run: bool, tell: Callable[[str], None] = say
) -> UploadResult:
    for problem in found.problems:
        tell(f"not taken: {problem}")
    tell(f"{len(found.photographs):,} photographs to {target.uri}")
    return upload(target, found.photographs, at_once=at_once, dry_run=dry_run)
