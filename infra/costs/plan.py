"""What a deployment will run and what it costs, before money is spent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import product
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from infra.config.deployment import DeploymentConfig
from infra.config.fields import DeploymentFields
from infra.config.schedule import starts_per_month
from infra.config.sizing import SparkSizing
from infra.costs import cost as costs
from infra.costs.prices import node_hour, price_table

# AWS changes prices rarely; older ones may mislead.
MOST_PRICE_AGE_DAYS = 180
RUN_COLUMNS = ("images", "photographs", "min", "USD (on Spot)")
WORDS = ("fleet", "instance type", "architecture", "photographs", "cost", "how it is reckoned")
PHOTOGRAPHS = {"small": "100 x 100", "phone": "12 megapixels"}


@dataclass(frozen=True)
class Plan:
    """One deployment in figures; costs in USD, without tax, all nodes on demand."""

    config: DeploymentConfig
    sizing: SparkSizing
    largest_hourly: float
    run: costs.Course  # of `expected_images`, small ones
    launched_run: costs.Course  # on a cluster that is started for the run and ends with it
    idle: Mapping[str, float]
    own_rates: Sequence[costs.OwnRate] = ()  # of earlier runs of the deployment

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
        return self.scheduled_runs * self.launched_run.cost.on_demand

    @property
    def monthly(self) -> float:
        """The price of a month with the configured number of runs, and those of the schedule."""
        runs = self.config.runs_per_month * self.run.cost.on_demand
        return self.idle_monthly + runs + self.scheduled_monthly


def plan(
    config: DeploymentConfig, templates: Iterable[Mapping[str, Any]], own_rates: Sequence[costs.OwnRate] = ()
) -> Plan:
    """Plan a configuration with the templates of its stacks; its own rates go before the project's."""
    run, launched_run = (
        costs.course(config, config.expected_images, idle_minutes=minutes, own_rates=own_rates)
        for minutes in (config.idle_timeout_minutes, 0)
    )
    hourly = costs.largest_hourly_cost(config.fleets, config.region, public=config.public_nodes)
    idle = costs.idle_monthly_cost(templates)
    return Plan(config, config.sizing(), hourly, run, launched_run, idle, own_rates)


def rendered(plan: Plan, *, compare: bool = False) -> Group:
    """Return the plan as tables for a terminal; with `compare` also a table of the instance families."""
    tables = [_fleet_table(plan.config), _cost_table(plan), _runs_table(plan)]
    if compare:
        tables.append(_families_table(plan))
    return Group(*(part for one in tables for part in (one, "")), Text(_sources(plan), style="dim"))


def _runs_table(plan: Plan) -> Table:
    """Return what runs of two sizes, of two kinds of photographs, take and cost as `submit` starts them."""
    config = plan.config
    columns = (*RUN_COLUMNS, "waiting", "a million (on Spot)", "steady (on Spot)")
    table = _table(columns, title="A run by `fruit submit`, on a cluster that starts for it and ends with it")
    sizes = sorted({config.expected_images, costs.MILLION})
    for images, (photographs, size) in product(sizes, PHOTOGRAPHS.items()):
        run = _course(plan, config, images, photographs)
        begin = (f"{images:,}", size, f"{run.minutes:.0f}", _usd(run.cost), f"{run.waiting:.0%}")
        table.add_row(*begin, _usd(run.cost.of_a_million(images)), _usd(run.steady))
    return table


def _course(plan: Plan, config: DeploymentFields, images: int, photographs: str) -> costs.Course:
    return costs.course(config, images, photographs=photographs, own_rates=plan.own_rates)


def _families_table(plan: Plan) -> Table:
    """Return what a million images take and cost on each family of instance types, the cheapest first."""
    columns = ("instance type", "architecture", "cores", *RUN_COLUMNS[1:])
    table = _table(columns, title="A million images, all nodes of one family")
    for photographs, size in PHOTOGRAPHS.items():
        rows = []
        for name, one in costs.of_each_family(plan.config).items():
            run = _course(plan, one, costs.MILLION, photographs)
            cells = (name, one.architecture, str(run.cores), size, f"{run.minutes:.0f}", _usd(run.cost))
            rows.append((run.cost.on_demand, cells))
        for _, cells in sorted(rows, key=lambda row: row[0]):
            table.add_row(*cells)
    return table


def _table(columns: Iterable[str], title: str | None = None) -> Table:
    """Return a table without rows: words stand on the left, numbers on the right; a name stays whole."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(
            name, justify="left" if name in WORDS else "right", no_wrap=name in ("fleet", "instance type")
        )
    return table


def _usd(cost: costs.Usd) -> str:
    return f"{cost.on_demand:.2f} ({cost.spot:.2f})"


def _fleet_table(config: DeploymentConfig) -> Table:
    columns = ("fleet", "instance type", "vCPU", "GiB", "at first", "at most", "Spot", "USD/hour")
    table = _table(columns, title=f"{config.stage} in {config.region}, {config.release_label}")
    for fleet in config.fleets:
        for row, instance in enumerate(fleet.instances):
            counts = (str(max(fleet.minimum, 1)), str(fleet.maximum), f"{fleet.spot_share:.0%}")
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
    config, run, idle_minutes = plan.config, plan.run, plan.config.idle_timeout_minutes
    range_of_start, own = costs.rate_table()["cluster_start_minutes_range"], plan.own_rates
    low, high = (
        costs.course(config, run.images, start_minutes=minutes, idle_minutes=idle_minutes, own_rates=own).cost
        for minutes in range_of_start
    )
    table = _table(("cost", "USD", "how it is reckoned"))
    idle = ", ".join(f"{kind.split('::')[-1]} {cost:.2f}" for kind, cost in plan.idle.items())
    table.add_row("idle, a month", f"{plan.idle_monthly:.2f}", idle or "nothing is paid for by the hour")
    limit = f"every fleet at its most; allowed: {config.max_hourly_cost_usd:g}"
    table.add_row("an hour at most", f"{plan.largest_hourly:.2f}", limit)
    table.add_row(
        "the deploy's run",
        f"{run.cost.on_demand:.2f}",
        f"{run.images:,} images, {config.model}, up to {run.rate:,.0f} images/s on {run.cores} cores: "
        f"{run.minutes:.0f} min, then {idle_minutes} min idle; {low.on_demand:.2f} to {high.on_demand:.2f}, "
        f"as the cluster takes {range_of_start[0]} to {range_of_start[1]} min to start",
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
    prices, rates = price_table(), costs.rate_table()
    sizing, today = plan.sizing, datetime.now(UTC).date()
    return (
        f"Spark: {sizing.executors_per_node} executor(s) a node, {sizing.executor_cores} cores and "
        f"{sizing.executor_mib} MiB each.\n"
        f"Prices of {prices['date']}{price_age(today)}: {prices['source']}; "
        f"{'; '.join(prices['assumptions'])}.\n"
        f"Not in the figures: stored images and results, requests, logs.\n"
        f"{_own(plan)}"
        f"Rate of {rates['date']}, from measurements of the project: {rates['source']}.\n"
        f"Time: {rates['time_source']}.\n"
        f"Spot nodes may be taken back at two minutes' notice: what they were computing, up to 2,000 "
        "images a core, is computed again. Without capacity for ten minutes EMR buys them on demand."
    )


def _own(plan: Plan) -> str:
    """Name the runs whose rates the plan counts with, a line each; without one, nothing."""
    found = {
        costs.latest_rate(plan.own_rates, plan.config.model, one.families, photographs)
        for one in (plan.config, *costs.of_each_family(plan.config).values())
        for photographs in PHOTOGRAPHS
    }
    return "".join(f"Rate {source}.\n" for source in sorted(rate.source for rate in found if rate))


def price_age(today: date) -> str:
    """Say that the prices are old, where they are older than half a year; else nothing."""
    days = (today - date.fromisoformat(price_table()["date"])).days
    return f" ({days} days old: check them)" if days > MOST_PRICE_AGE_DAYS else ""
