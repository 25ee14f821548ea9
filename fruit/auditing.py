"""`fruit audit`: what is stored, until when, and what lies outside the promise; whether an erasure holds."""

import json
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

import click
from rich.console import Group

from fruit.places import Place, Record, place_of
from infra.checkout import ROOT
from infra.contract import outputs
from infra.contract.prefixes import EMR_LOGS, ERASURES, RUNS
from operate.connection import FILE, Connection, connected
from operate.erasure.readers import Policies
from operate.erasure.versions import addresses_in, content_digests, list_versions, logs_naming
from operate.errors import OperateError, none_if_refused
from operate.printing import json_option, print_result, say, table
from spark_job.contract.erasure import RECORDS
from spark_job.contract.errors import MisuseError
from spark_job.contract.foreign_texts import terminal_text
from spark_job.contract.uris import bucket_and_key, is_s3, last_name
from spark_job.erasure.tables import names_in
from spark_job.storage import Folder

READS_AT_ONCE = 32
TEMPLATE, BEGINS = ROOT / "docs" / "record-of-processing.md", "<!-- the record begins -->"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a deployment stores of one kind; all versions count."""

    kind: str
    bucket: str
    objects: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    days: int | None = None  # after which the promise says that it is gone; None: it has no end
    ends: datetime | None = None  # when S3's rules hide the oldest of it; None: no rule does
    outside: int = 0  # versions that are older than the promise
    readers: tuple[str, ...] | None = None  # who in the account may at most read it; None: IAM does not tell

    @property
    def problem(self) -> str:
        """What is against the promise; empty: nothing."""
        if self.outside:
            return f"{self.outside:,} older than {self.days} days"
        return "no rule ends it" if self.objects and self.days and self.ends is None else ""


@click.command("audit")
@click.option("--erased", metavar="RECORD", help="Look again for what this record of `forget` says is gone.")
@click.option(
    "--record",
    type=FILE,
    metavar="FILE",
    help="Write the record of processing activities (Article 30 GDPR) too, as far as AWS knows.",
)
@click.option(
    "--results", multiple=True, metavar="FOLDER", help="Look into this folder of runs too; repeatable."
)
@click.option("--local", is_flag=True, help="Look into the folders of --results alone, not on AWS.")
@json_option
@connected
def audit_command(
    connection: Connection,
    erased: str | None,
    record: Path | None,
    results: tuple[str, ...],
    local: bool,
    as_json: bool,
) -> None:
    """Show what is stored, by kind: how much, the oldest, when it goes, who reads it; or if an erasure holds.

    It needs the policy privacy-officer (docs/deployment.md#permissions).
    Exit code 1 if something is older than the promise, if no rule ends it, or if something that was erased is
    there.

    \b
    Example:
      fruit audit --stage=prod --record=record.md
      fruit audit --erased=20261128T145107
    """
    place = place_of(connection, results, local=local)
    if erased:
        content = place.erasures[0].read_json(f"{RECORDS}/{last_name(erased).removesuffix('.json')}.json")
        if content is None:
            raise OperateError(f"there is no record {erased} in {place.erasures[0].child(RECORDS)}")
        left = list(_left_of(place, Record.from_json(content)))
        text = "\n".join([*left, "nothing of it is left" if not left else f"{len(left):,} places hold it"])
        print_result({"record": erased, "left": left}, text, as_json=as_json)
        problems = len(left)
    else:
        if place.connection is None:
            raise MisuseError("--local: only an erasure can be looked for here: add --erased RECORD")
        stored = list(what_is_stored(place, datetime.now(UTC)))
        rows = [_row(one) for one in stored]
        columns = ("kind", "bucket", "versions", "MB", "oldest", "goes", "readers", "outside the promise")
        shown = table(columns, rows, right=columns[2:4], title=f"{connection.stage}, {connection.region}")
        told = [{**asdict(one), "problem": one.problem} for one in stored]
        lines = map(terminal_text, _readers(stored))
        print_result({"region": connection.region, "stored": told}, Group(shown, "", *lines), as_json=as_json)
        if record:
            record.write_text(record_of_processing(place, stored))
            say(f"record of processing activities: {record}; fill in what is marked with [ ]")
        problems = sum(bool(one.problem) for one in stored)
    if problems:
        raise click.exceptions.Exit(1)


def _row(one: Stored) -> tuple[str, ...]:
    oldest, ends = (f"{when:%Y-%m-%d}" if when else "" for when in (one.oldest, one.ends))
    readers = "unknown" if one.readers is None else f"{len(one.readers):,}"
    size = f"{one.bytes / 1e6:,.1f}"
    return one.kind, one.bucket, f"{one.objects:,}", size, oldest, ends, readers, one.problem


def _readers(stored: Sequence[Stored]) -> Iterator[str]:
    """Yield a line for each place that has readers of its own, without what they have in common."""
    groups: dict[tuple[str, ...], dict[str, None]] = {}
    for one in stored:
        if one.readers is not None:
            groups.setdefault(one.readers, {})[one.kind] = None
    for readers, kinds in groups.items():
        yield f"{', '.join(kinds)}: may be read by {'; '.join(readers) or 'nobody'}"
    if any(one.readers is None for one in stored):
        yield "readers: unknown, for these credentials may not iam:GetAccountAuthorizationDetails"


def record_of_processing(place: Place, stored: Sequence[Stored]) -> str:
    """Return the record of processing activities with what the deployment knows; the rest is left open."""
    assert place.connection is not None
    connection, deployment = place.connection, place.connection.deployment
    known = deployment.outputs
    rows = [
        f"| {one.kind} | `{one.bucket}` | {one.objects:,} | {one.oldest:%Y-%m-%d} | "
        f"{'without end' if one.days is None else f'{one.days} days'} | {one.problem or 'as promised'} |"
        for one in stored
        if one.oldest
    ]
    replicas = [bucket for bucket, of in place.images.items() if bucket != of]
    key = known.get(outputs.DATA_KEY_ARN)
    facts = {
        "stage": connection.stage,
        "account": connection.client("sts").get_caller_identity()["Account"],
        "region": connection.region,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "sources": ", ".join(deployment.images_buckets),
        "retention": known.get(outputs.RETENTION, "[ the deployment does not say it ]"),
        "readers": "\n".join(f"- {line}" for line in _readers(stored)),
        "encryption": f"with the key `{key}`" if key else "with S3's own keys",
        "replicas": f"in the same region ({', '.join(replicas)})" if replicas else "none",
        "stored": "\n".join(rows),
    }
    return Template(TEMPLATE.read_text().partition(BEGINS)[2].lstrip()).substitute(facts)


def what_is_stored(place: Place, now: datetime) -> Iterator[Stored]:
    """Yield what each bucket of the deployment holds, by kind."""
    assert place.connection is not None
    deployment = place.connection.deployment
    policies = Policies.of_account(place.connection.client("iam"))
    promised = re.findall(r"\d+", deployment.outputs.get(outputs.RETENTION, ""))
    images, results, logs = map(int, promised) if len(promised) == 3 else (None, None, None)
    runs = deployment.results_bucket
    looks = [("photographs" if one == of else "replica", one, "", images) for one, of in place.images.items()]
    looks += [
        ("results", runs, f"{RUNS}/", results),
        ("forgotten", runs, f"{ERASURES}/", None),
        ("logs", deployment.logs_bucket, f"{EMR_LOGS}/", logs),
        ("access logs", deployment.outputs.get(outputs.ACCESS_LOGS_BUCKET, ""), "", logs),
        ("artifacts", deployment.artifacts_bucket, "", None),
    ]
    for kind, bucket, prefix, days in looks:
        if bucket:
            none = ("NoSuchBucketPolicy", "AccessDenied")  # or these credentials may not see it
            answer = none_if_refused(none, partial(place.s3.get_bucket_policy, Bucket=bucket))
            own = json.loads(answer["Policy"]) if answer else None
            readers = policies.readers(bucket, prefix, own) if policies else None
            for one in _found(place.s3, kind, bucket, prefix, days, now):
                yield replace(one, readers=readers)


def _found(s3: Any, kind: str, bucket: str, prefix: str, days: int | None, now: datetime) -> Iterator[Stored]:
    """Yield what lies below a prefix; results by the table or report that they are."""
    read = partial(s3.get_bucket_lifecycle_configuration, Bucket=bucket)
    answer = none_if_refused(["NoSuchLifecycleConfiguration"], read)
    # After so many days S3 hides what lies there; None: never.
    rule = min(
        (
            one["Expiration"]["Days"]
            for one in (answer["Rules"] if answer else ())
            if one["Status"] == "Enabled"
            and "Days" in one.get("Expiration", {})
            and prefix.startswith(one.get("Prefix", one.get("Filter", {}).get("Prefix", "")))
        ),
        default=None,
    )
    groups: dict[str, list[Any]] = {}
    for one in list_versions(s3, bucket, prefix):
        part = one.key.removeprefix(prefix).split("/")[1:2] if kind == "results" else []
        groups.setdefault(" ".join([kind, *part]), []).append(one)
    for name, versions in sorted(groups.items()):
        oldest = min(one.modified for one in versions)
        yield Stored(
            kind=name,
            bucket=bucket,
            objects=len(versions),
            bytes=sum(one.size for one in versions),
            oldest=oldest,
            days=days,
            ends=None if rule is None else oldest + timedelta(days=rule),
            outside=sum(days is not None and now - one.modified > timedelta(days=days) for one in versions),
        )


def _left_of(place: Place, record: Record) -> Iterator[str]:
    """Yield every place that still holds an image of a record: by the keyed hashes of paths and contents."""
    tombstones = place.tombstones()[0]
    images, contents = set(record.images), set(record.contents)

    def is_one(name: str) -> bool:
        return tombstones.mark(name) in images

    for results in place.results:
        folder = Folder(results)
        files = [folder.child(name) for name in folder.names() if not name.startswith(f"{ERASURES}/")]
        with ThreadPoolExecutor(READS_AT_ONCE) as pool:
            named = pool.map(lambda uri: names_in(uri, is_one), files)
            yield from (uri for uri, holds in zip(files, named, strict=True) if holds)
    for bucket, of in place.images.items():
        versions = list(list_versions(place.s3, bucket))
        found = {one for one in versions if is_one(f"s3://{of}/{one.key}")}
        if contents:
            known = content_digests(place.s3, versions)
            found |= {one for one, digest in known if tombstones.mark(digest) in contents}
        yield from (f"{one.uri} ({one.id})" for one in versions if one in found)
    if place.connection:
        logs = place.connection.deployment.logs_bucket
        naming = logs_naming(place.s3, logs, EMR_LOGS, lambda text: any(map(is_one, addresses_in(text))))
        yield from (f"{one.uri} ({one.id})" for one in naming)
    for run in record.runs:
        if is_s3(run):
            bucket, key = bucket_and_key(run)
            old = [one for one in list_versions(place.s3, bucket, f"{key}/") if not one.is_latest]
            yield from (f"{one.uri} ({one.id}, overwritten)" for one in old)
