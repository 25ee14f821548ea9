"""The steps of a tuning on the cluster: submitted at once, run one after the other, measured."""

from collections.abc import Sequence

from operate.connection import Connection
from operate.emr.steps import add_steps, cancel_step, describe_step, spark_step
from operate.errors import OperateError
from operate.printing import say
from operate.runs.outcome import wait_for_outcome
from operate.submission.submission import Submission
from operate.tuning.figures import Machine, Measured
from operate.tuning.results import Results, measured, results
from operate.tuning.steps import Plan, Trial


def run_all(
    connection: Connection, cluster_id: str, planned: Plan, runs: Sequence[Submission], cost: Machine
) -> Results:
    """Submit and follow every step.

    Args:
        runs: those of `planned.trials`, and the serial process last.

    Raises:
        OperateError: a step failed, or had other executors than asked for; those that wait are cancelled.
    """
    emr, prefix = connection.client("emr"), connection.deployment.name_prefix
    steps = [spark_step(prefix + run.run_id, run.arguments) for run in runs]
    ids = add_steps(emr, cluster_id, steps)
    say(f"steps {', '.join(ids)} of cluster {cluster_id}")
    serial = Trial(1, 1, planned.grid[0].images)
    measurements: list[Measured] = []
    try:
        for trial, run, step_id in zip((*planned.trials, serial), runs, ids, strict=True):
            wait_for_outcome(connection, cluster_id, step_id)
            measurements.append(measured(connection.client("s3"), connection.deployment, trial, run.run_id))
            say(f"{run.run_id}: {measurements[-1].images:,} images in {measurements[-1].seconds:.1f} s")
    except BaseException:
        _cancel(connection, cluster_id, ids)
        raise
    grid = len(planned.grid)
    return results(measurements[-1], measurements[:grid], measurements[grid:-1], cost)


def _cancel(connection: Connection, cluster_id: str, step_ids: Sequence[str]) -> None:
    """Cancel the steps that wait or run, and print what cannot be cancelled."""
    emr = connection.client("emr")
    for step_id in step_ids:
        try:
            if describe_step(emr, cluster_id, step_id).active:
                cancel_step(emr, cluster_id, step_id)
        except OperateError as error:
            say(str(error))
