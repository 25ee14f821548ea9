"""`fruit audit`: what is stored, until when, and what lies outside the promise; whether an erasure holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import click
from botocore.exceptions import ClientError

from fruit.forgetting import Place, place_of
from infra.contract import outputs
from infra.contract.prefixes import EMR_LOGS, ERASURES, RUNS
from infra.launch.image_listing import split_uri
from operate.connection import Connection, connected
from operate.erasure.record import Record
from operate.erasure.versions import addresses_in, content_digests, list_versions, logs_naming
from operate.errors import OperateError
from operate.printing import json_option, print_result, table
from spark_job.contract.erasure import RECORDS
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import is_s3
from spark_job.erasure.tables import names_in
from spark_job.storage import Folder

READS_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What a deployment stores of one kind; all versions count.

    Attributes:
        days: after which the promise says that it is gone; None: it has no end.
        ends: when S3's rules hide the oldest of it; None: no rule does.
        outside: versions that are older than the promise.
    """

    kind: str
    bucket: str
    objects: int = 0
    bytes: int = 0
    oldest: datetime | None = None
    days: int | None = None
    ends: datetime | None = None
    outside: int = 0

    @property
    def problem(self) -> str:
        """What is against the promise; empty: nothing."""
        if self.outside:
            return f"{self.outside:,} older than {self.days} days"
        return "no rule ends it" if self.objects and self.days and self.ends is None else ""


@click.command("audit")
@click.option("--erased", metavar="RECORD", help="Look again for what this record of `forget` says is gone.")
@click.option(
    "--results", multiple=True, metavar="FOLDER", help="Look into this folder of runs too; repeatable."
)
@click.option("--local", is_flag=True, help="Look into the folders of --results alone, not on AWS.")
@json_option
@connected
def audit_command(
    connection: Connection, erased: str | None, results: tuple[str, ...], local: bool, as_json: bool
) -> None:
    """Show what is stored, by kind: how much, the oldest, when it goes; or whether an erasure holds.

    Exit code 1 if something is older than the promise, if no rule ends it, or if something that was erased is
    there.

    \b
    Example:
      fruit audit --stage=prod
      fruit audit --erased=20261128T145107
    """
    place = place_of(connection, results, local=local)
    if erased:
        left = list(_left_of(place, _record(place, erased)))
        text = "\n".join([*left, "nothing of it is left" if not left else f"{len(left):,} places hold it"])
        print_result({"record": erased, "left": left}, text, as_json=as_json)
        problems = len(left)
    else:
        if place.connection is None:
            raise MisuseError("--local: only an erasure can be looked for here: add --erased RECORD")
        stored = list(what_is_stored(place, datetime.now(UTC)))
        rows = [_row(one) for one in stored]
        columns = ("kind", "bucket", "versions", "MB", "oldest", "goes", "outside the promise")
        shown = table(columns, rows, right=columns[2:4], title=f"{connection.stage}, {connection.region}")
        told = [{**asdict(one), "problem": one.problem} for one in stored]
        print_result({"region": connection.region, "stored": told}, shown, as_json=as_json)
        problems = sum(bool(one.problem) for one in stored)
    if problems:
        raise click.exceptions.Exit(1)


def _row(one: Stored) -> tuple[str, ...]:
    oldest, ends = (f"{when:%Y-%m-%d}" if when else "" for when in (one.oldest, one.ends))
    return one.kind, one.bucket, f"{one.objects:,}", f"{one.bytes / 1e6:,.1f}", oldest, ends, one.problem


def what_is_stored(place: Place, now: datetime) -> Iterator[Stored]:
    """Yield what each bucket of the deployment holds, by kind."""
    assert place.connection is not None
    deployment = place.connection.deployment
    promised = re.findall(r"\d+", deployment.outputs.get(outputs.RETENTION, ""))
    images, results, logs = map(int, promised) if len(promised) == 3 else (None, None, None)
    runs = deployment.results_bucket
    looks = [
        *(
            (("photographs", "replica")[bucket != of], bucket, "", images)
            for bucket, of in place.images.items()
        ),
        ("results", runs, f"{RUNS}/", results),
        ("forgotten", runs, f"{ERASURES}/", None),
        ("logs", deployment.logs_bucket, f"{EMR_LOGS}/", logs),
        ("access logs", deployment.outputs.get(outputs.ACCESS_LOGS_BUCKET, ""), "", logs),
        ("artifacts", deployment.artifacts_bucket, "", None),
    ]
    for kind, bucket, prefix, days in looks:
        if bucket:
            yield from _stored(place.s3, kind, bucket, prefix, days, now)


def _stored(
    s3: Any, kind: str, bucket: str, prefix: str, days: int | None, now: datetime
) -> Iterator[Stored]:
    """Yield what lies below a prefix; results by the table or report that they are."""
    rule = _days_of_rule(s3, bucket, prefix)
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


def _days_of_rule(s3: Any, bucket: str, prefix: str) -> int | None:
    """Return after how many days S3 hides what lies below a prefix; None: never."""
    try:
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchLifecycleConfiguration":
            raise
        return None
    ends = [
        rule["Expiration"]["Days"]
        for rule in rules
        if rule["Status"] == "Enabled"
        and "Days" in rule.get("Expiration", {})
        and prefix.startswith(rule.get("Prefix", rule.get("Filter", {}).get("Prefix", "")))
    ]
    return min(ends, default=None)


def _record(place: Place, name: str) -> Record:
    content = place.erasures[0].read_json(f"{RECORDS}/{name.rpartition('/')[2].removesuffix('.json')}.json")
    if content is None:
        raise OperateError(f"there is no record {name} in {place.erasures[0].child(RECORDS)}")
    return Record.from_json(content)


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
            bucket, key = split_uri(run)
            old = [one for one in list_versions(place.s3, bucket, f"{key}/") if not one.is_latest]
            yield from (f"{one.uri} ({one.id}, overwritten)" for one in old)
