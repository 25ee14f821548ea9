"""What another run on a live cluster will take and cost, before it starts; calls nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from infra.config.instances import instance_types
from infra.costs.cost import rate_table, run_estimate
from infra.costs.prices import price_table
from operate.emr.node_costs import hour_price
from operate.emr.nodes import Node

GONE = "TERMINATED"
EXPECTED_ERROR = (
    "an upper bound: every node on demand and the cluster at its largest all the time; the rate was measured "
    "on another machine"
)


@dataclass(frozen=True)
class Estimate:
    """Minutes and USD of one run, from its submission until the idle cluster ends."""

    images: int
    nodes: int  # core and task nodes at most
    minutes: float  # of the run alone
    idle_minutes: float
    cost_usd: float | None  # None: a type without a price
    source: str
    expected_error: str = EXPECTED_ERROR

    @property
    def sentence(self) -> str:
        """The estimate for people, with source and expected error."""
        cost = "no price known" if self.cost_usd is None else f"at most {self.cost_usd:.2f} USD"
        return (
            f"{self.images:,} files, about {self.minutes:.0f} minutes on up to {self.nodes} nodes, {cost} "
            f"with {self.idle_minutes:.0f} idle minutes after it; {self.source}; {self.expected_error}"
        )


def estimate(
    nodes: Iterable[Node],
    *,
    images: int,
    model: str,
    region: str,
    most_nodes: int | None,
    idle_minutes: float,
) -> Estimate:
    """Return the estimate for a live cluster.

    Args:
        nodes: those that the cluster has or had.
        images: how many the run looks at.
        model: whose measured rate counts; unknown ones count as the slowest.
        most_nodes: core and task nodes that scaling may reach; None: those that there are.
        idle_minutes: the cluster stays this long after the run.
    """
    here = [node for node in nodes if node.state != GONE]
    workers = most_nodes or max(len(here) - 1, 1)
    dearest = max((price for node in here if (price := hour_price(node, region)) is not None), default=None)
    run = run_estimate(
        model=model,
        images=images,
        cores=workers * _vcpu(here),
        largest_hourly_usd=(dearest or 0.0) * (workers + 1),
        idle_minutes=idle_minutes,
        new_cluster=False,
    )
    cost = None if dearest is None else run.cost_usd
    source = (
        f"prices of {price_table()['date']} (infra/costs/prices.json), "
        f"rates of {rate_table()['date']} (infra/costs/rates.json)"
    )
    return Estimate(images, workers, run.minutes, idle_minutes, cost, source)


def _vcpu(nodes: Sequence[Node]) -> int:
    """Return the vCPU of the smallest worker that there is, so that the estimate errs upwards."""
    known = instance_types()
    return min((known[node.type].vcpu for node in nodes if node.type in known), default=4)
