"""What a tuning prints: the estimate before it, the table and the conclusion after it."""

from pathlib import Path

from infra.config.deployment import DeploymentConfig
from infra.costs.cost import rate_table
from operate.tuning.results import Results, machine
from operate.tuning.steps import Plan
from spark_job.contract.tuning import Measurement

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


def rows(results: Results) -> list[tuple[str, ...]]:
    """Return the table's rows: the serial process, the grid, the smaller sizes."""
    serial = results.serial
    rate = serial.images / serial.seconds
    first = ("serial", "1", f"{serial.images:,}", f"{serial.seconds:.1f}", f"{rate:.1f}", "1.00", "100 %", "")
    sizes = [point for point in results.sizes if point not in results.grid]
    return [first, *map(_row, (*results.grid, *sizes))]


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


def conclusion(results: Results, file: Path, report: str) -> str:
    """Return what is recommended, and where it is written."""
    best, fields = results.best, " ".join(f"-c {key}={value}" for key, value in results.configuration.items())
    return (
        f"recommended: {best.executors} executors x {best.cores} cores, "
        f"{best.images_per_second:.0f} images/s, {best.usd_per_million_images:.2f} USD per million images; "
        f"written to {file} (CONTEXT='{fields}')\n"
        f"report: {report}"
    )
