"""The request of another run, and the step that it means: arguments and run id; calls nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from infra.contract.names import named_by_content
from infra.contract.prefixes import JOBS
from infra.launch.deployed_job import DeployedJob

# Options of the deployed step that every run of the deployment has, and those that a sample cannot have.
KEPT = ("--extractor", "--engine", "--retention-days")
REQUIRE_CONSENT = "--require-consent"  # of the deployed step: no run of the deployment goes without
MAX_COST = "--max-cost="
KEPT_OF_THE_WHOLE = ("--previous", "--removed")
DECIDING_COMPONENTS = {"--variance", "--components", "--reduction"}


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """What is asked for.

    Attributes:
        images: URIs of the sources.
        fingerprint: Of the listing of the images.
        options: The job's other arguments, each in one word.
        name: What the run id begins with.
        code: URIs of another entry point and packaged job than the deployed ones.
        resume: Go on with an unfinished run of the same request.
    """

    images: tuple[str, ...]
    fingerprint: str
    options: tuple[str, ...] = ()
    name: str | None = None
    code: tuple[str, str] | None = None
    resume: bool = False

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
        deployed = deployed.with_code(*request.code)
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
