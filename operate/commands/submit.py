"""`fruit submit`: another run, on the live cluster or on one that is started for it."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import click
from botocore.exceptions import ClientError

from infra.launch.checks import check_name
from infra.launch.run_request import RunRequest, Submission
from operate.connection import Connection, connected
from operate.emr.clusters import find_cluster
from operate.emr.steps import add_steps, spark_step
from operate.printing import json_option, print_result, require_yes, say
from operate.runs.watch import wait_for_run
from operate.submission.place import Place, estimated, find_place, launch
from operate.submission.preparation import image_uris, prepared, require_labels, upload_job
from spark_job.contract.options import DEPLOY, SUBMIT
from spark_job.contract.run_options import RunOptions


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
@click.option("--dry-run", is_flag=True, help="Show the step and the estimate; submit nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Wait for the end of the run; exit code 1 if it fails.")
@json_option
@connected
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

    The run id contains a fingerprint of images and parameters: with new images it is a new run, and the same
    run a second time is refused.
    When no cluster is up, a new one starts for the run and ends with it.

    \b
    Example:
      fruit submit --wait
      fruit submit images/2026 --name=spring --reduction=run-1a2b3c4d5e6f --yes
    """
    check_name(name)
    deployment, labels = connection.deployment, options["labels"]
    if labels:
        require_labels(connection.client("s3"), deployment, labels)
    place = find_place(connection, image_uris(deployment, images), labels)
    asked, run = prepared(connection, place, name, options, resume=resume, job_code=job_code)
    expected = estimated(connection, place, options)
    say(f"run {run.run_id}: {expected.sentence}")
    facts = {
        "run_id": run.run_id,
        "cluster_id": place.cluster.id if place.cluster else None,
        "step_id": None,
        "images": list(place.images),
        "arguments": list(run.arguments),
        "estimate": {**asdict(expected), "source": expected.source},
    }
    if dry_run:
        print_result(facts, "\n".join(run.arguments), as_json=as_json)
        return
    require_yes("Submit this run?", "not submitted", yes=yes)
    if asked.code:
        say(f"job {upload_job(connection.client('s3'), deployment.artifacts_bucket)[1]}")
    cluster_id, step_id = _start(connection, place, asked, run)
    say(f"run {run.run_id} is step {step_id} of cluster {cluster_id}")
    facts |= {"cluster_id": cluster_id, "step_id": step_id}
    if wait:
        facts["state"] = wait_for_run(connection, cluster_id, step_id).state
    print_result(facts, _next_commands(connection, run.run_id, ended=wait), as_json=as_json)


def _start(connection: Connection, place: Place, request: RunRequest, run: Submission) -> tuple[str, str]:
    """Give the run to the live cluster, or to a new one, and return the ids of cluster and step."""
    if place.cluster is None:
        return launch(connection, request)
    emr, cluster_id = connection.client("emr"), place.cluster.id
    step = spark_step(connection.deployment.name_prefix + run.run_id, run.arguments)
    try:
        return cluster_id, add_steps(emr, cluster_id, [step])[0]
    except ClientError:
        cluster = find_cluster(emr, cluster_id)
        if cluster and cluster.live:
            raise
    say(f"cluster {cluster_id} has ended since: a new one starts")
    return launch(connection, request)


def _next_commands(connection: Connection, run_id: str, *, ended: bool) -> str:
    under_way = () if ended else (("status", run_id), ("logs", run_id, "--follow"), ("cancel", run_id))
    commands = (*under_way, ("fetch", run_id, "--to=results"))
    lines = [f"  {connection.command(*words)}" for words in commands]
    return "\n".join([f"run {run_id}", "next", *lines])
