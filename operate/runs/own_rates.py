"""The rates that a deployment's own runs had, for later plans."""

from infra.costs.own_rates import OwnRate
from operate.connection import Connection
from operate.runs.run_folder import RunSummary, list_runs


def own_rates(connection: Connection) -> list[OwnRate]:
    """Return the rate of each finished run that computed images on machines of one family."""
    runs = list_runs(connection.client("s3"), connection.deployment.results_bucket, {})
    return [rate for run in runs if (rate := _rate(run))]


def _rate(run: RunSummary) -> OwnRate | None:
    families = {name.partition(".")[0] for name in run.instance_types}
    if not (run.created and run.model and run.megapixels and run.images_per_second_per_core):
        return None
    if len(families) != 1:
        return None
    rate = run.images_per_second_per_core
    return OwnRate(run.run, run.created, run.model, families.pop(), run.megapixels, rate)
