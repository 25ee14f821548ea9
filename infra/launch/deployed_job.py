"""What a deploy left for further runs: how its job is started and on what, and what a cluster of it costs."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

LISTS = ("spark", "job", "image_buckets", "families")


@dataclass(frozen=True, kw_only=True)
class DeployedJob:
    """The job of the last deploy; the next run starts the same way.

    Attributes:
        spark: spark-submit with all its options, up to and with the entry point.
        job: The job's own arguments.
        prefix: What the names of the stage's clusters and steps begin with, before the run id.
        extractor: URI of the extractor's archive, which names its content.
        model: The extractor's network.
        families: Of the instance types that the largest cluster may have.
        cores: vCPU that executors use on the largest cluster.
        nodes: Core and task nodes of the largest cluster.
        hourly_usd: What the largest cluster costs an hour, all nodes on demand.
        most_hourly_usd: What all clusters of the stage may cost an hour together.
    """

    spark: tuple[str, ...]
    job: tuple[str, ...]
    prefix: str
    extractor: str
    image_buckets: tuple[str, ...]
    artifacts_bucket: str
    model: str
    families: tuple[str, ...]
    cores: int
    nodes: int
    hourly_usd: float
    most_hourly_usd: float

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the job of what `dataclasses.asdict` made."""
        return cls(**{**content, **{name: tuple(content.get(name, ())) for name in LISTS}})

    @property
    def results_uri(self) -> str:
        """Where each run has its folder: `s3://BUCKET/runs`."""
        return self.value("--results") or ""

    @property
    def run_id(self) -> str:
        """The run of the deploy itself."""
        return self.value("--run-id") or ""

    def value(self, option: str) -> str | None:
        """Return the value of an option of the job's step, as `--engine`; None: it has none."""
        values = [word.partition("=")[2] for word in self.job if word.startswith(f"{option}=")]
        return values[0] if values else None

    def with_code(self, main_uri: str, zip_uri: str) -> Self:
        """Return the same with another build of the job."""
        spark = [
            f"--py-files={zip_uri}" if word.startswith("--py-files=") else word for word in self.spark[:-1]
        ]
        return replace(self, spark=(*spark, main_uri))

    def with_settings(self, settings: Mapping[str, str]) -> Self:
        """Return the same with these Spark properties, which override those of the cluster."""
        words = (f"--conf={key}={value}" for key, value in settings.items())
        return replace(self, spark=(*self.spark[:-1], *words, self.spark[-1]))

    def named(self, name: str) -> tuple[str, ...]:
        """Return spark-submit's words with another name of the application."""
        return tuple(f"--name={name}" if word.startswith("--name=") else word for word in self.spark)
