"""Where `fruit forget` and `fruit audit` look, and the record that is kept of an erasure."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

from infra.contract.outputs import replica_bucket
from operate.connection import Connection
from operate.erasure import versions as s3_versions
from spark_job.contract.erasure import RECORDS, TOMBSTONES, Tombstones, erasures_folder
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import bucket_and_key, is_s3, normalise
from spark_job.pipeline.run_folder import RunFolder

BEGUN, DONE = "begun", "done"


@dataclass(frozen=True, kw_only=True)
class Record:
    """One erasure, without a name of an image or a person who is on one."""

    id: str
    asked: str  # what kind of request it was, as `2 names` or `a contributor`
    by: str  # who typed the command
    begun: str
    ended: str = ""
    state: str = BEGUN
    found: Mapping[str, int] = field(default_factory=dict)  # kind to count
    runs: tuple[str, ...] = ()  # URIs of those that held something
    # Fitted with the images; `fitted_again` says when they were fitted without them.
    models: tuple[Mapping[str, Any], ...] = ()
    images: tuple[str, ...] = ()  # keyed hashes of their paths
    contents: tuple[str, ...] = ()  # keyed hashes of the SHA-256 of the photographs

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        lists = {name: tuple(content[name]) for name in ("runs", "models", "images", "contents")}
        return cls(**{**content, **lists})

    def going_on(self, stopped: Iterable[Record]) -> Self:
        """Return this record with what earlier erasures had found before they were stopped."""
        merged = self
        for one in stopped:
            lists: dict[str, Any] = {
                name: tuple(dict.fromkeys((*getattr(merged, name), *getattr(one, name))))
                for name in ("runs", "images", "contents")
            }
            found, models = {**merged.found, **one.found}, one.models or merged.models
            merged = replace(merged, found=found, models=models, **lists)
        return merged

    def fitted_again(self, runs: Collection[str]) -> Self:
        """Return the record with a mark on the models of these runs, which were fitted again."""
        marked = ({**one, "fitted_again": now()} if one.get("uri") in runs else one for one in self.models)
        return replace(self, models=tuple(marked))


def now() -> str:
    """Return the time, ISO 8601, in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Place:
    """Where to look: folders of runs, and the buckets of a deployment unless it is left out."""

    results: tuple[str, ...]
    connection: Connection | None = None

    @property
    def s3(self) -> Any:
        return self.connection.client("s3") if self.connection else None

    @property
    def images(self) -> dict[str, str]:
        """Every bucket of photographs, to the one by whose name its images are wanted: a replica's source."""
        if self.connection is None:
            return {}
        deployment = self.connection.deployment
        buckets = {bucket: bucket for bucket in deployment.images_buckets.values()}
        for source, bucket in deployment.images_buckets.items():
            if replica := deployment.outputs.get(replica_bucket(source)):
                buckets[replica] = bucket
        return buckets

    @property
    def erasures(self) -> list[RunFolder]:
        """Where each folder of runs has its erasures; the records lie in the first."""
        return [RunFolder(erasures_folder(results)) for results in self.results]

    def tombstones(self) -> list[Tombstones]:
        return [Tombstones.from_json(folder.read_json(TOMBSTONES)) for folder in self.erasures]

    def records(self) -> list[Record]:
        """Return the records of all erasures, done or only begun."""
        folder = self.erasures[0]
        names = [name for name in folder.names() if name.startswith(f"{RECORDS}/")]
        return [Record.from_json(folder.read_json(name)) for name in names]

    def remove_overwritten(self, runs: Iterable[str]) -> None:
        """Remove the old versions of what was written anew in these runs, where they lie in S3."""
        for uri in filter(is_s3, runs):
            bucket, key = bucket_and_key(uri)
            s3_versions.remove_overwritten(self.s3, bucket, f"{key}/")

    def write(self, record: Record) -> None:
        self.erasures[0].write_json(f"{RECORDS}/{record.id}.json", asdict(record))


def place_of(connection: Connection, results: Sequence[str], *, local: bool) -> Place:
    """Return where to look. Raises MisuseError: nowhere."""
    os.environ.setdefault("AWS_REGION", connection.region)  # for the job's own reading of S3
    given = tuple(normalise(one) for one in results)
    if not local:
        return Place((connection.deployment.results_uri, *given), connection)
    if not given or any(map(is_s3, given)):
        raise MisuseError("--local: name folders of runs on this machine, each with --results FOLDER")
    return Place(given)
