"""Where `fruit forget` and `fruit audit` look: folders of runs, and the buckets of a deployment."""

import getpass
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from infra.contract.outputs import replica_bucket
from operate.connection import Connection
from operate.erasure import versions as s3_versions
from operate.erasure.record import Record
from spark_job.contract.erasure import RECORDS, TOMBSTONES, Tombstones, erasures_folder
from spark_job.contract.errors import MisuseError
from spark_job.contract.uris import bucket_and_key, is_s3, normalise
from spark_job.pipeline.run_folder import RunFolder


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

    def by(self) -> str:
        """Return who types: the account's principal, or the name on this machine."""
        if self.connection is None:
            return getpass.getuser()
        return str(self.connection.client("sts").get_caller_identity()["Arn"])


def place_of(connection: Connection, results: Sequence[str], *, local: bool) -> Place:
    """Return where to look. Raises MisuseError: nowhere."""
    os.environ.setdefault("AWS_REGION", connection.region)  # for the job's own reading of S3
    given = tuple(normalise(one) for one in results)
    if not local:
        return Place((connection.deployment.results_uri, *given), connection)
    if not given or any(map(is_s3, given)):
        raise MisuseError("--local: name folders of runs on this machine, each with --results FOLDER")
    return Place(given)
