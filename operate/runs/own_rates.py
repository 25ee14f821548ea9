"""The rates that a deployment's own runs had, for later plans."""

from infra.costs.own_rates import OwnRate
from operate.connection import Connection
from operate.runs.run_folder import RunSummary, list_runs


def own_rates(connection: Connection) -> list[OwnRate]:
    """Return the rate of each finished run that computed images on machines which are known."""
    runs = list_runs(connection.client("s3"), connection.deployment.results_bucket, {})
    return [rate for run in runs if (rate := _rate(run))]


def _rate(run: RunSummary) -> OwnRate | None:
    families = tuple(sorted({name.partition(".")[0] for name in run.instance_types}))
    rate = run.images_per_second_per_core
    if not (families and run.created and run.model and run.megapixels and rate):
        return None
    return OwnRate(run.run, run.created, run.model, families, run.megapixels, rate)
