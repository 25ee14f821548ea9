"""A tuning on the cluster: its steps submitted at once, followed in order, measured by their files."""

from collections.abc import Sequence

from infra.config.deployment import DeploymentConfig
from infra.launch.run_request import Submission
from operate.connection import Connection
from operate.emr.steps import add_steps, cancel_step, describe_step, spark_step
from operate.errors import OperateError
from operate.printing import say
from operate.runs.outcome import wait_for_outcome
from operate.runs.run_folder import run_prefix
from operate.s3.objects import read_json
from operate.tuning import figures
from operate.tuning.steps import Plan, Trial
from spark_job.contract.run_layout import METRICS
from spark_job.contract.tuning import Tuning

# Spark counts two cores at least.
LEAST_PARALLELISM = 2


def run_all(
    connection: Connection,
    cluster_id: str,
    planned: Plan,
    runs: Sequence[Submission],
    config: DeploymentConfig,
) -> Tuning:
    """Submit and follow every step, and return what was measured with the figures that follow.

    Args:
        runs: those of `planned.trials`, and the serial process last.

    Raises OperateError: a step failed, or had other executors than asked for; those that wait are cancelled.
    """
    emr, prefix = connection.client("emr"), connection.deployment.name_prefix
    ids = add_steps(emr, cluster_id, [spark_step(prefix + run.run_id, run.arguments) for run in runs])
    say(f"steps {', '.join(ids)} of cluster {cluster_id}")
    serial_trial = Trial(1, 1, planned.grid[0].images)
    measurements: list[figures.Measured] = []
    try:
        for trial, run, step_id in zip((*planned.trials, serial_trial), runs, ids, strict=True):
            wait_for_outcome(connection, cluster_id, step_id)
            measurements.append(_measured(connection, trial, run.run_id))
            say(f"{run.run_id}: {measurements[-1].images:,} images in {measurements[-1].seconds:.1f} s")
    except BaseException:
        _cancel(connection, cluster_id, ids)
        raise
    *trials, serial = measurements
    rate, cost = serial.images / serial.seconds, figures.machine(config)
    points = [figures.point(measured, rate, cost) for measured in trials]
    grid, smaller = points[: len(planned.grid)], points[len(planned.grid) :]
    pairs = {(run.executors, run.cores) for run in smaller}
    sizes = [*smaller, *(run for run in grid if (run.executors, run.cores) in pairs)]
    by_images = figures.time_by_images(sizes)
    needed = figures.telling_images(sizes, by_images, rate)
    return Tuning(
        place=figures.place_of(config, cluster_id),
        images=serial.images,
        serial_seconds=serial.seconds,
        grid=grid,
        sizes=sizes,
        by_images=by_images,
        by_cores=figures.time_by_cores(grid),
        recommended=None if needed else figures.recommended(grid),
        telling_images=needed,
    )


def _measured(connection: Connection, trial: Trial, run_id: str) -> figures.Measured:
    """Read the wall time of a run's featurization from its metrics.

    Raises OperateError: the metrics are not there, or Spark had other executors than asked for.
    """
    bucket, key = connection.deployment.results_bucket, run_prefix(run_id) + METRICS
    metrics = read_json(connection.client("s3"), bucket, key)
    if metrics is None:
        raise OperateError(f"the step completed and s3://{bucket}/{key} is not there")
    features, images = metrics["features"], metrics["images"]["usable"] + metrics["images"]["rejected"]
    expected, cores = max(trial.executors * trial.cores, LEAST_PARALLELISM), features.get("cores", 1)
    # The serial process says nothing of cores.
    if "cores" in features and cores != expected:
        raise OperateError(
            f"run {run_id} had {cores} cores instead of {expected}: not all executors came; "
            "`status` tells of the cluster's nodes"
        )
    seconds = images / features["images_per_second"]
    return figures.Measured(trial.executors, trial.cores, images, seconds, run_id)


def _cancel(connection: Connection, cluster_id: str, step_ids: Sequence[str]) -> None:
    """Cancel the steps that wait or run, and print what cannot be cancelled."""
    emr = connection.client("emr")
    for step_id in step_ids:
        try:
            if describe_step(emr, cluster_id, step_id).active:
                cancel_step(emr, cluster_id, step_id)
        except OperateError as error:
            say(str(error))
