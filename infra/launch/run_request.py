"""The job of the last deploy, the request of another run, and the step that it means; calls nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from infra.contract.names import named_by_content
from infra.contract.prefixes import JOBS

LISTS = ("spark", "job", "image_buckets", "families")
# Options of the deployed step that every run of the deployment has, and those that a sample cannot have.
KEPT = ("--extractor", "--engine", "--retention-days")
REQUIRE_CONSENT = "--require-consent"  # of the deployed step: no run of the deployment goes without
MAX_COST = "--max-cost="
KEPT_OF_THE_WHOLE = ("--previous", "--removed")
DECIDING_COMPONENTS = {"--variance", "--components", "--reduction"}


@dataclass(frozen=True, kw_only=True)
class DeployedJob:
    """The job of the last deploy; the next run starts the same way."""

    spark: tuple[str, ...]  # spark-submit with all its options, up to and with the entry point
    job: tuple[str, ...]  # the job's own arguments
    prefix: str  # what the names of the stage's clusters and steps begin with, before the run id
    extractor: str  # URI of its archive, which names the content
    image_buckets: tuple[str, ...]
    artifacts_bucket: str
    model: str  # the extractor's network
    families: tuple[str, ...]  # of the instance types that the largest cluster may have
    cores: int  # vCPU that executors use on the largest cluster
    nodes: int  # core and task nodes of the largest cluster
    hourly_usd: float  # what the largest cluster costs an hour, all nodes on demand
    most_hourly_usd: float  # what all clusters of the stage may cost an hour together

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

    def with_settings(self, settings: Mapping[str, str]) -> Self:
        """Return the same with these Spark properties, which override those of the cluster."""
        words = (f"--conf={key}={value}" for key, value in settings.items())
        return replace(self, spark=(*self.spark[:-1], *words, self.spark[-1]))

    def named(self, name: str) -> tuple[str, ...]:
        """Return spark-submit's words with another name of the application."""
        return tuple(f"--name={name}" if word.startswith("--name=") else word for word in self.spark)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What is asked for."""

    images: tuple[str, ...]  # URIs of the sources
    fingerprint: str  # of the listing of the images
    options: tuple[str, ...] = ()  # the job's other arguments, each in one word
    name: str | None = None  # what the run id begins with
    code: tuple[str, str] | None = None  # URIs of another entry point and packaged job than the deployed ones
    resume: bool = False  # go on with an unfinished run of the same request

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Return the request of what `dataclasses.asdict` made."""
        lists = {name: tuple(content[name]) for name in ("images", "options", "code") if content.get(name)}
        return cls(**{**content, "options": (), **lists})


@dataclass(frozen=True)
class Submission:
    """One run to submit."""

    run_id: str
    arguments: tuple[str, ...]  # of the whole step, spark-submit first


def submission(deployed: DeployedJob, request: RunRequest) -> Submission:
    """Return the step of a request.

    The id is `NAME-1a2b3c4d5e6f`, from the images' listing, the job's code, the extractor and the arguments:
    a grown archive is another run, the same request the same one, whatever it may cost.
    """
    if request.code:
        main_uri, zip_uri = request.code
        files = {word: f"--py-files={zip_uri}" for word in deployed.spark if word.startswith("--py-files=")}
        words = (files.get(word, word) for word in deployed.spark[:-1])
        deployed = replace(deployed, spark=(*words, main_uri))
    job = job_arguments(deployed, request)
    code = [word for word in deployed.spark if word.startswith("--py-files=")] + [deployed.spark[-1]]
    what = [word for word in job if not word.startswith(MAX_COST)]
    run_id = named_by_content(request.name, [request.fingerprint, code, deployed.extractor, what])
    return Submission(run_id, (*deployed.named(deployed.prefix + run_id), *job, f"--run-id={run_id}"))


def brought_job(bucket: str, digest: str) -> tuple[str, str]:
    """Return the URIs of entry point and packaged job that a person brings, below the digest of both."""
    folder = f"s3://{bucket}/{JOBS}/{digest}"
    return f"{folder}/main.py", f"{folder}/spark_job.zip"


def job_arguments(deployed: DeployedJob, request: RunRequest) -> list[str]:
    """Return the job's arguments but the run id; each word once, since EMR refuses two equal ones.

    `--resume`: YARN's second attempt finds what the first one left, and goes on.
    """
    is_sample = any(word.startswith("--sample") for word in request.options)
    names = KEPT if is_sample else KEPT + KEPT_OF_THE_WHOLE
    kept = {option: deployed.value(option) for option in names}
    given = {word.partition("=")[0] for word in request.options}
    if not given & DECIDING_COMPONENTS:
        kept["--variance"] = deployed.value("--variance")
    for option in ("--labels", "--thumbnails"):
        if option not in given:
            kept[option] = deployed.value(option)
    words = [
        "run",
        *(f"--images={uri}" for uri in request.images),
        f"--results={deployed.results_uri}",
        *(f"{option}={value}" for option, value in kept.items() if value is not None),
        *(word for word in deployed.job if word == REQUIRE_CONSENT),
        *request.options,
        "--resume",
    ]
    return list(dict.fromkeys(words))
