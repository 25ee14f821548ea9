"""A run put together from the deployment and what a person asks for, checked, not yet submitted."""

from dataclasses import dataclass
from typing import Any

from infra.contract import outputs
from operate.connection import Connection
from operate.emr.steps import list_steps
from operate.submission.job_code import job_uris
from operate.submission.live_place import Place, require_images
from operate.submission.run_options import option_words
from operate.submission.submission import DeployedJob, RunRequest, Submission, submission
from operate.submission.submission_checks import reduction_uri, refuse_repetition


@dataclass(frozen=True)
class Choices:
    """How a person wants a run to be submitted."""

    name: str | None
    resume: bool
    job_code: bool


def prepared(connection: Connection, place: Place, choices: Choices, options: dict[str, Any]) -> Submission:
    """The step to submit, checked.

    Raises:
        OperateError: no images, the same run again, an earlier run that is not there.
    """
    deployment, s3 = connection.deployment, connection.client("s3")
    require_images(place)
    if options.get("reduction"):
        options = {**options, "reduction": reduction_uri(s3, deployment, options["reduction"])}
    steps = list_steps(connection.client("emr"), place.cluster.id)
    deployed = DeployedJob.from_steps(steps, deployment.name_prefix + deployment.run_id)
    if choices.job_code:
        deployed = deployed.with_code(*job_uris(deployment.artifacts_bucket))
    made = submission(
        deployed,
        RunRequest(place.images, deployment.results_uri, option_words(options), choices.name),
        fingerprint=place.listing.fingerprint,
        extractor=deployment.of_pipeline(outputs.EXTRACTOR_URI),
        prefix=deployment.name_prefix,
    )
    refuse_repetition(s3, steps, deployment, made.run_id, resume=choices.resume)
    return made
