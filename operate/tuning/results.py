"""What a tuning leaves: its measurements from the runs' own files, tune.json, the configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.config.deployment import DeploymentConfig
from infra.costs.prices import node_hour, price_table
from operate.deployment import Deployment
from operate.errors import MisuseError, OperateError
from operate.runs.run_folder import run_prefix
from operate.s3.objects import read_json
from operate.tuning.figures import Machine, Measured, point, recommended, time_by_cores, time_by_images
from operate.tuning.steps import Trial
from spark_job.contract.run_layout import METRICS
from spark_job.contract.tuning import Measurement, Tuning

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Spark counts two cores at least.
LEAST_PARALLELISM = 2


@dataclass(frozen=True)
class Results:
    """All points of a tuning; `sizes` are those of one pair of executors and cores, the smallest first."""

    serial: Measured
    grid: tuple[Measurement, ...]
    sizes: tuple[Measurement, ...]

    @property
    def best(self) -> Measurement:
        """The recommended measurement: the fastest of the cheapest."""
        return recommended(self.grid)

    @property
    def configuration(self) -> dict[str, int]:
        """Fields of the configuration that make the recommendation the deployment's."""
        return {"executors": self.best.executors, "executor_cores": self.best.cores}

    def tuning(self, place: Mapping[str, str]) -> Tuning:
        """Return what tune.json holds."""
        return Tuning(
            place=dict(place),
            images=self.serial.images,
            serial_seconds=self.serial.seconds,
            grid=self.grid,
            sizes=self.sizes,
            by_images=time_by_images(self.sizes),
            by_cores=time_by_cores(self.grid),
            recommended=self.best,
        )


def machine(config: DeploymentConfig) -> Machine:
    """Return what the nodes of the configuration cost, its first types on demand."""
    primary, worker = config.fleets[0].instances[0], config.core_node
    hours = [node_hour(node, config.region, public=config.public_nodes) for node in (worker, primary)]
    return Machine(worker.vcpu, *hours)


def place_of(config: DeploymentConfig, cluster_id: str) -> dict[str, str]:
    """Return where it was measured, for the report."""
    node = config.core_node
    return {
        "cluster": cluster_id,
        "stage": config.stage,
        "region": config.region,
        "nodes": f"{node.name}, {node.vcpu} vCPU",
        "model": config.model,
        "prices": f"infra/costs/prices.json of {price_table()['date']}, on demand",
    }


def measured(s3: S3Client, deployment: Deployment, trial: Trial, run_id: str) -> Measured:
    """Read the wall time of a run's featurization from its metrics.

    Raises:
        OperateError: the metrics are not there, or Spark had other executors than asked for.
    """
    key = run_prefix(run_id) + METRICS
    metrics = read_json(s3, deployment.results_bucket, key)
    if metrics is None:
        raise OperateError(f"the step completed and s3://{deployment.results_bucket}/{key} is not there")
    features, images = metrics["features"], metrics["images"]["usable"] + metrics["images"]["rejected"]
    expected, cores = max(trial.executors * trial.cores, LEAST_PARALLELISM), features.get("cores", 1)
    # The serial process says nothing of cores.
    if "cores" in features and cores != expected:
        raise OperateError(
            f"run {run_id} had {cores} cores instead of {expected}: not all executors came; "
            "`status` tells of the cluster's nodes"
        )
    seconds = images / features["images_per_second"]
    return Measured(trial.executors, trial.cores, images, seconds, run_id)


def results(
    serial: Measured, grid: Sequence[Measured], smaller: Sequence[Measured], cost: Machine
) -> Results:
    """Return everything that was measured, with the figures that follow."""
    rate = serial.images / serial.seconds
    points = tuple(point(run, rate, cost) for run in grid)
    sizes = [point(run, rate, cost) for run in smaller]
    same = {(run.executors, run.cores) for run in sizes}
    sizes += [run for run in points if (run.executors, run.cores) in same]
    return Results(serial, points, tuple(sizes))


def configure(file: Path, stage: str, fields: Mapping[str, int]) -> None:
    """Write fields of a stage into the context of a cdk.json; all else in it stays.

    Raises:
        MisuseError: the file holds no JSON object.
    """
    try:
        content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        content.setdefault("context", {}).setdefault("stages", {}).setdefault(stage, {}).update(fields)
    except (ValueError, AttributeError) as error:
        raise MisuseError(f"{file} is no cdk.json: {error}") from error
    file.write_text(json.dumps(content, indent=2) + "\n")
