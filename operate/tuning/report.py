"""What a tuning prints and writes: the estimate before it; table, conclusion and configuration after it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.config.deployment import DeploymentConfig
from infra.costs.cost import rate_table
from operate.tuning.figures import machine
from operate.tuning.measuring import Plan
from spark_job.contract.errors import MisuseError
from spark_job.contract.tuning import Measurement, Tuning

COLUMNS = ("executors", "cores", "images", "seconds", "images/s", "speed-up", "efficiency", "USD/million")


def estimate_sentence(planned: Plan, config: DeploymentConfig, nodes: int) -> str:
    """Return what the tuning will take and cost at most, with the source."""
    rates, cost = rate_table(), machine(config)
    rate = rates["images_per_second_per_vcpu"][config.model]
    trial_seconds = [trial.images / rate / (trial.executors * trial.cores) for trial in planned.trials]
    serial = planned.grid[0].images / rate
    besides = (len(trial_seconds) + 1) * rates["run_minutes_besides_images"]
    minutes = besides + (sum(trial_seconds) + serial) / 60
    dollars = cost.usd(nodes * cost.vcpu, minutes * 60)
    return (
        f"{len(trial_seconds) + 1} steps of up to {planned.grid[0].images:,} images, about "
        f"{minutes:.0f} minutes, at most {dollars:.2f} USD with all {nodes} nodes on demand; "
        f"rates of {rates['date']} (infra/costs/rates.json)"
    )


def rows(tuning: Tuning) -> list[tuple[str, ...]]:
    """Return the table's rows: the serial process, the grid, the smaller sizes."""
    seconds, rate = tuning.serial_seconds, tuning.images / tuning.serial_seconds
    first = ("serial", "1", f"{tuning.images:,}", f"{seconds:.1f}", f"{rate:.1f}", "1.00", "100 %", "")
    return [first, *map(_row, dict.fromkeys((*tuning.grid, *tuning.sizes)))]


def _row(point: Measurement) -> tuple[str, ...]:
    return (
        str(point.executors),
        str(point.cores),
        f"{point.images:,}",
        f"{point.seconds:.1f}",
        f"{point.images_per_second:.1f}",
        f"{point.speed_up:.2f}",
        f"{point.efficiency:.0%}",
        f"{point.usd_per_million_images:.2f}",
    )


def conclusion(tuning: Tuning, file: Path, report: str) -> str:
    """Return what is recommended and where it is written, or why nothing is."""
    best, fields = tuning.recommended, tuning.configuration.items()
    if best is None:
        return f"{tuning.too_small}\nreport: {report}"
    return (
        f"recommended: {best.executors} executors x {best.cores} cores, "
        f"{best.images_per_second:.0f} images/s, {best.usd_per_million_images:.2f} USD per million images; "
        f"written to {file} (CONTEXT='{' '.join(f'-c {name}={value}' for name, value in fields)}')\n"
        f"report: {report}"
    )


def configure(file: Path, stage: str, fields: Mapping[str, int]) -> None:
    """Write fields of a stage into the context of a cdk.json; all else in it stays.

    Raises MisuseError: the file holds no JSON object.
    """
    try:
        content: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        content.setdefault("context", {}).setdefault("stages", {}).setdefault(stage, {}).update(fields)
    except (ValueError, AttributeError) as error:
        raise MisuseError(f"{file} is no cdk.json: {error}") from error
    file.write_text(json.dumps(content, indent=2) + "\n")
