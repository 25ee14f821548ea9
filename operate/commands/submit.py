"""`fruit submit`: another run on the live cluster."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import click

from infra.commands.context_option import context_option
from operate.commands.deploy import DeployRequest, deploy
from operate.connection import Connection, connected
from operate.emr.steps import add_steps, spark_step
from operate.printing import json_option, print_result, require_yes, say
from operate.runs.outcome import wait_for_outcome
from operate.submission.checks import check_name, image_uris
from operate.submission.estimate import Estimate
from operate.submission.live_place import ClusterEndedError, Place, estimated, live_place
from operate.submission.preparation import Choices, prepared, upload_job
from operate.submission.submission import Submission
from spark_job.contract.options import DEPLOY, SUBMIT
from spark_job.contract.run_options import RunOptions


@dataclass(frozen=True, kw_only=True)
class SubmitRequest(Choices):
    """What to run, and how to go about it.

    Attributes:
        images: image sources; empty: all.
        context: fields of the configuration, for the deploy that makes another cluster.
    """

    images: tuple[str, ...]
    context: Mapping[str, str]
    dry_run: bool
    yes: bool
    wait: bool
    as_json: bool


def run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command those options of the job that `submit` offers; it gets them by name, None: not given."""
    for option in reversed(RunOptions.table(SUBMIT)):
        default = "the deployment's" if DEPLOY in option.offered else None
        command = click.option(option.declaration, **option.click_settings(default))(command)
    return command


@click.command("submit")
@click.argument("images", nargs=-1, metavar="[IMAGES]…")
@run_options
@click.option("--name", metavar="NAME", help="The run id begins with this name.  [default: run]")
@click.option("--job-code", is_flag=True, help="Run this working tree's job instead of the deployed one.")
@click.option("--resume", is_flag=True, help="Go on with an unfinished run of the same request.")
@context_option
@click.option("--dry-run", is_flag=True, help="Show the step and the estimate; submit nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Wait for the end of the run; exit code 1 if it fails.")
@json_option
@connected
def submit_command(connection: Connection, /, **values: Any) -> None:
    """Run the job once more, on IMAGES: s3://BUCKET/PREFIX or SOURCE[/FOLDER]; default: all sources.

    The run id contains a fingerprint of images and parameters: with new images it is a new run, and the same
    run a second time is refused.
    When the cluster has ended, it offers the deploy that starts another; -c gives that deploy its fields.

    \b
    Example:
      fruit submit --wait
      fruit submit images/2026 --name=spring --reduction=run-1a2b3c4d5e6f --yes
    """
    options = {option.name: values.pop(option.name) for option in RunOptions.table(SUBMIT)}
    request = SubmitRequest(options=options, **values)
    check_name(request.name)
    uris = image_uris(connection.deployment, request.images)
    try:
        place = live_place(connection, uris, request.name, options["variance"], request.context)
    except ClusterEndedError as ended:
        if request.dry_run or request.images or not request.deployable:
            raise
        _deploy_instead(connection, ended, request)
    else:
        submit(connection, place, request)


def submit(connection: Connection, place: Place, request: SubmitRequest) -> None:
    """Submit a run on the live cluster, after the estimate and the question, and print which it is.

    Raises:
        OperateError: the run cannot be submitted, the answer is no, or it failed while this waited for it.
    """
    run = prepared(connection, place, request)
    expected = estimated(connection, place, request.options, request.context)
    say(f"run {run.run_id}: {expected.sentence}")
    if request.dry_run:
        print_result(_facts(run, expected, place, None), "\n".join(run.arguments), as_json=request.as_json)
        return
    require_yes("Submit this run?", "not submitted", yes=request.yes)
    step_id = _submit_step(connection, place, run, job_code=request.job_code)
    facts = _facts(run, expected, place, step_id)
    if request.wait:
        facts["state"] = wait_for_outcome(connection, place.cluster.id, step_id).state
    print_result(facts, _next_commands(connection, run.run_id), as_json=request.as_json)


def _deploy_instead(connection: Connection, ended: ClusterEndedError, request: SubmitRequest) -> None:
    """Start the cluster, and the run, by a deploy, so that all stays under CloudFormation."""
    say(str(ended))
    require_yes("Start it now?", "not submitted", yes=request.yes)
    next_steps = deploy(connection, DeployRequest(ended.fields, yes=True))
    print_result({"deployed": ended.command}, next_steps, as_json=request.as_json)


def _submit_step(connection: Connection, place: Place, run: Submission, *, job_code: bool) -> str:
    """Submit the run and return the id of its step, which is printed before anything waits."""
    if job_code:
        bucket = connection.deployment.artifacts_bucket
        say(f"job {upload_job(connection.client('s3'), bucket)[1]}")
    step = spark_step(connection.deployment.name_prefix + run.run_id, run.arguments)
    step_id = add_steps(connection.client("emr"), place.cluster.id, [step])[0]
    say(f"run {run.run_id} is step {step_id} of cluster {place.cluster.id}")
    return step_id


def _facts(run: Submission, expected: Estimate, place: Place, step_id: str | None) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "cluster_id": place.cluster.id,
        "step_id": step_id,
        "images": list(place.images),
        "arguments": list(run.arguments),
        "estimate": asdict(expected),
    }


def _next_commands(connection: Connection, run_id: str) -> str:
    commands = (
        ("status", run_id),
        ("logs", run_id, "--follow"),
        ("cancel", run_id),
        ("fetch", run_id, "--to=results"),
    )
    lines = [f"  {connection.command(*words)}" for words in commands]
    return "\n".join([f"run {run_id}", "next", *lines])
