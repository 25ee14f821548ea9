"""What a deployment will run and what it costs, before money is spent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from infra.config.deployment import DeploymentConfig
from infra.config.schedule import starts_per_month
from infra.config.sizing import SparkSizing
from infra.costs.cost import RunEstimate, idle_monthly_cost, largest_cluster, rate_table, run_estimate
from infra.costs.prices import node_hour, price_table

# AWS changes prices rarely; older ones may mislead.
MOST_PRICE_AGE_DAYS = 180


@dataclass(frozen=True)
class Plan:
    """One deployment in figures; costs in USD, without tax, all nodes on demand."""

    config: DeploymentConfig
    sizing: SparkSizing
    largest_hourly: float
    run: RunEstimate
    launched_run: RunEstimate  # on a cluster that is started for the run and ends with it
    idle: Mapping[str, float]

    @property
    def idle_monthly(self) -> float:
        """The price of a month in which no cluster runs and nothing is stored."""
        return sum(self.idle.values())

    @property
    def scheduled_runs(self) -> float:
        """How many runs the schedule starts in a month, where there are always new images."""
        return starts_per_month(self.config.schedule) if self.config.schedule else 0.0

    @property
    def scheduled_monthly(self) -> float:
        """The price of the schedule's runs in a month, each on a cluster of its own."""
        return self.scheduled_runs * self.launched_run.cost_usd

    @property
    def monthly(self) -> float:
        """The price of a month with the configured number of runs, and those of the schedule."""
        runs = self.config.runs_per_month * self.run.cost_usd
        return self.idle_monthly + runs + self.scheduled_monthly


def plan(config: DeploymentConfig, templates: Iterable[Mapping[str, Any]]) -> Plan:
    """Plan a configuration whose stacks synthesise to these templates."""
    sizing = config.sizing()
    largest = largest_cluster(config)

    def estimate(idle_minutes: float) -> RunEstimate:
        return run_estimate(
            model=config.model,
            images=config.expected_images,
            cores=largest.cores,
            largest_hourly_usd=largest.hourly_usd,
            idle_minutes=idle_minutes,
        )

    run, launched_run = estimate(config.idle_timeout_minutes), estimate(0)
    return Plan(config, sizing, largest.hourly_usd, run, launched_run, idle_monthly_cost(templates))


def rendered(plan: Plan) -> Group:
    """Return the plan as tables for a terminal."""
    return Group(_fleet_table(plan.config), _cost_table(plan), Text(_sources(plan), style="dim"))


def _fleet_table(config: DeploymentConfig) -> Table:
    table = Table(title=f"{config.stage} in {config.region}, {config.release_label}", title_justify="left")
    for name in ("fleet", "instance type"):
        table.add_column(name, no_wrap=True)
    for name in ("vCPU", "GiB", "at least", "at most", "Spot", "USD/hour"):
        table.add_column(name, justify="right")
    for fleet in config.fleets:
        for row, instance in enumerate(fleet.instances):
            counts = (str(fleet.minimum), str(fleet.maximum), f"{fleet.spot_share:.0%}")
            table.add_row(
                "or" if row else fleet.name,
                instance.name,
                str(instance.vcpu),
                str(instance.memory_mib // 1024),
                *(("", "", "") if row else counts),
                f"{node_hour(instance, config.region, public=config.public_nodes):.3f}",
            )
    return table


def _cost_table(plan: Plan) -> Table:
    config, run = plan.config, plan.run
    table = Table(show_header=True)
    for name in ("cost", "USD", "how it is reckoned"):
        table.add_column(name, justify="right" if name == "USD" else "left")
    idle = ", ".join(f"{kind.split('::')[-1]} {cost:.2f}" for kind, cost in plan.idle.items())
    table.add_row("idle, a month", f"{plan.idle_monthly:.2f}", idle or "nothing is paid for by the hour")
    limit = f"every fleet at its most; allowed: {config.max_hourly_cost_usd:g}"
    table.add_row("an hour at most", f"{plan.largest_hourly:.2f}", limit)
    table.add_row(
        "this run",
        f"{run.cost_usd:.2f}",
        f"{run.images:,} images, {config.model}, {run.rate:,.0f} images/s on {run.cores} cores: "
        f"{run.minutes:.0f} min, then {config.idle_timeout_minutes} min idle",
    )
    scheduled = ""
    if config.schedule:
        scheduled = ", and the schedule"
        table.add_row(
            "the schedule, a month",
            f"{plan.scheduled_monthly:.2f}",
            f"{plan.scheduled_runs:.1f} runs of {plan.launched_run.minutes:.0f} min; "
            "none where nothing is new",
        )
    month = f"idle and {config.runs_per_month} runs{scheduled}; budget: {config.monthly_budget_usd:g}"
    table.add_row("a month", f"{plan.monthly:.2f}", month)
    return table


def _sources(plan: Plan) -> str:
    prices, rates = price_table(), rate_table()
    sizing, today = plan.sizing, datetime.now(UTC).date()
    return (
        f"Spark: {sizing.executors_per_node} executor(s) a node, {sizing.executor_cores} cores and "
        f"{sizing.executor_mib} MiB each.\n"
        f"Prices of {prices['date']}{price_age(today)}, without tax; {'; '.join(prices['assumptions'])}.\n"
        f"Not in the figures: stored images and results, requests, logs.\n"
        f"Rate of {rates['date']}: {rates['source']}."
    )


def price_age(today: date) -> str:
    """Say that the prices are old, where they are older than half a year; else nothing."""
    days = (today - date.fromisoformat(price_table()["date"])).days
    return f" ({days} days old: check them)" if days > MOST_PRICE_AGE_DAYS else ""
