"""The steps of a tuning: a run for each point of the grid and each size, then the serial process."""

from collections.abc import Sequence
from dataclasses import dataclass

from infra.config.deployment import DeploymentConfig
from infra.config.sizing import NodeTooSmallError
from infra.launch.run_request import RunRequest, Submission, submission
from operate.submission.place import Place
from spark_job.contract.errors import MisuseError

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

    @property
    def name(self) -> str:
        """The trial as part of a run id: `4x2-20000`."""
        return f"{self.executors}x{self.cores}-{self.images}"


@dataclass(frozen=True)
class Plan:
    """What a tuning measures: the grid on all images, and one point of it on fewer."""

    grid: tuple[Trial, ...]
    smaller: tuple[Trial, ...]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials of the grid, then those on fewer images."""
        return (*self.grid, *self.smaller)


def plan(executors: Sequence[int], cores: Sequence[int], images: int) -> Plan:
    """Return every pair of executors and cores on all images, and the largest pair on fewer."""
    grid = tuple(
        Trial(executor_count, core_count, images)
        for executor_count in sorted(set(executors))
        for core_count in sorted(set(cores))
    )
    most = max(grid, key=lambda trial: (trial.executors * trial.cores, trial.executors))
    smaller = tuple(Trial(most.executors, most.cores, int(images * share)) for share in SMALLER_SIZES)
    return Plan(grid, smaller)


def check_room(trials: Sequence[Trial], config: DeploymentConfig, nodes: int) -> None:
    """Check that every trial's executors fit on so many core and task nodes.

    Raises MisuseError: one does not, and would wait for ever.
    """
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


def submissions(planned: Plan, place: Place, config: DeploymentConfig, name: str) -> list[Submission]:
    """Return the runs of all trials in their order, and last the serial process on the first one's images.

    The sample is the same for all trials of a size.
    """
    deployed, runs = place.deployed, []
    for trial in planned.trials:
        request = RunRequest(
            images=place.images,
            fingerprint=place.listing.fingerprint,
            options=(f"--sample={trial.images}", "--seed=0"),
            name=f"{name}-{trial.name}",
        )
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
