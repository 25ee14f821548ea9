"""A tuning on the cluster: a run for each point of the grid and each size, then the serial process."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from infra.config.deployment import DeploymentConfig
from infra.config.sizing import NodeTooSmallError
from infra.costs.prices import price_table
from infra.launch.run_request import RunRequest, Submission, submission
from operate.connection import Connection
from operate.emr.steps import add_steps, cancel_step, describe_step, spark_step
from operate.errors import OperateError
from operate.printing import say
from operate.runs.run_history import run_prefix
from operate.runs.watch import wait_for_outcome
from operate.s3.objects import read_json
from operate.submission.place import Place
from operate.tuning import figures
from spark_job.contract.errors import MisuseError
from spark_job.contract.run_layout import METRICS
from spark_job.contract.tuning import Tuning

# Spark counts two cores at least.
LEAST_PARALLELISM = 2
# How long Spark may wait for all executors: scaling starts nodes for them meanwhile.
WAIT_FOR_EXECUTORS = "30min"
# Shares of the sample that show how time grows with the number of images; the grid has all of them.
SMALLER_SIZES = (0.25, 0.5)


@dataclass(frozen=True)
class Trial:
    """One run that is to be measured."""

    executors: int
    cores: int
    images: int


def plan(executors: Sequence[int], cores: Sequence[int], images: int) -> list[Trial]:
    """Return the grid, every pair of executors and cores on all images, then the largest pair on fewer."""
    pairs = product(sorted(set(executors)), sorted(set(cores)))
    grid = [Trial(*pair, images) for pair in pairs]
    most = max(grid, key=lambda trial: (trial.executors * trial.cores, trial.executors))
    return grid + [Trial(most.executors, most.cores, int(images * share)) for share in SMALLER_SIZES]


def check_room(trials: Sequence[Trial], config: DeploymentConfig, nodes: int) -> None:
    """Check that each trial's executors fit on so many nodes: else they wait for ever. Raises MisuseError."""
    for trial in trials:
        try:
            most = nodes * config.sizing(trial.cores).executors_per_node
        except NodeTooSmallError as error:
            raise MisuseError(f"--cores {trial.cores}: {error}; give fewer") from error
        if trial.executors > most:
            raise MisuseError(
                f"{trial.executors} executors of {trial.cores} cores do not fit on {nodes} nodes of "
                f"{config.core_node.name}, {most} do: give fewer, or deploy with more task nodes "
                "(CONTEXT='-c task_maximum=N')"
            )


def spark_settings(trial: Trial, config: DeploymentConfig) -> dict[str, str]:
    """Return Spark's properties: exactly these executors, all there before the first task."""
    sizes = config.sizing(trial.cores).properties()
    return {
        **{key: value for key, value in sizes.items() if key.startswith("spark.executor.")},
        "spark.executor.instances": str(trial.executors),
        "spark.dynamicAllocation.enabled": "false",
        "spark.scheduler.minRegisteredResourcesRatio": "1.0",
        "spark.scheduler.maxRegisteredResourcesWaitingTime": WAIT_FOR_EXECUTORS,
    }


def submissions(
    trials: Sequence[Trial], place: Place, config: DeploymentConfig, name: str
) -> list[Submission]:
    """Return the runs of all trials in their order, and last the serial process on the first one's images."""
    deployed, runs, images = place.deployed, [], place.images
    for trial in trials:
        options = (f"--sample={trial.images}", "--seed=0")  # one sample for all trials of a size
        run_name = f"{name}-{trial.executors}x{trial.cores}-{trial.images}"
        fingerprint = place.listing.fingerprint
        request = RunRequest(images=images, fingerprint=fingerprint, options=options, name=run_name)
        runs.append(submission(deployed.with_settings(spark_settings(trial, config)), request))
    # In the driver's container, without executors.
    serial = f"{name}-serial"
    kept = {option: deployed.value(option) for option in ("--extractor", "--engine")}
    words = (
        *deployed.named(deployed.prefix + serial),
        "time-serial",
        f"--like={deployed.results_uri}/{runs[0].run_id}",
        f"--results={deployed.results_uri}",
        *(f"{option}={value}" for option, value in kept.items() if value is not None),
        f"--run-id={serial}",
    )
    return [*runs, Submission(serial, words)]


def run_all(
    connection: Connection,
    cluster_id: str,
    trials: list[Trial],
    runs: list[Submission],
    config: DeploymentConfig,
) -> Tuning:
    """Submit and follow every step, those of `submissions`; return what was measured, with its figures.

    Raises OperateError: a step failed, or had other executors than asked for; those that wait are cancelled.
    """
    emr, prefix = connection.client("emr"), connection.deployment.name_prefix
    ids = add_steps(emr, cluster_id, [spark_step(prefix + run.run_id, run.arguments) for run in runs])
    say(f"steps {', '.join(ids)} of cluster {cluster_id}")
    serial_trial = Trial(1, 1, trials[0].images)
    measurements: list[figures.Measured] = []
    try:
        for trial, run, step_id in zip((*trials, serial_trial), runs, ids, strict=True):
            wait_for_outcome(connection, cluster_id, step_id)
            measurements.append(_measured(connection, trial, run.run_id))
            say(f"{run.run_id}: {measurements[-1].images:,} images in {measurements[-1].seconds:.1f} s")
    except BaseException:
        _cancel(connection, cluster_id, ids)
        raise
    *parallel, serial = measurements
    rate, cost = serial.images / serial.seconds, figures.machine(config)
    points = [figures.point(measured, rate, cost) for measured in parallel]
    grid, smaller = points[: -len(SMALLER_SIZES)], points[-len(SMALLER_SIZES) :]
    pairs = {(run.executors, run.cores) for run in smaller}
    sizes = [*smaller, *(run for run in grid if (run.executors, run.cores) in pairs)]
    by_images = figures.time_by_images(sizes)
    needed = figures.telling_images(sizes, by_images, rate)
    return Tuning(
        place={
            "cluster": cluster_id,
            "stage": config.stage,
            "region": config.region,
            "nodes": f"{config.core_node.name}, {config.core_node.vcpu} vCPU",
            "model": config.model,
            "prices": f"infra/costs/prices.json of {price_table()['date']}, on demand",
        },
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
    """Read a run's wall time from its metrics. Raises OperateError: none, or not the executors asked for."""
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
