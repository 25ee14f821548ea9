"""Another run, as a step: the job's arguments, the run's id and what runs it; calls nothing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from operate.emr.steps import Step
from operate.errors import OperateError
from spark_job.contract.step import split_step

UNNAMED = "run"
DIGEST_LENGTH = 12
# Options of the deployed step that every run of the deployment has, and those that a sample cannot have.
KEPT = ("--extractor", "--engine")
KEPT_OF_THE_WHOLE = ("--previous", "--removed")


@dataclass(frozen=True)
class DeployedJob:
    """How the deployed run was started, taken from its step: the next one starts the same way."""

    spark: tuple[str, ...]  # spark-submit with all its options, up to and with the entry point
    job: tuple[str, ...]  # the job's own arguments

    @classmethod
    def from_steps(cls, steps: Sequence[Step], deployed_name: str) -> Self:
        """Read it from the deploy's own step, else from the oldest that submits the job.

        Args:
            steps: of the cluster, the latest first.
            deployed_name: of the deploy's own step.

        Raises:
            OperateError: none of the steps submits a Python job.
        """
        ours = [step for step in steps if step.name == deployed_name] or list(reversed(steps))
        for step in ours:
            if parts := split_step(step.arguments):
                return cls(*parts)
        raise OperateError(
            "no step of the cluster tells how the job is started: deploy again with `make deploy`"
        )

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


@dataclass(frozen=True)
class RunRequest:
    """What a person asks for; `options` are the job's other arguments, each in one word."""

    images: tuple[str, ...]
    results: str
    options: tuple[str, ...] = ()
    name: str | None = None


@dataclass(frozen=True)
class Submission:
    """One run to submit."""

    run_id: str
    arguments: tuple[str, ...]  # of the whole step, spark-submit first


def submission(
    deployed: DeployedJob, request: RunRequest, *, fingerprint: str, extractor: str, prefix: str
) -> Submission:
    """Return the step of a request.

    The id is `NAME-1a2b3c4d5e6f`, from the images' listing, the job's code, the extractor and the arguments:
    a grown archive is another run, the same request the same one.

    Args:
        fingerprint: of the listing of the images.
        extractor: names the extractor's content; its path on the nodes is always the same.
        prefix: what the step's name begins with, before the run id.
    """
    job = job_arguments(deployed, request)
    code = [word for word in deployed.spark if word.startswith("--py-files=")] + [deployed.spark[-1]]
    text = json.dumps([fingerprint, code, extractor, job])
    digest = hashlib.sha256(text.encode()).hexdigest()[:DIGEST_LENGTH]
    run_id = f"{request.name or UNNAMED}-{digest}"
    return Submission(run_id, (*deployed.named(prefix + run_id), *job, f"--run-id={run_id}"))


def job_arguments(deployed: DeployedJob, request: RunRequest) -> list[str]:
    """Return the job's arguments but the run id; each word once, since EMR refuses two equal ones.

    `--resume`: YARN's second attempt finds what the first one left, and goes on.
    """
    names = KEPT if _is_sample(request.options) else KEPT + KEPT_OF_THE_WHOLE
    kept = {option: deployed.value(option) for option in names}
    if not _decides_components(request.options):
        kept["--variance"] = deployed.value("--variance")
    words = [
        "run",
        *(f"--images={uri}" for uri in request.images),
        f"--results={request.results}",
        *(f"{option}={value}" for option, value in kept.items() if value is not None),
        *request.options,
        "--resume",
    ]
    return list(dict.fromkeys(words))


def _decides_components(options: Sequence[str]) -> bool:
    return any(word.partition("=")[0] in ("--variance", "--components", "--reduction") for word in options)


def _is_sample(options: Sequence[str]) -> bool:
    return any(word.startswith("--sample") for word in options)
