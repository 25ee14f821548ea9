"""`operate submit`: another run on the live cluster."""

from dataclasses import asdict, dataclass
from typing import Any

import click

from infra import outputs
from operate.connection import Connection
from operate.errors import OperateError
from operate.estimate import Estimate
from operate.outcome import wait_for_outcome
from operate.printing import json_option, print_result, say
from operate.run_options import option_words, run_options
from operate.steps import add_step, list_steps, spark_step
from operate.submission import DeployedJob, RunRequest, Submission, submission
from operate.submission_checks import check_name, image_uris, reduction_uri, refuse_repetition
from operate.submission_place import Place, estimated, live_place, require_images


@dataclass(frozen=True)
class Choices:
    """How a person wants a run to be submitted."""

    name: str | None
    resume: bool
    job_code: bool


@click.command("submit")
@click.argument("images", nargs=-1, metavar="[IMAGES]…")
@run_options
@click.option("--name", metavar="NAME", help="Begins the run id.  [default: run]")
@click.option("--job-code", is_flag=True, help="Run this working tree's job instead of the deployed one.")
@click.option("--resume", is_flag=True, help="Go on with an unfinished run of the same request.")
@click.option("--dry-run", is_flag=True, help="Show step and estimate; submit nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Follow the run; its outcome is the exit code.")
@json_option
@click.pass_obj
def submit_command(
    connection: Connection,
    /,
    images: tuple[str, ...],
    name: str | None,
    job_code: bool,
    resume: bool,
    dry_run: bool,
    yes: bool,
    wait: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Run the job once more, on IMAGES: s3://BUCKET/PREFIX or SOURCE[/FOLDER]; default: all sources.

    The run id holds a fingerprint of images and parameters: a grown archive is a new run, the same refused.

    \b
    Example:
      python -m operate submit --wait
      python -m operate submit images/2026 --name=spring --reduction=run-1a2b3c4d5e6f --yes
    """
    check_name(name)
    place = live_place(connection, image_uris(connection.deployment, images), name, options["variance"])
    asked = prepared(connection, place, Choices(name, resume, job_code), options)
    expected = estimated(connection, place, options)
    say(f"run {asked.run_id}: {expected.sentence}")
    if dry_run:
        print_result(_facts(asked, expected, place, None), "\n".join(asked.arguments), as_json=as_json)
        return
    if not yes and not click.confirm("Submit this run?", err=True):
        raise OperateError("not submitted")
    if job_code:
        _upload_job(connection)
    step_id = _submit(connection, place, asked)
    facts = _facts(asked, expected, place, step_id)
    if wait:
        facts["state"] = wait_for_outcome(connection, place.cluster.id, step_id).state
    print_result(facts, _next_commands(connection, asked.run_id), as_json=as_json)


def _submit(connection: Connection, place: Place, asked: Submission) -> str:
    """The id of the step, told before anything waits."""
    step = spark_step(connection.deployment.name_prefix + asked.run_id, asked.arguments)
    step_id = add_step(connection.client("emr"), place.cluster.id, step)
    say(f"run {asked.run_id} is step {step_id} of cluster {place.cluster.id}")
    return step_id


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
        deployed = deployed.with_code(*_job_uris(connection))
    made = submission(
        deployed,
        RunRequest(place.images, deployment.results_uri, option_words(options), choices.name),
        fingerprint=place.listing.fingerprint,
        extractor=deployment.of_pipeline(outputs.EXTRACTOR_URI),
        prefix=deployment.name_prefix,
    )
    refuse_repetition(s3, steps, deployment, made.run_id, resume=choices.resume)
    return made


def _job_uris(connection: Connection) -> tuple[str, str]:
    from operate.job_code import job_uris  # only where it is asked for: it reads the tree

    return job_uris(connection.deployment.artifacts_bucket)


def _upload_job(connection: Connection) -> None:
    from operate.job_code import upload_job

    say(f"job {upload_job(connection.client('s3'), connection.deployment.artifacts_bucket)[1]}")


def _facts(asked: Submission, expected: Estimate, place: Place, step_id: str | None) -> dict[str, Any]:
    return {
        "run_id": asked.run_id,
        "cluster_id": place.cluster.id,
        "step_id": step_id,
        "images": list(place.images),
        "arguments": list(asked.arguments),
        "estimate": asdict(expected),
    }


def _next_commands(connection: Connection, run_id: str) -> str:
    operate = f".venv/bin/python -m operate --stage={connection.stage}"
    commands = (f"status {run_id}", f"logs {run_id} --follow", f"cancel {run_id}")
    fetch = f"fetch {run_id} --to=results"
    return "\n".join([f"run {run_id}", "next", *(f"  {operate} {each}" for each in (*commands, fetch))])
